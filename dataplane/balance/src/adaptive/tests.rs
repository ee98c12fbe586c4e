//! The limit against upstreams that are simulated as what a limit is about: some places to work, and a queue before them.

use super::*;
use std::{cmp::Reverse, collections::BinaryHeap};

const MS: u64 = 1_000_000;

/// An upstream with `places` that takes `work` for a request when it has a place for it.
struct Model {
    limit: AdaptiveLimit,
    now: u64,
    /// When each place is free.
    places: BinaryHeap<Reverse<u64>>,
    work: u64,
    /// End and begin of each request in progress.
    in_flight: BinaryHeap<Reverse<(u64, u64)>>,
    served: u64,
    refused: u64,
    slowest: u64,
}

impl Model {
    fn new(bounds: Bounds, places: usize, work: u64) -> Self {
        Self {
            limit: AdaptiveLimit::new(bounds, 0),
            now: 0,
            places: (0..places).map(|_| Reverse(0)).collect(),
            work,
            in_flight: BinaryHeap::new(),
            served: 0,
            refused: 0,
            slowest: 0,
        }
    }

    /// Lets `time` pass with a request every `every`.
    fn run(&mut self, time: u64, every: u64) {
        (self.served, self.refused, self.slowest) = (0, 0, 0);
        let end = self.now + time;
        while self.now < end {
            self.now += every;
            while let Some(&Reverse((ended, begun))) = self.in_flight.peek().filter(|next| next.0.0 <= self.now) {
                self.in_flight.pop();
                self.limit.sample(begun, ended - begun, ended);
                self.limit.leave();
                self.served += 1;
                self.slowest = self.slowest.max(ended - begun);
            }
            assert_eq!(self.limit.in_flight() as usize, self.in_flight.len());
            if self.limit.enter() {
                let Reverse(free) = self.places.pop().expect("there are places");
                let ended = free.max(self.now) + self.work;
                self.places.push(Reverse(ended));
                self.in_flight.push(Reverse((ended, self.now)));
            } else {
                self.refused += 1;
            }
            let Bounds { min, max, .. } = *self.limit.bounds();
            assert!((min..=max).contains(&self.limit.limit()), "{}", self.limit.limit());
        }
    }
}

const BOUNDS: Bounds = Bounds { min: 4, max: 1000, tolerance: 150 };

#[test]
fn an_upstream_that_keeps_its_pace_is_left_alone() {
    // 50 places of 10 ms take 5000 a second; it gets 4000.
    let mut model = Model::new(BOUNDS, 50, 10 * MS);
    model.run(5_000 * MS, MS / 4);
    model.run(60_000 * MS, MS / 4);
    assert_eq!(model.refused, 0, "with a limit of {}", model.limit.limit());
}

#[test]
fn too_much_is_refused_and_what_is_let_in_stays_fast() {
    // Twice of what it can do.
    let mut model = Model::new(BOUNDS, 50, 10 * MS);
    model.run(10_000 * MS, MS / 10);
    model.run(60_000 * MS, MS / 10);
    let possible = 60_000 / 10 * 50;
    assert!(model.served * 100 >= possible * 95, "{} of {possible} served", model.served);
    assert!(model.slowest <= 30 * MS, "{} ms", model.slowest / MS);
}

#[test]
fn an_upstream_that_became_slower_is_measured_anew() {
    let mut model = Model::new(BOUNDS, 200, 10 * MS);
    model.run(10_000 * MS, MS / 10);
    // Each request takes four times as long, and so takes four times the places.
    model.work = 40 * MS;
    model.run(30_000 * MS, MS / 4);
    let limit = model.limit.limit();
    model.run(5_000 * MS, MS / 4);
    assert!(model.refused * 20 <= model.served, "{} refused at {limit}", model.refused);
}

#[test]
fn the_best_time_is_not_taken_for_better_than_it_is() {
    // A minute of overload must not make a longer queue look well.
    let mut model = Model::new(BOUNDS, 10, 10 * MS);
    model.run(300_000 * MS, MS / 2);
    model.run(10_000 * MS, MS / 2);
    assert!(model.slowest <= 60 * MS, "{} ms", model.slowest / MS);
    assert!(model.limit.limit() <= 30, "{}", model.limit.limit());
}

#[test]
fn nobody_gets_in_beyond_the_limit_or_leaves_twice() {
    let limit = AdaptiveLimit::new(Bounds { min: 2, max: 2, tolerance: 150 }, 0);
    assert_eq!([limit.enter(), limit.enter(), limit.enter()], [true, true, false]);
    limit.leave();
    assert_eq!((limit.enter(), limit.in_flight(), limit.limit()), (true, 2, 2));
}

#[test]
fn a_window_of_very_many_and_very_long_samples_does_not_overflow() {
    let limit = AdaptiveLimit::new(BOUNDS, 0);
    // As if another held the lock all the time.
    let guard = limit.moving.try_lock();
    for _ in 0..1000 {
        limit.sample(0, u64::MAX, u64::MAX);
    }
    drop(guard);
    limit.sample(0, u64::MAX, u64::MAX);
    assert_eq!((limit.samples.load(Relaxed), limit.best.load(Relaxed)), (0, SAMPLE_MAX));
}
