//! `tollgate doctor`: what the machine gives a gateway, and the remedy for what it lacks.
//!
//! Only prints: the looking and the judging are `ring::preflight`.

use crate::{
    exit::{Exit, help},
    terminal,
};
use clap::Args;
use std::fmt::Write;
use tollgate_gateway::preflight::{Finding, Report, State, examine};

/// Says what this machine gives a gateway, what is degraded and the remedy
///
/// Looks at the kernel, io_uring, the limits of locked memory (MEMLOCK) and descriptors (NOFILE), the CPUs and two TCP
/// settings. Changes nothing; `tollgate tune` shows what could be better. Run it as the user, and in the container or unit, in which the gateway will run.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate doctor\n  sudo -u tollgate tollgate doctor\n\n"
))]
pub(crate) struct Arguments;

pub(crate) fn run(_: &Arguments) -> Exit {
    let report = examine();
    terminal::answer(render(&report));
    if report.is_able() { Exit::Done } else { Exit::Refused }
}

/// The report as a table, one finding a line and its remedy below it.
fn render(report: &Report) -> String {
    let width = report.findings.iter().map(|finding| finding.name.len()).max().unwrap_or(0);
    let mut table = String::new();
    for Finding { name, state, value, remedy } in &report.findings {
        let state = word(*state);
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{state:<8}  {name:<width$}  {value}");
        if let Some(remedy) = remedy {
            let _ = writeln!(table, "{:8}  {:width$}  -> {remedy}", "", "");
        }
    }
    table + verdict(report)
}

const fn word(state: State) -> &'static str {
    match state {
        State::Good => "good",
        State::Degraded => "degraded",
        State::Missing => "missing",
    }
}

fn verdict(report: &Report) -> &'static str {
    if !report.is_able() {
        "A gateway cannot run here: see what is missing."
    } else if report.findings.iter().any(|finding| finding.state == State::Degraded) {
        "A gateway runs here, with less than it could: see what is degraded."
    } else {
        "A gateway runs here at its best."
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(state: State, remedy: Option<&str>) -> Finding {
        Finding { name: "io_uring", state, value: "as found".to_owned(), remedy: remedy.map(str::to_owned) }
    }

    #[test]
    fn a_remedy_stands_below_its_finding() {
        let findings = vec![finding(State::Good, None), finding(State::Degraded, Some("do this"))];
        let expected = "good      io_uring  as found\n\
                        degraded  io_uring  as found\n                    -> do this\n\
                        A gateway runs here, with less than it could: see what is degraded.";
        assert_eq!(render(&Report { findings }), expected);
    }
}
