//! The breaker beside a slow and plain one, which keeps every request of its window, in any order of what can happen.

use super::*;
use proptest::prelude::*;

const MS: u64 = 1_000_000;

/// What can happen.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Time passes, in milliseconds.
    Pass(u64),
    Begin,
    /// The request in progress of this number, modulo how many there are.
    End(usize, Shown),
    GiveUp(usize),
}

/// The reference. Everything it knows is in lists.
struct Plain {
    rules: Rules,
    phase: PlainPhase,
    era: u64,
    openings: u32,
}

enum PlainPhase {
    /// Requests that are over, with the tenth of a window they ended in; failures in a row.
    Closed(Vec<(u64, Shown)>, u32),
    Open(u64),
    /// Probes in progress and those that went well.
    HalfOpen(u32, u32),
}

impl Plain {
    fn enter(&mut self, phase: PlainPhase) {
        self.phase = phase;
        self.era += 1;
    }

    fn admit(&mut self, now: u64) -> Option<u64> {
        let probes = self.rules.probes;
        match &mut self.phase {
            PlainPhase::Closed(..) => Some(self.era),
            PlainPhase::Open(until) if now < *until => None,
            PlainPhase::Open(_) => {
                self.enter(PlainPhase::HalfOpen(1, 0));
                Some(self.era)
            }
            PlainPhase::HalfOpen(in_flight, succeeded) => {
                let has_room = *in_flight + *succeeded < probes;
                *in_flight += u32::from(has_room);
                has_room.then_some(self.era)
            }
        }
    }

    fn end(&mut self, era: u64, shown: Option<Shown>, now: u64) {
        if era != self.era {
            return;
        }
        let tenth = u64::try_from(self.rules.window.as_nanos()).unwrap() / 10;
        match (&mut self.phase, shown) {
            (PlainPhase::Closed(seen, in_a_row), Some(shown)) => {
                seen.push((now / tenth, shown));
                *in_a_row = if shown.failed { *in_a_row + 1 } else { 0 };
                let window: Vec<Shown> =
                    seen.iter().filter(|(at, _)| at + 10 > now / tenth).map(|&(_, shown)| shown).collect();
                let failures = window.iter().filter(|shown| shown.failed).count() as f64;
                let slow = window.iter().filter(|shown| shown.slow).count() as f64;
                let all = window.len() as f64;
                let is_full = window.len() >= self.rules.requests_min as usize;
                let is_broken = self.rules.consecutive.is_some_and(|most| *in_a_row >= most)
                    || self.rules.count.is_some_and(|most| failures >= f64::from(most))
                    || (is_full
                        && self
                            .rules
                            .failures
                            .is_some_and(|most| failures > 0.0 && failures / all * 100.0 >= f64::from(most)))
                    || (is_full
                        && self.rules.slow.is_some_and(|most| slow > 0.0 && slow / all * 100.0 >= f64::from(most)));
                if (shown.failed || shown.slow) && is_broken {
                    self.open(now);
                }
            }
            (PlainPhase::HalfOpen(in_flight, succeeded), Some(shown)) => {
                *in_flight -= 1;
                *succeeded += 1;
                if shown.failed || shown.slow {
                    self.open(now);
                } else if *succeeded == self.rules.probes {
                    self.openings = 0;
                    self.enter(PlainPhase::Closed(Vec::new(), 0));
                }
            }
            (PlainPhase::HalfOpen(in_flight, _), None) => *in_flight -= 1,
            _ => {}
        }
    }

    fn open(&mut self, now: u64) {
        let mut time = self.rules.open;
        for _ in 0..self.openings {
            time = (time * 2).min(self.rules.open_max);
        }
        self.openings += 1;
        let until = now + u64::try_from(time.as_nanos()).unwrap();
        self.enter(PlainPhase::Open(until.div_ceil(MS) * MS));
    }

    fn state(&self) -> BreakerState {
        match self.phase {
            PlainPhase::Closed(..) => BreakerState::Closed,
            PlainPhase::Open(_) => BreakerState::Open,
            PlainPhase::HalfOpen(..) => BreakerState::HalfOpen,
        }
    }
}

fn shown() -> impl Strategy<Value = Shown> {
    (prop::bool::weighted(0.3), prop::bool::weighted(0.2)).prop_map(|(failed, slow)| Shown { failed, slow })
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        2 => (0_u64..2000).prop_map(Event::Pass),
        // Long enough for the words of a window to be very old.
        1 => (0_u64..10_000_000).prop_map(Event::Pass),
        8 => Just(Event::Begin),
        8 => (any::<usize>(), shown()).prop_map(|(which, shown)| Event::End(which, shown)),
        1 => any::<usize>().prop_map(Event::GiveUp),
    ];
    prop::collection::vec(event, 1..300)
}

fn rules() -> impl Strategy<Value = Rules> {
    let some = |range: std::ops::Range<u32>| prop::option::of(range);
    (some(1..101), some(1..20), some(1..8), some(1..101), 1_u32..10, 10_u64..5000, 1_u64..2000, 1_u32..5).prop_map(
        |(failures, count, consecutive, slow, requests_min, window, open, probes)| Rules {
            failures,
            count,
            consecutive,
            slow,
            requests_min,
            window: Duration::from_millis(window),
            open: Duration::from_millis(open),
            open_max: Duration::from_millis(open * 5),
            probes,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn it_does_what_the_plain_one_does(rules in rules(), events in events()) {
        let breaker = Breaker::new(rules.clone());
        let mut plain = Plain { rules, phase: PlainPhase::Closed(Vec::new(), 0), era: 0, openings: 0 };
        let (mut now, mut in_progress) = (0, Vec::new());
        for event in events {
            match event {
                Event::Pass(ms) => now += ms * MS + 1,
                Event::Begin => match (breaker.admit(now), plain.admit(now)) {
                    (Ok(permit), Some(era)) => in_progress.push((permit, era)),
                    (Err(left), None) => match plain.phase {
                        PlainPhase::Open(until) => prop_assert_eq!(left, until - now),
                        _ => prop_assert_eq!(left, 0),
                    },
                    (one, other) => prop_assert!(false, "{one:?}, and not {other:?}"),
                },
                Event::End(which, shown) if !in_progress.is_empty() => {
                    let (permit, era) = in_progress.swap_remove(which % in_progress.len());
                    breaker.report(permit, shown, now);
                    plain.end(era, Some(shown), now);
                }
                Event::GiveUp(which) if !in_progress.is_empty() => {
                    let (permit, era) = in_progress.swap_remove(which % in_progress.len());
                    breaker.release(permit);
                    plain.end(era, None, now);
                }
                _ => {}
            }
            prop_assert_eq!(breaker.state(), plain.state());
        }
    }

    #[test]
    fn a_state_is_one_word_and_back(until_ms in 0..REST, in_flight in 0..PROBES, succeeded in 0..PROBES, era in 0..ERAS, openings in 0..32_u64) {
        for phase in [Phase::Closed, Phase::Open { until_ms }, Phase::HalfOpen { in_flight, succeeded }] {
            let state = State { phase, era, openings };
            prop_assert_eq!(State::unpack(state.pack()), state);
        }
    }

    /// Clocks of other cores: whatever they say, no more probes than allowed are in progress, and nobody panics.
    #[test]
    fn any_clock_will_do(rules in rules(), steps in prop::collection::vec((any::<u64>(), any::<bool>(), shown()), 1..200)) {
        let probes = rules.probes as usize;
        let breaker = Breaker::new(rules);
        let mut in_progress: Vec<Permit> = Vec::new();
        for (now, is_end, shown) in steps {
            if is_end && let Some(permit) = in_progress.pop() {
                breaker.report(permit, shown, now);
            } else if let Ok(permit) = breaker.admit(now) {
                in_progress.push(permit);
            }
            let era = State::unpack(breaker.state.load(Relaxed)).era;
            prop_assert!(in_progress.iter().filter(|permit| permit.is_probe && permit.era == era).count() <= probes);
        }
    }
}

fn quick() -> Rules {
    Rules {
        failures: None,
        count: None,
        consecutive: Some(2),
        slow: None,
        requests_min: 1,
        window: Duration::from_secs(10),
        open: Duration::from_secs(1),
        open_max: Duration::from_secs(3),
        probes: 2,
    }
}

const BAD: Shown = Shown { failed: true, slow: false };
const GOOD: Shown = Shown { failed: false, slow: false };

/// Lets a request through and reports on it.
fn show(breaker: &Breaker, shown: Shown, now: u64) {
    breaker.report(breaker.admit(now).expect("it is let through"), shown, now);
}

#[test]
fn each_failed_probe_keeps_it_open_for_twice_as_long() {
    let breaker = Breaker::new(quick());
    [BAD, BAD].into_iter().for_each(|shown| show(&breaker, shown, 0));
    let mut now = 0;
    for seconds in [1, 2, 3, 3] {
        assert_eq!(breaker.admit(now), Err(seconds * 1000 * MS));
        now += seconds * 1000 * MS;
        show(&breaker, BAD, now);
    }
    now += 3000 * MS;
    [GOOD, GOOD].into_iter().for_each(|shown| show(&breaker, shown, now));
    assert_eq!(breaker.state(), BreakerState::Closed);
    [BAD, BAD].into_iter().for_each(|shown| show(&breaker, shown, now));
    assert_eq!(breaker.admit(now), Err(1000 * MS), "closed in between, it begins anew");
    let entered =
        [BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen].map(|state| breaker.entered(state));
    assert_eq!(entered, [1, 6, 5]);
}

#[test]
fn what_began_before_says_nothing_about_now() {
    let breaker = Breaker::new(quick());
    let old = breaker.admit(0).unwrap();
    [BAD, BAD].into_iter().for_each(|shown| show(&breaker, shown, 0));
    let probe = breaker.admit(1000 * MS).unwrap();
    breaker.report(old, BAD, 1000 * MS);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    breaker.report(probe, GOOD, 1000 * MS);
    assert_eq!(breaker.state(), BreakerState::HalfOpen, "it takes two");
}

#[test]
fn other_rules_keep_what_is_open() {
    let before = Breaker::new(quick());
    [BAD, BAD].into_iter().for_each(|shown| show(&before, shown, 0));
    let rules = Rules { probes: 1, ..quick() };
    let after = Breaker::succeed(rules.clone(), &before);
    assert_eq!((after.admit(500 * MS), after.entered(BreakerState::Open)), (Err(500 * MS), 1));
    let probe = before.admit(1000 * MS).unwrap();
    let after = Breaker::succeed(rules, &before);
    before.report(probe, GOOD, 1000 * MS);
    assert_eq!(after.state(), BreakerState::Open);
    show(&after, GOOD, 1000 * MS);
    assert_eq!(after.state(), BreakerState::Closed);
}

#[test]
fn more_requests_than_a_word_holds_are_counted_by_their_share() {
    let breaker = Breaker::new(Rules { consecutive: None, failures: Some(50), ..quick() });
    (0..70_000).for_each(|_| show(&breaker, GOOD, 0));
    assert_eq!(breaker.window.totals(0, Duration::from_secs(1)), Totals { requests: 65_535, failures: 0, slow: 0 });
    // As many failures as there were others that were counted.
    let later = 1000 * MS;
    let mut failures = 0;
    while breaker.state() == BreakerState::Closed {
        show(&breaker, BAD, later);
        failures += 1;
    }
    assert_eq!(failures, 65_535);
}
