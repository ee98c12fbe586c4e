//! One worker: its schedule, its connections, its turns.
//!
//! A turn sends what is due, takes what has come, and sleeps only when neither is there. What is due is looked at again
//! behind every event, so that a burst of answers does not make requests late. When something is due within
//! [`limits::SPIN`] the worker does not sleep: at more than about 16,000 requests per second and worker an open loop
//! keeps its CPU busy, and what it spends that way is measured and told apart.
//!
//! Answers are in `exchange`, connections coming and going in `opening`.

use super::{
    Arrivals, End, Phase, Plan, Recording,
    connection::Connection,
    crew::{News, Shared},
    gate::{Event, Gate},
    limits,
    schedule::{Schedule, Share},
    secure::Secure,
    tally::{Flight, Tally},
    wire::{Picker, Wire},
};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    io,
    sync::mpsc::Sender,
    time::Instant,
};

/// What all workers of a run use and none changes.
#[derive(Debug)]
pub(super) struct Orders {
    pub(super) plan: Plan,
    pub(super) wires: Vec<Wire>,
    pub(super) secure: Option<Secure>,
    /// Zero of the workers' clock.
    pub(super) base: Instant,
}

impl Orders {
    /// Nanoseconds on the workers' clock.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.base.elapsed().as_nanos() as u64
    }
}

/// Where a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Opening,
    /// Its connections are made, or have failed once; the others' are not.
    Ready,
    /// Before and within what is measured.
    Sending,
    Draining,
    Done,
}

/// A request that is due and waits for a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) intended: u64,
    /// When the worker came to it.
    pub(super) noticed: u64,
    pub(super) entry: u32,
}

pub(super) struct Worker<'a> {
    pub(super) orders: &'a Orders,
    shared: &'a Shared,
    news: Sender<News>,
    pub(super) share: Share,
    pub(super) gate: Gate,
    pub(super) stage: Stage,
    /// When the warm-up, what is measured, and what is due begin and end.
    start: u64,
    from: u64,
    end: u64,
    is_measuring: bool,
    schedule: Option<Schedule>,
    picker: Picker,
    /// Closed loop: requests so far, and how many may be measured still.
    number: u64,
    left: u64,
    pub(super) connections: Vec<Connection>,
    pub(super) waiting: VecDeque<Waiting>,
    /// Open loop: connections with room, the longest unused first.
    pub(super) free: VecDeque<u32>,
    /// To be made now, and when those that failed are to be made again.
    pub(super) to_open: VecDeque<u32>,
    pub(super) paused: BinaryHeap<Reverse<(u64, u32)>>,
    /// How many are being made, and how many of the first attempts are not decided yet.
    pub(super) connecting: usize,
    pub(super) undecided: usize,
    pub(super) tally: Tally,
    /// Connections that had more to receive than their turn allowed.
    pub(super) again: Vec<Event>,
    pub(super) input: Vec<u8>,
    pub(super) plain: Vec<u8>,
    upkeep_at: u64,
    tick_at: u64,
    /// Where the search for timeouts goes on.
    pub(super) watch_from: usize,
}

impl<'a> Worker<'a> {
    /// Inside a runtime of monoio.
    pub(super) fn new(orders: &'a Orders, shared: &'a Shared, news: Sender<News>, share: Share) -> io::Result<Self> {
        let plan = &orders.plan;
        let count = share.count(plan.connections as u64) as u32;
        let replays = matches!(plan.arrivals, Arrivals::Replay { .. });
        // Not the chance of the gaps: requests and gaps are independent.
        let chance = super::chance::Chance::new(!plan.seed, share.index as u64);
        Ok(Self {
            orders,
            shared,
            news,
            share,
            gate: Gate::new()?,
            stage: Stage::Opening,
            start: 0,
            from: u64::MAX,
            end: u64::MAX,
            is_measuring: false,
            schedule: Schedule::new(plan, share),
            picker: Picker::new(&plan.mix, replays, chance),
            number: 0,
            left: plan.requests.map_or(u64::MAX, |count| share.count(count)),
            connections: (0..count).map(|_| Connection::new()).collect(),
            waiting: VecDeque::new(),
            free: VecDeque::new(),
            to_open: if plan.fresh { VecDeque::new() } else { (0..count).collect() },
            paused: BinaryHeap::new(),
            connecting: 0,
            undecided: if plan.fresh { 0 } else { count as usize },
            tally: Tally::new(plan.arrivals.is_open()),
            again: Vec::new(),
            input: vec![0; limits::INPUT_BYTES],
            plain: if plan.tls.is_some() { vec![0; limits::INPUT_BYTES] } else { Vec::new() },
            upkeep_at: 0,
            tick_at: 0,
            watch_from: 0,
        })
    }

    /// Carries its share of the plan out.
    pub(super) async fn run(mut self) -> io::Result<Recording> {
        let mut events = Vec::with_capacity(limits::EVENTS_MAX);
        loop {
            let begun = self.orders.now();
            if begun >= self.upkeep_at {
                self.upkeep(begun);
            }
            if self.stage == Stage::Done {
                return Ok(self.finish());
            }
            let has_sent = self.send_due(begun);
            self.open_some(begun);
            self.gate.poll(&mut events)?;
            events.append(&mut self.again);
            for event in &events {
                let now = self.event(*event);
                self.send_due(now);
            }
            if events.is_empty() && !has_sent {
                let now = self.orders.now();
                match self.sleep_until() {
                    until if until > now => self.gate.sleep(now, until).await?,
                    _ => self.tally.spun += (now - begun).min(limits::SPIN_TURN_MAX.as_nanos() as u64),
                }
            }
        }
    }

    /// Sends what is due by `now`, or lets it wait for a connection. Says whether anything was due.
    #[inline]
    fn send_due(&mut self, now: u64) -> bool {
        if self.schedule.is_none() || self.stage != Stage::Sending || now < self.start {
            return false;
        }
        let mut any = false;
        while let Some(due) = self.schedule.as_mut().and_then(|schedule| schedule.take(now - self.start)) {
            any = true;
            let intended = self.start + due.at;
            let now = self.orders.now();
            self.tally.slipped(intended, now);
            let entry = self.picker.pick(due.number) as u32;
            if self.waiting.len() >= limits::WAITING_MAX {
                self.tally.recording.never_sent += u64::from(self.tally.is_measured(intended));
                continue;
            }
            self.waiting.push_back(Waiting { intended, noticed: now, entry });
            if let Some(id) = self.take_free() {
                self.feed(id, now);
            }
        }
        any
    }

    fn take_free(&mut self) -> Option<usize> {
        while let Some(id) = self.free.pop_front() {
            let id = id as usize;
            self.connections[id].is_listed = false;
            if self.has_room(id) {
                return Some(id);
            }
        }
        None
    }

    /// The next request to send, if one may be sent now.
    #[inline]
    pub(super) fn next_request(&mut self, now: u64) -> Option<Flight> {
        if self.stage != Stage::Sending {
            return None;
        }
        if self.schedule.is_some() {
            let Waiting { intended, noticed, entry } = self.waiting.pop_front()?;
            if now > noticed {
                self.tally.waited(intended, now - noticed);
            }
            return Some(Flight { intended, sent: now, entry, is_begun: false });
        }
        if now < self.start || now >= self.end || self.left == 0 {
            return None;
        }
        self.left -= u64::from(now >= self.from);
        let number = self.number * self.share.of as u64 + self.share.index as u64;
        self.number += 1;
        Some(Flight { intended: now, sent: now, entry: self.picker.pick(number) as u32, is_begun: false })
    }

    /// How long nothing needs to be done unless something happens. Not after now: it may not sleep.
    fn sleep_until(&self) -> u64 {
        let due = self.schedule.as_ref().filter(|_| self.stage == Stage::Sending).and_then(Schedule::peek);
        let due = due.map_or(u64::MAX, |due| (self.start + due.at).saturating_sub(limits::SPIN.as_nanos() as u64));
        due.min(self.upkeep_at)
    }

    /// What no event tells of.
    fn upkeep(&mut self, now: u64) {
        self.resume_paused(now);
        self.watch_timeouts(now);
        self.advance_stage(now);
        let every =
            if matches!(self.stage, Stage::Opening | Stage::Ready) { limits::UPKEEP_OPENING } else { limits::UPKEEP };
        if now >= self.tick_at {
            self.tick(now);
        }
        let marks = [self.start, self.from, self.end, self.tick_at];
        let mark = marks.into_iter().filter(|&mark| mark > now).min().unwrap_or(u64::MAX);
        self.upkeep_at = (now + every.as_nanos() as u64).min(mark);
    }

    /// The end of the interval that `now` is in; intervals begin with what is measured.
    fn next_tick(&self, now: u64) -> u64 {
        let interval = limits::INTERVAL.as_nanos() as u64;
        let from = if self.is_measuring { self.from } else { 0 };
        from + ((now - from) / interval + 1) * interval
    }

    fn tick(&mut self, now: u64) {
        self.tick_at = self.next_tick(now);
        let in_flight = self.tally.totals.in_flight;
        debug_assert_eq!(in_flight as usize, self.connections.iter().map(|one| one.flights.len()).sum::<usize>());
        self.tally.totals.waiting = self.waiting.len() as u64;
        let tick = self.tally.tick(self.phase(), now);
        // A run whose owner is gone ends by its plan.
        let _ = self.news.send(News::Tick(self.share.index, Box::new(tick)));
    }

    const fn phase(&self) -> Phase {
        match self.stage {
            Stage::Opening | Stage::Ready => Phase::Opening,
            Stage::Sending if !self.is_measuring => Phase::WarmUp,
            Stage::Sending => Phase::Measuring,
            Stage::Draining | Stage::Done => Phase::Draining,
        }
    }

    fn advance_stage(&mut self, now: u64) {
        if self.shared.stop.is_set() || self.shared.is_unreachable() {
            self.tally.recording.end = End::Stopped;
            self.close_window(now);
            self.stage = Stage::Done;
        }
        match self.stage {
            Stage::Opening if self.undecided == 0 || now >= limits::OPENING_MAX.as_nanos() as u64 => {
                self.stage = Stage::Ready;
                let _ = self.news.send(News::Ready(self.share.index, self.tally.totals));
            }
            Stage::Ready => self.begin(now),
            Stage::Sending => self.advance_sending(now),
            Stage::Draining => {
                let wait = self.orders.plan.timeout.min(limits::DRAIN_MAX).as_nanos() as u64;
                if self.tally.totals.in_flight == 0 || now >= self.end + wait {
                    self.stage = Stage::Done;
                }
            }
            Stage::Opening | Stage::Done => {}
        }
    }

    /// Begins when all workers are ready and it is time.
    fn begin(&mut self, now: u64) {
        let Some(start) = self.shared.start() else { return };
        let plan = &self.orders.plan;
        self.start = start;
        self.from = start + plan.warmup.as_nanos() as u64;
        self.end = self.from + plan.duration.as_nanos() as u64;
        self.tally.plan_window(self.from);
        if now < start {
            return;
        }
        self.stage = Stage::Sending;
        self.advance_sending(now);
        for id in 0..self.connections.len() {
            self.feed(id, now);
        }
    }

    fn advance_sending(&mut self, now: u64) {
        if now >= self.from && !self.is_measuring {
            self.is_measuring = true;
            self.tally.open_window(now);
            self.tick_at = self.next_tick(now);
        }
        let in_flight = self.tally.totals.in_flight;
        if self.is_exhausted() && in_flight == 0 && self.is_measuring {
            self.close_window(now);
            self.stage = Stage::Done;
        } else if now >= self.end {
            self.send_due(self.end);
            self.close_window(now);
            // Streams of events end when nobody listens any more.
            let ends = in_flight == 0 || self.orders.plan.events;
            self.stage = if ends { Stage::Done } else { Stage::Draining };
        }
    }

    /// The requests asked for are sent, before the time is over.
    fn is_exhausted(&self) -> bool {
        let plan = &self.orders.plan;
        match &self.schedule {
            None => self.left == 0,
            Some(_) if plan.requests.is_none() && !matches!(plan.arrivals, Arrivals::Replay { .. }) => false,
            Some(schedule) => schedule.peek().is_none() && self.waiting.is_empty(),
        }
    }

    fn close_window(&mut self, now: u64) {
        if self.is_measuring {
            self.tally.close_window(now.min(self.end));
        }
        self.end = self.end.min(now);
        let never = self.waiting.drain(..).filter(|waiting| waiting.intended >= self.from).count();
        self.tally.recording.never_sent += never as u64;
    }

    fn finish(mut self) -> Recording {
        let flights = self.connections.iter().flat_map(|connection| &connection.flights);
        self.tally.recording.unanswered = flights.filter(|flight| flight.intended >= self.from).count() as u64;
        self.tick(self.orders.now());
        self.tally.finish()
    }
}
