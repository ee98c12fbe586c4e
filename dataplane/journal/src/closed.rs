//! Closed segments: how they are called, and which there are.
//!
//! The name is that of the current one, a number that counts up and the time of closing, UTC:
//! `access.log.00000042-20261121T103000Z`. So the order of names is the order of records, whatever the clock did, and what
//! looks for `*.log` sees the current one alone. **Nothing else is ever renamed to or removed**: a file of any other form
//! of name is not ours.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use tollgate_telemetry::Timestamp;

/// Digits of the number; a larger number has more of them.
const DIGITS: usize = 8;
/// `20261121T103000Z`
const TIME_CHARS: usize = 16;

/// A closed segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) path: PathBuf,
    pub(crate) number: u64,
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
        let Some(number) = number(name, &entry.file_name()) else { continue };
        // Gone in the meantime, or no file at all.
        let Some(metadata) = entry.metadata().ok().filter(fs::Metadata::is_file) else { continue };
        let written_at = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        closed.push(Closed { path: entry.path(), number, bytes: metadata.len(), written_at });
    }
    closed.sort_by_key(|closed| closed.number);
    Ok(closed)
}

/// What `current` is called when it is closed `now`, after all those `closed` before.
pub(crate) fn next_path(current: &Path, closed: &[Closed], now: SystemTime) -> PathBuf {
    let number = closed.last().map_or(1, |last| last.number.saturating_add(1));
    let mut path = current.as_os_str().to_owned();
    path.push(format!(".{number:0DIGITS$}-{}", time(now)));
    path.into()
}

/// The folder a file is in.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The number in the name of a closed segment of `current`.
fn number(current: &OsStr, name: &OsStr) -> Option<u64> {
    let suffix = name.as_bytes().strip_prefix(current.as_bytes())?.strip_prefix(b".")?;
    let (number, time) = str::from_utf8(suffix).ok()?.split_once('-')?;
    let is_time = time.len() == TIME_CHARS
        && time.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    let is_number = number.len() >= DIGITS && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_time && is_number).then(|| number.parse().ok()).flatten()
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

    fn closed(number: u64) -> Closed {
        Closed { path: PathBuf::new(), number, bytes: 0, written_at: SystemTime::UNIX_EPOCH }
    }

    #[test]
    fn a_name_is_known_again() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_999);
        let path = next_path(Path::new("logs/access.log"), &[closed(7), closed(41)], now);
        assert_eq!(path, Path::new("logs/access.log.00000042-20231114T221320Z"));
        let of = OsStr::new("access.log");
        assert_eq!(number(of, path.file_name().unwrap()), Some(42));
        let first = next_path(Path::new("access.log"), &[], SystemTime::UNIX_EPOCH);
        assert_eq!(first, Path::new("access.log.00000001-19700101T000000Z"));
        assert_eq!(
            number(of, OsStr::new("access.log.123456789-20231114T221320Z")),
            Some(123_456_789),
            "beyond 8 digits"
        );
    }

    #[test]
    fn other_names_are_not_ours() {
        for name in [
            "access.log",
            "access.log.1",
            "access.log.00000042-20231114T221320Z.gz",
            "access.log.00000042-20231114T221320",
            "access.log.00000042-20231114 221320Z",
            "access.log.0000042-20231114T221320Z",
            "access.log.+0000042-20231114T221320Z",
            "access.log-00000042-20231114T221320Z",
            "other.log.00000042-20231114T221320Z",
            "my-access.log.00000042-20231114T221320Z",
            "access.log.99999999999999999999-20231114T221320Z",
        ] {
            assert_eq!(number(OsStr::new("access.log"), OsStr::new(name)), None, "{name}");
        }
    }
}
