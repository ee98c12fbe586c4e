//! `access_log` as written.
//!
//! The comments are the reference manual, as in the rest of `raw`; `resolve/access_log.rs` judges the values.

use serde::{Deserialize, Serialize};

use super::{Shape, Spanned, Text};

/// `access_log`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AccessLog {
    /// The file records are appended to; a relative path starts at the working directory. Required.
    pub path: Option<Text>,
    /// `json` (default): one JSON object a line.
    pub format: Option<Text>,
    /// How blocks of records get into the file. `plain` (default): through the page cache. `direct`: past it, or no start.
    /// `auto`: past it, or through it where kernel or file system forbid.
    pub writer: Option<Text>,
    /// When the file is closed and a new one begun. Left out: never.
    pub rotate: Option<Spanned<Rotate>>,
    /// Which of the closed files stay. Left out: all.
    pub keep: Option<Spanned<Keep>>,
}

/// `access_log.rotate`; one key at least.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rotate {
    /// Before the file would be larger. 128KiB to 1024GiB.
    pub size: Option<Text>,
    /// At each multiple of this since 1970, UTC: `24h` is midnight. 1m to 8760h.
    pub every: Option<Text>,
}

/// `access_log.keep`; one key at least. What exceeds any of them goes, the oldest first.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// Closed files. 0 to 100000.
    pub files: Option<Text>,
    /// Their size together. 128KiB to 1048576GiB.
    pub bytes: Option<Text>,
    /// Since the last record was written to them. 1m to 87600h.
    pub age: Option<Text>,
}

impl Shape for AccessLog {
    const EXPECTED: &'static str = "`off` or a mapping like { path: logs/access.log }";
    const LIST: bool = false;
}
