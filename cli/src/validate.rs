//! `tollgate validate`: judges a configuration without running it.
//!
//! Prints every mistake with its place, or on one screen what the file says. Resolves names and references as a gateway
//! would; binds nothing and connects to nothing.

use crate::{
    exit::{Exit, help},
    terminal,
};
use clap::Args;
use std::{fmt::Write, path::PathBuf};
use tollgate_gateway::NodeSource;
use tollgate_model::{
    AccessLog, Action, HostPattern, IoDriver, Match, PathMatch, Segment, Snapshot, Status, Upstream, Workers, load,
};

/// Judges a configuration file without running it
///
/// Mistakes go to standard error with file, line, column and what to write instead; what a valid file says goes to
/// standard output. `${env:X}` is looked up in the environment of this command.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate validate gateway.yaml\n  PORT=8080 tollgate validate gateway.yaml && systemctl restart tollgate\n\n"
))]
pub(crate) struct Arguments {
    /// The configuration, as YAML or JSON
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Lines of one list that are shown.
const SHOWN_MAX: usize = 12;

pub(crate) fn run(arguments: &Arguments) -> Exit {
    match load(&arguments.file, &NodeSource) {
        Ok(snapshot) => {
            terminal::answer(format_args!("{} is valid\n\n{}", arguments.file.display(), summary(&snapshot)));
            Exit::Done
        }
        Err(errors) => {
            terminal::note(&errors);
            Exit::Refused
        }
    }
}

/// What the file says, on one screen.
fn summary(snapshot: &Snapshot) -> String {
    let listeners = snapshot.listeners.iter().map(|listener| format!("{} on {}", listener.name, listener.bind));
    let upstreams = snapshot.upstreams.iter().map(|item| upstream(item));
    let routes = snapshot.routes.iter().map(|route| {
        format!("{}: {} -> {}", route.name, matcher(snapshot, &route.matcher), action(snapshot, &route.action))
    });
    let mut text = String::new();
    list(&mut text, "listeners", listeners);
    list(&mut text, "upstreams", upstreams);
    list(&mut text, "routes", routes);
    let node = [
        ("workers", workers(&snapshot.workers)),
        ("io", driver(snapshot.io).to_owned()),
        ("status", snapshot.status.as_ref().map_or("off".to_owned(), status)),
        ("access log", access_log(&snapshot.access_log)),
        ("digest", format!("{:016x}", snapshot.digest)),
    ];
    for (name, value) in node {
        list(&mut text, name, std::iter::once(value));
    }
    text.truncate(text.trim_end().len());
    text
}

/// Adds a list under its name, cut where it would not fit.
fn list(text: &mut String, name: &str, items: impl ExactSizeIterator<Item = String>) {
    let more = items.len().saturating_sub(SHOWN_MAX);
    let more = (more > 0).then(|| format!("and {more} more"));
    let none = (items.len() == 0).then(|| "none".to_owned());
    for (index, item) in items.take(SHOWN_MAX).chain(more).chain(none).enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<11} {item}", if index == 0 { name } else { "" });
    }
}

fn upstream(upstream: &Upstream) -> String {
    let endpoints = upstream.endpoints.iter().map(|endpoint| match endpoint.weight {
        1 => endpoint.address.to_string(),
        weight => format!("{} (weight {weight})", endpoint.address),
    });
    format!("{}: {}", upstream.name, shorten(endpoints))
}

fn matcher(snapshot: &Snapshot, matcher: &Match) -> String {
    let mut text = if matcher.methods.is_empty() { String::new() } else { matcher.methods.join("|") + " " };
    text += &shorten(matcher.hosts.iter().map(host));
    text += &path(&matcher.path);
    let more = matcher.headers.len() + matcher.query.len() + matcher.cookies.len();
    if more > 0 {
        text += &format!(" with {more} more to match");
    }
    if !matcher.listeners.is_empty() {
        text += " on ";
        text += &shorten(matcher.listeners.iter().map(|index| snapshot.listeners[*index].name.clone()));
    }
    text
}

fn action(snapshot: &Snapshot, action: &Action) -> String {
    match action {
        Action::Forward(forwarding) => shorten(forwarding.shares.iter().map(|share| {
            let name = &snapshot.upstreams[share.upstream].name;
            if forwarding.shares.len() == 1 { name.clone() } else { format!("{name} (weight {})", share.weight) }
        })),
        Action::Redirect(redirect) => format!("redirect ({})", redirect.status),
        Action::Answer(answer) => format!("answer ({})", answer.status),
    }
}

/// The first few of a list, for one line.
fn shorten(items: impl ExactSizeIterator<Item = String>) -> String {
    const FEW: usize = 4;
    let more = items.len().saturating_sub(FEW);
    let shown = items.take(FEW).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

fn host(pattern: &HostPattern) -> String {
    match pattern {
        HostPattern::Exact(name) => name.clone(),
        HostPattern::Suffix(suffix) => format!("*{suffix}"),
    }
}

fn path(path: &PathMatch) -> String {
    let pattern = match path {
        PathMatch::Pattern(pattern) => pattern,
        PathMatch::Expression(expression) => return format!("~{}", expression.text()),
    };
    let segments = pattern.segments().iter().map(|segment| match segment {
        Segment::Literal(text) => format!("/{text}"),
        Segment::Parameter(name) => format!("/{{{name}}}"),
        Segment::Rest(name) => format!("/{{{name}*}}"),
    });
    segments.collect()
}

fn workers(workers: &Workers) -> String {
    match workers {
        Workers::Auto => "one on each allowed CPU".to_owned(),
        Workers::Cpus(cpus) => format!("on CPU {}", shorten(cpus.iter().map(usize::to_string))),
    }
}

fn status(status: &Status) -> String {
    let bind = status.bind.iter().map(|address| format!("on {address}"));
    let socket = status.socket.iter().map(|path| format!("at {}", path.display()));
    bind.chain(socket).collect::<Vec<_>>().join(" and ")
}

const fn driver(driver: IoDriver) -> &'static str {
    match driver {
        IoDriver::Auto => "io_uring, or epoll where it is refused",
        IoDriver::IoUring => "io_uring",
        IoDriver::Epoll => "epoll",
    }
}

fn access_log(log: &AccessLog) -> String {
    match log {
        AccessLog::Off => "off".to_owned(),
        AccessLog::Stdout => "standard output".to_owned(),
        AccessLog::File(file) => file.path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary_of(text: &str) -> String {
        summary(&tollgate_model::parse("test.yaml", text, &NodeSource).unwrap())
    }

    #[test]
    fn a_summary_says_what_the_file_says() {
        let text = summary_of(
            "version: 1\nworkers: [0, 2]\nio: epoll\nstatus: off\naccess_log: off\n\
             listeners: [ { name: public, bind: 127.0.0.1:8080 } ]\n\
             upstreams: [ { name: up, endpoints: [ { address: 127.0.0.1:9001, weight: 2 } ] } ]\n\
             routes: [ { name: all, match: { hosts: ['*.a.test'], path: '/a/{b}/{c*}', methods: [GET, POST], \
             listeners: [public] }, upstream: up } ]\n",
        );
        let expected = "\
listeners   public on 127.0.0.1:8080
upstreams   up: 127.0.0.1:9001 (weight 2)
routes      all: GET|POST *.a.test/a/{b}/{c*} on public -> up
workers     on CPU 0, 2
io          epoll
status      off
access log  off
digest      ";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn a_long_list_is_cut_to_a_screen() {
        let routes: String =
            (0..40).map(|n| format!("  - {{ name: r{n}, match: {{ path: /{n} }}, upstream: up }}\n")).collect();
        let text = summary_of(&format!(
            "version: 1\nlisteners: [ {{ name: l, bind: 127.0.0.1:0 }} ]\n\
             upstreams: [ {{ name: up, endpoints: [ {{ address: 127.0.0.1:9001 }} ] }} ]\nroutes:\n{routes}"
        ));
        assert!(text.contains("and 28 more") && text.lines().count() < 24, "{text}");
    }
}
