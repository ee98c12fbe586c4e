//! What a run is to do: where, what, when, over how many connections, for how long.
//!
//! A plan is plain data, so that it can be sent to other machines. [`Plan::check`] judges it as a whole; [`super::run`]
//! calls it first.
//!
//! A *closed* loop sends the next request when the answer to the last has come: it asks less of a target that is slow. An
//! *open* one sends when the schedule says so (Schroeder, Wierman and Harchol-Balter, "Open versus closed: a cautionary
//! tale", NSDI 2006). Users of an API are open: only [`Arrivals`] other than `Closed` tell what they would see.

use super::{Failure, Mix, Scheme, Target, limits};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// When requests are due. Rates are per second, over all connections and workers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Arrivals {
    /// As soon as the answer before it has come.
    #[default]
    Closed,
    /// Evenly spaced.
    Fixed {
        /// Requests per second.
        rate: f64,
    },
    /// At random: gaps are exponentially distributed, as those of many independent users are.
    Poisson {
        /// Requests per second on average.
        rate: f64,
    },
    /// A rate that changes evenly over the duration.
    Ramp {
        /// Requests per second at the start.
        from: f64,
        /// Requests per second at the end.
        to: f64,
    },
    /// Rates that share the duration evenly, one after the other.
    Steps(Vec<f64>),
    /// As the requests of the mix say (`Request::at`).
    Replay {
        /// 2 is twice as fast as recorded.
        speed: f64,
    },
}

impl Arrivals {
    /// Whether requests are due whatever the target does.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self != Self::Closed
    }

    fn check(&self) -> Result<(), Failure> {
        let rate = |rate: f64| match rate > 0.0 && rate <= limits::RATE_MAX {
            true => Ok(()),
            false => Err(Failure::Plan(format!("a rate is more than 0 and at most {} per second", limits::RATE_MAX))),
        };
        match self {
            Self::Closed => Ok(()),
            Self::Fixed { rate: one } | Self::Poisson { rate: one } => rate(*one),
            Self::Ramp { from, to } => match *from == 0.0 && *to > 0.0 || *to == 0.0 && *from > 0.0 {
                true => rate(from + to),
                false => rate(*from).and_then(|()| rate(*to)),
            },
            Self::Steps(rates) if rates.is_empty() || rates.len() > limits::STEPS_MAX => {
                Err(Failure::Plan(format!("a run has 1 to {} steps", limits::STEPS_MAX)))
            }
            Self::Steps(rates) => rates.iter().copied().try_for_each(rate),
            Self::Replay { speed } if !(0.001..=1000.0).contains(speed) => {
                Err(Failure::Plan("a replay's speed is from 0.001 to 1000".to_owned()))
            }
            Self::Replay { .. } => Ok(()),
        }
    }
}

/// How TLS is done. HTTP/1.1 is spoken whatever the peer would rather; no ALPN is offered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM certificates to trust, instead of the public ones.
    #[serde(default)]
    pub ca: Option<String>,
    /// Accepts any certificate.
    #[serde(default)]
    pub insecure: bool,
    /// Name to ask for and to find in the certificate; the target's host where it is missing.
    #[serde(default)]
    pub server_name: Option<String>,
}

/// What a run is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Where it goes.
    pub target: Target,
    /// What is sent.
    pub mix: Mix,
    /// When.
    #[serde(default)]
    pub arrivals: Arrivals,
    /// Connections over all workers, 1 to [`limits::CONNECTIONS_MAX`].
    pub connections: usize,
    /// CPUs the workers are pinned to, one each; `None` takes one for each CPU this process may run on. There are never
    /// more workers than connections.
    #[serde(default)]
    pub workers: Option<Vec<usize>>,
    /// How long requests are due, and measured.
    pub duration: Duration,
    /// The same load for so long before, not measured.
    #[serde(default)]
    pub warmup: Duration,
    /// Ends the run when so many have been sent after the warm-up.
    #[serde(default)]
    pub requests: Option<u64>,
    /// Requests in flight on one connection, 1 to [`limits::PIPELINE_MAX`].
    pub pipeline: usize,
    /// A new connection for every request.
    #[serde(default)]
    pub fresh: bool,
    /// How long an answer may take from when its request was sent, a connection to be made, an event stream to be silent.
    pub timeout: Duration,
    /// `Some` exactly for https.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Answers are streams of server-sent events: measures the first event and the gaps.
    #[serde(default)]
    pub events: bool,
    /// Where chance begins: the same seed draws the same requests and gaps.
    #[serde(default)]
    pub seed: u64,
}

impl Plan {
    /// A closed loop of `mix` over 64 keep-alive connections for 10 s.
    #[must_use]
    pub fn new(target: Target, mix: Mix) -> Self {
        let tls = (target.scheme == Scheme::Https).then(Tls::default);
        Self {
            target,
            mix,
            arrivals: Arrivals::Closed,
            connections: 64,
            workers: None,
            duration: Duration::from_secs(10),
            warmup: Duration::ZERO,
            requests: None,
            pipeline: 1,
            fresh: false,
            timeout: Duration::from_secs(5),
            tls,
            events: false,
            seed: 1,
        }
    }

    /// Says what in it cannot be done.
    ///
    /// # Errors
    /// Anything out of its bounds, or at odds with something else.
    pub fn check(&self) -> Result<(), Failure> {
        self.target.check()?;
        self.mix.check()?;
        self.arrivals.check()?;
        self.check_bounds()?;
        self.check_together()
    }

    fn check_bounds(&self) -> Result<(), Failure> {
        let within = |what: &str, value: usize, most: usize| match (1..=most).contains(&value) {
            true => Ok(()),
            false => Err(Failure::Plan(format!("{what}: 1 to {most}, not {value}"))),
        };
        within("connections", self.connections, limits::CONNECTIONS_MAX)?;
        within("pipeline", self.pipeline, limits::PIPELINE_MAX)?;
        if let Some(cpus) = &self.workers {
            within("workers", cpus.len(), limits::WORKERS_MAX)?;
        }
        let time = self.duration.saturating_add(self.warmup);
        if self.duration.is_zero() || time > limits::TIME_MAX {
            return Err(Failure::Plan("a run takes more than 0 s, and at most 24 h with its warm-up".to_owned()));
        }
        if self.timeout < limits::TIMEOUT_MIN || self.timeout > limits::LATENCY_MAX {
            return Err(Failure::Plan("a timeout is from 1 ms to 1 h".to_owned()));
        }
        if self.requests == Some(0) {
            return Err(Failure::Plan("0 requests measure nothing".to_owned()));
        }
        Ok(())
    }

    fn check_together(&self) -> Result<(), Failure> {
        let refuse = |is_wrong: bool, why: &str| if is_wrong { Err(Failure::Plan(why.to_owned())) } else { Ok(()) };
        let replays = matches!(self.arrivals, Arrivals::Replay { .. });
        let timed = self.mix.requests.iter().all(|request| request.at.is_some());
        let sorted = self.mix.requests.windows(2).all(|two| two[0].at <= two[1].at);
        refuse(self.tls.is_some() != (self.target.scheme == Scheme::Https), "https needs TLS, and http has none")?;
        refuse(self.fresh && self.pipeline > 1, "fresh connections carry one request each: no pipeline")?;
        refuse(self.events && self.pipeline > 1, "a stream of events does not end: no pipeline")?;
        refuse(replays && !timed, "a replay needs the time of every request")?;
        refuse(replays && !sorted, "the requests of a replay stand in the order of their times")?;
        refuse(replays && !self.warmup.is_zero(), "a replay has no warm-up")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Request;

    fn plan() -> Plan {
        Plan::new(Target::parse("http://127.0.0.1:80/").unwrap().0, Mix::one(Request::new("GET", "/")))
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        let refused = |change: &dyn Fn(&mut Plan)| {
            let mut plan = plan();
            change(&mut plan);
            plan.check().unwrap_err().to_string()
        };
        assert!(refused(&|plan| plan.connections = 0).contains("connections: 1 to"));
        assert!(refused(&|plan| plan.pipeline = 257).contains("pipeline: 1 to 256"));
        assert!(refused(&|plan| plan.workers = Some(Vec::new())).contains("workers"));
        assert!(refused(&|plan| plan.duration = Duration::ZERO).contains("more than 0 s"));
        assert!(refused(&|plan| plan.timeout = Duration::ZERO).contains("timeout"));
        assert!(refused(&|plan| plan.requests = Some(0)).contains("nothing"));
        assert!(refused(&|plan| plan.arrivals = Arrivals::Fixed { rate: f64::NAN }).contains("rate"));
        assert!(refused(&|plan| plan.arrivals = Arrivals::Ramp { from: 0.0, to: 0.0 }).contains("rate"));
        assert!(refused(&|plan| plan.arrivals = Arrivals::Steps(vec![1.0, -1.0])).contains("rate"));
        assert!(refused(&|plan| plan.arrivals = Arrivals::Replay { speed: 1.0 }).contains("time of every request"));
        assert!(refused(&|plan| plan.tls = Some(Tls::default())).contains("https"));
        assert!(refused(&|plan| (plan.fresh, plan.pipeline) = (true, 2)).contains("fresh"));
    }

    #[test]
    fn a_plan_survives_json() {
        let mut plan = plan();
        plan.arrivals = Arrivals::Ramp { from: 0.0, to: 10.0 };
        plan.check().unwrap();
        let text = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    }
}
