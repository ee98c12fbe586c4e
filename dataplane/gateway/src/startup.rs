//! What a gateway starts with: a configuration, where it came from, and what keeps it up to date.
//!
//! When the file is no good, the last good configuration takes its place if there is one; that is said loudly, since the
//! node then runs something else than the file says. Nothing is started here.

use crate::{Inherited, NodeSource, Program, changes::Cause};
use std::{
    error::Error,
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use tollgate_cluster::ShareSource;
use tollgate_model::{ConfigErrors, Configuration, PatchError};

/// What somebody besides the file keeps in the configuration: given the base, the patch (as that of `PATCH /config`) that
/// is laid over every whole configuration, whether it was read from the file or put; or why there is none to be had, and
/// then that configuration is refused. Called on the thread that updates the configuration.
pub type Overlay = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;

/// Why a configuration does not run with what is laid over it.
#[derive(Debug)]
pub enum OverlayError {
    /// What is laid over it cannot be had: why.
    Missing(String),
    /// It does not fit.
    Unfit(PatchError),
}

impl fmt::Display for OverlayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(why) => f.write_str(why),
            Self::Unfit(error) => error.fmt(f),
        }
    }
}

impl Error for OverlayError {}

/// What a gateway starts with.
pub struct Startup {
    pub(crate) configuration: Configuration,
    pub(crate) cause: Cause,
    /// What the file says, without what is laid over it; `None` if it was no good.
    pub(crate) read: Option<Configuration>,
    /// What [`crate::Gateway::reload`] reads.
    pub(crate) file: Option<PathBuf>,
    pub(crate) is_watched: bool,
    pub(crate) last_good: Option<PathBuf>,
    pub(crate) overlay: Option<Overlay>,
    /// Who lends shares of limits, if that is the control plane.
    pub(crate) shares: Option<Box<dyn ShareSource>>,
    /// Sockets that are open already.
    pub(crate) inherited: Inherited,
    /// What [`crate::Gateway::restart`] starts.
    pub(crate) program: Option<Program>,
}

impl Startup {
    /// Reads `file`; if it is no good and there is a `last_good`, that.
    ///
    /// # Errors
    /// The mistakes of the file, and nothing to start with instead.
    pub fn read(file: &Path, last_good: Option<&Path>) -> Result<Self, ConfigErrors> {
        let startup = |configuration: Configuration, cause| Self {
            read: (cause == Cause::Start).then(|| configuration.clone()),
            configuration,
            cause,
            file: Some(file.to_owned()),
            is_watched: false,
            last_good: last_good.map(Path::to_owned),
            overlay: None,
            shares: None,
            inherited: Inherited::default(),
            program: None,
        };
        let errors = match Configuration::load(file, &NodeSource) {
            Ok(configuration) => return Ok(startup(configuration, Cause::Start)),
            Err(errors) => errors,
        };
        let Some(kept) = last_good.filter(|kept| kept.exists()) else { return Err(errors) };
        eprintln!("{errors}\n");
        match Configuration::load(kept, &NodeSource) {
            Ok(configuration) => {
                let (file, kept) = (file.display(), kept.display());
                eprintln!("tollgate: WARNING: {file} is no good: starting from the last good configuration, {kept}");
                Ok(startup(configuration, Cause::LastGood))
            }
            Err(errors) => Err(errors),
        }
    }

    /// Where the last good configuration is to be kept, if that is a file the configuration was read from: it would be lost.
    pub(crate) fn overwritten(&self) -> Option<&Path> {
        let kept = self.last_good.as_deref().filter(|_| self.cause == Cause::Start)?;
        let real = fs::canonicalize(kept).ok()?;
        self.configuration.files().any(|file| fs::canonicalize(file).is_ok_and(|file| file == real)).then_some(kept)
    }

    /// Lays `overlay` over what it starts with, and over every whole configuration that comes later.
    ///
    /// # Errors
    /// What it starts with does not run with the overlay: what is wrong, and this startup with the overlay for later.
    pub fn laid_over(mut self, overlay: Overlay) -> Result<Self, Box<(Self, OverlayError)>> {
        let laid = lay(&self.configuration, &overlay);
        self.overlay = Some(overlay);
        match laid {
            Ok(configuration) => Ok(Self { configuration, ..self }),
            Err(error) => Err(Box::new((self, error))),
        }
    }

    /// Has shares of limits lent by `source`, if the file names the control plane as the store of its cluster.
    #[must_use]
    pub fn sharing(self, source: impl ShareSource + 'static) -> Self {
        Self { shares: Some(Box::new(source)), ..self }
    }

    /// Takes sockets that are open already in place of new ones, and tells the process that it has them from, if it takes over
    /// from one, when it serves.
    #[must_use]
    pub fn inheriting(self, inherited: Inherited) -> Self {
        Self { inherited, ..self }
    }

    /// Lets the gateway be handed over to another process of `program`.
    #[must_use]
    pub fn restartable(self, program: Program) -> Self {
        Self { program: Some(program), ..self }
    }

    /// Has the file, those it includes and certificates read again when they change.
    #[must_use]
    pub fn watched(self, is_watched: bool) -> Self {
        Self { is_watched, ..self }
    }
}

/// Without a file: the configuration changes through `/config` only.
impl From<Configuration> for Startup {
    fn from(configuration: Configuration) -> Self {
        Self {
            configuration,
            cause: Cause::Start,
            read: None,
            file: None,
            is_watched: false,
            last_good: None,
            overlay: None,
            shares: None,
            inherited: Inherited::default(),
            program: None,
        }
    }
}

impl fmt::Debug for Startup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Startup")
            .field("cause", &self.cause)
            .field("file", &self.file)
            .field("last_good", &self.last_good)
            .finish_non_exhaustive()
    }
}

/// `configuration` with what is laid over it.
pub(crate) fn lay(configuration: &Configuration, overlay: &Overlay) -> Result<Configuration, OverlayError> {
    let patch = overlay(&configuration.snapshot().generation.to_string()).map_err(OverlayError::Missing)?;
    configuration.patch("overlay", &patch, &NodeSource).map_err(OverlayError::Unfit)
}
