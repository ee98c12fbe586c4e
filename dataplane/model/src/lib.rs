//! The contract between whoever writes a configuration and the data plane that runs it.
//!
//! Text (YAML, and so JSON) -> `raw`, what is written -> `resolve`, the only constructor -> [`Snapshot`], immutable and
//! never wrong. Every mistake is a [`ConfigError`] with file, line, column, the line itself, a caret and, where there is
//! one, the near miss. Bounds are in `limits`. No I/O happens but through a [`Source`], and nothing here runs on a worker
//! except comparisons: [`TrustedProxies::contains`], [`ValueMatch::takes`], [`Expression::is_match`].

mod action;
mod condition;
mod digest;
mod error;
mod expression;
mod host;
mod limits;
mod near;
mod path;
mod raw;
mod resolve;
mod scalar;
mod snapshot;
mod source;
mod template;
mod trusted_proxies;

pub use action::{Action, FixedAnswer, Forwarding, Redirect, Share};
pub use condition::{Condition, ValueMatch};
pub use error::{ConfigError, ConfigErrors};
pub use expression::{Captures, Expression};
pub use host::HostPattern;
pub use limits::{ANSWER_BYTES_MAX, FILE_BYTES_MAX, HOST_BYTES_MAX, PATH_BYTES_MAX, SEGMENTS_MAX, VALUE_BYTES_MAX};
pub use path::{PathMatch, PathPattern, Segment};
pub use snapshot::{
    AccessLog, Connections, Endpoint, Forwarded, IoDriver, Keep, Limits, Listener, LogFile, LogWriter, Match, Rotate,
    Route, Snapshot, Timeouts, Upstream, Workers,
};
pub use source::{NoSource, Source, SystemSource};
pub use template::{Piece, Template};
pub use trusted_proxies::TrustedProxies;

use std::path::Path;

/// Reads and resolves a file; the snapshot is generation 1.
///
/// # Errors
/// Every mistake that can be told at one time. A file that cannot be read, or whose YAML is broken, is a single one.
pub fn load(file: &Path, source: &dyn Source) -> Result<Snapshot, ConfigErrors> {
    let name = file.display().to_string();
    match source.read(file) {
        Ok(text) => parse(&name, &text, source),
        Err(error) => Err(ConfigError::whole_file(&name, format!("cannot be read: {error}")).into()),
    }
}

/// Resolves a text; `name` stands for it in errors. The snapshot is generation 1.
///
/// # Errors
/// As [`load`].
///
/// ```
/// let text = "version: 1\nlisteners: [ { name: public, bindd: 127.0.0.1:8080 } ]\n";
/// let errors = tollgate_model::parse("gateway.yaml", text, &tollgate_model::NoSource).unwrap_err();
/// assert!(errors.to_string().contains("unknown key `bindd`, did you mean `bind`?"));
/// ```
pub fn parse(name: &str, text: &str, source: &dyn Source) -> Result<Snapshot, ConfigErrors> {
    let raw = raw::read(name, text)?;
    resolve::resolve(name, text, &raw, source)
}
