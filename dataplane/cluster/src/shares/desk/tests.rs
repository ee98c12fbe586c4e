//! Nodes that share a limit, and a store that is a few lines of arithmetic: what they admit together.

#![expect(clippy::disallowed_types, reason = "a lender is asked by all threads, of which a test has one")]

use super::*;
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Mutex};
use tollgate_limit::{self as limit, Answer, Ask as Request, Leases, Lender, Now, Rule, Shared, WhenLost, Window};

const KEY: u64 = 0x1234_5678_9abc_def0;
const WINDOW: Window = Window { start_s: 0, end_s: 3600 };
const MS: u64 = 1_000_000;

/// The store, as the scripts describe it.
#[derive(Default)]
struct Store {
    lent: BTreeMap<(u64, i64), i64>,
    full_us: BTreeMap<u64, f64>,
}

impl Store {
    fn answer(&mut self, batch: &[Ask], now: u64) -> Vec<(i64, i64)> {
        batch.iter().map(|ask| self.one(ask, now)).collect()
    }

    fn one(&mut self, ask: &Ask, now: u64) -> (i64, i64) {
        match ask.of {
            Of::Quota { limit, end_s, is_debit } => {
                let lent = self.lent.entry((ask.key, end_s)).or_default();
                let is_free = is_debit || ask.units < 0;
                let given = if is_free { ask.units } else { ask.units.min(limit as i64 - *lent).max(0) };
                *lent += given;
                (given, limit as i64 - *lent)
            }
            Of::Bucket { unit_us, fill_us, spare, drained_us } => {
                let now = (now / 1000) as f64;
                let full = self.full_us.entry(ask.key).or_default();
                let room = ((now + fill_us - full.max(now)) / unit_us).floor().max(0.0) as i64;
                let is_drained = full.max(now) - now >= drained_us as f64;
                let given = ask.units.min(room).min(if is_drained { i64::MAX } else { spare as i64 });
                if given > 0 {
                    *full = (full.max(now) + given as f64 * unit_us).ceil();
                }
                (given, room - given)
            }
        }
    }
}

#[derive(Default)]
struct Wants(Mutex<Vec<Want>>);

impl Lender for Wants {
    fn want(&self, want: Want) {
        self.0.lock().unwrap().push(want);
    }
}

struct Node {
    desk: Desk,
    shared: Shared,
    wants: Arc<Wants>,
    leases: Leases,
    under_way: Option<Vec<Ask>>,
}

impl Node {
    fn new(nodes: u64, when_lost: WhenLost) -> Self {
        let (lost, wants, quotas) = (Arc::default(), Arc::<Wants>::default(), Arc::new(Quotas::new(16)));
        let mut desk = Desk::new(nodes, Duration::from_millis(50), Arc::clone(&lost), Arc::default());
        desk.rules.insert(0, Arc::downgrade(&quotas));
        let shared = Shared::new(quotas, 0, nodes, wants.clone(), (when_lost, lost));
        Self { desk, shared, wants, leases: Leases::new(1), under_way: None }
    }

    fn take(&mut self, terms: Terms, now: u64) -> bool {
        let of = Rule::Shared(&self.shared, terms, &WINDOW);
        let now = Now { monotonic_ns: now, unix_s: (now / 1_000_000_000) as i64 };
        let ask = Request { of, key: KEY, units: 1, shadow: false };
        let mut answers = [Answer::None];
        limit::decide(&[ask], now, &mut self.leases, &mut answers).is_admitted()
    }

    /// Everything but the store's answer.
    fn step(&mut self, now: u64) {
        for want in self.wants.0.lock().unwrap().drain(..) {
            self.desk.want(&want, now);
        }
        self.desk.look(now);
        if self.under_way.is_none() {
            self.under_way = self.desk.batch(now);
        }
    }

    fn answered(&mut self, store: &mut Store, now: u64) {
        if let Some(batch) = self.under_way.take() {
            let answers = store.answer(&batch, now);
            self.desk.answer(Some(answers), now);
        }
    }
}

fn nodes(count: u64) -> Vec<Node> {
    (0..count).map(|_| Node::new(count, WhenLost::Share)).collect()
}

/// What nodes admit when all of them are asked `each` times a millisecond for `turns` milliseconds.
fn press(nodes: &mut [Node], store: &mut Store, terms: Terms, (from, turns, each): (u64, u64, u64)) -> u64 {
    let mut admitted = 0;
    for turn in from..from + turns {
        for node in &mut *nodes {
            admitted += (0..each).filter(|_| node.take(terms, turn * MS)).count() as u64;
            node.step(turn * MS);
        }
        nodes.iter_mut().for_each(|node| node.answered(store, turn * MS + MS / 2));
    }
    admitted
}

#[test]
fn a_quota_is_used_up_and_hardly_more() {
    for (limit, each) in [(30_000, 20), (3000, 5), (600, 1), (10, 1)] {
        let (mut all, mut store) = (nodes(3), Store::default());
        let admitted = press(&mut all, &mut store, Terms::Quota(limit), (1000, 3000, each));
        let most = limit + (limit / 100).max(3);
        assert!((limit..=most).contains(&admitted), "{admitted} of {limit}");
    }
}

#[test]
fn a_bucket_admits_what_one_node_would_and_hardly_more() {
    for (limit, burst, each) in [(10_000, 10_000, 20), (1000, 1000, 5), (90, 90, 1), (3, 3, 1)] {
        let terms = Terms::Bucket { limit, per: Duration::from_secs(1), burst };
        let (mut all, mut store) = (nodes(3), Store::default());
        let admitted = press(&mut all, &mut store, terms, (1000, 5000, each));
        let exact = burst + 5 * limit;
        let most = exact + (burst / 100).max(6);
        assert!((exact * 98 / 100..=most).contains(&admitted), "{admitted} of {exact}");
    }
}

/// As [`press`], with a store that answers after `delay` turns.
fn press_slowly(nodes: &mut [Node], store: &mut Store, terms: Terms, (from, turns, delay): (u64, u64, u64)) -> u64 {
    let (mut admitted, mut due) = (0, vec![0; nodes.len()]);
    for turn in from..from + turns {
        for (node, due) in nodes.iter_mut().zip(&mut due) {
            admitted += (0..5).filter(|_| node.take(terms, turn * MS)).count() as u64;
            let was_idle = node.under_way.is_none();
            node.step(turn * MS);
            if was_idle && node.under_way.is_some() {
                *due = turn + delay;
            }
            if turn >= *due {
                node.answered(store, turn * MS + MS / 2);
            }
        }
    }
    admitted
}

#[test]
fn a_drained_bucket_is_used_up_by_nodes_that_wait_long_for_the_store() {
    let terms = Terms::Bucket { limit: 1000, per: Duration::from_secs(1), burst: 1000 };
    let (mut all, mut store) = (nodes(3), Store::default());
    let first = press(&mut all, &mut store, terms, (1000, 2000, 5));
    let then = press_slowly(&mut all, &mut store, terms, (3000, 4000, 20));
    assert!((6800..=7010).contains(&(first + then)), "{first} and {then} of 7000");
    assert!(then > 3850, "{then} of 4000");
}

#[test]
fn what_is_lent_of_a_drained_bucket_and_not_used_is_dropped() {
    let terms = Terms::Bucket { limit: 1000, per: Duration::from_secs(1), burst: 1000 };
    let (mut all, mut store) = (nodes(3), Store::default());
    let first = press(&mut all, &mut store, terms, (1000, 60, 5));
    let lent = store.full_us[&KEY] as u64 / 1000 - 1000;
    assert!(lent > first + 50, "{lent} lent, {first} used: there is something to drop");
    // Nobody asks for anything, until the bucket is full.
    assert_eq!(press(&mut all, &mut store, terms, (1060, 900, 0)), 0);
    let then = press(&mut all, &mut store, terms, (1960, 1000, 5));
    assert!((1960..=2010).contains(&then), "{then} of 2000");
}

#[test]
fn a_node_that_is_not_asked_any_more_gives_back_what_it_has() {
    let (mut all, mut store) = (nodes(2), Store::default());
    let terms = Terms::Quota(10_000);
    let first = press(&mut all[..1], &mut store, terms, (1000, 30, 50));
    assert!(first < 10_000 && store.lent[&(KEY, WINDOW.end_s)] > first as i64, "{first} {:?}", store.lent);
    let rest = press(&mut all, &mut store, terms, (1030, 1500, 0));
    assert_eq!((rest, store.lent[&(KEY, WINDOW.end_s)]), (0, first as i64));
    assert!(all[0].desk.is_idle());
    let second = press(&mut all[1..], &mut store, terms, (3000, 1000, 50));
    assert!((10_000..=10_100).contains(&(first + second)), "{first} {second}");
}

#[test]
fn without_the_store_each_node_admits_its_part_and_tells_of_it_later() {
    let (mut all, mut store) = (nodes(3), Store::default());
    let terms = Terms::Quota(3000);
    let before = press(&mut all, &mut store, terms, (1000, 10, 10));
    let in_hand = store.lent[&(KEY, WINDOW.end_s)] as u64 + 15;
    let in_hand = in_hand.saturating_sub(before);
    // The connection breaks; nobody answers for a second.
    let mut alone = 0;
    for turn in 1010..2010_u64 {
        for node in &mut all {
            alone += (0..10).filter(|_| node.take(terms, turn * MS)).count() as u64;
            node.step(turn * MS);
            if node.under_way.take().is_some() {
                node.desk.answer(None, turn * MS);
            }
        }
    }
    assert!(all.iter().all(|node| node.desk.is_lost()));
    assert!(alone > 2000 && alone <= 3000 + in_hand + 15, "{before} {alone}");
    let after = press(&mut all, &mut store, terms, (2010, 500, 10));
    assert!(all.iter().all(|node| !node.desk.is_lost()));
    let admitted = before + alone + after;
    assert!((3000..=6030).contains(&admitted), "{before} {alone} {after}");
    assert!(store.lent[&(KEY, WINDOW.end_s)] >= admitted as i64 - 15, "the store knows of all but initial shares");
}

#[test]
fn a_rule_may_be_open_or_closed_without_the_store() {
    for (when_lost, admitted) in [(WhenLost::Open, 100), (WhenLost::Closed, 0)] {
        let mut node = Node::new(3, when_lost);
        node.step(MS);
        node.take(Terms::Quota(10), MS);
        node.step(2 * MS);
        node.under_way = None;
        node.desk.answer(None, 3 * MS);
        assert_eq!((0..100).filter(|_| node.take(Terms::Quota(10), 4 * MS)).count(), admitted);
    }
}

#[test]
fn an_answer_that_is_late_leaves_the_node_to_its_part() {
    let mut node = Node::new(2, WhenLost::Share);
    node.take(Terms::Quota(1000), 100 * MS);
    node.step(100 * MS);
    assert!(node.under_way.is_some());
    let admitted = (101..400).filter(|turn| {
        node.step(turn * MS);
        node.take(Terms::Quota(1000), turn * MS)
    });
    assert!(admitted.count() > 200);
    let mut store = Store::default();
    node.answered(&mut store, 400 * MS);
    assert!(!node.desk.is_lost());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Requests, answers and losses in any order: never more than the limit and the initial shares; while the store is
    /// lost, never more than the nodes' parts besides.
    #[test]
    fn never_more_than_the_bound(
        limit in 1..5000_u64,
        count in 1..5_u64,
        steps in prop::collection::vec((0..5_usize, 0..4_u8, 0..60_u64, 0..40_u64), 1..400),
        losses in prop::bool::ANY,
    ) {
        let (mut all, mut store) = (nodes(count), Store::default());
        let (terms, mut now, mut admitted) = (Terms::Quota(limit), MS, 0);
        for (node, what, requests, ms) in steps {
            let node = &mut all[node % count as usize];
            now += ms * MS / 8;
            admitted += (0..requests).filter(|_| node.take(terms, now)).count() as u64;
            node.step(now);
            match what {
                // The batch is done and its answer lost, or it is not done.
                0 | 1 if losses => {
                    if let Some(batch) = node.under_way.take() {
                        if what == 0 {
                            store.answer(&batch, now);
                        }
                        node.desk.answer(None, now);
                    }
                }
                2 => {}
                _ => node.answered(&mut store, now),
            }
        }
        let late = all.iter().any(|node| node.desk.figures.losses.load(Relaxed) > 0);
        let initial = count * terms.initial(count);
        let parts = if late { limit } else { 0 };
        let debts = all.iter().map(|node| node.desk.figures.losses.load(Relaxed)).sum::<u64>() * (limit / count);
        prop_assert!(admitted <= limit + initial + parts.max(debts), "{admitted} of {limit} by {count}");
    }

    /// Requests and answers of a bucket in any order, the desks looking after their keys now and then: in any stretch of
    /// time never more than one bucket would admit and 1 % of its burst, or two requests of each node.
    #[test]
    fn a_bucket_never_gives_more_than_the_bound(
        limit in prop::sample::select(vec![10_u64, 200, 1000, 5000]),
        burst in prop::sample::select(vec![10_u64, 300, 1000, 4000]),
        count in 1..4_u64,
        steps in prop::collection::vec((0..3_usize, 0..5_u8, 0..120_u64, 0..200_u64), 1..300),
    ) {
        let (mut all, mut store) = (nodes(count), Store::default());
        let terms = Terms::Bucket { limit, per: Duration::from_secs(1), burst };
        let (mut now, mut admitted): (u64, Vec<(u64, u64)>) = (MS, Vec::new());
        for (number, what, requests, eighths) in steps {
            now += eighths * MS / 8;
            let node = &mut all[number % count as usize];
            let taken = (0..requests).filter(|_| node.take(terms, now)).count() as u64;
            admitted.push((now, taken));
            all.iter_mut().for_each(|node| node.step(now));
            for (index, node) in all.iter_mut().enumerate() {
                // So late that the store were lost is another matter.
                let is_late = node.desk.waiting.as_ref().is_some_and(|(since, _)| now - since > 20 * MS);
                if is_late || what > 0 && index as u64 == number as u64 % count {
                    node.answered(&mut store, now);
                }
            }
        }
        let beyond = (burst / 100).max(2 * count);
        for (index, (from, _)) in admitted.iter().enumerate() {
            let mut sum = 0;
            for (to, taken) in &admitted[index..] {
                sum += taken;
                let most = (limit * (to - from)).div_ceil(1_000_000_000) + burst + beyond;
                prop_assert!(sum <= most, "{sum} from {from} to {to}, at most {most}");
            }
        }
    }
}
