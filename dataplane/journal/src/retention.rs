//! Which closed segments go: a pure choice, and its execution.
//!
//! The newest are kept, as many as fit all bounds; what is older than the first that does not fit goes too, so that what
//! is kept has no gap. The current segment is never counted and never removed.

use std::{fs, io, path::Path, time::SystemTime};

use crate::{
    Retention,
    closed::{self, Closed},
};

impl Retention {
    /// Removes what is not kept. Tells when the next segment will be too old.
    pub(crate) fn apply(&self, current: &Path, now: SystemTime) -> io::Result<Option<SystemTime>> {
        if *self == Self::default() {
            return Ok(None);
        }
        let closed = closed::list(current)?;
        let (surplus, kept) = closed.split_at(self.surplus(&closed, now));
        for segment in surplus {
            match fs::remove_file(&segment.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(kept.first().and_then(|oldest| oldest.written_at.checked_add(self.age?)))
    }

    /// How many of the oldest go.
    fn surplus(&self, closed: &[Closed], now: SystemTime) -> usize {
        let mut bytes = 0_u64;
        let is_kept = |(newer, segment): &(usize, &Closed)| {
            bytes = bytes.saturating_add(segment.bytes);
            let age = now.duration_since(segment.written_at).unwrap_or_default();
            self.files.is_none_or(|files| *newer < files)
                && self.bytes.is_none_or(|limit| bytes <= limit)
                && self.age.is_none_or(|limit| age < limit)
        };
        closed.len() - closed.iter().rev().enumerate().take_while(is_kept).count()
    }
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, time::Duration};

    use super::*;
    use crate::closed::Mark;

    /// Segments of 10 bytes, written to at 0, 10, 20 and 30 s.
    fn four() -> Vec<Closed> {
        let written_at = |number: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(number * 10);
        (0..4)
            .map(|number| {
                let (path, mark) = (PathBuf::new(), Mark::next(None, written_at(number)));
                Closed { path, mark, bytes: 10, written_at: written_at(number) }
            })
            .collect()
    }

    #[test]
    fn every_bound_holds_alone() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(30);
        let surplus = |retention: Retention| retention.surplus(&four(), now);
        let all = Retention::default();
        assert_eq!(surplus(all), 0);
        assert_eq!([0, 1, 4, 5].map(|files| surplus(Retention { files: Some(files), ..all })), [4, 3, 0, 0]);
        assert_eq!([9, 10, 39, 40].map(|bytes| surplus(Retention { bytes: Some(bytes), ..all })), [4, 3, 1, 0]);
        let age = |seconds| surplus(Retention { age: Some(Duration::from_secs(seconds)), ..all });
        assert_eq!([1, 10, 11, 31].map(age), [3, 3, 2, 0]);
    }

    #[test]
    fn what_is_older_than_what_goes_goes_too() {
        let mut closed = four();
        closed[2].bytes = 1000;
        let retention = Retention { bytes: Some(50), ..Retention::default() };
        assert_eq!(retention.surplus(&closed, SystemTime::UNIX_EPOCH), 3);
    }
}
