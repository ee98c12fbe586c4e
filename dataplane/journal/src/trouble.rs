//! Something that fails again and again, told once per series of failures.

use std::{fmt::Display, io};

pub(crate) struct Trouble {
    /// What a user has to know.
    what: String,
    is_told: bool,
}

impl Trouble {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), is_told: false }
    }

    /// Says a failure on standard error, unless the last one was said and nothing has succeeded since.
    pub(crate) fn judge<T>(&mut self, result: &io::Result<T>) {
        match result {
            Ok(_) => self.is_told = false,
            Err(error) => self.tell(error),
        }
    }

    fn tell(&mut self, error: &dyn Display) {
        if !self.is_told {
            eprintln!("tollgate: {}: {error}", self.what);
            self.is_told = true;
        }
    }
}
