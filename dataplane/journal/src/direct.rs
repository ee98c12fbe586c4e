//! A segment by direct I/O on a glommio executor: whole blocks go past the page cache, the rest is held back.
//!
//! The executor lives on the journal's thread and runs only while a block is written; one write is in flight. What fills
//! no block of the disk stays in memory ([`Tail`]) until more comes or it is flushed by a plain write, which the next
//! direct write replaces with the same bytes. So the file never has padding, and a crash of the process loses what was held
//! back. glommio must not be asked for anything where the kernel refuses io_uring (`Writer::Direct` says so).

use std::{
    fs::{File, Metadata},
    io,
    os::{
        fd::AsRawFd,
        unix::fs::{FileExt, MetadataExt},
    },
    path::{Path, PathBuf},
    rc::Rc,
};

use glommio::{
    LocalExecutor, LocalExecutorBuilder, Placement,
    io::{DmaFile, OpenOptions},
};
use nix::sys::resource::{Resource, getrlimit};

use crate::{
    limits::{ALIGNMENT, IO_MEMORY_BYTES, LOCKED_BYTES_MIN, RING_DEPTH},
    segment::{Held, Segment, Written},
    tail::Tail,
};

/// The executor of this thread, on no particular CPU.
pub(crate) fn executor() -> io::Result<Rc<LocalExecutor>> {
    let (locked, _) = getrlimit(Resource::RLIMIT_MEMLOCK)?;
    if locked < LOCKED_BYTES_MIN {
        let message = format!("the limit of locked memory is {locked} bytes of {LOCKED_BYTES_MIN} (`ulimit -l`)");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    let builder = LocalExecutorBuilder::new(Placement::Unbound).io_memory(IO_MEMORY_BYTES).ring_depth(RING_DEPTH);
    Ok(Rc::new(builder.make()?))
}

pub(crate) struct Direct {
    executor: Rc<LocalExecutor>,
    dma: DmaFile,
    /// The same file, for plain writes.
    file: Held,
    tail: Tail,
    written: Written,
}

impl Direct {
    /// Goes on at the end of `file`, which nobody else writes to.
    ///
    /// # Errors
    /// Besides those of the system, `Unsupported` if the file system or the disk is not one for direct I/O.
    pub(crate) fn new(executor: Rc<LocalExecutor>, file: Held) -> io::Result<Self> {
        let metadata = file.metadata()?;
        ensure_known(&metadata)?;
        // By its descriptor: the path may be another file by now, and glommio panics if it is none.
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        // Without permission to read, or else glommio's test for polled I/O takes an empty file for a polled disk.
        let open = async { OpenOptions::new().write(true).dma_open(&path).await };
        let dma = executor.run(open)?;
        if dma.align_up(1) > ALIGNMENT as u64 {
            return Err(unsupported("the disk's blocks are too large"));
        }
        let position = Tail::position_in(metadata.len());
        let mut end = vec![0; usize::try_from(metadata.len() - position).unwrap_or_default()];
        file.read_exact_at(&mut end, position)?;
        let tail = Tail::new(position, &end);
        Ok(Self { executor, dma, file, tail, written: Written::default() })
    }

    /// Writes all of the tail and `more` that fills blocks, in one piece unless the kernel takes less.
    fn write_whole(&mut self, more: &[u8]) -> io::Result<()> {
        let whole = self.tail.whole(more);
        let mut done = 0;
        while done < whole {
            let mut buffer = self.dma.alloc_dma_buffer(whole - done);
            self.tail.copy(more, done, buffer.as_bytes_mut());
            let count = self.executor.run(self.dma.write_at(buffer, self.tail.position() + done as u64))?;
            let taken = whole.min(done + count - count % ALIGNMENT);
            if taken == done {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.count(more, done, taken);
            done = taken;
        }
        Ok(())
    }

    /// Counts what of the bytes `from..to` of the tail and `more` is new in the file.
    fn count(&mut self, more: &[u8], from: usize, to: usize) {
        let held = self.tail.flushed() + self.tail.unflushed().len();
        if from == 0 {
            self.written.add(self.tail.unflushed());
        }
        self.written.add(&more[from.saturating_sub(held)..to.saturating_sub(held)]);
    }
}

impl Segment for Direct {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_whole(bytes)?;
        self.tail.advance(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.held() > 0 {
            match self.file.write_at(self.tail.unflushed(), self.tail.length()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.written.add(&self.tail.unflushed()[..count]);
                    self.tail.mark_flushed(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn held(&self) -> usize {
        self.tail.unflushed().len()
    }

    fn written(&self) -> Written {
        self.written
    }

    fn file(&self) -> &File {
        &self.file
    }

    fn length(&self) -> Option<u64> {
        Some(self.tail.length())
    }
}

/// What glommio reads of a disk, and panics if it is not there.
const QUEUE: [&str; 8] = [
    "rotational",
    "minimum_io_size",
    "optimal_io_size",
    "logical_block_size",
    "physical_block_size",
    "max_sectors_kb",
    "max_segment_size",
    "write_cache",
];

/// That glommio will find what it reads of the file's disk. It takes the disk's first minor number for the disk, which some
/// numbering makes a partition or another disk.
fn ensure_known(metadata: &Metadata) -> io::Result<()> {
    let disk = format!("/sys/dev/block/{}:0", nix::sys::stat::major(metadata.dev()));
    let disk = Path::new(&disk);
    let is_known = |entry: &str| disk.join("queue").join(entry).is_file();
    if !disk.exists() || (QUEUE.iter().all(|entry| is_known(entry)) && disk.join("slaves").is_dir()) {
        return Ok(());
    }
    Err(unsupported("its disk is not described in /sys"))
}

fn unsupported(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, why)
}
