//! What is seen of a search while it goes: a bar at a terminal, else a line for each run. On standard error.

use crate::terminal;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal as _, stderr};

/// Of a bar.
const STEPS: u64 = 1000;

pub(super) struct View(Option<ProgressBar>);

impl View {
    pub(super) fn new() -> Self {
        Self(stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:24} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(STEPS).with_style(style)
        }))
    }

    /// Shows a run that is over, when a `share` (0 to 1) of the time is.
    pub(super) fn show(&self, share: f64, run: String) {
        match &self.0 {
            Some(bar) => {
                bar.set_position((share * STEPS as f64) as u64);
                bar.set_message(run);
            }
            None => terminal::note(run),
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
