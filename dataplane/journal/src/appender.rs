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
        if let Err(error) = result {
            self.file = None;
            if !was_failing {
                eprintln!("tollgate: access records are lost: cannot write {}: {error}", self.destination);
            }
        }
        written
    }

    fn try_append(&mut self, block: &Block) -> (Written, io::Result<()>) {
        let file = match self.file.take().map_or_else(|| self.destination.open(), Ok) {
            Ok(file) => self.file.insert(file),
            Err(error) => return (Written::default(), Err(error)),
        };
        if self.is_torn {
            if let Err(error) = file.write_all(b"\n") {
                return (Written::default(), Err(error));
            }
            self.is_torn = false;
        }
        let (bytes, result) = write_counted(file, block.bytes());
        let whole = &block.bytes()[..bytes];
        self.is_torn = whole.last().is_some_and(|byte| *byte != b'\n');
        let records = match result {
            Ok(()) => block.records(),
            Err(_) => whole.iter().filter(|byte| **byte == b'\n').count() as u64,
        };
        (Written { records, bytes: bytes as u64 }, result)
    }
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
