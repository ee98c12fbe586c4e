//! What all tasks of one worker share: its outside, program, pools, deadlines, counters and whether it is draining.
//!
//! Connections register here and are counted, so that a drain knows when the last is gone. Everything is a cell of one
//! core; no borrow is held over an await.

use crate::{
    Program, Publication,
    bell::Bell,
    copies::Stores,
    limits::{self, JOBS_MAX},
    listening::{Listening, Socket},
    parking::Parking,
    peers::Peers,
    pool::Pools,
    shedding::Lag,
    standing::Standings,
    strict::Questions,
    tickets::Tickets,
    tls::Budget,
    watch::{Phase, Watch},
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
};
use tollgate_http::{Reason, RequestIds, ResponseIndex, http_date};
use tollgate_io::{Instant, Io, Stream, TimerId, Wheel};
use tollgate_model::{LiveTuning, Priority};
use tollgate_policy::{Job, Limiter, Offload, Tokens};
use tollgate_probe::Probes;
use tollgate_telemetry::{LogSink, WorkerMetrics};

/// A program that this worker runs or has run: exchanges count on their own core, not in a line that all workers share.
pub(crate) type Running = Rc<Arc<Program>>;

/// One core's worth of gateway.
pub(crate) struct Worker<I: Io> {
    pub(crate) io: I,
    /// What exchanges that begin now run.
    program: RefCell<Running>,
    pub(crate) metrics: Arc<WorkerMetrics>,
    pub(crate) peers: Peers<<I::Stream as Stream>::Detached>,
    /// That of the program.
    pub(crate) tuning: Cell<LiveTuning>,
    /// Rung when there is another program, or a drain.
    pub(crate) published: Bell,
    pub(crate) pools: Pools<I::Stream>,
    pub(crate) standings: Standings,
    pub(crate) request_ids: RequestIds,
    /// This worker's part of deciding by rules.
    pub(crate) limiter: RefCell<Limiter>,
    /// Copies of answers.
    pub(crate) stores: Stores,
    /// What came of tokens.
    pub(crate) tokens: RefCell<Tokens>,
    /// What side threads do for exchanges that wait.
    pub(crate) jobs: Tickets<Box<Job>>,
    /// Gone when the worker has ended.
    pub(crate) offload: RefCell<Option<Arc<dyn Offload>>>,
    pub(crate) probes: Arc<Probes>,
    /// What the store that nodes share is asked.
    pub(crate) questions: Questions,
    /// Clients' handshakes of this turn.
    pub(crate) handshakes: Rc<Budget>,
    pub(crate) log: RefCell<Option<LogSink>>,
    /// When the oldest record not handed to the journal must go; `NEVER` while there is none.
    pub(crate) log_due: Cell<Instant>,
    /// The second that a Date field was written for last, and the field.
    date: Cell<(u64, [u8; 29])>,
    /// How far behind it is, where that is of interest.
    lag: Lag,
    wheel: RefCell<Wheel<Rc<Watch<I::Stream>>>>,
    /// Wakes the timers task: something is due earlier than it sleeps.
    pub(crate) timers: Bell,
    /// When the timers task wakes by itself.
    pub(crate) timers_sleep_until: Cell<Instant>,
    #[expect(clippy::vec_box, reason = "an index is lent as a pointer: moving it would cost more than filling it")]
    /// Indexes of no response: the one used last is in the cache, as one per connection would not be.
    response_indexes: RefCell<Vec<Box<ResponseIndex>>>,
    pub(crate) sockets: RefCell<Vec<Rc<Socket<I::Listener>>>>,
    /// Of sockets that another process accepts from now.
    pub(crate) released: RefCell<Vec<Rc<Listening>>>,
    connections: Cell<usize>,
    /// Connections that keep the state of an exchange while they receive a head.
    pub(crate) busy_connections: Cell<usize>,
    draining: Cell<bool>,
    drain_due: Cell<Instant>,
    /// Until then idle connections may ask once more although it drains: `NEVER` while nothing ends.
    grace: Cell<Instant>,
    has_grace_ended: Cell<bool>,
    /// A drain does not end before: what other workers have handed over may be on its way.
    settled: Cell<Instant>,
    /// Rung once, when the last connection of a drain is gone or the worker is stopped.
    pub(crate) ended: Bell,
    has_ended: Cell<bool>,
}

/// The other workers, idle connections of all, who does what would hold one up, and the connections that are watched.
type Surroundings<I> = (
    Peers<<<I as Io>::Stream as Stream>::Detached>,
    Arc<Parking<<<I as Io>::Stream as Stream>::Detached>>,
    Arc<dyn Offload>,
    Arc<Probes>,
);

impl<I: Io> Worker<I> {
    pub(crate) fn new(
        io: I,
        program: Arc<Program>,
        metrics: Arc<WorkerMetrics>,
        log: Option<LogSink>,
        (peers, parking, offload, probes): Surroundings<I>,
    ) -> Self {
        metrics.generation.set(program.snapshot.generation);
        let tuning = program.snapshot.tuning.live;
        Self {
            tuning: Cell::new(tuning),
            pools: Pools::new(parking, tuning.park_after),
            standings: Standings::new(io.entropy()),
            request_ids: RequestIds::new(io.entropy()),
            limiter: RefCell::new(Limiter::new(peers.workers())),
            stores: Stores::default(),
            tokens: RefCell::default(),
            jobs: Tickets::new(JOBS_MAX),
            offload: RefCell::new(Some(offload)),
            probes,
            questions: Questions::default(),
            handshakes: Rc::new(Budget::of(tuning.handshakes_per_turn)),
            log: RefCell::new(log),
            log_due: Cell::new(Instant::NEVER),
            date: Cell::new((0, http_date(0))),
            lag: Lag::new(),
            wheel: RefCell::default(),
            timers: Bell::default(),
            timers_sleep_until: Cell::new(Instant::NEVER),
            response_indexes: RefCell::default(),
            sockets: RefCell::default(),
            released: RefCell::default(),
            peers,
            published: Bell::default(),
            connections: Cell::new(0),
            busy_connections: Cell::new(0),
            draining: Cell::new(false),
            drain_due: Cell::new(Instant::NEVER),
            grace: Cell::new(Instant::NEVER),
            has_grace_ended: Cell::new(false),
            settled: Cell::default(),
            ended: Bell::default(),
            has_ended: Cell::new(false),
            io,
            program: RefCell::new(Rc::new(program)),
            metrics,
        }
    }

    /// What exchanges that begin now run. Whoever keeps it across an await keeps it whatever is published meanwhile.
    pub(crate) fn program(&self) -> Running {
        self.program.borrow().clone()
    }

    /// Runs another program from now on.
    pub(crate) fn publish(self: &Rc<Self>, publication: Publication<I::Listener>) {
        self.program.replace(Rc::new(publication.program.clone()));
        self.metrics.generation.set(publication.program.snapshot.generation);
        let tuning = publication.program.snapshot.tuning.live;
        self.tuning.set(tuning);
        self.pools.park_after.set(tuning.park_after);
        self.handshakes.most.set(tuning.handshakes_per_turn);
        self.pools.sweep(&self.metrics);
        self.sweep_stores(&publication.program);
        self.rearrange(publication);
        self.published.ring();
    }

    /// An index for a response head, to be given back when the head has been passed on.
    pub(crate) fn take_response_index(&self) -> Box<ResponseIndex> {
        self.response_indexes.borrow_mut().pop().unwrap_or_default()
    }

    pub(crate) fn give_response_index(&self, index: Box<ResponseIndex>) {
        let mut stock = self.response_indexes.borrow_mut();
        if stock.len() < limits::RESPONSE_INDEXES_KEPT {
            stock.push(index);
        }
    }

    /// Counts a connection, until [`Worker::close`] or [`Worker::dismiss`].
    pub(crate) fn admit(&self) {
        self.count_connections(self.connections.get() + 1);
    }

    /// Forgets a connection that was admitted and not opened.
    pub(crate) fn dismiss(&self) {
        self.count_connections(self.connections.get() - 1);
        self.end_if_drained();
    }

    fn count_connections(&self, count: usize) {
        self.connections.set(count);
        if !self.draining.get() {
            self.peers.publish(count);
        }
    }

    /// Registers a connection that was admitted.
    pub(crate) fn open(&self, watch: Rc<Watch<I::Stream>>, listener: u32) -> TimerId {
        self.metrics.connection_opened(listener);
        self.wheel.borrow_mut().insert(watch)
    }

    /// Forgets a connection.
    pub(crate) fn close(&self, timer: TimerId, listener: u32) {
        self.wheel.borrow_mut().remove(timer);
        self.metrics.connection_closed(listener);
        self.dismiss();
    }

    /// Whether another connection would exceed this worker's part of what the node may have.
    pub(crate) fn is_full(&self) -> bool {
        self.connections.get() >= self.peers.part(self.connections_max())
    }

    /// Connections that all workers of the node together may have.
    pub(crate) fn connections_max(&self) -> usize {
        self.program.borrow().connections_max
    }

    /// Which snapshot exchanges that begin now run on.
    pub(crate) fn generation(&self) -> u64 {
        self.program.borrow().snapshot.generation
    }

    /// Enters a phase of a connection and makes sure that its deadline is looked at.
    pub(crate) fn enter(&self, watch: &Watch<I::Stream>, timer: TimerId, phase: Phase, due: Instant) {
        if let Some(at) = watch.enter(phase, due) {
            self.look_by(timer, at);
        }
    }

    /// Makes sure that the wheel looks at a connection no later than `at`.
    pub(crate) fn look_by(&self, timer: TimerId, at: Instant) {
        self.wheel.borrow_mut().look_by(timer, at);
        self.wake_timers_by(at);
    }

    /// Makes sure that the timers task is awake at `at`.
    pub(crate) fn wake_timers_by(&self, at: Instant) {
        if at < self.timers_sleep_until.get() {
            self.timers.ring();
        }
    }

    /// The Date field of an answer of our own (RFC 9110, section 6.6.1), written once a second.
    pub(crate) fn date(&self) -> [u8; 29] {
        let now_s = self.io.wall(self.io.now()).0 / 1_000_000_000;
        if self.date.get().0 != now_s {
            self.date.set((now_s, http_date(now_s)));
        }
        self.date.get().1
    }

    /// Whether a request is refused since the worker cannot keep up.
    pub(crate) fn sheds(&self, priority: Priority) -> bool {
        if let Some(rules) = &self.program.borrow().snapshot.shedding
            && let Some(due) = self.lag.begin(rules, || self.io.now())
        {
            self.wake_timers_by(due);
        }
        let sheds = self.lag.refuses(priority, || self.io.entropy());
        if sheds {
            self.metrics.shed[priority as usize].increment();
        }
        sheds
    }

    /// Measures how far behind it is; says when the next measurement is due.
    pub(crate) fn look_at_lag(&self, now: Instant) -> Instant {
        let next = self.lag.look(self.program.borrow().snapshot.shedding.as_ref(), now);
        self.metrics.shedding_pressure.set(u64::from(self.lag.pressure()));
        next
    }

    /// Lets every deadline that has passed act; says when the next may.
    pub(crate) fn turn_wheel(&self, now: Instant) -> Instant {
        let mut wheel = self.wheel.borrow_mut();
        wheel.turn(now, |watch| watch.look(now));
        let due = |at: &Cell<Instant>| Some(at.get()).filter(|at| *at > now).unwrap_or(Instant::NEVER);
        let drain = self.drain_due.get().min(due(&self.grace)).min(due(&self.settled));
        wheel.next().unwrap_or(Instant::NEVER).min(drain)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.get()
    }

    /// Until when idle connections may ask: for ever unless it drains.
    pub(crate) fn grace(&self) -> Instant {
        self.grace.get()
    }

    /// Whether a drain has closed what was idle.
    pub(crate) fn has_grace_ended(&self) -> bool {
        self.has_grace_ended.get()
    }

    pub(crate) fn drain(&self) {
        let now = self.io.now();
        if self.leave(now) {
            self.close_sockets(|_| true);
        }
        self.end_grace(now);
    }

    /// Drains; idle connections may ask once more within half of the time.
    pub(crate) fn hand_over(&self) {
        let now = self.io.now();
        if !self.leave(now) {
            return;
        }
        self.grace.set(now + self.program.borrow().snapshot.timeouts.drain / 2);
        self.settled.set(now + limits::SETTLE);
        self.release_sockets();
        self.timers.ring();
    }

    /// Begins to drain; says whether that is news.
    fn leave(&self, now: Instant) -> bool {
        let is_news = !self.draining.replace(true);
        if is_news {
            self.peers.leave();
            self.published.ring();
            self.drain_due.set(now + self.program.borrow().snapshot.timeouts.drain);
        }
        is_news
    }

    /// Closes connections that are idle in a drain.
    fn end_grace(&self, now: Instant) {
        if self.has_grace_ended.replace(true) {
            return;
        }
        self.grace.set(now);
        self.wheel.borrow().for_each(|watch| watch.drain());
        self.timers.ring();
        self.end_if_drained();
    }

    /// Ends what is left when the time of a drain is over.
    pub(crate) fn stop_if_due(&self, now: Instant) {
        if self.drain_due.get() <= now {
            self.stop();
        }
        if self.is_draining() {
            if self.grace.get() <= now {
                self.end_grace(now);
            }
            self.end_if_drained();
        }
    }

    pub(crate) fn stop(&self) {
        self.drain();
        self.settled.set(Instant::default());
        self.drain_due.set(Instant::NEVER);
        self.wheel.borrow().for_each(|watch| watch.abort(Reason::Draining));
        self.end_if_drained();
    }

    fn end_if_drained(&self) {
        let is_over = self.draining.get() && self.connections.get() == 0 && self.settled.get() <= self.io.now();
        if is_over && !self.has_ended.replace(true) {
            self.pools.clear(&self.metrics);
            self.timers.ring();
            self.ended.ring();
        }
    }

    /// Appends an access record; the journal gets it when its block is full or [`limits::LOG_FLUSH`] old.
    pub(crate) fn append_log(&self, line: &[u8], now: Instant) {
        if let Some(log) = &mut *self.log.borrow_mut() {
            log.append(line);
            if self.log_due.get() == Instant::NEVER {
                let due = now + limits::LOG_FLUSH;
                self.log_due.set(due);
                self.wake_timers_by(due);
            }
        }
    }

    /// Hands what is recorded to the journal.
    pub(crate) fn flush_log(&self) {
        self.log_due.set(Instant::NEVER);
        if let Some(log) = &mut *self.log.borrow_mut() {
            log.flush();
        }
    }
}
