//! The load generator: a [`Plan`] in, a [`Recording`] out.
//!
//! Pinned workers, each a thread with an io_uring runtime and its own share of connections and schedule; nothing is shared
//! between them while they send. [`run`] blocks until the plan is done, tells how it goes about four times a second, and
//! can be stopped, which keeps what was measured.
//!
//! Whether load may go to a host is for the caller to decide ([`Target::is_loopback`]).

mod chance;
mod connection;
mod crew;
mod events;
mod exchange;
mod gate;
mod latencies;
pub mod limits;
mod opening;
mod plan;
mod reader;
mod recording;
mod request;
mod schedule;
mod secure;
mod series;
mod tally;
mod target;
mod wire;
mod worker;

pub use latencies::Latencies;
pub use plan::{Arrivals, Plan, Tls};
pub use recording::{End, ErrorKind, Errors, Recording};
pub use request::{Mix, Request};
pub use series::{Interval, Series};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
pub use target::{Scheme, Target};

/// Why a run could not begin.
#[derive(Debug)]
pub enum Failure {
    /// The plan asks for what cannot be done.
    Plan(String),
    /// The host has no address.
    Name {
        /// As it was given.
        host: String,
        /// What the resolver said.
        why: String,
    },
    /// This machine cannot run the workers.
    Start(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(what) => f.write_str(what),
            Self::Name { host, why } => write!(f, "the host {host:?} cannot be resolved: {why}"),
            Self::Start(what) => write!(f, "the load generator cannot start: {what}"),
        }
    }
}

impl std::error::Error for Failure {}

/// Ends a run early when it is set, from any thread or a signal handler.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends the run; what was measured is kept.
    pub fn set(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether it was set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// Where a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Connections are being made.
    #[default]
    Opening,
    /// Load that is not measured.
    WarmUp,
    /// Load that is measured.
    Measuring,
    /// Nothing more is sent; answers are waited for.
    Draining,
}

/// How a run goes.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Where it is.
    pub phase: Phase,
    /// Since the warm-up began; zero before.
    pub elapsed: Duration,
    /// Warm-up and duration of the plan.
    pub planned: Duration,
    /// Requests sent so far, warm-up included; so are the next two.
    pub sent: u64,
    /// Whole answers so far.
    pub answered: u64,
    /// Errors so far.
    pub errors: u64,
    /// Requests sent and not answered yet.
    pub in_flight: u64,
    /// Requests that are due and wait for a connection.
    pub waiting: u64,
    /// Connections open now.
    pub connections: u64,
    /// What happened since the last call.
    pub interval: Interval,
}

/// Carries a plan out; returns when it is done or `stop` is set. `watch` is called about four times a second.
///
/// # Errors
/// The plan cannot be carried out, the host has no address, or this machine cannot run the workers. A target that cannot
/// be reached is no error but a recording that says so ([`End::Unreachable`]).
pub fn run(plan: &Plan, watch: &dyn Fn(&Progress), stop: &Stop) -> Result<Recording, Failure> {
    plan.check()?;
    let mut plan = plan.clone();
    plan.target.resolve()?;
    plan.check()?;
    crew::run(&plan, watch, stop)
}

/// Share of the workers' time above which they, not the target, may have been the limit.
const BUSY_MAX: f64 = 0.9;

/// Says when the generator, and not the target, was the limit, and what to do about it.
#[must_use]
pub fn limit(recording: &Recording, plan: &Plan) -> Option<String> {
    if let Some(errors) = recording.errors.get(&ErrorKind::Local) {
        return Some(format!(
            "this machine ran out of ports, descriptors or memory {} times ({}): raise `ulimit -n`, widen \
             net.ipv4.ip_local_port_range, or keep connections alive",
            errors.count, errors.example
        ));
    }
    let slip = recording.slip.quantile(0.99);
    if plan.arrivals.is_open() && slip > limits::SLIP_MAX {
        return Some(format!(
            "1 % of requests left the generator {:.1} ms or more after they were due: its CPUs were not quiet or not \
             enough; lower the rate or add workers on CPUs of their own",
            slip.as_secs_f64() * 1e3
        ));
    }
    let busy = recording.busy();
    (busy > BUSY_MAX).then(|| {
        format!(
            "the generator's {} threads were busy {:.0} % of the time: the target may be faster than this; add workers \
             or machines",
            recording.workers,
            busy * 100.0
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arrivals: Arrivals) -> Plan {
        let (target, path) = Target::parse("http://127.0.0.1:9/").unwrap();
        Plan { arrivals, ..Plan::new(target, Mix::one(Request::new("GET", &path))) }
    }

    #[test]
    fn the_generator_says_when_it_was_the_limit() {
        let open = plan(Arrivals::Fixed { rate: 1.0 });
        let mut recording = Recording { workers: 2, elapsed: Duration::from_secs(1), ..Recording::default() };
        recording.cpu = Duration::from_millis(1990);
        recording.spun = Duration::from_millis(1000);
        assert_eq!(limit(&recording, &open), None);
        recording.spun = Duration::ZERO;
        assert!(limit(&recording, &open).unwrap().contains("busy 100 %"));
        for _ in 0..50 {
            recording.slip.record(2_000_000);
        }
        assert!(limit(&recording, &open).unwrap().contains("after they were due"));
        assert!(limit(&recording, &plan(Arrivals::Closed)).unwrap().contains("busy"));
        recording.count_error(ErrorKind::Local, || "no port".to_owned());
        assert!(limit(&recording, &open).unwrap().contains("no port"));
    }
}
