//! Why there are no pages.

use std::{error::Error, fmt, io, path::PathBuf};

/// Why there are no pages.
#[derive(Debug)]
pub enum ConsoleError {
    /// The folder of templates cannot be read.
    Folder {
        /// Which one.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A file of the folder is no template that there is.
    Unknown {
        /// Which one.
        path: PathBuf,
        /// Those that there are.
        names: String,
    },
    /// A template has a mistake.
    Template {
        /// Which one.
        name: String,
        /// What, and in which line.
        what: String,
    },
    /// The system has no random bytes.
    NoEntropy,
}

impl ConsoleError {
    pub(crate) fn template(name: &str, error: &minijinja::Error) -> Self {
        let line = error.line().map_or_else(String::new, |line| format!("line {line}: "));
        let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        Self::Template { name: name.to_owned(), what: format!("{line}{detail}") }
    }
}

impl fmt::Display for ConsoleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder { path, cause } => write!(f, "the templates in {} cannot be read: {cause}", path.display()),
            Self::Unknown { path, names } => {
                write!(f, "{} is no template of the console: it has {names}", path.display())
            }
            Self::Template { name, what } => write!(f, "the template {name}: {what}"),
            Self::NoEntropy => f.write_str("the system has no random bytes"),
        }
    }
}

impl Error for ConsoleError {}
