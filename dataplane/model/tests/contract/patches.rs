//! What a patch does, and what is said about a wrong one. `§` marks the place of the mistake, as in `mistakes`.

use std::sync::Arc;

use tollgate_model::{ConfigError, Configuration, PatchError};

use crate::source::{WORLD, file};

const REST: &str = "upstreams:\n  - { name: a, endpoints: [ { address: 127.0.0.1:1 } ] }\n  - { name: b, endpoints: [ { address: 127.0.0.1:2 } ] }\n\
    routes:\n  - { name: x, match: { path: /x }, upstream: a }\n  - { name: y, match: { path: /y, listeners: [inner] }, upstream: a }\n";

fn base() -> Configuration {
    Configuration::parse("gateway.yaml", &file(REST), &WORLD).unwrap_or_else(|errors| panic!("{errors}"))
}

fn patched(delta: &str) -> Configuration {
    base().patch("a patch", &format!("base: 1\n{delta}"), &WORLD).unwrap_or_else(|error| panic!("{error}"))
}

/// The only mistake of a patch.
fn mistake(text: &str) -> ConfigError {
    match base().patch("a patch", &text.replace('§', ""), &WORLD) {
        Ok(_) => panic!("no error in:\n{text}"),
        Err(PatchError::Conflict(error)) => panic!("a conflict: {error}"),
        Err(PatchError::Invalid(errors)) => match errors.as_slice() {
            [error] => error.clone(),
            _ => panic!("not one error:\n{errors}\n\nin:\n{text}"),
        },
    }
}

fn check(delta: &str, expected: &str) {
    let text = format!("base: 1\n{delta}");
    let (line, column) = text.split_once('§').map_or((0, 0), |(before, _)| {
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
    });
    let error = mistake(&text);
    assert_eq!((error.file.as_str(), error.line, error.column), ("a patch", line, column), "{error}\n\nin:\n{text}");
    assert!(error.to_string().contains(expected), "not `{expected}` but:\n{error}");
}

#[test]
fn what_a_patch_does_not_name_is_shared() {
    let before = base();
    let after = before
        .patch("a patch", "{\"base\": 1, \"changed\": {\"routes\": [{\"name\": \"x\", \"match\": {\"path\": \"/x\"}, \"upstream\": \"b\"}]}}", &WORLD)
        .unwrap();
    let (old, new) = (before.snapshot(), after.snapshot());
    assert_eq!((old.generation, new.generation), (1, 2));
    assert_ne!(old.digest, new.digest);
    assert_eq!(new.routes[0].action.upstreams().collect::<Vec<_>>(), [1]);
    assert!(!Arc::ptr_eq(old.routes.get(0).unwrap(), new.routes.get(0).unwrap()));
    assert!(Arc::ptr_eq(old.routes.get(1).unwrap(), new.routes.get(1).unwrap()));
    assert!(Arc::ptr_eq(old.upstreams.get(0).unwrap(), new.upstreams.get(0).unwrap()));
    assert_eq!(old.routes[0].action.upstreams().collect::<Vec<_>>(), [0], "the old one is as it was");
}

#[test]
fn a_new_file_keeps_slots_and_what_is_equal() {
    let before = base();
    let text = file(
        &REST
            .replace("/x }, upstream: a", "/x }, upstream: b")
            .replace("  - { name: a, ", "  - { name: new, endpoints: [ { address: 127.0.0.1:3 } ] }\n  - { name: a, "),
    );
    let after = before.replace("gateway.yaml", &text, &WORLD).unwrap();
    let (old, new) = (before.snapshot(), after.snapshot());
    assert_eq!((new.generation, new.upstreams.slot("a"), new.upstreams.slot("new")), (2, Some(0), Some(2)));
    assert!(Arc::ptr_eq(old.upstreams.get(1).unwrap(), new.upstreams.get(1).unwrap()));
    assert!(Arc::ptr_eq(old.routes.get(1).unwrap(), new.routes.get(1).unwrap()));
    let order = |slot: u32| new.upstreams.entry(slot).unwrap().order;
    assert!(order(2) < order(0) && order(0) < order(1), "the order is that of the new file");
    assert_eq!(new.digest, Configuration::parse("gateway.yaml", &text, &WORLD).unwrap().snapshot().digest);
    assert!(before.replace("gateway.yaml", "version: 2", &WORLD).is_err());
}

#[test]
fn settings_are_replaced_and_removed_as_whole_values() {
    let before = base();
    let set = before.patch("p", "base: 1\nchanged: { timeouts: { idle: 7s, head: 1s } }", &WORLD).unwrap();
    assert_eq!(set.snapshot().routes[0].timeouts.idle.as_secs(), 7, "routes inherit it");
    let again = set.patch("p", "base: 2\nchanged: { timeouts: { idle: 8s } }", &WORLD).unwrap();
    assert_eq!((again.snapshot().timeouts.idle.as_secs(), again.snapshot().timeouts.head.as_secs()), (8, 10));
    let gone = again.patch("p", "base: 3\nremoved: { settings: [timeouts] }", &WORLD).unwrap();
    assert_eq!((gone.snapshot().generation, gone.snapshot().digest), (4, before.snapshot().digest));
}

#[test]
fn what_uses_an_upstream_may_go_with_it() {
    let after = patched(
        "changed: { routes: [ { name: x, match: { path: /x }, upstream: b } ] }\nremoved: { routes: [y], upstreams: [a], listeners: [inner] }\n",
    );
    assert_eq!(
        (after.snapshot().upstreams.len(), after.snapshot().routes.len(), after.snapshot().listeners.len()),
        (1, 1, 1)
    );
    patched("changed: { upstreams: [ { name: a, endpoints: [ { address: 127.0.0.1:3 } ] } ] }\n");
}

#[test]
fn a_patch_is_for_one_configuration() {
    let base = base();
    let digest = format!("{:016x}", base.snapshot().digest);
    assert!(base.patch("p", &format!("base: '{digest}'"), &WORLD).is_ok());
    for other in ["2", "0", "'0000000000000000'"] {
        let Err(PatchError::Conflict(error)) = base.patch("p", &format!("base: {other}"), &WORLD) else {
            panic!("{other}")
        };
        let shown = error.to_string();
        assert!(shown.contains("not the configuration any more") && shown.contains("generation 1"), "{shown}");
        assert_eq!((error.line, error.column), (1, 7));
    }
    assert!(mistake("changed: {}").to_string().contains("`base` is missing"));
    assert!(mistake("base: latest").to_string().contains("neither a generation nor a digest"));
}

#[test]
fn mistakes_of_a_patch() {
    for (delta, expected) in [
        ("§change: {}\n", "unknown key `change`, did you mean `changed`?"),
        ("changed: { §route: [] }\n", "unknown key `route`, did you mean `routes`?"),
        ("changed: { routes: [ { name: z, match: { path: /z }, upstream: §bb } ] }\n", "did you mean `b`?"),
        (
            "changed: { routes: [ { name: z, match: §{ path: /x }, upstream: a } ] }\n",
            "the same requests as route `x` in line 9 of gateway.yaml",
        ),
        (
            "changed: { routes: [ { name: z, match: { path: /z }, upstream: a }, { name: §z, match: { path: /v }, upstream: a } ] }\n",
            "used twice, first in line 2",
        ),
        ("changed: { upstreams: [ §{ name: a } ] }\n", "`endpoints` is missing"),
        ("changed: { listeners: [ { name: l, bind: §127.0.0.1:8080 } ] }\n", "is the address of another listener"),
        ("changed: { listeners: [ { name: l, bind: §127.0.0.1:9901 } ] }\n", "is the address of `status`"),
        ("changed: { status: §{ bind: 127.0.0.1:8080 } }\n", "the address of `status` is that of listener `public`"),
        ("changed: { limits: { fields: §129 } }\n", "from 1 to 128"),
        ("changed: { version: §2 }\n", "unknown `version` `2`"),
        ("changed: { include: §[a.yaml] }\n", "a patch includes no files"),
        ("removed: { upstreams: [§a] }\n", "upstream `a` is used by route `x` and 1 more"),
        ("removed: { listeners: [§inner] }\n", "listener `inner` is used by route `y`"),
        ("removed: { routes: [§xx] }\n", "route `xx` is not defined, did you mean `x`?"),
        ("removed: { routes: [x, §x] }\n", "route `x` is removed twice"),
        ("removed: { settings: [§timeout] }\n", "`timeout` is no setting, did you mean `timeouts`?"),
        ("changed: { timeouts: { idle: 1s } }\nremoved: { settings: [§timeouts] }\n", "both changed and removed"),
        (
            "changed: { routes: [ { name: x, match: { path: /z }, upstream: a } ] }\nremoved: { routes: [§x] }\n",
            "route `x` is both changed and removed",
        ),
        ("removed: { settings: [version] }\n", "`version` is missing"),
    ] {
        check(delta, expected);
    }
    let none = base().patch("p", "base: 1\nremoved: { routes: [y], listeners: [inner, public] }", &WORLD).unwrap_err();
    assert!(none.to_string().contains("there must be 1 to 256 listeners"), "{none}");
}

/// An error about something that is older than the patch names its own text.
#[test]
fn places_lead_through_all_texts() {
    let second = patched("changed:\n  routes:\n    - { name: z, match: { path: /z }, upstream: b }\n");
    let third =
        second.patch("p", "base: 2\nchanged: { routes: [ { name: w, match: { path: /z }, upstream: b } ] }", &WORLD);
    let shown = third.unwrap_err().to_string();
    assert!(shown.contains("route `z` in line 4 of the patch to generation 2"), "{shown}");
    let shown = second.patch("p", "base: 2\nremoved: { upstreams: [b] }", &WORLD).unwrap_err().to_string();
    assert!(shown.contains("upstream `b` is used by route `z`\n"), "{shown}");
}
