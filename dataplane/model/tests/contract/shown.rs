//! What a configuration shows of itself: settings with their origins, items, the whole as text, and no secret.

use tollgate_model::{Configuration, Kind};

use crate::source::{WORLD, file, good};

fn configuration(rest: &str) -> Configuration {
    Configuration::parse("gateway.yaml", &file(rest), &WORLD).unwrap_or_else(|errors| panic!("{errors}"))
}

fn shown(configuration: &Configuration) -> Vec<String> {
    let settings = configuration.settings();
    settings.iter().map(|setting| format!("{} = {} ({})", setting.path, setting.value, setting.origin)).collect()
}

#[test]
fn each_setting_has_its_origin() {
    let first = configuration(
        "workers: [1, 0]\nstatus: off\ntimeouts: { idle: 7s }\nlimits:\n  connections: '${env:CONNECTIONS}'\n",
    );
    let settings = shown(&first);
    for expected in [
        "version = 1 (gateway.yaml:1:10)",
        "workers[0] = 1 (gateway.yaml:5:11)",
        "status = off (gateway.yaml:6:9)",
        "timeouts.idle = 7s (gateway.yaml:7:19)",
        "timeouts.connect = 5s (default)",
        "limits.connections = ${env:CONNECTIONS} (gateway.yaml:9:16)",
        "io = auto (default)",
    ] {
        assert!(settings.contains(&expected.to_owned()), "no `{expected}` in {settings:#?}");
    }
    assert!(!settings.iter().any(|setting| setting.starts_with("workers =") || setting.starts_with("status.bind")));
    let socket = shown(&configuration("status: { socket: s }\n"));
    assert!(!socket.iter().any(|setting| setting.starts_with("status.bind")), "{socket:#?}");
    let second = first.patch("PATCH", "base: 1\nchanged: { timeouts: { head: 1s } }", &WORLD).unwrap();
    let settings = shown(&second);
    assert!(settings.contains(&"timeouts.head = 1s (the patch to generation 2:2:30)".to_owned()), "{settings:#?}");
    assert!(settings.contains(&"timeouts.idle = 60s (default)".to_owned()), "{settings:#?}");
}

/// The defaults that are shown are those that count: written out, they change nothing; and none is missing.
#[test]
fn each_default_is_the_one_that_counts() {
    let first = configuration("");
    let mut written = String::new();
    for setting in first.settings().iter().filter(|setting| setting.path != "version") {
        let (group, key) = setting.path.split_once('.').unwrap_or((&setting.path, ""));
        match key {
            "" => written += &format!("{group}: {}\n", setting.value),
            _ if written.contains(&format!("{group}:")) => written += &format!("  {key}: {}\n", setting.value),
            _ => written += &format!("{group}:\n  {key}: {}\n", setting.value),
        }
    }
    assert_eq!(good(&file(&written)).digest, first.snapshot().digest, "{written}");
    for group in ["limits", "timeouts", "tuning"] {
        let errors =
            Configuration::parse("x", &file(&format!("{group}: {{ no_such_key: 1 }}\n")), &WORLD).err().unwrap();
        let help = errors.as_slice()[0].help.clone().unwrap();
        for key in help.strip_prefix("allowed here: ").unwrap().split(", ") {
            assert!(written.contains(&format!("  {key}: ")), "`{group}.{key}` has no default that is shown");
        }
    }
}

#[test]
fn the_whole_text_is_kept_and_no_value_of_a_reference() {
    let rest = "access_log: { path: '${env:SECRET}' }\n\
        upstreams: [ { name: '${env:ORDERS}', endpoints: [ { address: 'localhost:${env:PORT}', weight: 2 } ] } ]\n\
        routes:\n  - { name: z, match: { path: '/${env:SECRET}', headers: [ { name: k, exact: '${env:SECRET}' } ] }, upstream: orders }\n\
        \x20 - { name: a, match: { path: \"/\\u20ac\\\"\\\\$${x}\\u0085\" }, answer: { status: 200, body: \"\\u2028 \\U0001F600\" } }\n";
    // A path cannot have these; a body can.
    let rest =
        rest.replace("/\\u20ac\\\"\\\\$${x}\\u0085", "/a").replace("\\u2028", "\\u2028\\u20ac\\\"\\\\$${x}\\u0085");
    let first = configuration(&rest);
    let text = first.to_text();
    for value in ["hunter2", "localhost:8080"] {
        assert!(!text.contains(value) && !shown(&first).concat().contains(value), "{text}");
    }
    let again = Configuration::parse("again", &text, &WORLD).unwrap();
    assert_eq!(again.snapshot().digest, first.snapshot().digest);
    assert_eq!(again.to_text(), text);
    assert!(again.snapshot().routes[1] == first.snapshot().routes[1]);
    let items = first.items(Kind::Route);
    assert_eq!((items[0].name, items[1].origin.to_string()), ("z", "gateway.yaml:9:5".to_owned()));
}

/// Whoever sees the digest and knows the rest cannot try values of a secret.
#[test]
fn the_digest_tells_nothing_of_a_referenced_value() {
    let text = |reference: &str| {
        file(&format!(
            "timeouts: {{ idle: '${{env:{reference}}}' }}\nupstreams: [ {{ name: a, endpoints: [ {{ address: 127.0.0.1:1 }} ] }} ]\n\
             routes: [ {{ name: r, match: {{ path: / }}, upstream: a }} ]\n"
        ))
    };
    let digest =
        |world: crate::source::World| Configuration::parse("x", &text("SECOND"), &world).unwrap().snapshot().digest;
    let other = digest(crate::source::World(&[("SECOND", "2s")]));
    assert_eq!(digest(WORLD), other);
    assert_ne!(other, good(&text("SECOND").replace("${env:SECOND}", "2s")).digest);
}
