//! What a store that says yes or no does to requests with several rules, and what becomes of them without it.

use crate::{
    Admission, Chain, Counts, HashKeys, Keeper, Limiter, Now, Question, QuotaCommand, Registry, Request, Rules,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tollgate_http::{HeadLimits, Parsed, RequestIndex};
use tollgate_limit::{Debit, Quotas, Shared, Store, Unanswered, WhenLost};
use tollgate_model::{Source, parse};

/// Asks nobody: a test is the store.
#[derive(Default)]
struct Asked {
    owed: AtomicU64,
}

impl Store for Asked {
    fn ask(&self, question: Box<Question>) -> Result<(), Box<Question>> {
        Err(question)
    }

    fn patience(&self) -> Duration {
        Duration::ZERO
    }

    fn nodes(&self) -> u64 {
        2
    }

    fn note(&self, _: Unanswered) {}

    fn owe(&self, debit: Debit) {
        self.owed.fetch_add(debit.units, Relaxed);
    }
}

#[derive(Clone)]
struct Kept(Arc<Asked>);

impl Keeper for Kept {
    fn keep(&self, _: &str, _: &Arc<Quotas>) {}

    fn share(&self, _: &Arc<Quotas>, _: WhenLost) -> Option<Shared> {
        None
    }

    fn store(&self) -> Option<Arc<dyn Store>> {
        Some(self.0.clone())
    }
}

struct Secret;

impl Source for Secret {
    fn env(&self, _: &str) -> Option<String> {
        Some("0123456789abcdef".to_owned())
    }

    fn read(&self, _: &std::path::Path) -> std::io::Result<String> {
        Err(std::io::ErrorKind::NotFound.into())
    }

    fn list(&self, _: &std::path::Path) -> std::io::Result<Vec<String>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

struct Node {
    store: Arc<Asked>,
    registry: Registry,
    chain: Chain,
    limiter: Limiter,
    now: Now,
}

impl Node {
    fn new(policies: &str) -> Self {
        let cluster = "cluster: { redis: [ 'redis://10.0.0.1' ], secret: '${env:SECRET}', nodes: 2 }";
        let route =
            format!("{{ name: a, match: {{ path: '/*' }}, answer: {{ status: 200 }}, policies: {{ {policies} }} }}");
        let text =
            format!("version: 1\nlisteners: [ {{ name: l, bind: 127.0.0.1:0 }} ]\n{cluster}\nroutes: [ {route} ]\n");
        let snapshot = parse("gateway.yaml", &text, &Secret).unwrap_or_else(|errors| panic!("{errors}"));
        let store = Arc::<Asked>::default();
        let mut registry = Registry::with_keeper(HashKeys::new([1, 2]), Box::new(Kept(store.clone())));
        let route = snapshot.routes.iter().next().expect("there is one").clone();
        let policies = route.policies.as_ref().expect("it has policies");
        let chain = Chain::compile(policies, &route, &snapshot.limits, &mut registry, &mut |_| 0);
        // 2026-11-20T12:00:00Z.
        let now = Now { monotonic_ns: 1_000_000_000, unix_s: 1_795_176_000 };
        Self { store, registry, chain, limiter: Limiter::new(1), now }
    }

    fn decide(&mut self) -> Box<Admission> {
        let (mut bytes, mut index) = (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), RequestIndex::new());
        assert!(matches!(index.parse(&mut bytes, &HeadLimits::DEFAULT), Parsed::Complete { .. }));
        let request = Request { head: &index.head(&bytes), client: [192, 0, 2, 1].into(), caller: None };
        let rules = self.chain.rules().expect("there are");
        rules.decide(&request, self.now, &mut self.limiter, b"")
    }

    /// A request that the store answers with what each count has left before it, or does not.
    fn ask(&mut self, left: Option<&[u64]>) -> String {
        let mut admission = self.decide();
        let rules = self.chain.rules().expect("there are");
        assert!(admission.asks_store());
        let mut question = Question::default();
        rules.question(&admission, &mut question);
        if let Some(left) = left {
            assert_eq!(question.counts.len(), left.len());
            for (count, left) in question.counts.iter_mut().zip(left) {
                (count.has_room, count.left) = (*left >= count.units, left.saturating_sub(count.units));
            }
            question.is_answered = true;
        }
        rules.settle(&mut admission, Some(&question), self.now, &mut self.limiter);
        let names = named(rules, &admission);
        rules.end(&mut admission, || self.now);
        self.limiter.give_back(admission);
        names
    }

    fn count(&self, name: &str) -> Arc<Counts> {
        self.registry.find("routes/a", "quota", name).expect("it runs")
    }
}

/// The rules that refuse, a slash, the shadow rules that would.
fn named(rules: Rules<'_>, admission: &Admission) -> String {
    let violated: Vec<_> = rules.violated(admission).collect();
    assert_eq!(violated.join(",").as_bytes(), admission.throttled_by());
    format!("{}/{}", violated.join(","), String::from_utf8_lossy(admission.shadowed_by()))
}

const STRICT: &str = "key: node, limit: 10, per: day, mode: strict";

#[test]
fn the_rules_of_the_store_are_named_apart_from_others() {
    let others = "throttle: [ { name: t, key: node, limit: 5, per: hour } ]";
    let mut node = Node::new(&format!("quota: [ {{ name: a, {STRICT} }}, {{ name: b, {STRICT} }} ], {others}"));
    assert_eq!(node.ask(Some(&[9, 9])), "/");
    assert_eq!(node.ask(Some(&[9, 0])), "b/");
    assert_eq!(node.ask(Some(&[0, 0])), "a,b/");
    // Refused requests cost the throttle nothing: of five it has given one.
    for _ in 0..4 {
        assert_eq!(node.ask(Some(&[9, 9])), "/");
    }
    let admission = node.decide();
    assert!(!admission.asks_store(), "the store is not asked for what another rule refuses");
    assert_eq!(named(node.chain.rules().expect("there are"), &admission), "t/");
}

#[test]
fn a_shadow_rule_of_the_store_refuses_nothing() {
    let mut node = Node::new(&format!("quota: [ {{ name: a, {STRICT} }}, {{ name: s, {STRICT}, shadow: true }} ]"));
    assert_eq!(node.ask(Some(&[9, 0])), "/s");
    assert_eq!(node.ask(Some(&[0, 0])), "a/s");
}

#[test]
fn whom_an_operator_blocks_is_refused_without_a_question() {
    let mut node = Node::new(&format!("quota: [ {{ name: a, {STRICT} }}, {{ name: b, {STRICT} }} ]"));
    let (counts, keys) = (node.count("b"), node.registry.keys().clone());
    let operate =
        |command| counts.operate(&keys, &[String::new()], command, node.now.unix_s).expect("the key is right");
    assert!(operate(QuotaCommand::Block).is_some_and(|usage| usage.is_blocked && usage.is_shared));
    let admission = node.decide();
    assert!(!admission.asks_store());
    assert_eq!(named(node.chain.rules().expect("there are"), &admission), "b/");
    counts.operate(&keys, &[String::new()], QuotaCommand::Reset, node.now.unix_s).expect("the key is right");
    assert_eq!(node.ask(Some(&[9, 9])), "/");
}

#[test]
fn without_the_store_a_node_admits_its_part_of_what_was_left() {
    let mut node = Node::new(&format!("quota: [ {{ name: a, {STRICT} }} ]"));
    assert_eq!(node.ask(Some(&[8])), "/", "seven are left of ten, for two nodes");
    let alone: Vec<_> = (0..5).map(|_| node.ask(None)).collect();
    assert_eq!(alone, ["/", "/", "/", "a/", "a/"]);
    assert_eq!(node.store.owed.load(Relaxed), 3);
    let used = node.count("a").operate(node.registry.keys(), &[String::new()], QuotaCommand::Show, node.now.unix_s);
    assert_eq!(used.expect("the key is right").expect("a quota").used, 9);
}

#[test]
fn without_the_store_rules_admit_all_or_none() {
    let (open, closed) = ("store_lost: open", "store_lost: closed");
    let bucket = "throttle: [ { name: t, key: node, limit: 4, per: hour, mode: strict } ]";
    let mut node = Node::new(&format!("quota: [ {{ name: o, {STRICT}, {open} }} ], {bucket}"));
    let alone: Vec<_> = (0..3).map(|_| node.ask(None)).collect();
    assert_eq!(alone, ["/", "/", "t/"], "half of the burst of four");
    let mut node = Node::new(&format!("quota: [ {{ name: c, {STRICT}, {closed} }}, {{ name: a, {STRICT} }} ]"));
    assert_eq!((node.ask(None), node.store.owed.load(Relaxed)), ("c/".to_owned(), 0));
}
