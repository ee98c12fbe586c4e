//! Judgement on made-up readings, and the real readings of the machine the test runs on.

use super::{probe::parse_quota, *};
use std::io::ErrorKind;

fn limit(soft: u64, hard: u64) -> io::Result<Limit> {
    Ok(Limit { soft, hard })
}

#[test]
fn releases_are_read_as_they_are_written() {
    let cases = [("6.18.44-fc", (6, 18)), ("5.4", (5, 4)), ("6", (6, 0)), ("", (0, 0)), ("6.1-rc2", (6, 1))];
    for (release, expected) in cases {
        assert_eq!(version(release), expected, "{release}");
    }
}

#[test]
fn kernels_are_judged_by_what_io_uring_can_do_on_them() {
    assert_eq!(kernel("6.1.0").state, State::Good);
    for older in ["6.0.9", "5.10.0", "4.18.0", "nonsense"] {
        let finding = kernel(older);
        assert_eq!((finding.state, finding.remedy.is_some()), (State::Degraded, true), "{older}");
    }
}

#[test]
fn a_refused_ring_is_degraded_and_names_the_cause() {
    let refused = io_uring(Err(&io::Error::from(ErrorKind::PermissionDenied)));
    assert_eq!(refused.state, State::Degraded);
    assert!(refused.value.contains("permission denied") && refused.remedy.unwrap().contains("seccomp"));
    let no_memory = io_uring(Err(&io::Error::from(ErrorKind::OutOfMemory)));
    assert!(no_memory.remedy.unwrap().contains("MEMLOCK"));
    assert_eq!(io_uring(Ok(&UringFlags::default())).value, "available with no flags");
    let all = UringFlags { single_issuer: true, defer_taskrun: true, coop_taskrun: true };
    assert_eq!(io_uring(Ok(&all)).state, State::Good);
    assert_eq!(io_uring(Ok(&UringFlags { defer_taskrun: false, ..all })).state, State::Degraded);
}

#[test]
fn memlock_is_for_all_rings_unless_a_capability_lifts_it() {
    assert_eq!(memlock(limit(1 << 20, 1 << 20), 2, false).state, State::Good);
    let short = memlock(limit(64 << 10, 64 << 10), 2, false);
    assert_eq!((short.state, short.remedy.unwrap().starts_with("1 MiB for 2 rings")), (State::Degraded, true));
    assert_eq!(memlock(limit(64 << 10, 64 << 10), 2, true).state, State::Good);
    assert_eq!(memlock(limit(u64::MAX, u64::MAX), 2, false).value.matches("unlimited").count(), 2);
}

#[test]
fn descriptors_are_judged_by_the_hard_limit() {
    let states = [(100, State::Missing), (20_000, State::Degraded), (1 << 20, State::Good)];
    for (hard, expected) in states {
        assert_eq!(nofile(limit(64, hard)).state, expected, "{hard}");
    }
}

#[test]
fn a_quota_below_the_cpus_is_degraded() {
    assert_eq!(parse_quota("150000 100000\n"), Some(1.5));
    assert_eq!((parse_quota("max 100000\n"), parse_quota("1 0"), parse_quota("")), (None, None, None));
    let cpus = [0, 1, 2, 5];
    assert_eq!(processors(Ok(&cpus), None).value, "4 allowed (0-2,5)");
    assert_eq!(processors(Ok(&cpus), Some(4.0)).state, State::Good);
    assert_eq!(processors(Ok(&cpus), Some(1.5)).state, State::Degraded);
}

#[test]
fn tcp_settings_are_judged_where_they_can_be_read() {
    let backlogs = [(Some("4096"), State::Good), (Some("128"), State::Degraded), (None, State::Good)];
    for (text, expected) in backlogs {
        assert_eq!(backlog(text).state, expected, "{text:?}");
    }
    let ranges =
        [(Some("32768\t60999"), State::Good), (Some("40000 50000"), State::Degraded), (Some("x"), State::Good)];
    for (text, expected) in ranges {
        assert_eq!(local_ports(text).state, expected, "{text:?}");
    }
    assert_eq!(local_ports(Some("9 3")).state, State::Degraded, "an empty range does not overflow");
}

#[test]
fn a_report_with_something_missing_is_not_able() {
    let finding = |state| Finding { name: "x", state, value: String::new(), remedy: None };
    assert!(Report { findings: vec![finding(State::Good), finding(State::Degraded)] }.is_able());
    assert!(!Report { findings: vec![finding(State::Good), finding(State::Missing)] }.is_able());
}

#[test]
fn this_machine_can_be_examined() {
    let report = examine();
    assert_eq!(report.findings.len(), 7);
    for finding in &report.findings {
        assert_eq!(finding.remedy.is_none(), finding.state == State::Good, "{finding:?}");
        assert!(!finding.value.is_empty(), "{finding:?}");
    }
    assert!(!allowed_cpus().unwrap().is_empty());
    let (_, after) = raise_nofile().unwrap();
    assert_eq!(probe::nofile().unwrap().soft, after);
}
