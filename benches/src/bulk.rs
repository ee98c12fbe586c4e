//! Long bodies in both directions: speed, CPU per GiB, and whether resident memory stays flat.
//!
//! One connection, one body. Memory is sampled ten times a second, from the first 64 MiB on, so that what a gateway
//! allocates once does not count. Every byte is checked.

use crate::{
    machine,
    peer::Task,
    report,
    testbed::{self, Gateway, Testbed},
};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Memory counts from here on.
const FIRST_BYTES: u64 = 64 * MIB;

/// Flat means that resident memory moved by no more than this.
const FLAT_BYTES: u64 = 4 * MIB;

const SAMPLE_INTERVAL: Duration = Duration::from_millis(100);

/// Arguments of `bulk`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    #[command(flatten)]
    testbed: testbed::Options,
    /// GiB in each direction.
    #[arg(long, default_value_t = 10)]
    gib: u64,
}

/// Measures each gateway in each direction and prints a table.
///
/// # Errors
/// A program is missing, a gateway delivers wrong bytes, or a signal came.
pub fn run(options: &Options) -> Result<()> {
    ensure!((1..=1024).contains(&options.gib), "between 1 and 1024 GiB");
    let testbed = Testbed::new(&options.testbed)?;
    let mut table = report::table(&[
        "gateway",
        "direction",
        "MB/s",
        "CPU ms/GiB",
        "RSS min MiB",
        "RSS max MiB",
        "flat within 4 MiB",
    ]);
    for peer in testbed.peers() {
        let gateway = testbed.start(peer, Task::Stream)?;
        for direction in [Direction::Download, Direction::Upload] {
            let transfer = Transfer::run(&gateway, direction, options.gib * GIB)
                .with_context(|| format!("{direction:?} through {}", gateway.name))?;
            table.add_row(transfer.row(gateway.name, direction, options.gib));
        }
    }
    println!("{}; {} GiB in each direction\n\n{table}", testbed.conditions(), options.gib);
    Ok(())
}

#[derive(Clone, Copy, Debug)]
enum Direction {
    Download,
    Upload,
}

/// What one transfer took.
struct Transfer {
    time: Duration,
    cpu: Duration,
    /// Extremes of resident memory, in bytes.
    resident: Extremes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extremes {
    min: u64,
    max: u64,
}

impl Extremes {
    const NONE: Self = Self { min: u64::MAX, max: 0 };

    fn with(self, value: u64) -> Self {
        Self { min: self.min.min(value), max: self.max.max(value) }
    }

    const fn is_flat(self) -> bool {
        self.max.saturating_sub(self.min) <= FLAT_BYTES
    }
}

impl Transfer {
    fn run(gateway: &Gateway, direction: Direction, length: u64) -> Result<Self> {
        let (moved, done) = (AtomicU64::new(0), AtomicBool::new(false));
        let (start, cpu_before) = (Instant::now(), machine::cpu_time(gateway.pid()));
        let (outcome, resident) = thread::scope(|scope| {
            let watch = scope.spawn(|| watch(gateway.pid(), &moved, &done));
            let progress = |count| moved.store(moved.load(Relaxed) + count, Relaxed);
            let outcome = gateway.connect().and_then(|mut client| match direction {
                Direction::Download => client.download(length, progress),
                Direction::Upload => client.upload(length, progress),
            });
            done.store(true, Relaxed);
            (outcome, watch.join())
        });
        outcome?;
        let resident = resident.map_err(|_| anyhow::anyhow!("the memory watch panicked"))?;
        ensure!(resident != Extremes::NONE, "too short to sample its memory");
        Ok(Self { time: start.elapsed(), cpu: machine::cpu_time(gateway.pid()).saturating_sub(cpu_before), resident })
    }

    fn row(&self, name: &str, direction: Direction, gib: u64) -> Vec<String> {
        let mebibytes = |bytes: u64| format!("{:.1}", bytes as f64 / MIB as f64);
        let seconds = self.time.as_secs_f64();
        vec![
            name.to_owned(),
            format!("{direction:?}").to_lowercase(),
            format!("{:.0}", (gib * GIB) as f64 / 1e6 / seconds),
            format!("{:.0}", self.cpu.as_secs_f64() * 1e3 / gib as f64),
            mebibytes(self.resident.min),
            mebibytes(self.resident.max),
            if self.resident.is_flat() { "yes" } else { "no" }.to_owned(),
        ]
    }
}

/// Samples resident memory until `done`.
fn watch(pid: u32, moved: &AtomicU64, done: &AtomicBool) -> Extremes {
    let mut extremes = Extremes::NONE;
    while !done.load(Relaxed) {
        if moved.load(Relaxed) >= FIRST_BYTES {
            extremes = extremes.with(machine::resident(pid));
        }
        thread::sleep(SAMPLE_INTERVAL);
    }
    extremes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_mebibytes_are_flat_and_a_byte_more_is_not() {
        let extremes = Extremes::NONE.with(10 * MIB).with(14 * MIB).with(12 * MIB);
        assert!(extremes.is_flat());
        assert!(!extremes.with(14 * MIB + 1).is_flat());
    }
}
