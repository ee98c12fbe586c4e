//! `tollgate validate` and `tollgate doctor`.

use std::fs;
use tollgate_e2e::run;

const GOOD: &str = "version: 1
listeners: [ { name: public, bind: 127.0.0.1:8080 } ]
upstreams: [ { name: orders, endpoints: [ { address: 127.0.0.1:9001 } ] } ]
routes:
  - name: everything
    match: { path: \"/{rest*}\" }
    upstream: orders
";

/// Exit code, standard output and standard error of `validate` for a file with this text.
fn validate(text: &str) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("gateway.yaml");
    fs::write(&path, text).expect("a temporary folder is writable");
    let run = run(&["validate", &path.to_string_lossy()]);
    let words = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (run.status.code(), words(run.stdout), words(run.stderr))
}

#[test]
fn a_good_file_is_summed_up() {
    let (code, output, errors) = validate(GOOD);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    for expected in ["is valid", "public on 127.0.0.1:8080", "orders: 127.0.0.1:9001", "everything: /{rest*} -> orders"]
    {
        assert!(output.contains(expected), "{expected}: {output}");
    }
}

#[test]
fn a_mistake_is_shown_with_its_place_and_the_near_miss() {
    let (code, output, errors) = validate(&GOOD.replace("upstream: orders", "upstream: ordres"));
    assert_eq!((code, output.as_str()), (Some(1), ""));
    for expected in ["gateway.yaml:7:15", "upstream: ordres", "^^^^^^", "did you mean `orders`?"] {
        assert!(errors.contains(expected), "{expected}: {errors}");
    }
}

#[test]
fn every_kind_of_broken_file_is_code_1_and_no_panic() {
    let deep = "[".repeat(100_000);
    let broken = ["", "\0", "version: 2", "- a\n- b", "{", deep.as_str(), "version: 1\nlisteners: &a [*a]", "é: ü"];
    for text in broken {
        let (code, _, errors) = validate(text);
        assert_eq!(code, Some(1), "{text:.40}");
        assert!(errors.contains("error:") && !errors.contains("panicked"), "{text:.40}: {errors:.400}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_code_1() {
    for path in ["no/such/file.yaml", "."] {
        let run = run(&["validate", path]);
        assert_eq!(run.status.code(), Some(1), "{path}");
        assert!(String::from_utf8_lossy(&run.stderr).contains("cannot be read"), "{path}");
    }
}

#[test]
fn the_gateway_refuses_what_validate_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.yaml");
    fs::write(&path, GOOD.replace("listeners", "listener")).unwrap();
    let run = run(&["gateway", "--config", &path.to_string_lossy()]);
    assert_eq!(run.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&run.stderr).contains("did you mean `listeners`?"));
}

#[test]
fn doctor_says_what_the_machine_gives() {
    let run = run(&["doctor"]);
    assert_eq!(run.status.code(), Some(0));
    let output = String::from_utf8(run.stdout).unwrap();
    for expected in ["kernel", "io_uring", "MEMLOCK", "NOFILE", "CPUs", "TCP backlog", "local ports"] {
        assert!(output.contains(expected), "{expected}: {output}");
    }
}
