//! What the process takes of the machine, as /proc tells: read when a scrape asks, a few files of fixed size.
//!
//! Descriptors are not counted one by one where the kernel knows their number (Linux 6.2): a busy node has many. A file that
//! cannot be read, as in a container without /proc, leaves its figures at 0 or all of them out; nothing here fails.

use rustix::param;
use std::{fs, os::unix::fs::MetadataExt};
use tollgate_telemetry::ProcessFigures;

/// This process.
pub(crate) struct Process {
    page_bytes: u64,
    ticks_per_s: u64,
    /// When the machine was booted, in seconds since 1970. Read once: the file grows with the machine.
    booted_s: u64,
}

impl Process {
    pub(crate) fn new() -> Self {
        Self {
            page_bytes: param::page_size() as u64,
            ticks_per_s: param::clock_ticks_per_second().max(1),
            booted_s: read("/proc/stat").as_deref().and_then(boot_time).unwrap_or(0),
        }
    }

    /// The figures now.
    pub(crate) fn figures(&self) -> Option<ProcessFigures> {
        let stat = self.parse_stat(&read("/proc/self/stat")?)?;
        let max_fds = read("/proc/self/limits").as_deref().and_then(max_open_files).unwrap_or(0);
        Some(ProcessFigures { open_fds: open_fds(), max_fds, ..stat })
    }

    /// What /proc/self/stat tells (proc_pid_stat(5)). The name of the process, which may hold anything, ends with the last
    /// parenthesis.
    fn parse_stat(&self, text: &str) -> Option<ProcessFigures> {
        let mut fields = text.rsplit_once(") ")?.1.split(' ').map(|field| field.parse::<u64>().unwrap_or(0));
        // Counted as in the manual, where the state, the first one here, has number 3; each call goes on from the one before.
        let mut at = 3;
        let mut field = |number: usize| {
            let value = fields.nth(number - at);
            at = number + 1;
            value
        };
        let (user, system) = (field(14)?, field(15)?);
        let (threads, started, virtual_bytes, resident_pages) = (field(20)?, field(22)?, field(23)?, field(24)?);
        Some(ProcessFigures {
            cpu_ms: (user + system) * 1000 / self.ticks_per_s,
            started_ms: self.booted_s * 1000 + started * 1000 / self.ticks_per_s,
            resident_bytes: resident_pages * self.page_bytes,
            virtual_bytes,
            threads,
            ..ProcessFigures::default()
        })
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// The line `btime` of /proc/stat.
fn boot_time(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// The soft limit of /proc/self/limits.
fn max_open_files(limits: &str) -> Option<u64> {
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?;
    if limit == "unlimited" { Some(u64::MAX) } else { limit.parse().ok() }
}

fn open_fds() -> u64 {
    const FOLDER: &str = "/proc/self/fd";
    match fs::metadata(FOLDER).map(|folder| folder.size()) {
        Ok(0) => fs::read_dir(FOLDER).map_or(0, Iterator::count) as u64,
        Ok(count) => count,
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_taken_from_their_places() {
        let process = Process { page_bytes: 4096, ticks_per_s: 100, booted_s: 1_000 };
        let text = "7 (a) b (c) S 1 7 7 0 -1 4194560 11 12 13 14 250 50 16 17 20 0 9 0 12345 8192000 300 18446744073709551615 1";
        let figures = process.parse_stat(text).unwrap();
        let expected = ProcessFigures {
            cpu_ms: 3_000,
            started_ms: 1_123_450,
            resident_bytes: 1_228_800,
            virtual_bytes: 8_192_000,
            threads: 9,
            ..ProcessFigures::default()
        };
        assert_eq!(figures, expected);
        assert_eq!(process.parse_stat("7 (cut) S 1 7"), None);
        assert_eq!(boot_time("cpu 1 2 3\nbtime 17\nprocesses 3\n"), Some(17));
        assert_eq!(
            max_open_files("Limit  Soft  Hard\nMax open files            1024      4096      files\n"),
            Some(1024)
        );
    }

    #[test]
    fn this_process_has_what_every_process_has() {
        let figures = Process::new().figures().unwrap();
        assert!(figures.resident_bytes > 100_000 && figures.virtual_bytes >= figures.resident_bytes, "{figures:?}");
        assert!(figures.threads >= 1 && figures.open_fds >= 3 && figures.max_fds >= figures.open_fds, "{figures:?}");
        assert!(figures.started_ms > 1_600_000_000_000, "{figures:?}");
    }
}
