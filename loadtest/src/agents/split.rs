//! One plan as parts for agents: rates, connections and requests are shared, so that the parts add up to the whole.

use crate::load::{Arrivals, Failure, Plan};

/// A part for each of `count` agents.
///
/// # Errors
/// There are fewer connections or requests than agents.
pub(super) fn split(plan: &Plan, count: usize) -> Result<Vec<Plan>, Failure> {
    let few = |what: &str| Failure::Plan(format!("{count} agents need {count} {what} or more"));
    if plan.connections < count {
        return Err(few("connections"));
    }
    if plan.requests.is_some_and(|requests| requests < count as u64) {
        return Err(few("requests"));
    }
    (0..count).map(|index| part(plan, index, count).ok_or_else(|| few("requests in the log"))).collect()
}

/// `None` where nothing is left of a replay.
fn part(plan: &Plan, index: usize, count: usize) -> Option<Plan> {
    let share = |rate: f64| rate / count as f64;
    let mut part = plan.clone();
    part.arrivals = match &plan.arrivals {
        Arrivals::Closed => Arrivals::Closed,
        Arrivals::Fixed { rate } => Arrivals::Fixed { rate: share(*rate) },
        Arrivals::Poisson { rate } => Arrivals::Poisson { rate: share(*rate) },
        Arrivals::Ramp { from, to } => Arrivals::Ramp { from: share(*from), to: share(*to) },
        Arrivals::Steps(rates) => Arrivals::Steps(rates.iter().map(|rate| share(*rate)).collect()),
        Arrivals::Replay { speed } => {
            let of_part = |(at, _): &(usize, _)| at % count == index;
            let requests = part.mix.requests.into_iter().enumerate().filter(of_part);
            part.mix.requests = requests.map(|(_, request)| request).collect();
            Arrivals::Replay { speed: *speed }
        }
    };
    // What remains goes to the first ones.
    part.connections = (plan.connections + count - 1 - index) / count;
    part.requests = plan.requests.map(|requests| (requests + (count - 1 - index) as u64) / count as u64);
    part.seed = plan.seed.wrapping_add(index as u64);
    // Looked up and judged where the load comes from.
    part.target.addresses.clear();
    (!part.mix.requests.is_empty()).then_some(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Mix, Request, Target};
    use std::time::Duration;

    fn plan() -> Plan {
        let (mut target, _) = Target::parse("http://127.0.0.1:9/").unwrap();
        target.resolve().unwrap();
        Plan { connections: 7, requests: Some(100), ..Plan::new(target, Mix::one(Request::new("GET", "/"))) }
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let plan = Plan { arrivals: Arrivals::Ramp { from: 30.0, to: 300.0 }, ..plan() };
        let parts = split(&plan, 3).unwrap();
        assert_eq!(parts.iter().map(|part| part.connections).collect::<Vec<_>>(), [3, 2, 2]);
        assert_eq!(parts.iter().filter_map(|part| part.requests).collect::<Vec<_>>(), [34, 33, 33]);
        assert_eq!(parts[1].arrivals, Arrivals::Ramp { from: 10.0, to: 100.0 });
        assert!(parts.iter().all(|part| part.target.addresses.is_empty()));
        assert_ne!(parts[0].seed, parts[1].seed);
        assert!(split(&plan, 8).unwrap_err().to_string().contains("8 agents need 8 connections"));
    }

    #[test]
    fn a_log_is_dealt_out() {
        let mut plan = Plan { arrivals: Arrivals::Replay { speed: 2.0 }, requests: None, ..plan() };
        let at = |at| Request { at: Some(Duration::from_secs(at)), ..Request::new("GET", &format!("/{at}")) };
        plan.mix.requests = (0..5).map(at).collect();
        let parts = split(&plan, 2).unwrap();
        let paths = |part: &Plan| part.mix.requests.iter().map(|request| request.path.clone()).collect::<Vec<_>>();
        assert_eq!(
            (paths(&parts[0]), paths(&parts[1])),
            (vec!["/0".into(), "/2".into(), "/4".into()], vec!["/1".into(), "/3".into()])
        );
        assert!(split(&plan, 6).unwrap_err().to_string().contains("requests in the log"));
    }
}
