//! What pages are protected by: proofs of forms, fields, cookies, escaping, tenants.

use crate::browser::{PASSWORD, World};

/// Every page that takes a form.
const FORMS: [&str; 16] = [
    "/console/sign-in",
    "/console/sign-out",
    "/console/setup",
    "/console/account/password",
    "/console/applications",
    "/console/applications/shop/delete",
    "/console/applications/shop/keys",
    "/console/applications/shop/keys/abcdefgh/rotate",
    "/console/applications/shop/keys/abcdefgh/revoke",
    "/console/applications/shop/subscriptions",
    "/console/applications/shop/subscriptions/orders@1.0/end",
    "/console/publications/orders@1.0/production/publish",
    "/console/publications/orders@1.0/production/rollback",
    "/console/publications/orders@1.0/production/withdraw",
    "/console/approvals/shop/orders@1.0",
    "/console/catalog/orders@1.0/try",
];

#[test]
fn a_form_without_its_proof_is_not_taken() {
    let world = World::furnished();
    let (mut ann, mut dev) = (world.signed_in("acme", "ann"), world.signed_in("acme", "dev"));
    dev.get("/console/account");
    let (own, others) = (ann.csrf.clone(), dev.csrf.clone());
    assert_ne!(own, others);
    for path in FORMS {
        for proof in ["", "x", &others, &own[1..]] {
            let page = ann.post_with(path, proof, &[("name", "shop"), ("state", "approved"), ("to", "1")]);
            assert_eq!(page.status, 403, "{path} with {proof:?}: {page:?}");
        }
    }
    // Nobody was signed out, and nothing was made or withdrawn.
    assert!(ann.get("/console/applications").text.contains("There are no applications yet"));
    assert!(ann.get("/console/publications").text.contains("revision 1"));
    // Somebody without any cookie has no proof at all.
    assert_eq!(world.browser().post("/console/sign-in", &[("tenant", "acme")]).status, 403);
}

#[test]
fn every_page_has_the_fields_that_protect_it() {
    let world = World::furnished();
    let mut ann = world.signed_in("acme", "ann");
    ann.follow("/console/applications", &[("name", "shop")]);
    for path in [
        "/console/sign-in",
        "/console/setup",
        "/console/catalog",
        "/console/catalog/orders@1.0",
        "/console/catalog/orders@1.0/document",
        "/console/catalog/orders@1.0/try?operation=get%20/orders/%7Bid%7D",
        "/console/applications",
        "/console/applications/shop",
        "/console/publications",
        "/console/publications/orders@1.0/production",
        "/console/approvals",
        "/console/account",
        "/console/nothing",
        "/console/catalog/nothing@1",
    ] {
        let page = ann.get(path);
        let is_missing = path.contains("nothing");
        assert_eq!(page.status, if is_missing { 404 } else { 200 }, "{path}: {page:?}");
        let policy = page.field("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(
            (page.field("x-content-type-options"), page.field("cache-control")),
            ("nosniff", "no-store"),
            "{path}"
        );
        assert_eq!(page.field("referrer-policy"), "same-origin", "{path}");
        // Nothing that the policy would have to allow.
        for inline in ["<style", " style=", "<script>", " onclick", "javascript:"] {
            assert!(!page.text.contains(inline), "{path} has {inline}");
        }
    }
    let page = ann.get("/console/catalog");
    for name in ["console.css", "htmx.js", "icon.svg"] {
        let address = page.text.split('"').find(|part| part.ends_with(name)).unwrap().to_owned();
        let asset = ann.get(&address);
        assert!(asset.status == 200 && asset.field("cache-control").contains("immutable"), "{address}");
    }
}

#[test]
fn cookies_are_for_this_site_and_no_script() {
    let world = World::furnished();
    let mut browser = world.browser();
    browser.proto = "https";
    let page = browser.get("/console/sign-in");
    let set = page.field("set-cookie").to_owned();
    for part in ["__Host-tollgate_visit=", "HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    let form = [("tenant", "acme"), ("member", "dev"), ("password", PASSWORD)];
    let before = browser.cookie("__Host-tollgate_visit").unwrap().to_owned();
    assert_eq!(browser.post("/console/sign-in", &form).status, 303);
    let session = browser.cookie("__Host-tollgate_session").unwrap().to_owned();
    assert!(session != before && browser.cookie("__Host-tollgate_visit").is_none());
    browser.get("/console/catalog");
    assert_eq!(browser.post("/console/sign-out", &[]).field("location"), "/console/sign-in");
    assert_eq!(browser.cookie("__Host-tollgate_session"), None);
    assert_eq!(browser.get("/console/catalog").status, 303);
}

#[test]
fn nobody_learns_who_there_is_or_tries_for_ever() {
    let world = World::furnished();
    let mut browser = world.browser();
    browser.get("/console/sign-in");
    let mut told = Vec::new();
    for (tenant, member, password) in [
        ("acme", "dev", "wrong password, sorry"),
        ("acme", "nobody", PASSWORD),
        ("nowhere", "dev", PASSWORD),
        ("!", "dev", "wrong password, sorry"),
    ] {
        let page = browser.post("/console/sign-in", &[("tenant", tenant), ("member", member), ("password", password)]);
        assert_eq!(page.status, 403);
        assert!(!page.text.contains(password), "{page:?}");
        told.push(page.between("role=\"alert\">", "</div>").unwrap().to_owned());
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:?}");
    let form = [("tenant", "acme"), ("member", "eve"), ("password", "wrong password, sorry")];
    let limited = (0..20).map(|_| browser.post("/console/sign-in", &form)).find(|page| page.status == 429).unwrap();
    assert!(limited.field("retry-after").parse::<u64>().unwrap() > 0, "{limited:?}");
    // Where to after signing in is a page of ours.
    for (then, to) in [
        ("https://evil.example/", "/console/catalog"),
        ("//evil.example/console/", "/console/catalog"),
        ("/console/\\evil", "/console/catalog"),
        ("/console/account", "/console/account"),
    ] {
        let mut browser = world.browser();
        browser.get("/console/sign-in");
        let form = [("tenant", "acme"), ("member", "dev"), ("password", PASSWORD), ("then", then)];
        assert_eq!(browser.post("/console/sign-in", &form).field("location"), to, "{then}");
    }
}

#[test]
fn what_is_typed_is_text_wherever_it_is_shown() {
    let world = World::furnished();
    let (mut dev, mut ann) = (world.signed_in("acme", "dev"), world.signed_in("acme", "ann"));
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=y>";
    let form = [("name", "shop"), ("title", evil), ("description", evil)];
    let mut pages = vec![dev.follow("/console/applications", &form), dev.get("/console/applications")];
    let base = "/console/applications/shop";
    pages.push(dev.follow(&format!("{base}/keys"), &[("title", evil), ("kind", evil)]));
    pages.push(dev.follow(&format!("{base}/subscriptions"), &[("offer", "orders@1.0 asked"), ("note", evil)]));
    pages.push(ann.get("/console/approvals"));
    pages.push(ann.follow("/console/approvals/shop/orders@1.0", &[("state", "approved"), ("note", evil)]));
    pages.push(dev.get(base));
    let publish = [("note", evil), ("revision", "1"), ("canary.revision", ""), ("canary.percent", evil)];
    let publications = "/console/publications/orders@1.0/production";
    pages.push(ann.follow(&format!("{publications}/withdraw"), &[]));
    pages.push(ann.follow(&format!("{publications}/publish"), &publish));
    for (path, fields) in [
        ("/console/applications", vec![("name", evil), ("title", evil), ("description", evil)]),
        ("/console/applications/shop/delete", vec![("name", evil)]),
        ("/console/applications/shop/keys", vec![("days", evil), ("title", evil)]),
        ("/console/applications/shop/subscriptions", vec![("offer", evil), ("note", evil)]),
        ("/console/applications/shop/subscriptions", vec![("offer", "orders@1.0 <script>"), ("note", evil)]),
        ("/console/sign-in", vec![("tenant", evil), ("member", evil), ("then", evil)]),
        ("/console/setup", vec![("token", evil), ("tenant", evil), ("member", evil)]),
        (
            "/console/catalog/orders@1.0/try",
            vec![("operation", "get /orders/{id}"), ("p.path.id", evil), ("environment", evil)],
        ),
    ] {
        pages.push(dev.post(path, &fields));
    }
    let encoded = "%3Cscript%3Ealert(1)%3C/script%3E";
    for path in ["catalog?search=", "publications?search=", "approvals?state=", "sign-in?then=", "catalog/x@1?"] {
        pages.push(ann.get(&format!("/console/{path}{encoded}")));
    }
    for page in &pages {
        assert!(page.status < 500, "{page:?}");
        let text = &page.text;
        assert!(!text.contains("<script>") && !text.contains("<img src=x") && !text.contains("\"'>"), "{text}");
    }
    assert!(pages.iter().any(|page| page.text.contains("&lt;script&gt;")));
}

#[test]
fn tenants_see_nothing_of_each_other() {
    let world = World::furnished();
    let (mut dev, mut gus, mut eve) =
        (world.signed_in("acme", "dev"), world.signed_in("globex", "gus"), world.signed_in("acme", "eve"));
    dev.follow("/console/applications", &[("name", "shop")]);
    for path in ["catalog", "applications", "publications", "approvals"] {
        let page = gus.get(&format!("/console/{path}"));
        assert!(
            page.status == 200 && !page.text.contains("orders") || page.text.contains("placeholder=\"orders"),
            "{page:?}"
        );
        assert!(!page.text.contains("shop") && !page.text.contains("orders@1.0"), "{page:?}");
    }
    for path in
        ["catalog/orders@1.0", "applications/shop", "publications/orders@1.0/production", "catalog/orders@1.0/document"]
    {
        assert_eq!(gus.get(&format!("/console/{path}")).status, 404, "{path}");
    }
    // Nor developers of each other's applications.
    assert_eq!(eve.get("/console/applications/shop").status, 404);
    assert_eq!(eve.post("/console/applications/shop/keys", &[("kind", "api_key")]).status, 404);
    let taken = eve.post("/console/applications", &[("name", "shop")]);
    assert!(taken.text.contains("this name is taken"), "{taken:?}");
}
