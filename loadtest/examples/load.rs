//! Loads one URL: `cargo run --release -p tollgate-loadtest --example load -- http://127.0.0.1:9001/ 5 64 0 50000`.
//!
//! Arguments: URL, seconds, connections, CPU, and a rate; without one it is a closed loop. Prints what was measured, the
//! generator's own CPU time per request among it.

use std::{error::Error, time::Duration};
use tollgate_loadtest::load::{Arrivals, Mix, Plan, Request, Stop, Target, limit, run};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |at: usize, otherwise: f64| arguments.get(at).map_or(Ok(otherwise), |text| text.parse::<f64>());
    let (mut target, path) =
        Target::parse(arguments.get(1).ok_or("usage: load URL [SECONDS [CONNECTIONS [CPU [RATE]]]]")?)?;
    target.resolve()?;
    if !target.is_loopback() {
        return Err("this example loads loopback only".into());
    }
    let mut plan = Plan::new(target, Mix::one(Request::new("GET", &path)));
    plan.duration = Duration::from_secs_f64(number(2, 5.0)?);
    plan.connections = number(3, 64.0)? as usize;
    plan.workers = arguments.get(4).map(|cpu| cpu.parse().map(|cpu| vec![cpu])).transpose()?;
    let rate = number(5, 0.0)?;
    if rate > 0.0 {
        plan.arrivals = Arrivals::Fixed { rate };
    }
    let found = run(&plan, &|progress| eprintln!("{:?} {}", progress.phase, progress.answered), &Stop::default())?;
    println!(
        "{:?}: {:.0} requests/s, statuses {:?}, errors {:?}",
        found.end,
        found.requests_per_second(),
        found.statuses,
        found.errors
    );
    for (name, latencies) in [
        ("corrected", &found.corrected),
        ("uncorrected", &found.uncorrected),
        ("slip", &found.slip),
        ("waited", &found.waited),
    ] {
        let of = |share| latencies.quantile(share);
        println!(
            "{name:>12}: {} p50 {:?} p99 {:?} p99.9 {:?} max {:?}",
            latencies.count(),
            of(0.5),
            of(0.99),
            of(0.999),
            latencies.max()
        );
    }
    let per_request = found.cpu.as_secs_f64() * 1e6 / found.completed.max(1) as f64;
    println!("CPU {per_request:.2} us per request, busy {:.0} %, spun {:?}", found.busy() * 100.0, found.spun);
    println!(
        "limit: {:?}; sent {} never {} unanswered {}",
        limit(&found, &plan),
        found.sent,
        found.never_sent,
        found.unanswered
    );
    Ok(())
}
