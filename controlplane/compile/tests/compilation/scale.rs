//! What a compilation costs at the size that is asked for: 10,000 APIs with 10 operations each.
//!
//! Not run by default: `cargo test --release -p tollgate-compile -- --ignored --nocapture scale`. The figures are printed;
//! what is held is that a publication sets what it changes however much there is.

use crate::world::{World, name, node, patched};
use serde_json::json;
use std::time::{Duration, Instant};
use tollgate_compile::{Change, Compiled, Kind, Record, Settings};
use tollgate_domain::{ApiName, Release};

#[test]
#[ignore = "takes seconds, and its figures are for people"]
fn scale() {
    let operations: Vec<_> = (0..10)
        .map(|at| json!({ "name": format!("o{at}"), "method": "GET", "path": format!("/o{at}/{{id}}") }))
        .collect();
    let api = |at: u32| {
        let spec = |port: u32| {
            json!({
                "name": format!("api{at}"), "version": "1", "base_path": format!("/api{at}"),
                "upstream": { "endpoints": [ { "address": format!("10.0.0.1:{port}") } ] },
                "policies": { "throttle": [ { "name": "all", "key": "client_ip", "limit": 100 } ] },
                "operations": operations,
            })
        };
        json!({ "lifecycle": "published", "revisions": [spec(80), spec(81)], "publish": { "production": { "revision": 1 } } })
    };
    let whole = json!({
        "tenant": { "name": "acme" },
        "environments": [ { "name": "production" } ],
        "apis": (0..10_000).map(api).collect::<Vec<_>>(),
    });
    let mut world = World::of_value(whole);
    let mut compiled = Compiled::new(Settings::default());

    let begun = Instant::now();
    let delta = compiled.compile(&world, &Change::everything(&world).unwrap()).unwrap();
    println!("everything: {:?}, {} routes", begun.elapsed(), delta.items(Kind::Route).count());
    let begun = Instant::now();
    patched(&node(), &delta);
    println!("taken by the contract: {:?}", begun.elapsed());

    let mut least = Duration::MAX;
    for at in 4711..4721 {
        let api: ApiName = format!("api{at}@1").parse().unwrap();
        world.of("acme").publish(&name("production"), &api, Some(Release::of(2)));
        let change = Change::new(name("acme"), Record::Publication(name("production"), api));
        let begun = Instant::now();
        let delta = compiled.compile(&world, &[change]).unwrap();
        least = least.min(begun.elapsed());
        assert_eq!((delta.set.len(), delta.remove.len()), (1, 0));
    }
    println!("a publication, the fastest of ten: {least:?}");
}
