//! A change that somebody asks for, and what becomes of it.
//!
//! Plain data that goes between the threads of the node: whoever asks makes a [`Job`], the updating thread an [`Outcome`].
//! How many wait is bounded by the queue, how large they are by whoever receives them; nothing is judged here.

use std::{fmt, sync::Arc};
use tollgate_model::{ConfigError, ConfigErrors, PatchError, Snapshot};

/// What is to change.
#[derive(Debug)]
pub(crate) enum Change {
    /// This text in place of the whole configuration.
    Put(Box<dyn Text>),
    /// Some items of the configuration that runs, as this text says.
    Patch(Box<dyn Text>),
    /// What the file says now.
    File(Cause),
}

impl Change {
    /// Where the configuration comes from that it leads to.
    pub(crate) const fn cause(&self) -> Cause {
        match self {
            Self::Put(_) => Cause::Put,
            Self::Patch(_) => Cause::Patch,
            Self::File(cause) => *cause,
        }
    }
}

/// A text that was received; dropping it makes room for another.
pub(crate) trait Text: fmt::Debug + Send {
    /// Its bytes.
    fn bytes(&self) -> &[u8];
}

/// Where a configuration came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The file, when the node started.
    Start,
    /// The last good configuration, because the file was no good when the node started.
    LastGood,
    /// The file, after a signal.
    Signal,
    /// The file, after it changed.
    Watch,
    /// `PUT /config`.
    Put,
    /// `PATCH /config`.
    Patch,
}

impl Cause {
    /// As it is shown in reports and lines.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::LastGood => "last_good",
            Self::Signal => "signal",
            Self::Watch => "watch",
            Self::Put => "put",
            Self::Patch => "patch",
        }
    }
}

/// What names a configuration on this node; as text, its entity tag. The generation alone would begin anew with the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) generation: u64,
    pub(crate) digest: u64,
}

impl Tag {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        Self { generation: snapshot.generation, digest: snapshot.digest }
    }

    /// Whether an If-Match field (RFC 9110, section 13.1.1) is met.
    pub(crate) fn meets(self, if_match: &str) -> bool {
        let own = self.to_string();
        if_match.trim() == "*" || if_match.split(',').any(|tag| tag.trim() == own)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}-{:016x}\"", self.generation, self.digest)
    }
}

/// A change, under which conditions, and who waits for what becomes of it.
pub(crate) struct Job {
    pub(crate) change: Change,
    /// An If-Match field that must be met.
    pub(crate) if_match: Option<String>,
    /// Judge it only.
    pub(crate) is_dry_run: bool,
    /// Called once, on the updating thread; dropping it tells the client that the node is going.
    pub(crate) done: Box<dyn FnOnce(Outcome) + Send>,
}

/// What became of a change.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The workers run it, but for those behind, which had not acknowledged it in time.
    Published { tag: Tag, behind: Vec<usize> },
    /// It is what runs already.
    Unchanged { tag: Tag },
    /// It would be published, if this were not a dry run.
    Valid { tag: Tag, digest: u64 },
    /// Nothing has changed.
    Refused(Refusal),
}

/// Why a change was refused.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    /// It is no configuration.
    Invalid(Arc<ConfigErrors>),
    /// It is one, and this node cannot run it.
    Unfit(String),
    /// It was made for another configuration than the one that runs.
    Conflict { tag: Tag, error: Box<ConfigError> },
    /// If-Match names another configuration than the one that runs.
    Mismatch { tag: Tag },
    /// Too many wait already.
    Busy,
    /// The node takes no changes any more.
    Draining,
}

impl From<ConfigErrors> for Refusal {
    fn from(errors: ConfigErrors) -> Self {
        Self::Invalid(Arc::new(errors))
    }
}

impl Refusal {
    /// Of a patch of the configuration with this tag.
    pub(crate) fn of_patch(error: PatchError, tag: Tag) -> Self {
        match error {
            PatchError::Conflict(error) => Self::Conflict { tag, error: Box::new(error) },
            PatchError::Invalid(errors) => errors.into(),
        }
    }
}

impl Refusal {
    /// As it is said on standard error: each mistake begins with a word that can be searched for.
    pub(crate) fn as_lines(&self) -> String {
        match self {
            Self::Invalid(_) | Self::Conflict { .. } => self.to_string(),
            Self::Unfit(_) | Self::Mismatch { .. } | Self::Busy | Self::Draining => format!("error: {self}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(errors) => errors.fmt(f),
            Self::Unfit(reason) => f.write_str(reason),
            Self::Conflict { error, .. } => error.fmt(f),
            Self::Mismatch { tag } => write!(f, "If-Match names another configuration than {tag}, which runs"),
            Self::Busy => f.write_str("too many changes wait to be published"),
            Self::Draining => f.write_str("the node is shutting down and takes no changes"),
        }
    }
}
