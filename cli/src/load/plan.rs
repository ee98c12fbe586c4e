//! Arguments of `tollgate load` that say what to send, when and where; read into a plan of the generator.
//!
//! What the arguments contradict is refused by clap, what is out of bounds by `Plan::check`. Files are read here; what is in
//! them is judged by `tollgate_loadtest::sources`.

use super::Trouble;
use crate::time::span;
use clap::{Args, ValueEnum};
use std::{fs, io::BufReader, path::PathBuf, time::Duration};
use tollgate_loadtest::{
    allowed_cpus,
    load::{Arrivals, Mix, Plan, Request, Scheme, Target, Tls},
    permission::permit,
    sources::{self, SourceError, Sourced},
};

/// How requests of a fixed rate are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Spacing {
    /// Evenly
    Fixed,
    /// At random, as many independent users do
    Poisson,
}

#[derive(Args)]
pub(super) struct PlanArguments {
    /// Scheme, host and port, and the path of the one request where no file has others
    #[arg(value_name = "URL", required = true)]
    url: Option<String>,
    /// Requests per second; without it, --ramp, --steps or --replay it is a closed loop
    #[arg(long, value_name = "N", group = "when", help_heading = "When")]
    rate: Option<f64>,
    /// A rate that changes evenly
    #[arg(long, value_name = "FROM..TO", value_parser = ramp, group = "when", help_heading = "When")]
    ramp: Option<Ramp>,
    /// Rates one after the other, each for its part of the duration
    #[arg(long, value_name = "N,N,..", value_delimiter = ',', group = "when", help_heading = "When")]
    steps: Vec<f64>,
    /// How requests of --rate and --find-max are spaced
    #[arg(long, value_enum, default_value = "fixed", help_heading = "When")]
    arrivals: Spacing,
    /// How long it is measured; 10s, or 3s for each run of --find-max; a replay takes as long as its log
    #[arg(long, value_name = "TIME", value_parser = span, help_heading = "When")]
    duration: Option<Duration>,
    /// The same load before, not measured; 1s where it is not a replay
    #[arg(long, value_name = "TIME", value_parser = span, help_heading = "When")]
    warmup: Option<Duration>,
    /// Ends the run after so many requests
    #[arg(long, value_name = "N", help_heading = "When")]
    requests: Option<u64>,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    what: What,
}

/// Over which connections, from which CPUs.
#[derive(Args)]
#[command(next_help_heading = "How")]
struct How {
    /// Connections, over all workers
    #[arg(long, short, value_name = "N", default_value_t = 64)]
    connections: usize,
    /// Threads that send, each pinned to a CPU; as many as there are CPUs without it
    #[arg(long, value_name = "N", conflicts_with = "cpus")]
    workers: Option<usize>,
    /// The CPUs they are pinned to, such as 2,4-7
    #[arg(long, value_name = "LIST", value_parser = cpus)]
    cpus: Option<Cpus>,
    /// Requests in flight on one connection
    #[arg(long, value_name = "N", default_value_t = 1)]
    pipeline: usize,
    /// A new connection for each request
    #[arg(long)]
    fresh: bool,
    /// How long an answer or a connection may take
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "10s")]
    timeout: Duration,
    /// PEM file of certificates to trust, instead of the public ones
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Takes any certificate
    #[arg(long)]
    insecure: bool,
    /// Where chance begins: the same seed draws the same requests and gaps
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Lets load go to a host that is not this machine
    #[arg(long)]
    yes_this_host_is_mine: bool,
}

/// What is sent.
#[derive(Args)]
#[command(next_help_heading = "What")]
struct What {
    /// The method; GET, or POST with a body
    #[arg(long, short = 'X', value_name = "METHOD", conflicts_with = "source")]
    method: Option<String>,
    /// A header field of every request; may be given several times
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE", value_parser = field)]
    headers: Vec<(String, String)>,
    /// The content of the request, or of a file
    #[arg(long, value_name = "TEXT|@FILE", conflicts_with = "source")]
    body: Option<String>,
    /// Answers are streams of server-sent events
    #[arg(long)]
    events: bool,
    /// Requests with weights, a YAML file
    #[arg(long, value_name = "FILE", group = "source")]
    mix: Option<PathBuf>,
    /// The operations of an OpenAPI 3 document
    #[arg(long, value_name = "FILE", group = "source")]
    openapi: Option<PathBuf>,
    /// The requests of an access log, at the distances in which they came
    #[arg(long, value_name = "ACCESS_LOG", groups = ["source", "when"])]
    replay: Option<PathBuf>,
    /// How many times faster a log is replayed
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, requires = "replay")]
    speed: f64,
    /// POST, DELETE and other unsafe methods of an OpenAPI document or a log as well
    #[arg(long, requires = "source")]
    all_methods: bool,
}

/// From and to.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ramp(f64, f64);

/// A list that is one argument.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cpus(Vec<usize>);

fn ramp(text: &str) -> Result<Ramp, String> {
    let rates = text.split_once("..").and_then(|(from, to)| Some(Ramp(from.parse().ok()?, to.parse().ok()?)));
    rates.ok_or_else(|| format!("`{text}` is no ramp: write 100..5000"))
}

fn cpus(text: &str) -> Result<Cpus, String> {
    let wrong = || format!("`{text}` is no list of CPUs: write 2,4-7");
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to): (usize, usize) = (from.parse().map_err(|_| wrong())?, to.parse().map_err(|_| wrong())?);
        if from > to || to > 4095 {
            return Err(wrong());
        }
        cpus.extend(from..=to);
    }
    Ok(Cpus(cpus))
}

fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or_else(|| format!("`{text}` is no field: write `Name: value`"))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

impl From<SourceError> for Trouble {
    fn from(error: SourceError) -> Self {
        Self::File(error.to_string())
    }
}

impl PlanArguments {
    /// Whether requests are spaced at random.
    pub(super) fn is_poisson(&self) -> bool {
        self.arrivals == Spacing::Poisson
    }

    /// The plan, its target looked up and permitted. It takes `usual` where nothing says how long.
    pub(super) fn plan(&self, usual: Duration) -> Result<Plan, Trouble> {
        let (mut target, path) = Target::parse(self.url.as_deref().unwrap_or_default())?;
        permit(&mut target, self.how.yes_this_host_is_mine)?;
        let mix = self.what.mix(&path)?;
        let last = mix.requests.iter().filter_map(|request| request.at).max();
        let arrivals = self.arrivals();
        let duration = match (self.duration, last) {
            (None, Some(last)) => last.div_f64(self.what.speed.max(f64::MIN_POSITIVE)) + Duration::from_secs(1),
            (duration, _) => duration.unwrap_or(usual),
        };
        let warmup = if self.what.replay.is_some() { Duration::ZERO } else { Duration::from_secs(1) };
        let plan = Plan {
            arrivals,
            connections: self.how.connections,
            workers: self.how.pinned()?,
            duration,
            warmup: self.warmup.unwrap_or(warmup),
            requests: self.requests,
            pipeline: self.how.pipeline,
            fresh: self.how.fresh,
            timeout: self.how.timeout,
            tls: self.how.tls(&target)?,
            events: self.what.events,
            seed: self.how.seed,
            ..Plan::new(target, mix)
        };
        plan.check()?;
        Ok(plan)
    }

    fn arrivals(&self) -> Arrivals {
        match (self.rate, self.ramp, &self.steps) {
            (Some(rate), ..) if self.is_poisson() => Arrivals::Poisson { rate },
            (Some(rate), ..) => Arrivals::Fixed { rate },
            (_, Some(Ramp(from, to)), _) => Arrivals::Ramp { from, to },
            (.., steps) if !steps.is_empty() => Arrivals::Steps(steps.clone()),
            _ if self.what.replay.is_some() => Arrivals::Replay { speed: self.what.speed },
            _ => Arrivals::Closed,
        }
    }
}

impl How {
    fn pinned(&self) -> Result<Option<Vec<usize>>, Trouble> {
        let allowed = allowed_cpus().map_err(|error| Trouble::Start(error.to_string()))?;
        match (self.workers, &self.cpus) {
            (Some(0), _) => Err(Trouble::Arguments("--workers: 1 or more".to_owned())),
            (Some(workers), _) => Ok(Some(allowed.into_iter().cycle().take(workers).collect())),
            (_, Some(Cpus(cpus))) => match cpus.iter().find(|cpu| !allowed.contains(cpu)) {
                Some(cpu) => Err(Trouble::Arguments(format!(
                    "--cpus: this process may not run on CPU {cpu}, only on {allowed:?}"
                ))),
                None => Ok(Some(cpus.clone())),
            },
            _ => Ok(None),
        }
    }

    fn tls(&self, target: &Target) -> Result<Option<Tls>, Trouble> {
        let read = |path: &PathBuf| {
            fs::read_to_string(path).map_err(|error| Trouble::File(format!("{}: {error}", path.display())))
        };
        if target.scheme == Scheme::Http {
            return Ok(None);
        }
        let ca = self.ca.as_ref().map(read).transpose()?;
        Ok(Some(Tls { ca, insecure: self.insecure, server_name: None }))
    }
}

impl What {
    fn mix(&self, path: &str) -> Result<Mix, Trouble> {
        let read = |path: &PathBuf| {
            fs::read_to_string(path).map_err(|error| Trouble::File(format!("{}: {error}", path.display())))
        };
        let sourced = if let Some(file) = &self.mix {
            sources::mix::read(file, &read(file)?)?
        } else if let Some(file) = &self.openapi {
            let base = path.trim_end_matches('/');
            let base = (!base.is_empty()).then_some(base);
            let options = sources::openapi::Options { base, all_methods: self.all_methods };
            sources::openapi::read(file, &read(file)?, options)?
        } else if let Some(file) = &self.replay {
            let log = fs::File::open(file).map_err(|error| Trouble::File(format!("{}: {error}", file.display())))?;
            sources::replay::read(file, BufReader::new(log), self.all_methods)?
        } else {
            Sourced { requests: vec![self.one(path)?], notes: Vec::new() }
        };
        sourced.notes.iter().for_each(crate::terminal::note);
        let requests = sourced.requests.into_iter().map(|request| self.with_headers(request)).collect();
        Ok(Mix { requests, in_order: false })
    }

    fn one(&self, path: &str) -> Result<Request, Trouble> {
        let body = match self.body.as_deref().map(|body| body.strip_prefix('@').ok_or(body)) {
            None => Vec::new(),
            Some(Err(text)) => text.as_bytes().to_vec(),
            Some(Ok(file)) => fs::read(file).map_err(|error| Trouble::File(format!("{file}: {error}")))?,
        };
        let default = if self.body.is_some() { "POST" } else { "GET" };
        Ok(Request { body, ..Request::new(self.method.as_deref().unwrap_or(default), path) })
    }

    /// What is said here wins over what a file says.
    fn with_headers(&self, mut request: Request) -> Request {
        let is_said = |name: &str| self.headers.iter().any(|(said, _)| said.eq_ignore_ascii_case(name));
        request.headers.retain(|(name, _)| !is_said(name));
        request.headers.extend(self.headers.iter().cloned());
        let accepts = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept"));
        if self.events && !accepts {
            request.headers.push(("Accept".to_owned(), "text/event-stream".to_owned()));
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_are_read() {
        assert_eq!(cpus("2,4-6").unwrap(), Cpus(vec![2, 4, 5, 6]));
        assert_eq!(ramp("0..5000").unwrap(), Ramp(0.0, 5000.0));
        assert_eq!(field("A: b: c").unwrap(), ("A".to_owned(), "b: c".to_owned()));
        for text in ["", "a", "3-1", "1,,2", "0-99999"] {
            assert!(cpus(text).unwrap_err().contains("write 2,4-7"), "{text}");
        }
        assert!(ramp("5000").is_err() && field("A").is_err());
    }
}
