//! What a writer costs per record: appends records as fast as it takes them and prints the process's CPU time.
//!
//! `cargo run --release -p tollgate-journal --example append -- plain|direct FILE [MIB]`. Segments of 256 MiB, two of them
//! kept, so that it fills no disk. `fincore FILE` says afterwards how much of the last one is in the page cache. Not a
//! test: it judges nothing.

use std::{
    env,
    error::Error,
    thread,
    time::{Duration, Instant},
};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use tollgate_journal::{Destination, Journal, LogFile, Retention, Rotation, Writer};
use tollgate_telemetry::{Registry, limits::BLOCK_BYTES, log_queue};

/// Bytes of a usual record.
const RECORD_BYTES: usize = 350;
const SEGMENT_BYTES: u64 = 256 << 20;
const QUEUE_BLOCKS: usize = 68;
const AHEAD_RECORDS: u64 = (QUEUE_BLOCKS / 2 * BLOCK_BYTES / RECORD_BYTES) as u64;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let [_, writer, path, rest @ ..] = &arguments[..] else { return Err("plain|direct FILE [MIB]".into()) };
    let mib: usize = rest.first().map_or(Ok(1024), |text| text.parse())?;
    let log = LogFile {
        path: path.into(),
        writer: if writer == "direct" { Writer::Direct } else { Writer::Plain },
        rotation: Rotation { size: Some(SEGMENT_BYTES), every: None },
        retention: Retention { files: Some(2), ..Retention::default() },
    };
    let registry = Registry::new(&[], 1);
    let (sender, source) = log_queue(QUEUE_BLOCKS, &registry);
    let journal = Journal::start(Destination::File(log), source)?;
    let mut sink = sender.sink(registry.worker(0));
    let record = [vec![b'x'; RECORD_BYTES - 1], vec![b'\n']].concat();

    let (begun, before) = (now(), cpu_seconds()?);
    for number in 0..(mib << 20) as u64 / RECORD_BYTES as u64 {
        // Half of the queue at most, so that nothing is dropped.
        while number - registry.journal().records_written.value() > AHEAD_RECORDS {
            pause();
        }
        sink.append(&record);
    }
    drop((sink, sender));
    let totals = journal.join()?;
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds()? - before);
    let dropped = registry.access_records_dropped();
    let written = totals.records_written as f64;
    println!(
        "{writer}: {written} records in {seconds:.2} s ({:.0} MiB/s), {:.0} ns of CPU each; dropped {dropped:?}",
        totals.bytes_written as f64 / f64::from(1 << 20) / seconds,
        cpu * 1e9 / written,
    );
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a measurement, not simulated")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "no worker: it waits for the disk")]
fn pause() {
    thread::sleep(Duration::from_micros(200));
}

/// User and system time of all threads.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let usage: Usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}
