//! What a gateway starts with: a configuration, where it came from, and what keeps it up to date.
//!
//! When the file is no good, the last good configuration takes its place if there is one; that is said loudly, since the
//! node then runs something else than the file says. Nothing is started here.

use crate::{NodeSource, changes::Cause};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tollgate_model::{ConfigErrors, Configuration};

/// What a gateway starts with.
#[derive(Debug)]
pub struct Startup {
    pub(crate) configuration: Configuration,
    pub(crate) cause: Cause,
    /// What [`crate::Gateway::reload`] reads.
    pub(crate) file: Option<PathBuf>,
    pub(crate) is_watched: bool,
    pub(crate) last_good: Option<PathBuf>,
}

impl Startup {
    /// Reads `file`; if it is no good and there is a `last_good`, that.
    ///
    /// # Errors
    /// The mistakes of the file, and nothing to start with instead.
    pub fn read(file: &Path, last_good: Option<&Path>) -> Result<Self, ConfigErrors> {
        let startup = |configuration, cause| Self {
            configuration,
            cause,
            file: Some(file.to_owned()),
            is_watched: false,
            last_good: last_good.map(Path::to_owned),
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

    /// Has the file, those it includes and certificates read again when they change.
    #[must_use]
    pub fn watched(self, is_watched: bool) -> Self {
        Self { is_watched, ..self }
    }
}

/// Without a file: the configuration changes through `/config` only.
impl From<Configuration> for Startup {
    fn from(configuration: Configuration) -> Self {
        Self { configuration, cause: Cause::Start, file: None, is_watched: false, last_good: None }
    }
}
