//! The series of segments at one path: which is the current one, when it is closed, which closed ones go.
//!
//! The same for every writer. A block is never split between segments, so no record is. A segment that failed, was removed
//! or was cut by another hand is given up, and the path opened again for the next block. A segment that cannot be closed
//! or removed is reported once and costs no record.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, SystemTime},
};

use crate::{
    Destination, LogFile,
    closed::Names,
    opener::{Begun, Opener},
    rotation::Period,
    segment::{Segment, Written},
    trouble::Trouble,
};

pub(crate) struct Series {
    /// `None`: standard output.
    log: Option<LogFile>,
    opener: Opener,
    names: Names,
    /// `None` after a failure.
    current: Option<Current>,
    /// What was written to the segments before.
    before: Written,
    /// When a closed segment will be too old.
    expiry: Option<SystemTime>,
    rotation: Trouble,
    retention: Trouble,
}

struct Current {
    segment: Box<dyn Segment>,
    is_regular: bool,
    /// A link is not renamed: it stands for a place that somebody else looks after.
    is_rotated: bool,
    /// In which period its first record was written; `None` while it is empty, or if there are no periods.
    begun: Option<Period>,
}

impl Series {
    /// Opens the current segment and removes what is not kept.
    pub(crate) fn open(destination: Destination, mut opener: Opener, now: SystemTime) -> io::Result<Self> {
        let log = match destination {
            Destination::File(log) => Some(log),
            Destination::Stdout => None,
        };
        let mut names = Names::default();
        let current = open(log.as_ref(), &mut opener, &mut names, false, now)?;
        let rotation = Trouble::new("the access log is not rotated");
        let retention = Trouble::new("old segments of the access log stay");
        let before = Written::default();
        let mut series = Self { log, opener, names, current: Some(current), before, expiry: None, rotation, retention };
        // What was there may be of a period that is over.
        series.rotate_if_due(0, now);
        series.retain(now);
        Ok(series)
    }

    /// Appends whole records. After an error, what of them and of what was held back is not in [`Series::written`] is lost.
    pub(crate) fn append(&mut self, bytes: &[u8], now: SystemTime) -> io::Result<()> {
        self.check()?;
        self.rotate_if_due(bytes.len() as u64, now);
        let period = self.log.as_ref().and_then(|log| log.rotation.period(now));
        let current = match &mut self.current {
            Some(current) => current,
            current => {
                current.insert(open(self.log.as_ref(), &mut self.opener, &mut self.names, self.before.is_torn, now)?)
            }
        };
        current.begun = current.begun.or(period);
        let result = current.segment.append(bytes);
        self.keep_if(result)
    }

    /// Writes what is held back. After an error it is lost.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.is_flushed() {
            return Ok(());
        }
        self.check()?;
        let result = self.current.as_mut().map_or(Ok(()), |current| current.segment.flush());
        self.keep_if(result)
    }

    pub(crate) fn is_flushed(&self) -> bool {
        self.current.as_ref().is_none_or(|current| current.segment.held() == 0)
    }

    /// Opens the path again: what was the current segment belongs to whoever renamed it.
    pub(crate) fn reopen(&mut self, now: SystemTime) -> io::Result<()> {
        let result = self.flush();
        // Before the path is opened: it may be the same file, and the lock of that is ours.
        self.give_up();
        self.current = Some(open(self.log.as_ref(), &mut self.opener, &mut self.names, self.before.is_torn, now)?);
        result
    }

    /// Closes and removes what has become too old; to be called when [`Series::wait`] is over.
    pub(crate) fn tick(&mut self, now: SystemTime) {
        self.rotate_if_due(0, now);
        if self.expiry.is_some_and(|expiry| expiry <= now) {
            self.retain(now);
        }
    }

    /// How long nothing has to be done if no record comes.
    pub(crate) fn wait(&self, now: SystemTime) -> Option<Duration> {
        let is_begun = self.current.as_ref().is_some_and(|current| current.begun.is_some());
        let period = self.log.as_ref().filter(|_| is_begun).and_then(|log| log.rotation.remaining(now));
        let expiry = self.expiry.map(|expiry| expiry.duration_since(now).unwrap_or_default());
        period.into_iter().chain(expiry).min()
    }

    /// What has come into all segments since the series was opened.
    pub(crate) fn written(&self) -> Written {
        // What ended in half a line still does, until something is written behind it.
        let nothing = Written { is_torn: self.before.is_torn, ..Written::default() };
        let current = self.current.as_ref().map_or(nothing, |current| current.segment.written());
        Written {
            records: self.before.records + current.records,
            bytes: self.before.bytes + current.bytes,
            is_torn: current.is_torn,
        }
    }

    /// Gives the current segment up if its file was removed, or changed by somebody else so that positions are wrong.
    fn check(&mut self) -> io::Result<()> {
        let Some(current) = self.current.as_ref().filter(|current| current.is_regular) else { return Ok(()) };
        let metadata = current.segment.file().metadata()?;
        if metadata.nlink() == 0 || current.segment.length().is_some_and(|length| length != metadata.len()) {
            self.give_up();
        }
        Ok(())
    }

    fn rotate_if_due(&mut self, more: u64, now: SystemTime) {
        let (Some(log), Some(current)) = (&self.log, &self.current) else { return };
        let in_file = current.segment.file().metadata().map_or(0, |metadata| metadata.len());
        let bytes = in_file + current.segment.held() as u64;
        if !current.is_rotated || !log.rotation.is_due(bytes, more, current.begun, now) {
            return;
        }
        let result = self.rotate(now);
        self.rotation.judge(&result);
        self.retain(now);
    }

    fn rotate(&mut self, now: SystemTime) -> io::Result<()> {
        self.flush()?;
        let (Some(log), Some(current)) = (&self.log, &self.current) else { return Ok(()) };
        // Else somebody has renamed it, and what is under the path now is not ours to rename.
        if is_at(&log.path, current.segment.file())? {
            self.names.close(&log.path, now)?;
        }
        self.give_up();
        self.current = Some(open(self.log.as_ref(), &mut self.opener, &mut self.names, false, now)?);
        Ok(())
    }

    fn retain(&mut self, now: SystemTime) {
        let Some(log) = &self.log else { return };
        let result = log.retention.apply(&log.path, now);
        self.retention.judge(&result);
        // After a failure, with the next rotation.
        self.expiry = result.unwrap_or_default();
    }

    fn keep_if(&mut self, result: io::Result<()>) -> io::Result<()> {
        if result.is_err() {
            self.give_up();
        }
        result
    }

    fn give_up(&mut self) {
        self.before = self.written();
        self.current = None;
    }
}

fn open(
    log: Option<&LogFile>,
    opener: &mut Opener,
    names: &mut Names,
    is_torn: bool,
    now: SystemTime,
) -> io::Result<Current> {
    let Some(log) = log else {
        let Begun { segment, is_regular } = Opener::stdout(is_torn)?;
        return Ok(Current { segment, is_regular, is_rotated: false, begun: None });
    };
    let Begun { segment, is_regular } = match opener.open(&log.path, is_torn) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            // Another process writes to it and will go on: it becomes a closed segment, and we get a new file.
            names.close(&log.path, now)?;
            opener.open(&log.path, is_torn)?
        }
        result => result?,
    };
    let metadata = segment.file().metadata()?;
    let is_rotated = is_regular && is_at(&log.path, segment.file())?;
    let begun = (metadata.len() > 0).then(|| log.rotation.period(metadata.modified().ok()?)).flatten();
    Ok(Current { segment, is_regular, is_rotated, begun })
}

/// Whether `path` is, itself and not by a link, the file that is open.
fn is_at(path: &Path, file: &fs::File) -> io::Result<bool> {
    let there = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        there => there?,
    };
    let ours = file.metadata()?;
    Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Writer;

    /// Takes half a line, and nothing more.
    struct Full(fs::File);

    impl Segment for Full {
        fn append(&mut self, _: &[u8]) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn held(&self) -> usize {
            1
        }

        fn written(&self) -> Written {
            Written { records: 1, bytes: 10, is_torn: true }
        }

        fn file(&self) -> &fs::File {
            &self.0
        }

        fn length(&self) -> Option<u64> {
            None
        }
    }

    #[test]
    fn half_a_line_is_not_forgotten_before_something_is_written_behind_it() {
        let now = SystemTime::UNIX_EPOCH;
        let mut series = Series::open(Destination::Stdout, Opener::new(Writer::Plain).unwrap(), now).unwrap();
        let segment = Box::new(Full(fs::File::open("/dev/null").unwrap()));
        series.current = Some(Current { segment, is_regular: false, is_rotated: false, begun: None });
        assert_eq!(series.reopen(now).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(series.written(), Written { records: 1, bytes: 10, is_torn: true });
    }
}
