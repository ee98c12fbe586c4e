//! A run made up, told in every way.

use super::*;
use crate::objective::objectives;
use hdrhistogram::serialization::{Deserializer, interval_log};
use std::time::UNIX_EPOCH;
use tollgate_loadtest::load::{ErrorKind, Mix, Request, Target};

fn plan(arrivals: Arrivals) -> Plan {
    let (target, _) = Target::parse("http://127.0.0.1:9/").unwrap();
    let mut request = Request::new("GET", "/orders?key=hidden-in-the-query");
    request.headers.push(("Authorization".to_owned(), "Bearer hidden-in-a-field".to_owned()));
    request.body = b"hidden-in-the-body".to_vec();
    Plan { arrivals, ..Plan::new(target, Mix::one(request)) }
}

fn recording() -> Recording {
    let mut recording = Recording {
        sent: 1003,
        answered: 1002,
        completed: 1000,
        never_sent: 4,
        elapsed: Duration::from_millis(1100),
        cpu: Duration::from_millis(600),
        spun: Duration::from_millis(100),
        workers: 1,
        statuses: [(200, 990), (503, 10)].into(),
        ..Recording::default()
    };
    for n in 1..=1000 {
        recording.corrected.record(n * 20_000);
        recording.uncorrected.record(n * 10_000);
        recording.slip.record(n);
        let interval = recording.series.at(Duration::from_millis(n));
        (interval.sent, interval.answered) = (interval.sent + 1, interval.answered + 1);
        interval.latencies.record(n * 20_000);
    }
    recording.count_error(ErrorKind::Timeout, || "no answer in <5 s>".to_owned());
    recording
}

fn report(arrivals: Arrivals) -> Report {
    let verdicts = objectives("p99<2ms,rate>1").unwrap().iter().map(|one| one.judge(&recording())).collect();
    Report::new(&plan(arrivals), &recording(), UNIX_EPOCH + Duration::from_secs(1_700_000_000), verdicts)
}

#[test]
fn the_json_has_what_scripts_look_for_and_no_secret() {
    let report = report(Arrivals::Fixed { rate: 1000.0 });
    let text = report.to_json().unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["requests_per_second"], 909.090_909);
    assert_eq!((&value["requests"], &value["duration_seconds"]), (&1003.into(), &1.1.into()));
    for key in ["p50", "p75", "p90", "p95", "p99", "p99.9", "p99.99", "max", "mean"] {
        assert!(value["latency_ms"][key].as_f64().unwrap() > value["latency_uncorrected_ms"][key].as_f64().unwrap());
    }
    let p99 = value["latency_ms"]["p99"].as_f64().unwrap();
    assert!((p99 - 19.8).abs() < 0.02, "{p99}");
    assert_eq!((&value["statuses"]["503"], &value["errors"]["timeout"]["count"]), (&10.into(), &1.into()));
    assert_eq!(value["generator"]["cpu_us_per_request"], 500.0);
    assert_eq!(value["started"], "2023-11-14T22:13:20Z");
    assert!(value.get("connect_ms").is_none(), "what was not measured is not there");
    assert!(!text.contains("hidden"), "{text}");
    assert_eq!(Report::from_json(&text).unwrap(), report);
}

#[test]
fn the_last_interval_is_as_long_as_it_was() {
    let intervals = report(Arrivals::Closed).intervals;
    assert_eq!(intervals.iter().map(|interval| interval.sent).sum::<u64>(), 1000);
    assert_eq!((intervals.len(), intervals[0].seconds, intervals[4].seconds), (5, 0.25, 0.1));
}

#[test]
fn what_is_no_report_is_refused() {
    assert!(Report::from_json("{}").unwrap_err().contains("no report of `tollgate load`"));
    let later = report(Arrivals::Closed).to_json().unwrap().replacen("\"format\": 1", "\"format\": 2", 1);
    assert!(Report::from_json(&later).unwrap_err().contains("format 2"));
}

#[test]
fn the_summary_says_what_matters() {
    let text = summary(&report(Arrivals::Fixed { rate: 1000.0 }));
    for expected in [
        "http://127.0.0.1:9  GET /orders\n",
        "open loop: 1,000 per second, 64 connections",
        "909/s  for 1.1 s",
        "1,003 sent, 1,002 answered, 4 due and never sent",
        "from the intended send time",
        "slip of the generator",
        "statuses  200: 990, 503: 10",
        "timeout: 1 (no answer in <5 s>)",
        "NOT HELD: p99<2ms, measured 19.808ms",
        "held: rate>1, measured 909.091/s",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(!text.contains("was the limit") && !text.contains("hidden"), "{text}");
    let closed = summary(&report(Arrivals::Closed));
    assert!(closed.contains("closed loop") && !closed.contains("intended"), "{closed}");
}

#[test]
fn a_generator_that_was_the_limit_and_an_early_end_are_told() {
    let mut recording = recording();
    (recording.cpu, recording.spun, recording.end) = (Duration::from_millis(1100), Duration::ZERO, End::Stopped);
    let report = Report::new(&plan(Arrivals::Closed), &recording, UNIX_EPOCH, Vec::new());
    for text in [summary(&report), page(&report, &recording)] {
        assert!(text.contains("the load generator was the limit") && text.contains("Stopped before"), "{text}");
    }
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let report = report(Arrivals::Fixed { rate: 1000.0 });
    let page = page(&report, &recording());
    for outside in ["<script", "src=", "href=", "url(", "@import", "NaN", "inf ", "hidden"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(page.matches("<svg").count(), 4);
    assert!(page.contains("no answer in &lt;5 s&gt;") && page.contains("Not held: p99&lt;2ms"));
    let empty = Report::new(&plan(Arrivals::Closed), &Recording::default(), UNIX_EPOCH, Vec::new());
    assert!(!super::page(&empty, &Recording::default()).contains("NaN"));
}

#[test]
fn the_log_is_read_back_by_the_format() {
    let recording = recording();
    let log = hdr_log(&recording, UNIX_EPOCH + Duration::from_secs(7)).unwrap();
    let entries = interval_log::IntervalLogIterator::new(&log).map(Result::unwrap);
    let (mut untagged, mut whole) = (0, 0);
    for entry in entries {
        let interval_log::LogEntry::Interval(interval) = entry else { continue };
        let bytes = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, interval.encoded_histogram()).unwrap();
        let histogram: hdrhistogram::Histogram<u64> = Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
        match interval.tag().map(|tag| tag.as_str().to_owned()).as_deref() {
            None => untagged += histogram.len(),
            Some("corrected") => whole += histogram.len(),
            Some(_) => {}
        }
    }
    assert_eq!((untagged, whole), (1000, 1000));
}
