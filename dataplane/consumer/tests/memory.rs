//! What a subscription costs a node: at most 200 bytes of memory as the allocator is asked for it.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tollgate_consumer::{Application, Applications, Credential, Lists, Subscription, Texts, key_proof};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const APPLICATIONS: usize = 500_000;
const BYTES_MAX: usize = 200;

/// As the control plane names things: an id of 36 characters, names with those of their tenants.
fn application(number: usize, subscriptions: usize) -> Application {
    let (name, tenant) = (format!("tenant-{}.app-{number}", number % 1000), format!("tenant-{}", number % 1000));
    let id = format!("019a0000-0000-7000-8000-{number:012x}");
    let proof = key_proof(name.as_bytes());
    let (scopes, revoked) = (Texts::default(), Texts::default());
    let key = Credential { id: &id, proof, who: None, expires_s: Some(1_800_000_000), scopes, revoked };
    let apis: Vec<String> = (0..subscriptions).map(|at| format!("orders-{}@v1", number % 10_000 + at)).collect();
    let subscriptions: Vec<_> = apis.iter().map(|api| Subscription { api, plan: Some(3) }).collect();
    Application::new(&name, &tenant, &[(key, Lists::default())], &subscriptions)
}

/// One test, since all tests of a process are counted together.
#[test]
fn a_subscription_is_small_and_a_change_of_one_application_too() {
    let region = Region::new(ALLOCATOR);
    let mut all = Applications::default();
    for number in 0..APPLICATIONS {
        all.insert(&application(number, 1));
    }
    let stats = region.change();
    let bytes = stats.bytes_allocated.saturating_sub(stats.bytes_deallocated) / APPLICATIONS;
    assert!(bytes <= BYTES_MAX, "{bytes} bytes for an application with one key and one subscription");
    assert!(all.bytes() / APPLICATIONS <= bytes + 8, "what is told is what there is");

    let region = Region::new(ALLOCATOR);
    let mut next = all.clone();
    let name = "tenant-7.app-7";
    assert!(next.remove(name).is_some());
    next.insert(&application(7, 2));
    let changed = region.change().bytes_allocated;
    assert!(changed < 100_000, "{changed} bytes to change one of {APPLICATIONS}");
    assert_eq!(next.get(name).map(|found| found.subscriptions().count()), Some(2));
    assert_eq!(all.get(name).map(|found| found.subscriptions().count()), Some(1));

    let region = Region::new(ALLOCATOR);
    let proof = key_proof(name.as_bytes());
    let found = all.find(&proof).and_then(|(application, _)| application.subscription("orders-7@v1"));
    assert_eq!(found.map(|found| found.plan), Some(Some(3)));
    assert_eq!(region.change().allocations, 0, "a key is found without allocating");
}
