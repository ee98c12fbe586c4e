//! wrk: closed-loop load over keep-alive connections, and what it printed.
//!
//! Closed-loop latencies flatter a server that stalls; they are shown beside the CPU figures, not as a claim.

use crate::{
    interrupt,
    process::{Process, Program},
    testbed::{Gateway, PATH},
};
use anyhow::{Context as _, Result, bail, ensure};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// What one run of wrk reported.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) requests: u64,
    /// Without an answer, or with another status than 2xx and 3xx. The latter are among the requests.
    pub(crate) failed: u64,
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Outcome {
    /// The same, or an error if a request failed: such a run measured something else.
    pub(crate) fn flawless(self) -> Result<Self> {
        ensure!(self.failed == 0, "{} of {} requests failed", self.failed, self.requests);
        Ok(self)
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) url: String,
    /// What wrk is to run instead of asking for the URL.
    pub(crate) script: Option<PathBuf>,
    /// A header field of every request.
    pub(crate) field: Option<(&'static str, &'static str)>,
}

impl Target {
    /// A path of a gateway; its script goes before.
    pub(crate) fn of(gateway: &Gateway, path: &str) -> Self {
        let url = format!("{}://{}{path}", gateway.scheme(), gateway.address);
        Self { url, script: gateway.script.clone(), field: gateway.field() }
    }
}

/// Asks a gateway, with its script if it has one.
pub(crate) fn run(directory: &Path, cpu: usize, gateway: &Gateway, connections: u32, seconds: u32) -> Result<Outcome> {
    ask(directory, cpu, &Target::of(gateway, PATH), connections, seconds)
}

/// Runs one thread of wrk with `connections` connections for `seconds`, pinned to `cpu`.
pub(crate) fn ask(directory: &Path, cpu: usize, target: &Target, connections: u32, seconds: u32) -> Result<Outcome> {
    let mut program = Program::wrk()?.args(["-t1", "--latency", "--timeout", "5s"]);
    if let Some(script) = &target.script {
        program = program.args(["-s".into(), script.clone()]);
    }
    if let Some((name, value)) = target.field {
        program = program.args(["-H".to_owned(), format!("{name}: {value}")]);
    }
    let program = program.args([format!("-c{connections}"), format!("-d{seconds}s"), target.url.clone()]);
    let mut process = Process::start("wrk", &program, &[cpu], directory)?;
    while process.is_running()? {
        interrupt::pause(Duration::from_millis(10))?;
    }
    let text = process.output();
    parse(&text).with_context(|| format!("wrk said:\n{text}"))
}

/// Reads wrk's report. An error if no request completed.
fn parse(text: &str) -> Result<Outcome> {
    let complaints = ["Socket errors:", "Non-2xx or 3xx responses:"];
    let failed =
        complaints.iter().filter_map(|complaint| text.split_once(complaint)?.1.lines().next()).map(counts).sum();
    let field = |line: &str| text.lines().find_map(|found| found.trim().strip_prefix(line).map(str::trim));
    let requests = text.lines().find_map(|line| line.split_once(" requests in ")).context("no count of requests")?;
    let requests = requests.0.trim().parse().context("the count of requests is no number")?;
    ensure!(requests > 0, "not one request completed");
    Ok(Outcome {
        requests,
        failed,
        per_second: field("Requests/sec:").context("no rate")?.parse()?,
        p50_us: micros(field("50%").context("no median")?)?,
        p99_us: micros(field("99%").context("no 99th percentile")?)?,
    })
}

/// The sum of the numbers in ` connect 0, read 3, write 0, timeout 0` or ` 12`.
fn counts(text: &str) -> u64 {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse::<u64>().ok()).sum()
}

/// `950.00us`, `1.23ms`, `2.00s` or `1.50m` in microseconds.
fn micros(text: &str) -> Result<f64> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).context("a time without a unit")?;
    let (number, unit) = text.split_at(unit_at);
    let unit = match unit {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "m" => 60e6,
        _ => bail!("unknown unit in {text:?}"),
    };
    Ok(number.parse::<f64>()? * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "\
Running 4s test @ http://127.0.0.1:8080/bytes/1024
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.02ms  120.11us   9.01ms   91.20%
    Req/Sec    62.51k     1.50k   65.00k    70.00%
  Latency Distribution
     50%  998.00us
     75%    1.07ms
     90%    1.15ms
     99%    1.46ms
  248731 requests in 4.00s, 292.03MB read
Requests/sec:  62177.02
Transfer/sec:     73.00MB
";

    #[test]
    fn a_report_is_read() {
        let outcome = Outcome { requests: 248_731, failed: 0, per_second: 62_177.02, p50_us: 998.0, p99_us: 1460.0 };
        assert_eq!(parse(REPORT).unwrap(), outcome);
    }

    #[test]
    fn failures_are_counted() {
        assert!(parse(REPORT).unwrap().flawless().is_ok());
        let complaints = "  Socket errors: connect 0, read 3, write 0, timeout 1\n  Non-2xx or 3xx responses: 12\n";
        let outcome = parse(&format!("{REPORT}{complaints}")).unwrap();
        assert_eq!(outcome.failed, 16);
        assert!(outcome.flawless().unwrap_err().to_string().contains("16 of 248731"));
        assert!(parse("").is_err());
        assert!(parse(&REPORT.replace("248731", "0")).is_err());
    }

    #[test]
    fn times_have_units() {
        assert_eq!(micros("2.50s").unwrap(), 2.5e6);
        assert_eq!(micros("1.00m").unwrap(), 60e6);
        assert!(micros("7").is_err() && micros("7h").is_err());
    }
}
