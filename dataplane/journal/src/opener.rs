//! Opens segments with the writer that was asked for, or the plain one where direct I/O is not to be had.
//!
//! Falling back is said once, on standard error. Whether the file system takes direct I/O is asked for each segment anew;
//! whether the executor can be had, once.

use std::{io, os::fd::AsFd, path::Path, rc::Rc};

use glommio::LocalExecutor;

use crate::{
    Writer,
    direct::{self, Direct},
    plain::Plain,
    segment::{self, Access, Held, Opened, Segment},
};

pub(crate) struct Opener {
    writer: Writer,
    /// For [`Writer::Direct`] and [`Writer::Auto`].
    executor: Option<Rc<LocalExecutor>>,
    has_fallen_back: bool,
}

/// A segment that has just been opened.
pub(crate) struct Begun {
    pub(crate) segment: Box<dyn Segment>,
    pub(crate) is_regular: bool,
}

impl Opener {
    /// # Errors
    /// [`Writer::Direct`] was asked for and there is no executor.
    pub(crate) fn new(writer: Writer) -> io::Result<Self> {
        let mut opener = Self { writer, executor: None, has_fallen_back: false };
        match writer {
            Writer::Plain => {}
            Writer::Direct => opener.executor = Some(direct::executor()?),
            Writer::Auto => match direct::executor() {
                Ok(executor) => opener.executor = Some(executor),
                Err(error) => opener.say_plain(&error),
            },
        }
        Ok(opener)
    }

    /// `is_torn`: what was written last is half a line, and whoever cannot cut it ends it.
    pub(crate) fn open(&mut self, path: &Path, is_torn: bool) -> io::Result<Begun> {
        if let Some(executor) = &self.executor {
            match open_direct(executor, path)? {
                Ok(begun) => return Ok(begun),
                Err(error) if self.writer == Writer::Direct => return Err(error),
                Err(error) => self.say_plain(&error),
            }
        }
        let Opened { file, is_regular } = segment::open(path, Access::Append)?;
        Ok(Begun { segment: Box::new(Plain::new(file, is_torn && !is_regular)), is_regular })
    }

    /// Standard output, always by plain writes.
    pub(crate) fn stdout(is_torn: bool) -> io::Result<Begun> {
        // A descriptor of its own: `std::io::Stdout` would look for line ends and buffer what is behind the last.
        let file = io::stdout().as_fd().try_clone_to_owned()?.into();
        Ok(Begun { segment: Box::new(Plain::new(Held::unlocked(file), is_torn)), is_regular: false })
    }

    fn say_plain(&mut self, error: &io::Error) {
        if !self.has_fallen_back {
            eprintln!("tollgate: the access log is written without direct I/O: {error}");
            self.has_fallen_back = true;
        }
    }
}

/// The outer error concerns the file, whoever writes it; the inner one direct I/O.
fn open_direct(executor: &Rc<LocalExecutor>, path: &Path) -> io::Result<io::Result<Begun>> {
    let Opened { file, is_regular } = segment::open(path, Access::Position)?;
    if !is_regular {
        return Ok(Err(io::Error::new(io::ErrorKind::Unsupported, "it is no regular file")));
    }
    let direct = Direct::new(executor.clone(), file);
    Ok(direct.map(|direct| Begun { segment: Box::new(direct), is_regular }))
}
