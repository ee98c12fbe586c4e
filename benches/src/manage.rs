//! The control plane and who calls: what managing costs, how soon it holds, and what knowing the caller adds to a request.
//!
//! `manage [PART]...` runs the parts that are named, or all, each against the real binary over loopback:
//!
//! ```text
//! scale    10,000 APIs, 1,000,000 subscriptions: publications, admin requests, a node's start and memory
//! idle     `serve` that nobody asks: resident memory, wake-ups
//! tokens   tokens of the token endpoint on one CPU
//! callers  CPU per request with a key, and with a token, beside nginx
//! logins   what signing in does to the latency of requests
//! ```
//!
//! What is asked of a figure stands beside it. Parts that pin this process to the load's CPU come last.

mod admin;
mod callers;
mod figure;
mod fill;
mod idle;
pub mod logins;
mod plane;
pub mod scale;
mod tokens;

use crate::rounds::InTurn;
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use std::{fs, path::PathBuf};

/// What can be measured, in the order in which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Part {
    /// Publications, admin requests, a node's start and memory, in a full store.
    Scale,
    /// Memory and wake-ups of a control plane that nobody asks.
    Idle,
    /// Tokens per second on one CPU.
    Tokens,
    /// CPU per request with a key and with a token, beside nginx.
    Callers,
    /// What signing in does to the latency of requests.
    Logins,
}

/// Arguments of `manage`.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Options {
    /// What to measure [default: all].
    #[arg(value_enum)]
    parts: Vec<Part>,
    #[command(flatten)]
    in_turn: InTurn,
    #[command(flatten)]
    size: scale::Size,
    #[command(flatten)]
    logins: logins::Rate,
    /// Also writes every figure to FILE, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Runs the parts and prints a table of all figures.
///
/// # Errors
/// A program is missing, something does not answer as it should, or a signal came.
pub fn run(options: &Options) -> Result<()> {
    let mut parts = options.parts.clone();
    if parts.is_empty() {
        parts = Part::value_variants().to_vec();
    }
    parts.sort_unstable();
    parts.dedup();
    let in_turn = InTurn { testbed: options.in_turn.testbed.without_others(), ..options.in_turn.clone() };
    let mut figures = Vec::new();
    for part in parts {
        let found = match part {
            Part::Scale => scale::run(&in_turn.testbed, &options.size),
            Part::Idle => idle::run(&in_turn.testbed),
            Part::Tokens => tokens::run(&in_turn),
            Part::Callers => callers::run(&in_turn),
            Part::Logins => logins::run(&in_turn.testbed, &options.logins),
        };
        figures.extend(found.with_context(|| format!("{part:?}").to_lowercase())?);
    }
    println!("\n{}", figure::table(&figures));
    if let Some(path) = &options.json {
        fs::write(path, figure::lines(&figures)?).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
