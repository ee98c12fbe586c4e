//! The two streams to whoever runs the binary: standard output for what was asked for, standard error for what happens.
//!
//! A closed stream (`tollgate doctor | head -1`) is nobody's mistake, so failing to write ends nothing.

use std::{
    fmt::Display,
    io::{Write, stderr, stdout},
};

/// Writes a line of what was asked for.
pub(crate) fn answer(text: impl Display) {
    let _ = writeln!(stdout().lock(), "{text}");
}

/// Writes a line about what happens: in one piece, since the process that takes over from this one writes there too.
pub(crate) fn note(text: impl Display) {
    let _ = stderr().lock().write_all(format!("{text}\n").as_bytes());
}
