//! Closed segments: how they are called, and which there are.
//!
//! The name is that of the current one, the time of closing, UTC, and a number that tells those of one second apart:
//! `access.log.20261121T103000Z-00001`. The time is never before that of a segment that was closed earlier, as far as that
//! is still there or of this process: so the order of names is the order of records, also when the clock is set back and
//! when closed segments are taken away. What looks for `*.log` sees the current one alone. **Nothing else is ever renamed
//! to or removed**: a file of any other form of name is not ours.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use tollgate_telemetry::Timestamp;

/// Digits of the number; a larger number has more of them.
const DIGITS: usize = 5;
/// `20261121T103000Z`
const TIME_CHARS: usize = 16;

/// When a segment was closed, and the how manieth of that second it is. In the order of records.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    /// `20261121T103000Z`
    time: String,
    /// From 1 on.
    number: u32,
}

/// A closed segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) path: PathBuf,
    pub(crate) mark: Mark,
    pub(crate) bytes: u64,
    /// When it was last written to.
    pub(crate) written_at: SystemTime,
}

/// The closed segments of `current`, the oldest first.
pub(crate) fn list(current: &Path) -> io::Result<Vec<Closed>> {
    let Some(name) = current.file_name() else { return Ok(Vec::new()) };
    let mut closed = Vec::new();
    for entry in fs::read_dir(folder(current))? {
        let entry = entry?;
        let Some(mark) = Mark::of(name, &entry.file_name()) else { continue };
        // Gone in the meantime, or no file at all.
        let Some(metadata) = entry.metadata().ok().filter(fs::Metadata::is_file) else { continue };
        let written_at = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        closed.push(Closed { path: entry.path(), mark, bytes: metadata.len(), written_at });
    }
    closed.sort_by(|one, other| one.mark.cmp(&other.mark));
    Ok(closed)
}

/// Gives segments that are closed their names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// The last that was given.
    last: Option<Mark>,
}

impl Names {
    /// Renames `current`, which is closed `now`.
    pub(crate) fn close(&mut self, current: &Path, now: SystemTime) -> io::Result<()> {
        let there = list(current)?.pop().map(|closed| closed.mark);
        let mark = Mark::next(there.max(self.last.take()), now);
        let path = mark.path(current);
        self.last = Some(mark);
        fs::rename(current, path)
    }
}

impl Mark {
    /// That of a segment that is closed `now`, after `last`.
    pub(crate) fn next(last: Option<Self>, now: SystemTime) -> Self {
        let time = time(now);
        match last {
            Some(last) if last.time >= time => Self { number: last.number.saturating_add(1), time: last.time },
            _ => Self { time, number: 1 },
        }
    }

    /// What `current` is called when it is closed.
    fn path(&self, current: &Path) -> PathBuf {
        let mut path = current.as_os_str().to_owned();
        path.push(format!(".{}-{:0DIGITS$}", self.time, self.number));
        path.into()
    }

    /// What the name of a closed segment of `current` says.
    fn of(current: &OsStr, name: &OsStr) -> Option<Self> {
        let suffix = name.as_bytes().strip_prefix(current.as_bytes())?.strip_prefix(b".")?;
        let (time, number) = str::from_utf8(suffix).ok()?.split_once('-')?;
        let is_time = time.len() == TIME_CHARS
            && time.bytes().enumerate().all(|(at, byte)| match at {
                8 => byte == b'T',
                15 => byte == b'Z',
                _ => byte.is_ascii_digit(),
            });
        let is_number = number.len() >= DIGITS && number.bytes().all(|byte| byte.is_ascii_digit());
        let number = (is_time && is_number).then(|| number.parse().ok()).flatten()?;
        Some(Self { time: time.to_owned(), number })
    }
}

/// The folder a file is in.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A moment in ISO 8601's basic format, to the second.
fn time(at: SystemTime) -> String {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut timestamp = Timestamp::new();
    timestamp.show(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
    let text = timestamp.text().iter().filter(|byte| !b"-:".contains(byte)).map(|&byte| char::from(byte));
    text.take(TIME_CHARS - 1).chain(['Z']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(seconds * 1_000 + 999)
    }

    fn mark(text: &str) -> Option<Mark> {
        Mark::of(OsStr::new("access.log"), OsStr::new(text))
    }

    #[test]
    fn a_name_is_known_again() {
        let first = Mark::next(None, at(1_700_000_000));
        assert_eq!(first.path(Path::new("logs/access.log")), Path::new("logs/access.log.20231114T221320Z-00001"));
        assert_eq!(mark("access.log.20231114T221320Z-00001"), Some(first));
        assert_eq!(mark("access.log.20231114T221320Z-123456").unwrap().number, 123_456, "beyond 5 digits");
    }

    #[test]
    fn names_never_go_back() {
        let first = Mark::next(None, at(1_700_000_000));
        let same_second = Mark::next(Some(first.clone()), at(1_700_000_000));
        let set_back = Mark::next(Some(same_second.clone()), at(1_600_000_000));
        let later = Mark::next(Some(set_back.clone()), at(1_700_000_001));
        let names = [&first, &same_second, &set_back, &later].map(|mark| mark.path(Path::new("a")));
        assert_eq!(
            names.map(|name| name.display().to_string()),
            [
                "a.20231114T221320Z-00001",
                "a.20231114T221320Z-00002",
                "a.20231114T221320Z-00003",
                "a.20231114T221321Z-00001"
            ]
        );
    }

    #[test]
    fn other_names_are_not_ours() {
        for name in [
            "access.log",
            "access.log.1",
            "access.log.20231114T221320Z-00042.gz",
            "access.log.20231114T221320-00042",
            "access.log.20231114 221320Z-00042",
            "access.log.20231114T221320Z-0042",
            "access.log.20231114T221320Z-+0042",
            "access.log-20231114T221320Z-00042",
            "other.log.20231114T221320Z-00042",
            "my-access.log.20231114T221320Z-00042",
            "access.log.20231114T221320Z-99999999999",
        ] {
            assert_eq!(mark(name), None, "{name}");
        }
    }
}
