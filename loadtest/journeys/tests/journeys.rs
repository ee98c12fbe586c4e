//! The program against the real binary: a few users on each journey, thresholds that hold and one that must fail, and what
//! it says when there is nothing to try.
//!
//! No time is judged: the machine may be busy.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use serde_json::Value;
use std::{
    fs,
    net::TcpListener,
    process::{Command, Output},
};
use tollgate_e2e::{Platform, origin, tollgate};

fn journeys(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate-journeys")).args(arguments).output().unwrap()
}

/// The exit code, and everything that was said.
fn outcome(output: &Output) -> (Option<i32>, String) {
    let said = [&output.stdout[..], &output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// A file with the token of who is logged in.
fn token_file(platform: &Platform) -> String {
    let login: Value = serde_json::from_slice(&fs::read(platform.path("tollgate/login.json")).unwrap()).unwrap();
    platform.put("token", login["token"].as_str().unwrap())
}

#[test]
fn all_journeys_succeed_and_nothing_is_left_of_them() {
    let (platform, origin) = (Platform::start(), origin());
    let rules = platform.put(
        "rules",
        "error-rate<=0%  # nothing that was not expected\n\
         failed-steps<=0\n\
         count>=2 for POST token\ncount>=20 for GET call with a token\ncount>=10 for GET call within the plan\n\
         count>=2 for POST rotate\ncount>=2 for GET call with the new key\ncount>=2 for GET until the old key ends\n\
         count>=5 for POST publication\n",
    );
    let before = platform.done(&["export"]);
    let report = platform.path("report.html").display().to_string();
    let gateway = format!("http://{}", platform.address);
    let (url, token, origin) = (platform.url(), token_file(&platform), origin.address().to_string());
    let place = ["--gateway", &gateway, "--control-plane", &url, "--token-file", &token, "--origin", &origin];
    let run = ["--users", "3", "--iterations", "2", "--thresholds", &rules, "--report", &report];
    let (code, said) = outcome(&journeys(&[&place[..], &run].concat()));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("count>=2 for POST rotate") && !said.contains("FAILS"), "{said}");
    let report = fs::read_to_string(report).unwrap();
    for name in ["call with a token", "call beyond the plan", "call with the new key", "until a revision is served"] {
        assert!(report.contains(name), "{name} is not in the report");
    }
    assert_eq!(platform.done(&["export"]), before, "the store is as it was");
}

#[test]
fn a_threshold_that_cannot_hold_is_code_1() {
    let tollgate = tollgate().display().to_string();
    let rules = ["--threshold", "count>=1000000 for POST token", "--threshold", "count>=1 for POST token"];
    let run = ["--spawn", &tollgate, "--users", "3", "--iterations", "1"];
    let (code, said) = outcome(&journeys(&[&run[..], &rules].concat()));
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(said.matches("FAILS").count(), 1, "{said}");
}

#[test]
fn what_cannot_be_tried_is_told_before_any_load() {
    let platform = Platform::start();
    let gateway = format!("http://{}", platform.address);
    let (url, good, bad) = (platform.url(), token_file(&platform), platform.put("bad", "no-token"));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let closed = format!("http://{closed}");
    let refused = |gateway: &str, control_plane: &str, token: &str, said: &[&str]| {
        let place = ["--gateway", gateway, "--control-plane", control_plane, "--token-file", token];
        let (code, heard) = outcome(&journeys(&[&place[..], &["--origin", "127.0.0.1:9"]].concat()));
        assert_eq!(code, Some(3), "{heard}");
        for said in said {
            assert!(heard.contains(said), "{heard}");
        }
    };
    refused(&closed, &url, &good, &["the gateway does not answer", &closed]);
    refused(&gateway, &closed, &good, &["the control plane does not answer", &closed]);
    refused(&gateway, &url, &bad, &["401", "token"]);
    refused(&gateway, &url, "/nowhere", &["/nowhere"]);
    refused("http://192.0.2.1", &url, &good, &["--yes-this-host-is-mine"]);
    let (code, heard) = outcome(&journeys(&["--spawn", "tollgate", "--threshold", "p95"]));
    assert_eq!(code, Some(3), "{heard}");
    assert!(heard.contains("p95"), "{heard}");
    assert_eq!(outcome(&journeys(&["--users", "1", "--spawn", "tollgate"])).0, Some(2));
}
