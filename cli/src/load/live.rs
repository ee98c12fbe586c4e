//! What is seen of a run while it goes: a bar at a terminal, else a line each second. On standard error.

use crate::terminal;
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    cell::RefCell,
    io::{IsTerminal as _, stderr},
    time::{Duration, Instant},
};
use tollgate_loadreport::report::{line, share_done};
use tollgate_loadtest::load::{Interval, Phase, Progress};

/// Of a bar.
const STEPS: u64 = 1000;

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(1);
/// How often the bar is drawn anew.
const OFTEN: Duration = Duration::from_millis(400);

pub(super) struct View {
    is_quiet: bool,
    bar: Option<ProgressBar>,
    last: RefCell<(Instant, Interval)>,
}

impl View {
    pub(super) fn new(is_quiet: bool) -> Self {
        let bar = (!is_quiet && stderr().is_terminal()).then(|| {
            let style = ProgressStyle::with_template("{bar:24} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(STEPS).with_style(style)
        });
        Self { is_quiet, bar, last: RefCell::new((Instant::now(), Interval::default())) }
    }

    /// Shows how a run goes, if it was not just done.
    pub(super) fn show(&self, progress: &Progress) {
        if self.is_quiet {
            return;
        }
        let mut last = self.last.borrow_mut();
        last.1.merge(&progress.interval);
        let since = last.0.elapsed();
        if since < if self.bar.is_some() { OFTEN } else { EVERY } {
            return;
        }
        let gathered = Progress { interval: std::mem::take(&mut last.1), ..progress.clone() };
        last.0 = Instant::now();
        let line = line(&gathered, since.as_secs_f64());
        match &self.bar {
            Some(bar) => {
                bar.set_position((share_done(progress) * STEPS as f64) as u64);
                bar.set_message(line);
            }
            None if progress.phase != Phase::Opening => {
                terminal::note(format_args!("{:>4.0} s  {line}", progress.elapsed.as_secs_f64()));
            }
            None => {}
        }
    }

    /// A line that stays, above the bar.
    pub(super) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| terminal::note(text)),
            None => terminal::note(text),
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
