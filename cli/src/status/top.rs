//! `tollgate top`: what one node does now, drawn anew every second.
//!
//! Scrapes `/metrics`; what is shown of two scrapes is `view`'s. Plain ANSI on a terminal, one view after the other elsewhere.

use super::{
    Client, Failure, Node,
    sample::Sample,
    view::{View, WANTED},
};
use crate::{
    admin::Output,
    exit::{Exit, help},
    terminal,
};
use clap::Args;
use std::{
    io::{IsTerminal as _, stdout},
    thread,
    time::{Duration, Instant},
};

/// Cursor to the corner, and nothing left of what stood there.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Shows what a node does: requests, errors, latency by route, workers, rules that refuse
///
/// Figures are of the time since the last drawing. `PRESSURE` is how hard a worker sheds load: 0 for not at all. Ends with Ctrl-C.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate top\n  tollgate top --node /run/tollgate/admin.sock\n  tollgate top --once --output json\n\n"
))]
pub(crate) struct Arguments {
    #[command(flatten)]
    node: Node,
    /// Print the figures of one interval and end
    #[arg(long)]
    once: bool,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// Routes that are shown, and rules
    #[arg(long, value_name = "N", default_value_t = 15)]
    rows: usize,
    /// How figures are shown; JSON and YAML with `--once`
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    match arguments.node.client().and_then(|client| watch(arguments, &client)) {
        Ok(()) => Exit::Done,
        Err(failure) => failure.end(),
    }
}

fn watch(arguments: &Arguments, client: &Client) -> Result<(), Failure> {
    let is_drawn = !arguments.once && arguments.output == Output::Table && stdout().is_terminal();
    let (mut before, mut since) = look(client)?;
    loop {
        thread::sleep(Duration::from_secs(arguments.interval));
        let (after, now) = look(client)?;
        let view = View::between(&before, &after, (now - since).as_secs_f64());
        match arguments.output {
            Output::Table if is_drawn => terminal::answer(format_args!("{CLEAR}{}", view.text(arguments.rows))),
            Output::Table => terminal::answer(view.text(arguments.rows)),
            output => output.show(&view.json()),
        }
        if arguments.once {
            return Ok(());
        }
        (before, since) = (after, now);
    }
}

fn look(client: &Client) -> Result<(Sample, Instant), Failure> {
    let text = client.get("/metrics")?;
    Ok((Sample::of(&text, WANTED), Instant::now()))
}
