//! What is wrong with a document, and what of it was not used, each with its place.

use std::fmt;

/// Something that must be mended before the document can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// A JSON Pointer (RFC 6901) as a fragment, like `#/paths/~1pets/get`; `#` for the whole document.
    pub place: String,
    /// 1 for the first line; 0 when the whole document is meant.
    pub line: u64,
    /// What is wrong, and what to write instead.
    pub message: String,
}

/// Something that was read and has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// As that of a [`Mistake`].
    pub place: String,
    /// As that of a [`Mistake`].
    pub line: u64,
    /// Why it has no effect.
    pub message: String,
}

/// A document that cannot be used. At least one mistake, at most 100, in the order they were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError(pub Vec<Mistake>);

impl ImportError {
    pub(crate) fn whole(message: impl Into<String>) -> Self {
        Self(vec![Mistake { place: "#".into(), line: 0, message: message.into() }])
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_at(f, &self.place, self.line, &self.message)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_at(f, &self.place, self.line, &self.message)
    }
}

fn write_at(f: &mut fmt::Formatter<'_>, place: &str, line: u64, message: &str) -> fmt::Result {
    match line {
        0 => write!(f, "{place}: {message}"),
        _ => write!(f, "line {line}, {place}: {message}"),
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ImportError {}
