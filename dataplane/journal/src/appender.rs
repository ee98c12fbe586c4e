//! Writes blocks to the destination and survives its failures.
//!
//! A failed write costs the records of its block that were not written whole; the destination is opened again for the next
//! block. A line that was cut by the failure is closed first, so that one bad moment makes one bad line. Each series of
//! failures is reported on standard error once.

use std::{
    fs::File,
    io::{self, Write},
};

use tollgate_telemetry::Block;

use crate::Destination;

pub(crate) struct Appender {
    destination: Destination,
    /// `None` after a failure.
    file: Option<File>,
    /// The last byte written did not end a line.
    is_torn: bool,
}

/// What of a block is in the destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

impl Appender {
    pub(crate) fn open(destination: Destination) -> io::Result<Self> {
        match destination.open() {
            Ok(file) => Ok(Self { destination, file: Some(file), is_torn: false }),
            Err(error) => {
                Err(io::Error::new(error.kind(), format!("cannot open the access log {destination}: {error}")))
            }
        }
    }

    /// Appends a block as far as possible.
    pub(crate) fn append(&mut self, block: &Block) -> Written {
        let was_failing = self.file.is_none();
        let (written, result) = self.try_append(block);
        if let Err(error) = result
            && !was_failing
        {
            eprintln!("tollgate: access records are lost: cannot write {}: {error}", self.destination);
        }
        written
    }

    fn try_append(&mut self, block: &Block) -> (Written, io::Result<()>) {
        let mut file = match self.file.take().map_or_else(|| self.destination.open(), Ok) {
            Ok(file) => file,
            Err(error) => return (Written::default(), Err(error)),
        };
        let (written, result) = write_block(&mut file, &mut self.is_torn, block);
        self.file = result.is_ok().then_some(file);
        (written, result)
    }
}

fn write_block(file: &mut impl Write, is_torn: &mut bool, block: &Block) -> (Written, io::Result<()>) {
    if *is_torn && let Err(error) = file.write_all(b"\n") {
        return (Written::default(), Err(error));
    }
    let (bytes, result) = write_counted(file, block.bytes());
    let in_file = &block.bytes()[..bytes];
    *is_torn = in_file.last().is_some_and(|byte| *byte != b'\n');
    let records = match result {
        Ok(()) => block.records(),
        Err(_) => in_file.iter().filter(|byte| **byte == b'\n').count() as u64,
    };
    (Written { records, bytes: bytes as u64 }, result)
}

/// Like `write_all`, but tells how much was written when it fails.
fn write_counted(file: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

#[cfg(test)]
mod tests {
    use tollgate_telemetry::{Registry, log_queue};

    use super::*;

    /// A disk that is full after `room` bytes and takes 5 at a time.
    struct Disk {
        bytes: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(5).min(self.room - self.bytes.len());
            if count == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.bytes.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn block(records: &[&str]) -> Block {
        let registry = Registry::new(&[], 1);
        let (sender, source) = log_queue(1, &registry);
        let mut sink = sender.sink(registry.worker(0));
        records.iter().for_each(|record| sink.append(record.as_bytes()));
        sink.flush();
        source.recv().unwrap()
    }

    #[test]
    fn a_line_cut_by_a_failure_is_closed_before_the_next() {
        let mut disk = Disk { bytes: Vec::new(), room: 8 };
        let mut is_torn = false;
        let (written, result) = write_block(&mut disk, &mut is_torn, &block(&["one\n", "two 2\n", "three\n"]));
        assert_eq!((written, is_torn), (Written { records: 1, bytes: 8 }, true));
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::StorageFull);

        let (written, result) = write_block(&mut disk, &mut is_torn, &block(&["four\n"]));
        assert!(result.is_err() && is_torn && written == Written::default(), "still full");

        disk.room = 100;
        let (written, result) = write_block(&mut disk, &mut is_torn, &block(&["five\n", "six\n"]));
        assert!(result.is_ok() && !is_torn);
        assert_eq!(written, Written { records: 2, bytes: 9 });
        assert_eq!(disk.bytes, b"one\ntwo \nfive\nsix\n");
    }

    #[test]
    fn a_failing_destination_is_opened_again() {
        let folder = std::env::temp_dir().join(format!("tollgate-appender-{}", std::process::id()));
        let path = folder.join("access.log");
        std::fs::create_dir_all(&folder).unwrap();
        // Opens, and answers every write with ENOSPC.
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut appender = Appender::open(Destination::File(path.clone())).unwrap();
        assert_eq!(appender.append(&block(&["lost\n"])), Written::default());
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::write(&folder, "in the way").unwrap();
        assert_eq!(appender.append(&block(&["lost\n"])), Written::default());
        std::fs::remove_file(&folder).unwrap();
        assert_eq!(appender.append(&block(&["kept\n"])), Written { records: 1, bytes: 5 });
        assert_eq!(std::fs::read(&path).unwrap(), b"kept\n");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
