//! When requests are due: pure, `now` never enters it.
//!
//! Times are nanoseconds from the start of the run, warm-up included. The rate over time is a list of pieces, each of
//! which changes evenly; arrival number k is due when the integral of the rate reaches k. Worker i of n takes the arrivals
//! i, i + n, i + 2n ..., so that the workers together send exactly what one would. Poisson arrivals are drawn by each
//! worker at its share of the rate: the sum of independent Poisson processes is one.

use super::{Arrivals, Plan, chance::Chance};
use std::time::Duration;

/// Which part of a run is one worker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) index: usize,
    pub(super) of: usize,
}

impl Share {
    /// This worker's part of `count` things.
    pub(super) fn count(self, count: u64) -> u64 {
        let (index, of) = (self.index as u64, self.of as u64);
        count / of + u64::from(index < count % of)
    }
}

/// A request that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// Nanoseconds from the start.
    pub(super) at: u64,
    /// Its number among those of all workers.
    pub(super) number: u64,
}

/// The arrivals of one worker, in order.
#[derive(Debug)]
pub(super) struct Schedule {
    shape: Shape,
    share: Share,
    /// Arrivals of this worker so far.
    taken: u64,
    /// Nothing is due from here on.
    end: u64,
    /// Where measuring begins, and how many arrivals there may be from there on.
    measured: (u64, u64),
    next: Option<Due>,
}

#[derive(Debug)]
enum Shape {
    Pieces(Vec<Piece>),
    Poisson {
        gap_secs: f64,
        at_secs: f64,
        chance: Chance,
    },
    /// Nanoseconds of each request.
    Replay(Vec<u64>),
}

/// A time in which the rate changes evenly.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    begin_secs: f64,
    secs: f64,
    from: f64,
    to: f64,
    /// Arrivals before it.
    before: f64,
}

impl Piece {
    fn count(&self) -> f64 {
        (self.from + self.to) / 2.0 * self.secs
    }

    /// When the integral of the rate since the start reaches `number`, which this piece holds.
    fn time(&self, number: f64) -> f64 {
        let left = number - self.before;
        let slope = (self.to - self.from) / self.secs;
        // The solution of from t + slope t^2 / 2 = left in the form that does not cancel where the slope is small.
        let root = slope.mul_add(2.0 * left, self.from * self.from).max(0.0).sqrt();
        if left > 0.0 { self.begin_secs + 2.0 * left / (self.from + root) } else { self.begin_secs }
    }
}

impl Schedule {
    /// `None` for a closed loop, which has no schedule.
    pub(super) fn new(plan: &Plan, share: Share) -> Option<Self> {
        let (warm, secs) = (plan.warmup.as_secs_f64(), plan.duration.as_secs_f64());
        let shape = match &plan.arrivals {
            Arrivals::Closed => return None,
            Arrivals::Fixed { rate } => Shape::Pieces(pieces(&[(warm + secs, *rate, *rate)])),
            Arrivals::Ramp { from, to } => Shape::Pieces(pieces(&[(warm, *from, *from), (secs, *from, *to)])),
            Arrivals::Steps(rates) => {
                let each = secs / rates.len() as f64;
                let warm = rates.first().map(|&rate| (warm, rate, rate));
                Shape::Pieces(pieces(
                    &warm.into_iter().chain(rates.iter().map(|&rate| (each, rate, rate))).collect::<Vec<_>>(),
                ))
            }
            Arrivals::Poisson { rate } => Shape::Poisson {
                gap_secs: share.of as f64 / rate,
                at_secs: 0.0,
                chance: Chance::new(plan.seed, share.index as u64),
            },
            Arrivals::Replay { speed } => {
                let at = plan.mix.requests.iter().map(|request| request.at.unwrap_or_default().as_secs_f64() / speed);
                Shape::Replay(at.map(nanos).collect())
            }
        };
        let end = nanos((plan.warmup + plan.duration).as_secs_f64());
        let measured = (nanos(warm), plan.requests.map_or(u64::MAX, |count| share.count(count)));
        let mut schedule = Self { shape, share, taken: 0, end, measured, next: None };
        schedule.advance();
        Some(schedule)
    }

    /// The next arrival; it stays until taken.
    pub(super) const fn peek(&self) -> Option<Due> {
        self.next
    }

    /// Takes the next arrival if it is due by `now`.
    pub(super) fn take(&mut self, now: u64) -> Option<Due> {
        let due = self.next.filter(|due| due.at <= now)?;
        if due.at >= self.measured.0 {
            self.measured.1 -= 1;
        }
        self.advance();
        Some(due)
    }

    fn advance(&mut self) {
        let number = self.taken * self.share.of as u64 + self.share.index as u64;
        self.taken += 1;
        let at = match &mut self.shape {
            Shape::Pieces(pieces) => piece_time(pieces, number as f64),
            Shape::Poisson { gap_secs, at_secs, chance } => {
                *at_secs -= (1.0 - chance.unit()).ln() * *gap_secs;
                Some(nanos(*at_secs))
            }
            Shape::Replay(times) => usize::try_from(number).ok().and_then(|number| times.get(number).copied()),
        };
        let over = |at: u64| at >= self.end || at >= self.measured.0 && self.measured.1 == 0;
        self.next = at.filter(|&at| !over(at)).map(|at| Due { at, number });
    }
}

fn pieces(parts: &[(f64, f64, f64)]) -> Vec<Piece> {
    let (mut begin_secs, mut before) = (0.0, 0.0);
    let mut pieces = Vec::with_capacity(parts.len());
    for &(secs, from, to) in parts.iter().filter(|(secs, ..)| *secs > 0.0) {
        let piece = Piece { begin_secs, secs, from, to, before };
        begin_secs += secs;
        before += piece.count();
        pieces.push(piece);
    }
    pieces
}

fn piece_time(pieces: &[Piece], number: f64) -> Option<u64> {
    let at = pieces.partition_point(|piece| piece.before + piece.count() <= number);
    pieces.get(at).map(|piece| nanos(piece.time(number)))
}

fn nanos(secs: f64) -> u64 {
    (secs * Duration::from_secs(1).as_nanos() as f64).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Mix, Request, Target};

    const SECOND: u64 = 1_000_000_000;

    fn plan(arrivals: Arrivals, secs: u64) -> Plan {
        let target = Target::parse("http://127.0.0.1:1/").unwrap().0;
        let plan = Plan::new(target, Mix::one(Request::new("GET", "/")));
        Plan { arrivals, duration: Duration::from_secs(secs), ..plan }
    }

    fn all(plan: &Plan, of: usize) -> Vec<Due> {
        let mut found = Vec::new();
        for index in 0..of {
            let mut schedule = Schedule::new(plan, Share { index, of }).unwrap();
            while let Some(due) = schedule.take(u64::MAX) {
                found.push(due);
            }
        }
        found.sort_by_key(|due| due.number);
        found
    }

    #[test]
    fn a_fixed_rate_is_evenly_spaced_and_shared_exactly() {
        let plan = plan(Arrivals::Fixed { rate: 1000.0 }, 3);
        let one = all(&plan, 1);
        assert_eq!(one.len(), 3000);
        assert!(one.iter().all(|due| due.at == due.number * 1_000_000));
        assert_eq!(all(&plan, 7), one);
    }

    #[test]
    fn nothing_is_due_early_and_what_is_due_stays() {
        let mut schedule = Schedule::new(&plan(Arrivals::Fixed { rate: 10.0 }, 1), Share { index: 0, of: 1 }).unwrap();
        assert_eq!(schedule.take(0), Some(Due { at: 0, number: 0 }));
        assert_eq!(schedule.take(99_999_999), None);
        assert_eq!(schedule.peek(), Some(Due { at: 100_000_000, number: 1 }));
        assert_eq!(schedule.take(SECOND), Some(Due { at: 100_000_000, number: 1 }));
    }

    #[test]
    fn a_ramp_sends_the_integral_of_its_rate() {
        for (from, to) in [(0.0, 2000.0), (2000.0, 0.0), (500.0, 1500.0), (1000.0, 1000.0)] {
            let times: Vec<f64> = all(&plan(Arrivals::Ramp { from, to }, 10), 3)
                .iter()
                .map(|due| due.at as f64 / SECOND as f64)
                .collect();
            assert!((times.len() as f64 - 10_000.0).abs() <= 1.0, "{from}..{to}: {}", times.len());
            for until in [2.5, 5.0, 7.5_f64] {
                let wanted = from * until + (to - from) * until * until / 20.0;
                let found = times.iter().filter(|&&time| time < until).count() as f64;
                assert!((found - wanted).abs() <= 1.0, "{from}..{to} by {until} s: {found}, not {wanted}");
            }
            assert!(times.windows(2).all(|two| two[0] <= two[1]));
        }
    }

    #[test]
    fn steps_share_the_duration_and_the_warm_up_takes_the_first() {
        let mut plan = plan(Arrivals::Steps(vec![100.0, 400.0]), 4);
        plan.warmup = Duration::from_secs(1);
        let times = all(&plan, 2);
        let within =
            |from: u64, to: u64| times.iter().filter(|due| (from * SECOND..to * SECOND).contains(&due.at)).count();
        assert_eq!((within(0, 1), within(1, 3), within(3, 5), times.len()), (100, 200, 800, 1100));
    }

    #[test]
    fn poisson_gaps_have_the_mean_and_variance_of_the_exponential_distribution() {
        let (rate, of) = (20_000.0, 4);
        let times = all(&plan(Arrivals::Poisson { rate }, 10), of);
        let mut at: Vec<u64> = times.iter().map(|due| due.at).collect();
        at.sort_unstable();
        let gaps: Vec<f64> = at.windows(2).map(|two| (two[1] - two[0]) as f64 / SECOND as f64 * rate).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // 200,000 gaps: one standard error of the mean is 0.0022, of the variance 0.0063.
        assert!((mean - 1.0).abs() < 0.01, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.03, "variance {variance}");
        assert_eq!(all(&plan(Arrivals::Poisson { rate }, 10), of), times);
        assert_ne!(all(&Plan { seed: 2, ..plan(Arrivals::Poisson { rate }, 10) }, of), times);
    }

    #[test]
    fn a_replay_keeps_its_times_and_a_limit_ends_a_run() {
        let mut plan = plan(Arrivals::Replay { speed: 2.0 }, 10);
        plan.mix.requests = [0, 10, 10, 500]
            .map(|millis| Request { at: Some(Duration::from_millis(millis)), ..Request::new("GET", "/") })
            .to_vec();
        let found: Vec<u64> = all(&plan, 2).iter().map(|due| due.at / 1_000_000).collect();
        assert_eq!(found, [0, 5, 5, 250]);
        plan.arrivals = Arrivals::Fixed { rate: 100.0 };
        plan.warmup = Duration::from_secs(1);
        plan.requests = Some(11);
        assert_eq!(all(&plan, 3).len(), 100 + 11);
    }
}
