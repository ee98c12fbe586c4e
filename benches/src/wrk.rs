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
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

/// What is asked.
pub(crate) struct Target {
    pub(crate) url: String,
    /// What wrk is to run instead of asking for the URL.
    pub(crate) script: Option<PathBuf>,
}

/// Asks a gateway, with its script if it has one.
pub(crate) fn run(directory: &Path, cpu: usize, gateway: &Gateway, connections: u32, seconds: u32) -> Result<Outcome> {
    let url = format!("{}://{}{PATH}", gateway.scheme(), gateway.address);
    ask(directory, cpu, &Target { url, script: gateway.script.clone() }, connections, seconds)
}

/// Runs one thread of wrk with `connections` connections for `seconds`, pinned to `cpu`.
pub(crate) fn ask(directory: &Path, cpu: usize, target: &Target, connections: u32, seconds: u32) -> Result<Outcome> {
    let mut program = Program::find("wrk")?.args(["-t1", "--latency", "--timeout", "5s"]);
    if let Some(script) = &target.script {
        program = program.args(["-s".into(), script.clone()]);
    }
    let program = program.args([format!("-c{connections}"), format!("-d{seconds}s"), target.url.clone()]);
    let mut process = Process::start("wrk", &program, &[cpu], directory)?;
    while process.is_running()? {
        interrupt::pause(Duration::from_millis(10))?;
    }
    let text = process.output();
    parse(&text).with_context(|| format!("wrk said:\n{text}"))
}

/// Reads wrk's report. An error if any request failed: such a run measured something else.
fn parse(text: &str) -> Result<Outcome> {
    for complaint in ["Socket errors:", "Non-2xx or 3xx responses:"] {
        if let Some(line) = text.lines().find(|line| line.contains(complaint)) {
            bail!("requests failed: {}", line.trim());
        }
    }
    let field = |line: &str| text.lines().find_map(|found| found.trim().strip_prefix(line).map(str::trim));
    let requests = text.lines().find_map(|line| line.split_once(" requests in ")).context("no count of requests")?;
    let requests = requests.0.trim().parse().context("the count of requests is no number")?;
    ensure!(requests > 0, "not one request completed");
    Ok(Outcome {
        requests,
        per_second: field("Requests/sec:").context("no rate")?.parse()?,
        p50_us: micros(field("50%").context("no median")?)?,
        p99_us: micros(field("99%").context("no 99th percentile")?)?,
    })
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
        let outcome = Outcome { requests: 248_731, per_second: 62_177.02, p50_us: 998.0, p99_us: 1460.0 };
        assert_eq!(parse(REPORT).unwrap(), outcome);
    }

    #[test]
    fn a_run_with_failures_is_an_error() {
        for line in ["  Socket errors: connect 0, read 3, write 0, timeout 0", "  Non-2xx or 3xx responses: 12"] {
            assert!(parse(&format!("{REPORT}{line}\n")).unwrap_err().to_string().contains(line.trim()));
        }
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
