//! What an idle session costs: its keys, and no buffer. What a record costs: one allocation, by rustls.
//!
//! In a file of its own, because it counts the allocations of the whole process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[path = "session/authority.rs"]
#[expect(dead_code, reason = "issues more kinds of certificates than are needed here")]
mod authority;
#[path = "session/wire.rs"]
#[expect(dead_code, reason = "carries more than is needed here")]
mod wire;

use authority::{Authority, options, settings};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::{alloc::System, sync::Arc};
use tollgate_tls::{Session, Version};
use wire::{Cut, Gateway, Peer, client, pump};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SESSIONS: usize = 50;
/// Per idle session, in bytes. Measured with rustls 0.23.46: 2,210 (TLS 1.2) and 2,385 (TLS 1.3). What aws-lc allocates by
/// itself, the expanded keys, is not in it.
const IDLE_BYTES_MAX: isize = 2_600;

/// Bytes held per session after a handshake and an exchange, in a session nobody uses.
fn idle_bytes(version: Version) -> isize {
    let authority = Authority::new();
    let settings = settings(options(&authority));
    let config = Arc::new(client(&authority, version, None));
    let open = || -> Session {
        let mut gateway = Gateway::new(settings.session().unwrap());
        let mut peer = Peer::new(&config, "a.example.com");
        pump(&mut peer, &mut gateway, &mut Cut::Whole);
        peer.write(&[1; 30_000]);
        pump(&mut peer, &mut gateway, &mut Cut::Whole);
        gateway.send(&[&[2; 30_000]], 32_000);
        gateway.session
    };
    // What is allocated once, by whoever is first.
    drop((open(), open()));
    let mut sessions = Vec::with_capacity(SESSIONS);
    let region = Region::new(ALLOCATOR);
    sessions.extend((0..SESSIONS).map(|_| open()));
    let change = region.change();
    (change.bytes_allocated as isize - change.bytes_deallocated as isize) / SESSIONS as isize
}

/// One test: what it counts is counted for the whole process.
#[test]
fn an_idle_session_holds_no_buffer_and_a_record_costs_one_allocation() {
    idle_sessions_hold_their_keys();
    a_record_costs_one_allocation();
}

fn idle_sessions_hold_their_keys() {
    for version in [Version::Tls12, Version::Tls13] {
        let bytes = idle_bytes(version);
        println!("{version:?}: {bytes} bytes, {} of them in the session itself", size_of::<Session>());
        assert!(bytes <= IDLE_BYTES_MAX, "{version:?}: {bytes} bytes per idle session");
    }
}

/// rustls makes a vector of each record's plaintext, and one of each sealed record. Nothing is added to that here.
fn a_record_costs_one_allocation() {
    let authority = Authority::new();
    let mut gateway = Gateway::new(settings(options(&authority)).session().unwrap());
    let mut peer = Peer::new(&Arc::new(client(&authority, Version::Tls13, None)), "a.example.com");
    pump(&mut peer, &mut gateway, &mut Cut::Whole);
    let mut room = vec![0; 32_000];
    let mut costs = (0, 0);
    // The first ones make rustls' queues.
    for _ in 0..5 {
        peer.write(&[1; 200]);
        let mut request = peer.outgoing();
        let region = Region::new(ALLOCATOR);
        gateway.session.receive(&mut request).unwrap();
        costs.0 = region.change().allocations;
        let region = Region::new(ALLOCATOR);
        gateway.session.send([&[2; 200][..], &[3; 1024][..]], &mut room).unwrap();
        costs.1 = region.change().allocations;
    }
    assert_eq!(costs, (1, 1), "allocations to open, to seal");
}
