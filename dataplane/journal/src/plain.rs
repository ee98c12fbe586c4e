//! A segment by plain writes, through the page cache: each block is one `write(2)` at the end of the file.
//!
//! Nothing is held back, several processes may share the file, and it may be a pipe or a device too. The kernel writes the
//! pages to the disk when it sees fit.

use std::{
    fs::File,
    io::{self, Write},
};

use crate::segment::{Held, Segment, Written};

pub(crate) struct Plain {
    file: Held,
    written: Written,
    /// A writer before this one left half a line that could not be cut.
    is_torn: bool,
}

impl Plain {
    /// `is_torn`: what is there ends in half a line, which is to be ended first.
    pub(crate) fn new(file: Held, is_torn: bool) -> Self {
        Self { file, written: Written::default(), is_torn }
    }
}

impl Segment for Plain {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.is_torn {
            (&*self.file).write_all(b"\n")?;
            self.is_torn = false;
        }
        let (count, result) = write_counted(&mut &*self.file, bytes);
        self.written.add(&bytes[..count]);
        result
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn held(&self) -> usize {
        0
    }

    fn written(&self) -> Written {
        Written { is_torn: self.is_torn || self.written.is_torn, ..self.written }
    }

    fn file(&self) -> &File {
        &self.file
    }

    fn length(&self) -> Option<u64> {
        None
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

#[cfg(test)]
mod tests {
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

    #[test]
    fn what_fits_a_full_disk_is_counted() {
        let mut disk = Disk { bytes: Vec::new(), room: 8 };
        let (count, result) = write_counted(&mut disk, b"one\ntwo 2\nthree\n");
        assert_eq!((count, result.unwrap_err().kind()), (8, io::ErrorKind::StorageFull));
        let mut written = Written::default();
        written.add(&disk.bytes);
        assert_eq!(written, Written { records: 1, bytes: 8, is_torn: true });
        disk.room = 100;
        assert_eq!(write_counted(&mut disk, b"four\n").0, 5);
    }
}
