//! Breakers, adaptive limits, hedges, faults, priorities and shedding: what they mean, and mistakes in them.

use std::time::Duration;

use tollgate_model::{Configuration, Fallback, PatchError, Policies, Priority, Snapshot, Upstream};

use crate::{
    mistakes::check,
    source::{WORLD, file, good},
};

const SECOND: Duration = Duration::from_secs(1);

fn with(text: &str) -> String {
    file(&format!(
        "upstreams:\n  - {{ name: orders, endpoints: [ {{ address: 127.0.0.1:1 }} ], {text} }}\n\
         \x20 - {{ name: spare, endpoints: [ {{ address: 127.0.0.1:2 }} ] }}\n"
    ))
}

fn upstream(text: &str) -> Upstream {
    good(&with(text)).upstreams[0].clone()
}

#[test]
fn what_is_left_out_of_a_breaker_has_its_default() {
    let breaker = upstream("breaker: {}").breaker.unwrap();
    assert_eq!((breaker.failures, breaker.count, breaker.consecutive, breaker.slow), (Some(50), None, None, None));
    assert_eq!((breaker.requests_min, breaker.probes, breaker.window), (20, 3, 10 * SECOND));
    assert_eq!((breaker.open, breaker.open_max), (5 * SECOND, 60 * SECOND));
    assert!(breaker.fallback == Fallback::Off);
    assert!(upstream("slow_start: off").breaker.is_none());
    let slow = upstream("breaker: { failures: off, slow: { over: 1s } }").breaker.unwrap();
    assert_eq!((slow.failures, slow.slow), (None, Some((SECOND, 50))));
}

#[test]
fn a_fallback_is_another_upstream_or_an_answer_or_a_copy() {
    let breaker = upstream("breaker: { fallback: { upstream: spare } }").breaker.unwrap();
    assert!(breaker.fallback == Fallback::Upstream("spare".into()));
    let breaker = upstream("breaker: { fallback: { answer: { status: 200, body: x } } }").breaker.unwrap();
    assert!(matches!(breaker.fallback, Fallback::Answer(answer) if answer.status == 200 && answer.body == "x"));
    let cache = |text: &str| {
        let breaker = upstream(&format!("breaker: {{ fallback: {{ cache: {text} }} }}")).breaker.unwrap();
        breaker.cache().map(|cache| (cache.bytes_max, cache.answer_bytes_max, cache.age_max)).unwrap()
    };
    assert_eq!(cache("{}"), (64 << 20, 256 << 10, 3600 * SECOND));
    assert_eq!(
        cache("{ bytes_max: 1GiB, answer_bytes_max: 64MiB, age_max: 24h }"),
        (1 << 30, 64 << 20, 24 * 3600 * SECOND)
    );
}

#[test]
fn the_bounds_of_an_adaptive_limit_follow_each_other() {
    for (text, expected) in
        [("{}", (4, 1000, 150)), ("{ max: 2 }", (2, 2, 150)), ("{ min: 2000, tolerance: 200% }", (2000, 2000, 200))]
    {
        let limit = upstream(&format!("adaptive_concurrency: {text}")).adaptive_concurrency.unwrap();
        assert_eq!((limit.min, limit.max, limit.tolerance), expected, "{text}");
    }
}

#[test]
fn a_throughput_is_per_second_and_its_burst_is_its_limit() {
    for (text, expected) in
        [("{ limit: 9 }", (9, SECOND, 9)), ("{ limit: 9, per: minute, burst: 2 }", (9, 60 * SECOND, 2))]
    {
        let throughput = upstream(&format!("throughput: {text}")).throughput.unwrap();
        assert_eq!((throughput.limit, throughput.per, throughput.burst), expected, "{text}");
    }
    assert_eq!(upstream("slow_start: off").throughput, None);
}

#[test]
fn mistakes_in_upstreams_are_told() {
    for (text, expected) in [
        ("breaker: §{ failures: off }", "set `count`, `consecutive` or `slow`, or leave `breaker` out"),
        ("breaker: { failures: §0% }", "from 1% to 100%, or `off`"),
        ("breaker: { count: §0 }", "from 1 to 10000, or `off`"),
        ("breaker: { consecutive: §many }", "write a whole number"),
        ("breaker: { slow: §{ share: 10% } }", "`over` is missing"),
        ("breaker: { slow: { over: §0s } }", "from 1ms to 24h"),
        ("breaker: { window: §1ms }", "from 10ms to 24h"),
        ("breaker: { open: 10s, open_max: §5s }", "`open_max` is less than `open`"),
        ("breaker: { probes: §0 }", "from 1 to 100"),
        ("breaker: { §failure: 50% }", "unknown key `failure`, did you mean `failures`?"),
        ("breaker: { fallback: §cache }", "write `{ cache: {} }` for its defaults"),
        ("breaker: { fallback: { cache: { bytes_max: §10KiB } } }", "from 1MiB to 1024GiB"),
        ("breaker: { fallback: { cache: { bytes_max: §much } } }", "write a size like"),
        ("breaker: { fallback: { cache: { answer_bytes_max: §0 } } }", "from 1KiB to 64MiB"),
        ("breaker: { fallback: { cache: { bytes_max: 1MiB, answer_bytes_max: §2MiB } } }", "from 1KiB to 1MiB"),
        ("breaker: { fallback: { cache: { age_max: §0s } } }", "from 1s to 720h"),
        ("breaker: { fallback: { cache: { §ages_max: 1s } } }", "unknown key `ages_max`, did you mean `age_max`?"),
        (
            "breaker: { fallback: §{ cache: {}, upstream: spare } }",
            "`fallback` has one of `upstream`, `answer` and `cache`",
        ),
        ("breaker: { fallback: §spare }", "`spare` is not allowed here"),
        ("breaker: { fallback: §{} }", "`fallback` has one of `upstream`, `answer` and `cache`"),
        ("breaker: { fallback: { upstream: §spar } }", "upstream `spar` is not defined, did you mean `spare`?"),
        ("breaker: { fallback: { upstream: §orders } }", "an upstream cannot be its own fallback"),
        ("breaker: { fallback: { upstream: §'${env:NONE}' } }", "`NONE` is not defined"),
        ("breaker: { fallback: { answer: { status: §304 } } }", "304 cannot be a fixed answer"),
        ("adaptive_concurrency: { min: §0 }", "from 1 to 1000000"),
        ("adaptive_concurrency: { min: 9, max: §8 }", "`max` is less than `min`"),
        ("adaptive_concurrency: { tolerance: §99% }", "from 100% to 1000%"),
        ("adaptive_concurrency: { §maximum: 9 }", "unknown key `maximum`"),
        ("throughput: §{}", "`limit` is missing"),
        ("throughput: { limit: §0 }", "from 1 to 1000000000"),
        ("throughput: { limit: §10/s }", "write a whole number"),
        ("throughput: { limit: 1, per: §day }", "a bucket fills per second, minute or hour"),
        ("throughput: { limit: 1, per: §secnd }", "allowed here: second, minute, hour"),
        ("throughput: { limit: 1, per: hour, burst: §9000 }", "at most 8760"),
        ("throughput: { §limits: 9 }", "unknown key `limits`, did you mean `limit`?"),
        ("hedge: §{}", "`after` is missing"),
        ("hedge: { after: §50 }", "write a duration like"),
        ("hedge: { §afer: 50ms }", "unknown key `afer`, did you mean `after`?"),
    ] {
        check(&with(text), expected);
    }
}

#[test]
fn mistakes_in_routes_and_the_node_are_told() {
    let route = |text: &str| {
        file(&format!(
            "routes:\n  - {{ name: r, match: {{ path: / }}, answer: {{ status: 200 }}, policies: {{ {text} }} }}\n"
        ))
    };
    for (text, expected) in [
        ("priority: §hihg", "unknown `priority` `hihg`, did you mean `high`?"),
        ("priority: §7", "allowed here: low, normal, high, critical"),
        ("faults: §{}", "`delay` or `abort` is missing"),
        ("faults: §on", "write `off` or a mapping like { delay: { fixed: 100ms, percent: 10 } }"),
        ("faults: { delay: §{ percent: 1 } }", "`fixed` is missing"),
        ("faults: { delay: { fixed: §2m } }", "from 1ms to 1m"),
        ("faults: { delay: { fixed: 1s, percent: §10% } }", "write a whole number"),
        ("faults: { delay: { fixed: 1s, percent: §0 } }", "from 1 to 100"),
        ("faults: { abort: §{} }", "`status` is missing"),
        ("faults: { abort: { status: §200 } }", "from 400 to 599"),
        ("faults: { §aborts: {} }", "unknown key `aborts`, did you mean `abort`?"),
    ] {
        check(&route(text), expected);
    }
    for (text, expected) in [
        ("shedding: §on\n", "write `off` or a mapping like { delay: 50ms }"),
        ("shedding: { delay: §0ms }\n", "from 1ms to 24h"),
        ("shedding: { interval: §1ms }\n", "from 10ms to 24h"),
        ("shedding: { §target: 5ms }\n", "unknown key `target`"),
    ] {
        check(&file(text), expected);
    }
}

/// A priority, the delay injected and the answer injected, each with its percentage.
type Said = (Priority, Option<(Duration, u32)>, Option<(u16, u32)>);

fn of_route(snapshot: &Snapshot, route: usize) -> Said {
    let Some(Policies { priority, faults, .. }) = snapshot.routes[route].policies.as_deref() else {
        return (Priority::Normal, None, None);
    };
    (*priority, faults.and_then(|faults| faults.delay), faults.and_then(|faults| faults.abort))
}

#[test]
fn the_last_layer_says_who_goes_first_and_what_is_broken_on_purpose() {
    let routes = ["{}", "{ priority: critical }", "{ faults: off }", "{ faults: { abort: { status: 500 } } }"];
    let routes = routes.iter().enumerate().map(|(index, policies)| {
        format!(
            "  - {{ name: r{index}, match: {{ path: /{index} }}, answer: {{ status: 200 }}, policies: {policies} }}\n"
        )
    });
    let defaults = "defaults: { policies: { priority: low, faults: { delay: { fixed: 1s, percent: 10 } } } }\n";
    let snapshot = good(&file(&format!("{defaults}routes:\n{}", routes.collect::<String>())));
    let delay = Some((SECOND, 10));
    assert_eq!(of_route(&snapshot, 0), (Priority::Low, delay, None));
    assert_eq!(of_route(&snapshot, 1), (Priority::Critical, delay, None));
    assert_eq!(of_route(&snapshot, 2), (Priority::Low, None, None));
    assert_eq!(of_route(&snapshot, 3), (Priority::Low, None, Some((500, 100))));
}

#[test]
fn an_upstream_that_a_fallback_needs_stays() {
    let text = with("breaker: { fallback: { upstream: spare } }");
    let before = Configuration::parse("gateway.yaml", &text, &WORLD).unwrap_or_else(|errors| panic!("{errors}"));
    let patch = |delta: &str| before.patch("a patch", &format!("base: 1\n{delta}"), &WORLD);
    let Err(PatchError::Invalid(errors)) = patch("removed: { upstreams: [spare] }\n") else { panic!("it is needed") };
    assert!(errors.to_string().contains("upstream `spare` is the fallback of upstream `orders`"), "{errors}");
    let orders = "changed: { upstreams: [ { name: orders, endpoints: [ { address: 127.0.0.1:1 } ] } ] }\n";
    let both = patch(&format!("{orders}removed: {{ upstreams: [spare] }}\n"));
    assert_eq!(both.unwrap_or_else(|error| panic!("{error}")).snapshot().upstreams.len(), 1);
}

#[test]
fn shedding_is_off_unless_it_is_written() {
    assert_eq!(good(&file("")).shedding, None);
    assert_eq!(good(&file("shedding: off\n")).shedding, None);
    let shedding = good(&file("shedding: {}\n")).shedding.unwrap();
    assert_eq!((shedding.delay, shedding.interval), (SECOND / 20, SECOND / 10));
}
