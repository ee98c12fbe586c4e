//! `tollgate load` as a user runs it: reports, expectations, refusals, an early end, agents, the search for a highest rate.
//!
//! Against the synthetic origin over loopback. Rates are low, so that a busy machine keeps them; nothing here is a measurement.

use nix::sys::signal::Signal;
use serde_json::Value;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::Output,
    thread,
};
use tempfile::TempDir;
use tollgate_e2e::{Process, origin, run, until};

/// A run on `url` with arguments as on a command line, of one worker and a tenth of a second of warm-up.
fn load(url: &str, arguments: &str) -> Output {
    let mut all = vec!["load", url, "--workers", "1", "--warmup", "100ms"];
    all.extend(arguments.split(' ').filter(|argument| !argument.is_empty()));
    run(&all)
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {}", text(output)))
}

fn report(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("the run has written it");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A folder with a file of each kind of report.
fn files() -> (TempDir, [PathBuf; 3]) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let files = ["run.json", "run.html", "run.hdr"].map(|name| folder.path().join(name));
    (folder, files)
}

/// A peer that says the same to whoever connects, and closes.
fn peer(says: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // Whoever has gone already is no matter here.
            let _ = stream.read(&mut [0; 4096]).and_then(|_| stream.write_all(says.as_bytes()));
        }
    });
    format!("http://{address}/")
}

#[test]
fn a_run_at_a_rate_is_told_in_every_way() {
    let origin = origin();
    let (_folder, [json, html, hdr]) = files();
    let files = format!("--report {} --html {} --hdr {}", json.display(), html.display(), hdr.display());
    let run = load(
        &format!("http://{}/bytes/100", origin.address()),
        &format!("--rate 200 --connections 4 --duration 2s {files}"),
    );
    assert_eq!(code(&run), 0, "{}", text(&run));
    assert!(text(&run).contains("from the intended send time"), "{}", text(&run));
    let report = report(&json);
    let number = |key: &str| report[key].as_f64().unwrap_or_else(|| panic!("no {key}: {report}"));
    assert!((number("requests") - 400.0).abs() < 5.0, "{report}");
    assert!((number("requests_per_second") - 200.0).abs() < 20.0, "{report}");
    assert!((number("duration_seconds") - 2.0).abs() < 0.2, "{report}");
    assert_eq!(report["statuses"]["200"], report["answered"]);
    for kind in ["latency_ms", "latency_uncorrected_ms", "slip_ms", "connect_ms", "first_byte_ms"] {
        for key in ["p50", "p75", "p90", "p95", "p99", "p99.9", "p99.99", "max", "mean"] {
            assert!(report[kind][key].is_f64(), "{kind} {key}: {report}");
        }
    }
    assert!(!report["intervals"].as_array().unwrap().is_empty());
    assert_eq!(report["plan"]["arrivals"]["fixed"]["rate"], 200.0);
    assert!(fs::read_to_string(html).unwrap().contains("</html>"));
    assert!(fs::read_to_string(hdr).unwrap().contains("Tag=corrected"));
}

/// How many requests a schedule has is known: the integral of its rate, with two for the ends.
#[test]
fn rates_change_and_requests_share_connections_or_have_their_own() {
    let origin = origin();
    let (_folder, [json, ..]) = files();
    let told = |path: &str, arguments: &str| {
        let url = format!("http://{}{path}", origin.address());
        let done = load(&url, &format!("{arguments} --report {}", json.display()));
        assert_eq!(code(&done), 0, "{arguments}: {}", text(&done));
        let report = report(&json);
        let number = |key: &str| report[key].as_u64().unwrap_or_else(|| panic!("no {key}: {report}"));
        assert_eq!(report["statuses"]["200"], report["answered"], "{report}");
        (number("requests"), number("answered"), number("connections"))
    };
    let (ramp, ..) = told("/", "--connections 8 --ramp 100..300 --duration 1s");
    assert!(ramp.abs_diff(200) <= 2, "{ramp}");
    let (steps, ..) = told("/", "--connections 8 --steps 50,250 --duration 1s");
    assert!(steps.abs_diff(150) <= 2, "{steps}");
    assert_eq!(told("/", "--connections 1 --pipeline 8 --requests 64"), (64, 64, 1));
    let (fresh, answered, connections) = told("/", "--connections 2 --fresh --requests 20");
    assert!(fresh == 20 && answered == 20 && connections >= 20, "{connections} connections for 20 requests");
    let before = origin.counts().requests;
    assert_eq!(told("/upload", "--connections 1 --method PUT --body hello --header A:b --requests 5").1, 5);
    assert!(origin.counts().requests > before);
}

#[test]
fn an_expectation_decides_the_exit_code() {
    let origin = origin();
    let url = format!("http://{}/status/503", origin.address());
    let arguments = "--rate 100 --connections 2 --duration 500ms --expect";
    let held = load(&url, &format!("{arguments} status:503>1,p50<9s,rate>1"));
    assert_eq!(code(&held), 0, "{}", text(&held));
    let missed = load(&url, &format!("{arguments} p50<9s,errors<0.1%"));
    assert_eq!(code(&missed), 1, "{}", text(&missed));
    assert!(text(&missed).contains("NOT HELD: errors<0.1%, measured 100%"), "{}", text(&missed));
    let nonsense = load(&url, &format!("{arguments} p99<2"));
    assert_eq!((code(&nonsense), text(&nonsense).contains("write 2ms")), (2, true), "{}", text(&nonsense));
}

/// 192.0.2.0/24 is for documents (RFC 5737): a connection to it would not be refused at once.
#[test]
fn load_goes_to_loopback_only() {
    let refused = load("http://192.0.2.1:9/", "--duration 500ms");
    assert_eq!(code(&refused), 2);
    assert!(text(&refused).contains("--yes-this-host-is-mine"), "{}", text(&refused));
    assert!(text(&refused).contains("nothing was sent"), "{}", text(&refused));
}

#[test]
fn a_target_that_cannot_be_loaded_is_said_and_kept() {
    let (_folder, [json, ..]) = files();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let arguments = format!("--rate 50 --connections 1 --duration 500ms --report {}", json.display());
    let nobody = load(&format!("http://{free}/"), &arguments);
    assert_eq!(code(&nobody), 3, "{}", text(&nobody));
    assert!(text(&nobody).contains("cannot be reached"), "{}", text(&nobody));
    assert_eq!(report(&json)["end"], "unreachable");
    assert!(report(&json)["errors"]["connect_refused"]["count"].as_u64() > Some(0), "{}", report(&json));

    let other = load(&peer("220 mail.example ESMTP\r\n"), &arguments);
    assert_eq!(code(&other), 3, "{}", text(&other));
    assert!(text(&other).contains("not one whole answer of HTTP/1.1"), "{}", text(&other));
    assert!(report(&json)["errors"]["malformed"]["count"].as_u64() > Some(0), "{}", report(&json));

    let cut = load(&peer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), &arguments);
    assert_eq!(code(&cut), 3, "{}", text(&cut));
    assert!(text(&cut).contains("closed_early") || text(&cut).contains("reset"), "{}", text(&cut));
}

#[test]
fn an_interrupt_keeps_what_was_measured() {
    let origin = origin();
    let (_folder, [json, html, _]) = files();
    let url = format!("http://{}/", origin.address());
    let (json_path, html_path) = (json.display().to_string(), html.display().to_string());
    let mut process = Process::start(&[
        "load",
        &url,
        "--rate",
        "200",
        "--connections",
        "2",
        "--workers",
        "1",
        "--warmup",
        "0s",
        "--duration",
        "10m",
        "--report",
        &json_path,
        "--html",
        &html_path,
    ]);
    until("requests at the origin", || (origin.counts().requests > 100).then_some(()));
    process.signal(Signal::SIGINT);
    assert_eq!(process.ended().code(), Some(0));
    until("the summary", || process.output().contains("Stopped before its end").then_some(()));
    let report = report(&json);
    assert_eq!(report["end"], "stopped");
    assert!(report["answered"].as_u64() > Some(50), "{report}");
    assert!(fs::read_to_string(html).unwrap().contains("Stopped before its end"));
}

#[test]
fn requests_come_from_files() {
    let origin = origin();
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("the folder is there");
        folder.path().join(name).display().to_string()
    };
    let json = folder.path().join("run.json");
    let url = format!("http://{}", origin.address());
    let mix = put("mix.yaml", "- { path: /status/200, weight: 3 }\n- { path: '/status/{400..403}', weight: 1 }\n");
    let done = load(&url, &format!("--requests 400 --mix {mix} --report {}", json.display()));
    assert_eq!(code(&done), 0, "{}", text(&done));
    let count = |status: &str| report(&json)["statuses"][status].as_u64().unwrap_or_default();
    assert!(count("200") > 2 * count("400") && count("403") > 0, "{}", report(&json));

    let document = "openapi: 3.0.3\nservers: [ { url: /status } ]\npaths:\n  /{code}:\n    get:\n      parameters: [ { name: code, \
                    in: path, required: true, example: 204 } ]\n    post: {}\n";
    let document = put("api.yaml", document);
    let done = load(&url, &format!("--requests 20 --openapi {document} --report {}", json.display()));
    assert!(text(&done).contains("1 operations with unsafe methods left out"), "{}", text(&done));
    assert_eq!((code(&done), count("204")), (0, report(&json)["answered"].as_u64().unwrap()), "{}", text(&done));

    let line = |second: u32, path: &str| {
        format!(
            "{{\"time\":\"2026-01-01T00:00:0{second}.000Z\",\"method\":\"GET\",\"host\":\"a\",\"path\":\"{path}\"}}\n"
        )
    };
    let log = put("access.log", &[line(1, "/status/201"), line(0, "/status/202")].concat());
    let done = run(&["load", &url, "--replay", &log, "--speed", "4", "--report", &json.display().to_string()]);
    assert_eq!((code(&done), count("201"), count("202")), (0, 1, 1), "{}", text(&done));

    let wrong = load(&url, &format!("--mix {}", put("wrong.yaml", "- { path: /a }\n- { path: b }\n")));
    assert_eq!(code(&wrong), 1);
    assert!(text(&wrong).contains("wrong.yaml:2: "), "{}", text(&wrong));
}

#[test]
fn two_runs_are_compared() {
    let origin = origin();
    let (_folder, [before, after, _]) = files();
    for (file, path) in [(&before, "/delay/1/"), (&after, "/delay/40/")] {
        let arguments = format!("--connections 4 --duration 2s --report {}", file.display());
        let done = load(&format!("http://{}{path}", origin.address()), &arguments);
        assert_eq!(code(&done), 0, "{}", text(&done));
    }
    let paths = [before.display().to_string(), after.display().to_string()];
    let compare = |one: &str, other: &str| run(&["load", "compare", one, other, "--fail-on-regression", "20"]);
    let worse = compare(&paths[0], &paths[1]);
    assert_eq!(code(&worse), 1, "{}", text(&worse));
    assert!(text(&worse).contains("The second run is worse: answers per second, p50 ms"), "{}", text(&worse));
    assert_eq!(code(&compare(&paths[1], &paths[0])), 0, "better is no regression");
    assert_eq!(code(&compare(&paths[0], &paths[0])), 0);
    assert_eq!(code(&compare(&paths[0], "/dev/null")), 1, "no report");
}

/// Starts an agent on a free port.
fn agent(more: &[&str]) -> (Process, String) {
    let arguments = [&["load", "agent", "--bind", "127.0.0.1:0"], more].concat();
    let mut process = Process::start(&arguments);
    let address = process.announced("agent on ");
    (process, address)
}

#[test]
fn agents_share_a_run_and_a_lost_one_is_told() {
    let origin = origin();
    let (folder, [json, ..]) = files();
    let token = folder.path().join("token");
    fs::write(&token, "a-secret-of-the-test\n").unwrap();
    let token = token.display().to_string();
    let (mut first, one) = agent(&["--token-file", &token]);
    let (second, other) = agent(&["--token-file", &token]);
    let url = format!("http://{}/", origin.address());
    let arguments = format!("--rate 200 --connections 5 --agents {one},{other} --report {}", json.display());

    let strange = load(&url, &format!("{arguments} --duration 1s"));
    assert_eq!(code(&strange), 3, "{}", text(&strange));
    assert!(text(&strange).contains("the token is not the agent's"), "{}", text(&strange));
    assert_eq!(origin.counts().requests, 0);

    let done = load(&url, &format!("{arguments} --token-file {token} --duration 1s"));
    assert_eq!(code(&done), 0, "{}", text(&done));
    let merged = report(&json);
    assert!((merged["requests"].as_f64().unwrap() - 200.0).abs() < 8.0, "{merged}");
    assert_eq!(merged["generator"]["agents"].as_array().map(Vec::len), Some(2));
    assert_eq!(merged["generator"]["workers"], 2, "one of each");
    assert!(merged["connections"].as_u64() >= Some(5), "{merged}");

    // Agents judge the target themselves.
    let away =
        run(&["load", "http://192.0.2.1:9/", "--yes-this-host-is-mine", "--agents", &one, "--token-file", &token]);
    assert_eq!(code(&away), 3, "{}", text(&away));
    assert!(text(&away).contains("nothing was sent"), "{}", text(&away));

    let seen = origin.counts().requests;
    let more = format!("{arguments} --token-file {token} --duration 5s");
    let lossy = thread::scope(|scope| {
        let lossy = scope.spawn(|| load(&url, &more));
        until("both to send", || (origin.counts().requests > seen + 100).then_some(()));
        second.signal(Signal::SIGKILL);
        lossy.join().expect("it ends")
    });
    assert_eq!(code(&lossy), 3, "{}", text(&lossy));
    assert!(text(&lossy).contains(&format!("Incomplete: agent {other} was lost")), "{}", text(&lossy));
    assert!(report(&json)["answered"].as_u64() > Some(400), "the other's part is kept: {}", report(&json));
    for said in [text(&strange), text(&lossy), first.errors()] {
        assert!(!said.contains("a-secret-of-the-test"), "{said}");
    }
    first.signal(Signal::SIGTERM);
    assert_eq!(first.ended().code(), Some(0));
}

#[test]
fn an_agent_that_others_can_reach_wants_a_token() {
    let open = run(&["load", "agent", "--bind", "0.0.0.0:0"]);
    assert_eq!(code(&open), 3, "{}", text(&open));
    assert!(text(&open).contains("needs a token"), "{}", text(&open));
}

/// Four connections to what takes 20 ms carry 200 requests per second, and no more.
#[test]
fn the_highest_rate_of_a_target_with_a_known_delay_is_found() {
    let origin = origin();
    let (_folder, [json, ..]) = files();
    let url = format!("http://{}/delay/20/", origin.address());
    let found =
        load(&url, &format!("--connections 4 --duration 500ms --find-max p99<100ms --report {}", json.display()));
    assert_eq!(code(&found), 0, "{}", text(&found));
    assert!(text(&found).contains("per second held, 3 % more did not"), "{}", text(&found));
    let rate = report(&json)["plan"]["arrivals"]["fixed"]["rate"].as_f64().expect("the best run is told");
    assert!((120.0..=225.0).contains(&rate), "{rate}: {}", text(&found));
}
