//! Who is let in: table-driven over every endpoint of the document, so that a new one is tested before anybody thinks of it.

use crate::world::World;
use axum::body::{Body, Bytes, HttpBody};
use http_body::Frame;
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};
use tollgate_domain::{Action, Role};
use tollgate_store::{Batch, Transactions as _, Usage};

/// Method, path as in the document, path with names of what there is, action.
type Row = (String, String, String, Option<String>);

/// The endpoints that anybody may ask.
const PUBLIC: [(&str, &str); 1] = [("post", "/api/v1/setup")];

fn endpoints() -> Vec<Row> {
    let document = tollgate_api::document();
    let mut rows = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let named = filled(path.strip_prefix("/api/v1").unwrap());
            let action = operation["x-tollgate-action"].as_str().map(str::to_owned);
            rows.push((method.to_uppercase(), path.clone(), named, action));
        }
    }
    rows
}

/// With the names of what `World::furnished` and `subscribed` have.
fn filled(path: &str) -> String {
    let mut path = path.replace("{tenant}", "acme");
    for (kind, name) in [
        ("environments", "production"),
        ("plans", "gold"),
        ("products", "trade"),
        ("applications", "shop"),
        ("members", "dee"),
    ] {
        path = path.replace(&format!("{kind}/{{name}}"), &format!("{kind}/{name}"));
    }
    for (parameter, name) in [
        ("api", "orders@1.0"),
        ("environment", "production"),
        ("application", "shop"),
        ("target", "orders@1.0"),
        ("member", "dee"),
        ("node", "edge"),
        ("number", "1"),
        ("id", "abcdef12"),
    ] {
        path = path.replace(&format!("{{{parameter}}}"), name);
    }
    assert!(!path.contains('{'), "give {path} names");
    path
}

fn furnished() -> (World, String) {
    let (world, gus) = World::furnished();
    let owner = world.owner.clone();
    let put = |path: &str, body: Value| world.ask("PUT", path, &owner, &body).done();
    put("/tenants/acme/products/trade", json!({ "apis": [{ "api": "orders@1.0" }] }));
    put("/tenants/acme/applications/shop", json!({}));
    put("/tenants/acme/applications/shop/subscriptions/orders@1.0", json!({ "plan": "gold" }));
    put("/tenants/acme/members/dee", json!({}));
    world.ask("POST", "/nodes", &owner, &json!({ "name": "edge" })).done();
    (world, gus)
}

#[test]
fn every_endpoint_names_its_action_or_is_known_to_be_public() {
    let actions: Vec<_> = Action::all().map(|action| format!("{action:?}")).collect();
    for (method, path, _, action) in endpoints() {
        let is_public = PUBLIC.contains(&(method.to_lowercase().as_str(), path.as_str()));
        assert_eq!(action.is_none(), is_public, "{method} {path}");
        assert!(action.is_none_or(|action| actions.contains(&action)), "{method} {path}");
    }
    assert!(endpoints().len() > 50);
}

#[test]
fn nobody_is_let_in_without_a_good_token() {
    let (world, _) = furnished();
    let spoiled = format!("{}0", &world.owner[..world.owner.len() - 1]);
    let of_nobody = "tgm_000000000000_00";
    for (method, path, named, action) in endpoints() {
        if action.is_none() {
            continue;
        }
        for token in ["", "x", of_nobody, &spoiled[..spoiled.len() - 1]] {
            let answer = world.ask(&method, &named, token, &json!({}));
            assert_eq!((answer.status, answer.code()), (401, "unauthenticated"), "{method} {path} with {token:?}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
    }
}

/// Each endpoint as each role alone: refused where the table of the domain says so, and only there.
#[test]
fn every_endpoint_asks_for_its_action() {
    let (world, _) = furnished();
    let roles = [
        ("owner", Role::Owner),
        ("publisher", Role::Publisher),
        ("developer", Role::Developer),
        ("auditor", Role::Auditor),
    ];
    let tokens = roles.map(|(name, _)| world.member("acme", &format!("only-{name}"), &[name]));
    for (method, path, named, action) in endpoints() {
        let Some(action) = action else { continue };
        let action = Action::all().find(|known| format!("{known:?}") == action).unwrap();
        for ((name, role), token) in roles.iter().zip(&tokens) {
            // Judged only, so that nothing is gone for those that come after.
            let dry = if method == "GET" { named.clone() } else { format!("{named}?dry_run=true") };
            let answer = world.ask(&method, &dry, token, &json!({}));
            let is_refused = (answer.status, answer.code()) == (403, "role_required");
            assert_eq!(is_refused, action.reach(*role).is_none(), "{method} {path} as {name}: {answer:?}");
            assert!(answer.status != 401 && answer.status < 500, "{method} {path} as {name}: {answer:?}");
        }
    }
}

#[test]
fn another_tenant_is_not_there_whatever_is_asked() {
    let (world, gus) = furnished();
    for (method, path, named, _) in endpoints() {
        if !path.contains("{tenant}") {
            continue;
        }
        let nowhere = named.replacen("/acme", "/nowhere", 1);
        let bodies = [json!({}), json!({ "name": "x" })];
        for body in &bodies {
            let answers = [&named, &nowhere].map(|path| world.ask(&method, path, &gus, body));
            for answer in &answers {
                assert_eq!((answer.status, answer.code()), (404, "not_found"), "{method} {path}: {answer:?}");
            }
            // What is there is told from what is not by nothing but the request's own identifier.
            let [one, other] = answers.map(|mut answer| {
                answer.body["request_id"].take();
                answer.body
            });
            assert_eq!(one, other);
        }
    }
    // The same names in one's own tenant are one's own.
    assert_eq!(world.get("/tenants/globex/apis/orders@1.0", &gus).status, 404);
    let lists = ["apis", "plans", "environments", "applications", "subscriptions", "audit", "members"];
    for list in lists {
        let items = world.get(&format!("/tenants/globex/{list}"), &gus).done();
        assert!(!items.to_string().contains("orders"), "{list}: {items}");
    }
    assert_eq!(world.get("/tenants", &gus).done()["items"].as_array().unwrap().len(), 1);
}

/// Developers reach what they own, and what others own does not exist for them.
#[test]
fn of_applications_developers_see_their_own() {
    let (world, _) = furnished();
    let [dev, eve] = ["dev", "eve"].map(|name| world.member("acme", name, &["developer"]));
    world.ask("PUT", "/tenants/acme/applications/own", &dev, &json!({})).done();
    let key = world.ask("POST", "/tenants/acme/applications/own/credentials", &dev, &json!({})).done();
    let id = crate::world::text(&key["credential"]["id"]);
    let subscription = "/tenants/acme/applications/own/subscriptions/orders@1.0";
    world.ask("PUT", subscription, &dev, &json!({ "plan": "gold" })).done();
    let asked = [
        ("GET", "/tenants/acme/applications/own".to_owned()),
        ("PUT", "/tenants/acme/applications/own".to_owned()),
        ("DELETE", "/tenants/acme/applications/own".to_owned()),
        ("GET", "/tenants/acme/applications/own/credentials".to_owned()),
        ("POST", "/tenants/acme/applications/own/credentials".to_owned()),
        ("GET", format!("/tenants/acme/applications/own/credentials/{id}")),
        ("POST", format!("/tenants/acme/applications/own/credentials/{id}/rotate")),
        ("DELETE", format!("/tenants/acme/applications/own/credentials/{id}")),
        ("GET", "/tenants/acme/applications/own/subscriptions".to_owned()),
        ("GET", subscription.to_owned()),
        ("PUT", subscription.to_owned()),
        ("DELETE", subscription.to_owned()),
    ];
    for (method, path) in &asked {
        let body = if *method == "PUT" && path == subscription { json!({ "plan": "gold" }) } else { json!({}) };
        let answer = world.ask(method, path, &eve, &body);
        assert_eq!((answer.status, answer.code()), (404, "not_found"), "{method} {path}: {answer:?}");
    }
    for list in ["applications", "subscriptions"] {
        let path = format!("/tenants/acme/{list}");
        let count = |token: &str| world.get(&path, token).done()["items"].as_array().unwrap().len();
        assert_eq!((count(&eve), count(&dev), count(&world.owner)), (0, 1, 2), "{list}");
    }
    // A credential of one application is not found through another.
    let other = format!("/tenants/acme/applications/shop/credentials/{id}");
    assert_eq!(world.get(&other, &world.owner).status, 404);
    let eves = json!({ "documents": [
        { "kind": "Application", "name": "own", "owners": ["eve"] },
    ] });
    assert_eq!(world.ask("POST", "/tenants/acme/apply", &eve, &eves).status, 404);
    assert_eq!(world.get(&asked[0].1, &dev).done()["owners"], json!(["dev"]));
}

#[test]
fn of_usage_developers_see_that_of_their_own() {
    let (world, gus) = furnished();
    let dev = world.member("acme", "dev", &["developer"]);
    world.ask("PUT", "/tenants/acme/applications/own", &dev, &json!({})).done();
    let used = |tenant: &str, application: &str, ok| Usage {
        tenant: tenant.to_owned(),
        application: application.to_owned(),
        api: "orders@1.0".to_owned(),
        counts: [ok, 2, 1],
    };
    let all = [used("acme", "own", 3), used("acme", "shop", 4), used("globex", "own", 5)];
    let now_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let batch = Batch { source: "local", start: "s", number: 1, at_s: now_s };
    assert!(world.store.write(|rows| rows.add_usage(&batch, &all)).unwrap());
    let seen = |path: &str, token: &str| {
        let items = world.get(path, token).done()["items"].take();
        let row = |row: &Value| (crate::world::text(&row["application"]), row["ok"].as_u64().unwrap());
        items.as_array().unwrap().iter().map(row).collect::<Vec<_>>()
    };
    let (own, shop) = (("own".to_owned(), 3), ("shop".to_owned(), 4));
    assert_eq!(seen("/tenants/acme/usage", &world.owner), [own.clone(), shop.clone()]);
    assert_eq!(seen("/tenants/acme/usage", &dev), std::slice::from_ref(&own));
    assert_eq!(seen("/tenants/acme/usage?application=shop", &dev), []);
    assert_eq!(seen("/tenants/acme/usage?application=shop&api=orders@1.0", &world.owner), [shop]);
    assert_eq!(seen("/tenants/acme/usage?to=1", &world.owner), []);
    assert_eq!(seen("/tenants/globex/usage", &gus), [("own".to_owned(), 5)]);
    let page = world.get("/tenants/acme/usage?limit=1", &world.owner).done();
    let next = format!("/tenants/acme/usage?limit=1&cursor={}", crate::world::text(&page["next"]));
    assert_eq!(seen(&next, &world.owner), [("shop".to_owned(), 4)]);
    for query in ["from=x", "application=A%20B", "api=orders", "cursor=zz"] {
        let answer = world.get(&format!("/tenants/acme/usage?{query}"), &world.owner);
        assert!((400..500).contains(&answer.status), "{query}: {answer:?}");
    }
}

#[test]
fn nobody_makes_themselves_more_than_they_are() {
    let (world, gus) = furnished();
    let put = |path: &str, token: &str, body: Value| world.ask("PUT", path, token, &body).status;
    assert_eq!(put("/tenants/globex/members/gus", &gus, json!({ "roles": ["owner"], "operator": true })), 403);
    assert_eq!(put("/tenants/new", &gus, json!({})), 404);
    assert_eq!(put("/tenants/globex", &gus, json!({ "title": "Globex" })), 200);
    // An owner of the operator's tenant gets no token of the operator.
    let owner = world.member("acme", "olga", &["owner"]);
    assert_eq!(world.ask("POST", "/tenants/acme/members/ann/tokens", &owner, &json!({})).status, 403);
    assert_eq!(world.ask("DELETE", "/tenants/acme/members/ann", &owner, &json!({})).status, 403);
    // Apply does not reach further than the verbs it stands for.
    let dev = world.member("acme", "dev", &["developer"]);
    for document in [
        json!({ "kind": "Plan", "name": "all" }),
        json!({ "kind": "Environment", "name": "x" }),
        json!({ "kind": "Publication", "api": "orders@1.0", "environment": "production" }),
    ] {
        let answer = world.ask("POST", "/tenants/acme/apply", &dev, &json!({ "documents": [document] }));
        assert_eq!((answer.status, answer.code()), (403, "role_required"), "{answer:?}");
    }
}

#[test]
fn a_token_ends_with_itself_its_time_and_its_member() {
    let (world, _) = furnished();
    let dev = world.member("acme", "dev", &["developer"]);
    assert_eq!(world.get("/me", &dev).done()["member"], "dev");
    world.ask("PUT", "/tenants/acme/members/dev", &world.owner, &json!({ "disabled": true })).done();
    assert_eq!(world.get("/me", &dev).status, 401);
    world.ask("PUT", "/tenants/acme/members/dev", &world.owner, &json!({ "roles": ["developer"] })).done();
    assert_eq!(world.get("/me", &dev).status, 200);
    // Who is made anew under an old name does not have the old tokens.
    world.ask("DELETE", "/tenants/acme/members/dev", &world.owner, &json!({})).done();
    let new = world.member("acme", "dev", &[]);
    assert_eq!((world.get("/me", &dev).status, world.get("/me", &new).status), (401, 403));
    let tokens = "/tenants/acme/members/dev/tokens";
    let id = crate::world::text(&world.get(tokens, &world.owner).done()["items"][0]["id"]);
    world.ask("DELETE", &format!("{tokens}/{id}"), &world.owner, &json!({})).done();
    assert_eq!(world.get("/me", &new).status, 401);
    assert_eq!(world.ask("POST", tokens, &world.owner, &json!({ "expires_s": 1 })).status, 422);
}

/// A body that nobody may look at.
struct Unread;

impl HttpBody for Unread {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("the body was read")
    }
}

#[test]
fn a_body_is_read_of_whom_it_may_come_from_and_no_longer_than_it_may_be() {
    let (world, gus) = World::furnished();
    let put = |token: &str, body: Body| world.with("PUT", "/tenants/acme/plans/gold", token, &[], body);
    assert_eq!(put("", Body::new(Unread)).status, 401);
    assert_eq!(put("tga_nobody", Body::new(Unread)).status, 401);
    assert_eq!(put(&gus, Body::new(Unread)).status, 404);
    assert_eq!(put(&world.owner, Body::from(" ".repeat((16 << 20) + 1))).code(), "body_too_large");
    let setup = |bytes: usize| world.with("POST", "/setup", "", &[], " ".repeat(bytes));
    assert_eq!([setup(16 << 10), setup((16 << 10) + 1)].map(|answer| answer.status), [422, 413]);
}
