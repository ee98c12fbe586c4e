//! One run: a gateway with a candidate's keys, load from other CPUs, and what that cost.
//!
//! The rate of a run for `min cpu` is half of what the gateway can do as it is, the same for all candidates: at its limit a
//! worker is always busy, and what it costs to find something to do does not show.

use super::{Arguments, Failure, child::Gateway, trial::Trial, view::View};
use std::{
    fs,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tollgate_gateway::preflight::allowed_cpus;
use tollgate_loadtest::{
    Origin, OriginConfig,
    load::{self, Arrivals, End, Mix, Plan, Recording, Scheme, Stop, Target, Tls},
};
use tollgate_tuning::search::{Keys, Measure, Objective};

/// Load before a run that does not count.
const WARM_UP: Duration = Duration::from_millis(150);

/// Rates that a run for `max rate` tries: each halves what is left between one that holds and one that does not.
const STEPS: u32 = 6;

/// Who runs where.
pub(super) struct Cpus {
    pub(super) gateway: Vec<usize>,
    load: Vec<usize>,
    origin: Option<usize>,
}

impl Cpus {
    /// One half for the gateway, the other for load and origin; a single CPU is everybody's.
    pub(super) fn split() -> std::io::Result<Self> {
        let all = allowed_cpus()?;
        let (gateway, rest) = all.split_at(all.len() / 2);
        Ok(match (gateway, rest) {
            ([], all) | (all, []) => Self { gateway: all.to_vec(), load: all.to_vec(), origin: None },
            (gateway, [only]) => Self { gateway: gateway.to_vec(), load: vec![*only], origin: Some(*only) },
            (gateway, [load @ .., origin]) => {
                Self { gateway: gateway.to_vec(), load: load.to_vec(), origin: Some(*origin) }
            }
        })
    }

    /// What this machine cannot show.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.origin.is_none() {
            warnings.push("load and gateway share the only CPU: differences are blurred".to_owned());
        }
        if self.gateway.len() == 1 {
            warnings.push(
                "one worker is measured: what workers do for each other does not show, nor do cards and their queues"
                    .to_owned(),
            );
        }
        warnings
    }
}

/// Runs load and keeps what it needs for that.
pub(super) struct Bench<'a> {
    arguments: &'a Arguments,
    trial: &'a Trial,
    mix: Mix,
    /// Of the candidates; of 0, the default, none.
    keys: Vec<Keys>,
    cpus: Cpus,
    length: Duration,
    origin: Origin,
    folder: TempDir,
    started: Instant,
    /// What the gateway can do as it is, in requests per second.
    capacity: f64,
    runs: u32,
    /// Runs in which the generator was the limit, and what it said.
    limited: (u32, String),
    view: View,
}

impl<'a> Bench<'a> {
    pub(super) fn start(
        arguments: &'a Arguments,
        trial: &'a Trial,
        mix: Mix,
        candidates: Vec<Keys>,
        cpus: Cpus,
        length: Duration,
    ) -> Result<Self, Failure> {
        let origin = Origin::start(OriginConfig { cpu: cpus.origin, ..OriginConfig::default() });
        let origin = origin.map_err(|error| Failure::not_started("the origin", error))?;
        let folder = tempfile::tempdir().map_err(|error| Failure::not_started("a temporary folder", error))?;
        let keys = std::iter::once(Keys::new()).chain(candidates).collect();
        let (started, limited) = (Instant::now(), (0, String::new()));
        let mut bench = Self {
            arguments,
            trial,
            mix,
            keys,
            cpus,
            length,
            origin,
            folder,
            started,
            capacity: 0.0,
            runs: 0,
            limited,
            view: View::new(),
        };
        bench.capacity = bench.calibrate()?;
        Ok(bench)
    }

    /// Nothing more is run.
    pub(super) fn finish(&self) {
        self.view.finish();
    }

    pub(super) fn keys(&self, candidate: usize) -> &Keys {
        &self.keys[candidate]
    }

    /// What has to be known to read the figures, a paragraph.
    pub(super) fn limits(&self) -> String {
        let Cpus { gateway, load, .. } = &self.cpus;
        let mut text = format!(
            "{} runs; workers on CPUs {gateway:?}, load on {load:?}, {} connections, {:.0} requests per second as it is.\n",
            self.runs, self.arguments.connections, self.capacity
        );
        self.cpus.warnings().iter().for_each(|warning| text += &format!("- {warning}\n"));
        if self.limited.0 > 0 {
            text +=
                &format!("- in {} runs the load was the limit, not the gateway: {}\n", self.limited.0, self.limited.1);
        }
        text
    }

    /// A closed loop against the gateway as it is: what it can do, and whether the request is one that it answers.
    fn calibrate(&mut self) -> Result<f64, Failure> {
        let gateway = self.gateway(0)?;
        self.load(&gateway, Arrivals::Closed, WARM_UP)?;
        let recording = self.load(&gateway, Arrivals::Closed, self.length.max(Duration::from_millis(500)))?;
        let refused = |why: String| {
            let hint = "name a request that is answered with --url, --header 'Host: ...' and --listener";
            Failure::Refused(format!("`{}` {why}; {hint}", self.arguments.url))
        };
        if recording.end == End::Unreachable || recording.answered == 0 {
            let example = recording.errors.values().next().map_or("", |errors| errors.example.as_str());
            return Err(refused(format!("was not answered: {example}")));
        }
        let bad = recording.statuses.iter().find(|(status, _)| **status >= 400);
        if let Some((status, _)) = bad {
            return Err(refused(format!("is answered with {status}")));
        }
        Ok(recording.requests_per_second())
    }

    fn gateway(&self, candidate: usize) -> Result<Gateway, Failure> {
        let path = self.folder.path().join(format!("candidate-{candidate}.json"));
        let log = self.folder.path().join("access");
        let text = self.trial.text(&self.keys[candidate], self.origin.address(), &log.to_string_lossy());
        fs::write(&path, text).map_err(|error| Failure::not_started("a temporary file", error))?;
        Gateway::start(&path, &self.trial.listener)
    }

    fn load(&self, gateway: &Gateway, arrivals: Arrivals, duration: Duration) -> Result<Recording, Failure> {
        let scheme = if self.trial.has_tls() { "https" } else { "http" };
        let (target, _) = Target::parse(&format!("{scheme}://{}/", gateway.address)).map_err(Failure::refused)?;
        let tls = (target.scheme == Scheme::Https).then(|| Tls { insecure: true, ..Tls::default() });
        let plan = Plan {
            arrivals,
            connections: self.arguments.connections.into(),
            workers: Some(self.cpus.load.clone()),
            duration,
            tls,
            ..Plan::new(target, self.mix.clone())
        };
        load::run(&plan, &|_| (), &Stop::default()).map_err(|error| Failure::not_started("the load", error))
    }

    /// As [`Bench::load`], for what counts.
    fn measured(&mut self, gateway: &Gateway, arrivals: Arrivals, duration: Duration) -> Result<Recording, Failure> {
        let recording = self.load(gateway, arrivals, duration)?;
        if recording.busy() > 0.9 {
            self.limited = (self.limited.0 + 1, "its CPUs were busy all the time".to_owned());
        }
        Ok(recording)
    }

    fn cost(&mut self, gateway: &Gateway) -> Result<f64, Failure> {
        match self.arguments.objective {
            Objective::MinCpu => {
                let before = gateway.cpu();
                let arrivals = Arrivals::Fixed { rate: (self.capacity / 2.0).max(1.0) };
                let recording = self.measured(gateway, arrivals, self.length)?;
                let spent = gateway.cpu().saturating_sub(before);
                Ok(spent.as_secs_f64() * 1e6 / recording.answered as f64)
            }
            Objective::MinLatency { quantile, rate } => {
                let recording = self.measured(gateway, Arrivals::Poisson { rate }, self.length)?;
                Ok(recording.corrected.quantile(quantile).as_secs_f64() * 1e6)
            }
            Objective::MaxRate { quantile, limit } => {
                self.highest_rate(gateway, quantile, limit).map(|rate| 1.0 / rate)
            }
        }
    }

    /// The highest rate that holds, by halving; rates are a ratio apart, so the middle is a root.
    fn highest_rate(&mut self, gateway: &Gateway, quantile: f64, limit: Duration) -> Result<f64, Failure> {
        let (mut holds, mut fails) = (self.capacity * 0.05, self.capacity * 1.5);
        for _ in 0..STEPS {
            let rate = (holds * fails).sqrt();
            let recording = self.measured(gateway, Arrivals::Poisson { rate }, self.length / STEPS)?;
            let lost = recording.never_sent + recording.unanswered + recording.error_count();
            let is_held = recording.corrected.quantile(quantile) <= limit && lost * 1000 <= recording.sent;
            *if is_held { &mut holds } else { &mut fails } = rate;
        }
        Ok(holds)
    }
}

impl Measure for Bench<'_> {
    type Error = String;

    fn run(&mut self, candidate: usize) -> Result<f64, String> {
        let said = |failure| match failure {
            Failure::Refused(why) | Failure::NotStarted(why) => why,
        };
        self.runs += 1;
        let gateway = match self.gateway(candidate) {
            Ok(gateway) => gateway,
            // This machine may not give it what it asks for; then it is no good here.
            Err(_) if candidate > 0 => return Ok(f64::INFINITY),
            Err(failure) => return Err(said(failure)),
        };
        self.load(&gateway, Arrivals::Closed, WARM_UP).map_err(said)?;
        let cost = self.cost(&gateway).map_err(said)?;
        let (what, shown) = (super::name(self.keys(candidate)), self.arguments.objective.show(cost));
        let share = self.elapsed().as_secs_f64() / self.arguments.budget.as_secs_f64();
        self.view.show(share, format!("run {}: {shown}, {what}", self.runs));
        Ok(cost)
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}
