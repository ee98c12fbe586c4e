//! The texts that a configuration comes from, and what is told of them.
//!
//! text -> [`Documents`] (numbered, so that a place can name its text) -> [`ConfigError`] with file, line, column, the line
//! itself and a caret. A [`Quantity`] is a count, size, share or duration as people write it. What a text means is judged
//! elsewhere (crate `model`); nothing here reads a file or knows a key.

mod documents;
mod error;
mod scalar;

pub use documents::{Documents, FILES_MAX};
pub use error::{ConfigError, ConfigErrors, Snippet};
pub use scalar::{Count, Percent, Quantity, Size};
