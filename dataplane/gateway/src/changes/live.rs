//! What the node runs, for whoever asks: written by the updating thread, read by any, never locked.

use super::change::{Cause, Refusal};
use arc_swap::{ArcSwap, ArcSwapOption};
use std::sync::Arc;
use tollgate_model::{Configuration, Token};

/// What the node runs, and what it last refused.
#[derive(Debug)]
pub(crate) struct Live {
    running: ArcSwap<Running>,
    refused: ArcSwapOption<Refused>,
}

/// The configuration the workers were last told.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) configuration: Configuration,
    pub(crate) cause: Cause,
}

/// A change that was refused since the last one that was taken.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) cause: Cause,
    pub(crate) refusal: Refusal,
}

impl Live {
    pub(crate) fn new(configuration: Configuration, cause: Cause) -> Self {
        Self { running: ArcSwap::from_pointee(Running { configuration, cause }), refused: ArcSwapOption::empty() }
    }

    pub(crate) fn running(&self) -> Arc<Running> {
        self.running.load_full()
    }

    pub(crate) fn refused(&self) -> Option<Arc<Refused>> {
        self.refused.load_full()
    }

    /// The token that lets its bearer change the configuration.
    pub(crate) fn token(&self) -> Option<Token> {
        self.running.load().configuration.snapshot().status.as_ref()?.token.clone()
    }

    pub(crate) fn publish(&self, configuration: Configuration, cause: Cause) {
        self.running.store(Arc::new(Running { configuration, cause }));
        self.refused.store(None);
    }

    pub(crate) fn refuse(&self, cause: Cause, refusal: Refusal) {
        self.refused.store(Some(Arc::new(Refused { cause, refusal })));
    }
}
