//! The way from the sign-in page to a key and back from a bad revision, by forms alone.

use crate::browser::{PASSWORD, World};

#[test]
fn from_setup_to_an_empty_catalog() {
    let (world, token) = World::new();
    let mut browser = world.browser();
    assert_eq!(browser.get("/").field("location"), "/console/catalog");
    assert_eq!(browser.get("/console/catalog").field("location"), "/console/sign-in?then=%2Fconsole%2Fcatalog");
    browser.get("/console/setup");
    let form = |token: &'static str| {
        [("token", token), ("tenant", "acme"), ("member", "ann"), ("password", PASSWORD), ("again", PASSWORD)]
    };
    let wrong = browser.post("/console/setup", &form("tgs_setup_0"));
    assert!(wrong.status == 422 && wrong.text.contains("this is not the setup token"), "{wrong:?}");
    assert!(!wrong.text.contains(PASSWORD) && wrong.text.contains("value=\"acme\""), "{wrong:?}");
    let token: &'static str = token.leak();
    let mut other = form(token);
    other[4].1 = "another password";
    assert!(browser.post("/console/setup", &other).text.contains("the two passwords differ"));
    other = form(token);
    (other[3].1, other[4].1) = ("short", "short");
    assert!(browser.post("/console/setup", &other).text.contains("less than 12 characters"));
    let page = browser.follow("/console/setup", &form(token));
    assert!(
        page.text.contains("There are no APIs for you yet") && page.text.contains("tollgate import openapi"),
        "{page:?}"
    );
}

#[test]
fn a_developer_finds_subscribes_and_gets_a_key_once() {
    let world = World::furnished();
    let (mut dev, mut ann) = (world.signed_in("acme", "dev"), world.signed_in("acme", "ann"));
    assert!(dev.get("/console/catalog?search=orders").text.contains("orders@1.0"));
    assert!(dev.get("/console/catalog?search=nothing").text.contains("Nothing is found"));
    assert!(dev.get("/console/catalog?search=tag:!!").text.contains("role=\"alert\""));
    let docs = dev.get("/console/catalog/orders@1.0");
    for shown in
        ["One order", "What is <em>sold</em>", "/orders/{id}", "X-API-Key", "5 per minute", "(a publisher approves)"]
    {
        assert!(docs.text.contains(shown), "{shown}: {}", docs.text);
    }
    let refused = dev.post("/console/applications", &[("name", "My Shop"), ("title", "My <b>shop</b>")]);
    assert!(refused.status == 422 && refused.text.contains("is no name"), "{refused:?}");
    assert!(refused.text.contains("My &lt;b&gt;shop"), "what was typed is there again: {refused:?}");
    let page = dev.follow("/console/applications", &[("name", "shop"), ("title", "The shop")]);
    assert!(page.text.contains("shop was made") && page.text.contains("It has no keys yet"), "{page:?}");
    let taken = ann.post("/console/applications", &[("name", "shop")]);
    assert!(taken.status == 422 && taken.text.contains("this name is taken"), "{taken:?}");

    let base = "/console/applications/shop";
    let page = dev.follow(&format!("{base}/subscriptions"), &[("offer", "orders@1.0 asked"), ("note", "please")]);
    assert!(page.text.contains("is asked to approve") && page.text.contains("badge pending"), "{page:?}");
    assert_eq!(dev.get("/console/approvals").status, 404);
    let approvals = ann.get("/console/approvals");
    assert!(approvals.text.contains("please") && approvals.text.contains("Asked by dev"), "{approvals:?}");
    let page = ann.follow("/console/approvals/shop/orders@1.0", &[("state", "approved"), ("note", "welcome")]);
    assert!(page.text.contains("is approved") && page.text.contains("Nothing waits"), "{page:?}");
    assert!(dev.get(base).text.contains("welcome"));
    // Shown on the next page, and on no other.
    let page = dev.follow(&format!("{base}/keys"), &[("kind", "api_key"), ("title", "laptop"), ("days", "30")]);
    let key = page.between("id=\"issued-text\"", ">").and_then(|rest| rest.split_once("value=\"tg_")).unwrap().1;
    assert!(key.len() > 40 && page.text.contains("laptop"), "{page:?}");
    let page = dev.get(base);
    assert!(!page.text.contains(&key[..20]) && page.text.contains("badge valid"), "{page:?}");
    let id = page.between("/keys/", "/rotate").unwrap().to_owned();
    assert!(dev.follow(&format!("{base}/keys/{id}/rotate"), &[]).text.contains("issued-text"));
    assert!(dev.follow(&format!("{base}/keys/{id}/revoke"), &[]).text.contains("badge revoked"));
    assert!(dev.post(&format!("{base}/keys"), &[("days", "x")]).text.contains("no number of days"));
    assert!(dev.follow(&format!("{base}/subscriptions/orders@1.0/end"), &[]).text.contains("has ended"));
    assert!(dev.post(&format!("{base}/delete"), &[("name", "x")]).text.contains("not its name"));
    assert!(dev.follow(&format!("{base}/delete"), &[("name", "shop")]).text.contains("There are no applications yet"));
}

#[test]
fn a_publisher_publishes_and_goes_back() {
    let world = World::furnished();
    let mut ann = world.signed_in("acme", "ann");
    assert!(ann.get("/console/publications").text.contains("revision 1"));
    let base = "/console/publications/orders@1.0/production";
    assert_eq!(ann.get("/console/publications/orders@1.0").field("location"), base);
    let refused = ann.post(&format!("{base}/publish"), &[("revision", "7"), ("note", "")]);
    assert!(refused.status == 409 && refused.text.contains("no revision 7"), "{refused:?}");
    let page = ann.follow(&format!("{base}/withdraw"), &[]);
    assert!(page.text.contains("is withdrawn from") && page.text.contains("answered with 404"), "{page:?}");
    let page = ann.follow(&format!("{base}/rollback"), &[("to", "1")]);
    assert!(page.text.contains("goes back to publication 1"), "{page:?}");
    assert!(ann.post(&format!("{base}/rollback"), &[("to", "9")]).text.contains("no publication 9"));
    let mut dev = world.signed_in("acme", "dev");
    assert_eq!(dev.get(base).status, 403);
    assert_eq!(dev.post(&format!("{base}/withdraw"), &[]).status, 403);
}

#[test]
fn a_password_is_changed_by_who_knows_it() {
    let world = World::furnished();
    let (mut here, mut there) = (world.signed_in("acme", "dev"), world.signed_in("acme", "dev"));
    let new = "two walruses in the attic";
    let path = "/console/account/password";
    let wrong = here.post(path, &[("current", "something else entirely"), ("password", new), ("again", new)]);
    assert!(wrong.text.contains("this is not your password"), "{wrong:?}");
    assert_eq!(here.post(path, &[("current", PASSWORD), ("password", new), ("again", new)]).status, 303);
    // Everywhere else it is over, too.
    assert_eq!(there.get("/console/catalog").status, 303);
    let mut again = world.browser();
    again.get("/console/sign-in");
    let form = [("tenant", "acme"), ("member", "dev"), ("password", new), ("then", "/console/applications")];
    assert_eq!(again.post("/console/sign-in", &form).field("location"), "/console/applications");
}
