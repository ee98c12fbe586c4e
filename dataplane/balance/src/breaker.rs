//! The breaker of an upstream: when requests to it fail, or are slow, it is left alone for a time, then tried with a few.
//!
//! ```text
//! closed --too many of the window--> open --its time is over--> half-open --all probes went well--> closed
//!                                      ^---- a probe did not go well, twice as long ----/
//! ```
//!
//! All of a state is one word, so that a transition is one exchange of it, made by one worker. Each state has a number, its
//! era: what a request shows counts for the era it was admitted in and for no other. Closed, a request costs a load and,
//! at its end, one exchange of a word of the [`Window`]. Nothing waits; `now` is an argument.

use super::{
    sync::{
        AtomicU32, AtomicU64, CachePadded,
        Ordering::{AcqRel, Acquire, Relaxed},
    },
    window::{Totals, Window},
};
use std::time::Duration;

/// What opens a breaker, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Failures in percent of the requests of the window.
    pub(crate) failures: Option<u32>,
    /// Failures in the window.
    pub(crate) count: Option<u32>,
    /// Failures in a row.
    pub(crate) consecutive: Option<u32>,
    /// Slow requests in percent of the requests of the window.
    pub(crate) slow: Option<u32>,
    /// Requests the window must have for a share to count.
    pub(crate) requests_min: u32,
    pub(crate) window: Duration,
    pub(crate) open: Duration,
    pub(crate) open_max: Duration,
    /// 1 to 4095.
    pub(crate) probes: u32,
}

/// A breaker.
#[derive(Debug)]
pub struct Breaker {
    rules: Rules,
    state: CachePadded<AtomicU64>,
    window: Window,
    /// Failures in a row.
    in_a_row: AtomicU32,
    /// By [`BreakerState`], how often it was entered.
    entered: [AtomicU64; 3],
}

/// What a breaker does with requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// All are let through.
    Closed,
    /// None is, for a time.
    Open,
    /// A few are.
    HalfOpen,
}

/// That a request was let through; [`Breaker::report`] or [`Breaker::release`] follows once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    era: u64,
    is_probe: bool,
}

/// What a request showed of its upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// No connection, no response head in time or in HTTP, or a status of 500 and above.
    pub failed: bool,
    /// The response head took too long.
    pub slow: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    Open { until_ms: u64 },
    HalfOpen { in_flight: u64, succeeded: u64 },
}

/// The word: phase 2 bits, era 18, openings in a row 5, then milliseconds 39 (17 years) or twice 12 bits of probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    phase: Phase,
    /// Wraps: a request would have to last for a quarter of a million transitions to be taken for one of another era.
    era: u64,
    /// Times it was opened without being closed in between.
    openings: u64,
}

const REST_BITS: u32 = 39;
const PROBE_BITS: u32 = 12;
const OPENINGS_MAX: u64 = 31;
const ERAS: u64 = 1 << 18;
const REST: u64 = (1 << REST_BITS) - 1;
const PROBES: u64 = (1 << PROBE_BITS) - 1;

impl State {
    const fn pack(self) -> u64 {
        let (phase, rest) = match self.phase {
            Phase::Closed => (0, 0),
            Phase::Open { until_ms } => (1, if until_ms < REST { until_ms } else { REST }),
            Phase::HalfOpen { in_flight, succeeded } => (2, in_flight << PROBE_BITS | succeeded),
        };
        ((phase << 18 | self.era) << 5 | self.openings) << REST_BITS | rest
    }

    const fn unpack(word: u64) -> Self {
        let (head, rest) = (word >> REST_BITS, word & REST);
        let phase = match head >> 23 {
            0 => Phase::Closed,
            1 => Phase::Open { until_ms: rest },
            _ => Phase::HalfOpen { in_flight: rest >> PROBE_BITS & PROBES, succeeded: rest & PROBES },
        };
        Self { phase, era: head >> 5 & (ERAS - 1), openings: head & OPENINGS_MAX }
    }

    const fn next(self, phase: Phase, openings: u64) -> Self {
        Self { phase, era: (self.era + 1) % ERAS, openings }
    }
}

impl Breaker {
    /// A closed one, which no request has shown anything.
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            state: CachePadded::default(),
            window: Window::default(),
            in_a_row: AtomicU32::new(0),
            entered: Default::default(),
        }
    }

    /// One of other rules in the place of `before`: what is open stays open, what has been seen of it begins anew.
    pub(crate) fn succeed(rules: Rules, before: &Self) -> Self {
        let state = State::unpack(before.state.load(Relaxed));
        let phase = match state.phase {
            // Its probes report to the one before: ask again.
            Phase::HalfOpen { .. } => Phase::Open { until_ms: 0 },
            phase => phase,
        };
        let entered = before.entered.each_ref().map(|count| AtomicU64::new(count.load(Relaxed)));
        let state = AtomicU64::new(State { phase, ..state }.pack());
        Self { state: CachePadded::new(state), entered, ..Self::new(rules) }
    }

    pub(crate) const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Lets a request through.
    ///
    /// # Errors
    /// It must not be sent; nanoseconds until it makes sense to ask again, 0 if nobody can tell.
    pub fn admit(&self, now: u64) -> Result<Permit, u64> {
        loop {
            let word = self.state.load(Relaxed);
            let state = State::unpack(word);
            let next = match state.phase {
                Phase::Closed => return Ok(Permit { era: state.era, is_probe: false }),
                Phase::Open { until_ms } if now / 1_000_000 < until_ms => return Err(until_ms * 1_000_000 - now),
                Phase::Open { .. } => state.next(Phase::HalfOpen { in_flight: 1, succeeded: 0 }, state.openings),
                Phase::HalfOpen { in_flight, succeeded } if in_flight + succeeded < u64::from(self.rules.probes) => {
                    State { phase: Phase::HalfOpen { in_flight: in_flight + 1, succeeded }, ..state }
                }
                Phase::HalfOpen { .. } => return Err(0),
            };
            if self.exchange(word, next) {
                return Ok(Permit { era: next.era, is_probe: true });
            }
        }
    }

    /// Takes what a request that was let through has shown.
    pub fn report(&self, permit: Permit, shown: Shown, now: u64) {
        let is_well = !shown.failed && !shown.slow;
        if permit.is_probe {
            return self.end_probe(permit, is_well, now);
        }
        let word = self.state.load(Acquire);
        let state = State::unpack(word);
        if state.phase != Phase::Closed || state.era != permit.era {
            return;
        }
        let slot = self.rules.window / Window::SLOTS;
        self.window.count(now, slot, shown);
        let in_a_row = if shown.failed {
            self.in_a_row.fetch_add(1, Relaxed).saturating_add(1)
        } else {
            // A store only where there was a failure: the line stays shared.
            if self.in_a_row.load(Relaxed) != 0 {
                self.in_a_row.store(0, Relaxed);
            }
            0
        };
        if !is_well && self.rules.is_broken(in_a_row, self.window.totals(now, slot)) {
            self.exchange(word, self.rules.open(state, now));
        }
    }

    /// Takes that a request which was let through has shown nothing: it was given up.
    pub fn release(&self, permit: Permit) {
        self.change_probes(permit, |state, in_flight, succeeded| State {
            phase: Phase::HalfOpen { in_flight: in_flight.saturating_sub(1), succeeded },
            ..state
        });
    }

    fn end_probe(&self, permit: Permit, is_well: bool, now: u64) {
        self.change_probes(permit, |state, in_flight, succeeded| {
            let succeeded = succeeded + 1;
            if !is_well {
                self.rules.open(state, now)
            } else if succeeded < u64::from(self.rules.probes) {
                State { phase: Phase::HalfOpen { in_flight: in_flight.saturating_sub(1), succeeded }, ..state }
            } else {
                // Nobody counts now, and nobody else is about to close it: no more requests than `probes` were let through.
                self.window.clear();
                self.in_a_row.store(0, Relaxed);
                state.next(Phase::Closed, 0)
            }
        });
    }

    /// Changes the state for a probe, unless it is not that of the probe any more.
    fn change_probes(&self, permit: Permit, change: impl Fn(State, u64, u64) -> State) {
        if !permit.is_probe {
            return;
        }
        loop {
            let word = self.state.load(Relaxed);
            let state = State::unpack(word);
            match state.phase {
                Phase::HalfOpen { in_flight, succeeded } if state.era == permit.era => {
                    if self.exchange(word, change(state, in_flight, succeeded)) {
                        return;
                    }
                }
                _ => return,
            }
        }
    }

    /// Enters another state, if nobody else has done so before. Whoever sees it sees what was cleared before.
    fn exchange(&self, word: u64, next: State) -> bool {
        let has_changed = self.state.compare_exchange(word, next.pack(), AcqRel, Relaxed).is_ok();
        if has_changed && State::unpack(word).era != next.era {
            self.entered[next.shown() as usize].fetch_add(1, Relaxed);
        }
        has_changed
    }

    /// What it does with requests. One that is open stays so until a request comes after its time.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        State::unpack(self.state.load(Relaxed)).shown()
    }

    /// How often it has entered a state.
    #[must_use]
    pub fn entered(&self, state: BreakerState) -> u64 {
        self.entered[state as usize].load(Relaxed)
    }
}

impl State {
    const fn shown(self) -> BreakerState {
        match self.phase {
            Phase::Closed => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }
}

impl Rules {
    /// Whether a failure or a slow request, the one just counted, is one too many.
    fn is_broken(&self, in_a_row: u32, window: Totals) -> bool {
        let reaches = |part: u32, percent: Option<u32>| {
            let share = |percent| u64::from(part) * 100 >= u64::from(window.requests) * u64::from(percent);
            window.requests >= self.requests_min && part > 0 && percent.is_some_and(share)
        };
        self.consecutive.is_some_and(|most| in_a_row >= most)
            || self.count.is_some_and(|most| window.failures >= most)
            || reaches(window.failures, self.failures)
            || reaches(window.slow, self.slow)
    }

    /// Open from `now` on.
    fn open(&self, state: State, now: u64) -> State {
        let doubled = self.open.saturating_mul(1_u32.checked_shl(state.openings as u32).unwrap_or(u32::MAX));
        let time = u64::try_from(doubled.min(self.open_max).as_nanos()).unwrap_or(u64::MAX);
        let until_ms = now.saturating_add(time).div_ceil(1_000_000);
        state.next(Phase::Open { until_ms }, (state.openings + 1).min(OPENINGS_MAX))
    }
}

#[cfg(test)]
#[path = "breaker/tests.rs"]
mod tests;
