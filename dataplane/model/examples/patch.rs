//! What a configuration and its changes cost, with few routes and with very many:
//! `cargo run --release -p tollgate-model --example patch`.
//!
//! Reading a file (YAML, JSON), replacing it by one that differs in a route, and one patch: a route that changes, one that
//! comes, one that goes, and the deadline all routes inherit. Times are wall time of one thread that does nothing else.

use std::{fmt::Write as _, hint::black_box, time::Instant};

use tollgate_model::{Configuration, NoSource};

const PATCHES: usize = 2_000;

fn main() {
    println!(
        "{:>22} {:>8} {:>8} {:>8} {:>8} {:>28} {:>9}",
        "", "YAML", "JSON", "PUT", "export", "PATCH of a route, us", "of a"
    );
    println!(
        "{:>22} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9} {:>9}",
        "routes", "ms", "ms", "ms", "ms", "changed", "new", "removed", "setting, ms"
    );
    for (hosts, paths) in [(1, 100), (1, 100_000), (10_000, 10)] {
        let yaml = file(hosts, paths, false);
        let json = file(hosts, paths, true);
        let (from_yaml, base) = millis(|| parse(&yaml));
        let (from_json, _) = millis(|| parse(&json));
        let other = json.replacen("/p7/", "/p7/x/", 1);
        let (replaced, _) =
            millis(|| base.replace("gateway.json", &other, &NoSource).unwrap_or_else(|errors| panic!("{errors}")));
        let (export, _) = millis(|| base.to_text());
        let (changed, base) = patches(base, |number| changed(number * 7919 % (hosts * paths), paths));
        let (new, base) =
            patches(base, |number| format!("\"changed\":{{\"routes\":[{}]}}", route(number, "new", "new")));
        let (removed, base) = patches(base, |number| format!("\"removed\":{{\"routes\":[\"new{number}\"]}}"));
        let inherited = "{\"base\":BASE,\"changed\":{\"timeouts\":{\"idle\":\"9s\"}}}";
        let inherited = inherited.replace("BASE", &base.snapshot().generation.to_string());
        let (setting, _) =
            millis(|| base.patch("PATCH", &inherited, &NoSource).unwrap_or_else(|error| panic!("{error}")));
        println!(
            "{:>22} {from_yaml:>8.1} {from_json:>8.1} {replaced:>8.1} {export:>8.1} {changed:>8.1} {new:>9.1} {removed:>9.1} {setting:>9.1}",
            format!("{hosts} hosts x {paths} paths"),
        );
    }
}

fn parse(text: &str) -> Configuration {
    Configuration::parse("gateway", text, &NoSource).unwrap_or_else(|errors| panic!("{errors}"))
}

fn millis<T>(work: impl FnOnce() -> T) -> (f64, T) {
    #[expect(clippy::disallowed_methods, reason = "an example that measures owns its time")]
    let begun = Instant::now();
    let done = black_box(work());
    (begun.elapsed().as_nanos() as f64 / 1e6, done)
}

/// Microseconds of one patch, one after the other.
fn patches(base: Configuration, delta: impl Fn(usize) -> String) -> (f64, Configuration) {
    let mut now = base;
    let mut spent = 0.0;
    for number in 0..PATCHES {
        let text = format!("{{\"base\":{},{}}}", now.snapshot().generation, delta(number));
        let (took, next) = millis(|| now.patch("PATCH", &text, &NoSource).unwrap_or_else(|error| panic!("{error}")));
        now = next;
        spent += took;
    }
    (spent * 1e3 / PATCHES as f64, now)
}

fn changed(number: usize, paths: usize) -> String {
    let (host, path) = (number / paths, number % paths);
    let route = route(number, "r", &format!("api/v1/p{path}")).replace("h.test", &format!("h{host}.test"));
    format!("\"changed\":{{\"routes\":[{}]}}", route.replace("\"a\"", "\"b\""))
}

fn route(number: usize, name: &str, path: &str) -> String {
    let path = if name == "new" { format!("{path}{number}") } else { path.to_owned() };
    format!(
        "{{\"name\":\"{name}{number}\",\"match\":{{\"hosts\":[\"h.test\"],\"path\":\"/{path}/{{rest*}}\"}},\"upstream\":\"a\"}}"
    )
}

fn file(hosts: usize, paths: usize, is_json: bool) -> String {
    let mut text = String::from(if is_json {
        "{\"version\":1,\"listeners\":[{\"name\":\"l\",\"bind\":\"127.0.0.1:0\"}],\"upstreams\":[\
         {\"name\":\"a\",\"endpoints\":[{\"address\":\"127.0.0.1:1\"}]},{\"name\":\"b\",\"endpoints\":[{\"address\":\"127.0.0.1:2\"}]}],\
         \"routes\":[\n"
    } else {
        "version: 1\nlisteners: [ { name: l, bind: 127.0.0.1:0 } ]\nupstreams:\n  - { name: a, endpoints: [ { address: 127.0.0.1:1 } ] }\n\
         \x20 - { name: b, endpoints: [ { address: 127.0.0.1:2 } ] }\nroutes:\n"
    });
    for number in 0..hosts * paths {
        let (host, path) = (number / paths, number % paths);
        if is_json {
            let comma = if number == 0 { "" } else { ",\n" };
            let route = route(number, "r", &format!("api/v1/p{path}")).replace("h.test", &format!("h{host}.test"));
            write!(text, "{comma}{route}").expect("a string takes all");
        } else {
            let matched = format!("{{ hosts: [h{host}.test], path: \"/api/v1/p{path}/{{rest*}}\" }}");
            writeln!(text, "  - name: r{number}\n    match: {matched}\n    upstream: a").expect("a string takes all");
        }
    }
    text + if is_json { "]}\n" } else { "" }
}
