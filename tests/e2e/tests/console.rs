//! The pages in a browser, through the real binary: from signing in to a call that is answered, and back from a revision.
//!
//! With `TOLLGATE_PICTURES=DIR` each page is also kept as it looks, wide and narrow, light and dark.

use std::{env, path::Path};
use tollgate_e2e::{Chromium, Platform, origin};

const PASSWORD: &str = "a walrus in the attic";
const DOCUMENT: &str = include_str!("console/orders.yaml");
const MANAGED: &str = include_str!("console/managed.yaml");

/// A browser on the pages of a platform.
struct Visitor {
    browser: Chromium,
    url: String,
}

impl Visitor {
    /// Looks at the page in every way: nothing is wider than it, nothing was refused.
    fn look(&mut self, name: &str) {
        for (width, scheme) in [(1440, "light"), (360, "light"), (1440, "dark"), (360, "dark")] {
            self.browser.show_as(width, scheme);
            let wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(self.browser.value(wide), 0, "{name} does not fit into {width} px");
            if let Some(folder) = env::var_os("TOLLGATE_PICTURES") {
                self.browser.picture(&Path::new(&folder).join(format!("{name}-{width}-{scheme}.png")));
            }
        }
        self.browser.show_as(1440, "light");
        let unlabelled = "[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
            .filter(one => !one.labels.length && !one.ariaLabel).map(one => one.outerHTML).join()";
        assert_eq!(self.browser.value(unlabelled), "", "{name} has fields without labels");
        assert!(self.browser.complaints().is_empty(), "{name}: {:?}", self.browser.complaints());
    }

    fn open(&mut self, path: &str) {
        let url = format!("{}{path}", self.url);
        self.browser.open(&url);
    }

    #[track_caller]
    fn says(&mut self, text: &str) {
        let page = self.browser.text();
        assert!(page.contains(text), "no {text:?} in:\n{page}");
    }
}

fn furnished(upstream: &str) -> Platform {
    let platform = Platform::start();
    let set = platform.typed(&["password"], PASSWORD);
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
    let managed = platform.put("managed.yaml", MANAGED);
    let _ = platform.done(&["apply", "-f", &managed]);
    let document = platform.put("orders.yaml", DOCUMENT);
    let _ =
        platform.done(&["import", "openapi", &document, "--name", "orders", "--upstream", upstream, "--plan", "asked"]);
    let _ = platform.done(&["publish", "orders@1.0", "production"]);
    platform
}

#[test]
fn from_signing_in_to_a_call_and_back() {
    let Some(browser) = Chromium::start() else { return };
    let origin = origin();
    let platform = furnished(&origin.address().to_string());
    let mut visitor = Visitor { browser, url: platform.url() };
    signs_in_by_keyboard(&mut visitor);
    finds_it(&mut visitor);
    subscribes(&mut visitor);
    let key = gets_a_key(&mut visitor);
    approves(&mut visitor);
    tries_it(&mut visitor, &key);
    publishes_and_goes_back(&mut visitor, &platform);
}

fn signs_in_by_keyboard(visitor: &mut Visitor) {
    visitor.open("/");
    visitor.look("sign-in");
    visitor.browser.value("document.querySelector('[name=tenant]').focus()");
    for (number, text) in ["acme", "ann", "wrong, and long enough"].into_iter().enumerate() {
        if number > 0 {
            visitor.browser.key("Tab");
        }
        visitor.browser.type_in(text);
    }
    visitor.browser.key_to("Enter");
    visitor.says("there is no such member with this password");
    visitor.look("sign-in-refused");
    for (label, text) in [("Tenant", "acme"), ("Name", "ann"), ("Password", PASSWORD)] {
        visitor.browser.fill(label, text);
    }
    visitor.browser.follow("Sign in");
}

fn finds_it(visitor: &mut Visitor) {
    visitor.says("Order desk");
    visitor.look("catalog");
    // Without a reload, where the script runs.
    visitor.browser.value("window.same = true");
    visitor.browser.fill("Search", "nothing like it");
    visitor.browser.until("document.body.innerText.includes('Nothing is found') && window.same === true");
    visitor.browser.follow("Show all");
    visitor.browser.follow("Order desk");
    visitor.says("Where an order stands");
    visitor.browser.value("document.querySelectorAll('details').forEach(one => one.open = true)");
    visitor.look("api");
}

fn subscribes(visitor: &mut Visitor) {
    visitor.browser.follow("Applications");
    visitor.look("applications-empty");
    visitor.browser.fill("Name", "Shop");
    visitor.browser.follow("Make it");
    visitor.look("applications-refused");
    visitor.says("is no name");
    visitor.browser.fill("Name", "shop");
    visitor.browser.fill("Title", "The shop");
    visitor.browser.follow("Make it");
    visitor.look("application-empty");
    visitor.browser.fill("Subscribe to", "orders@1.0 under Gold, after approval");
    visitor.browser.fill("Note to the publisher", "for the new shop");
    visitor.browser.follow("Subscribe");
    visitor.says("is asked to approve");
}

fn gets_a_key(visitor: &mut Visitor) -> String {
    visitor.browser.fill("Title", "laptop");
    visitor.browser.follow("Make a key");
    visitor.says("It is shown this once");
    visitor.look("application");
    let key = visitor.browser.value("document.getElementById('issued-text').value");
    visitor.browser.follow("Applications");
    visitor.look("applications");
    visitor.browser.follow("The shop");
    assert_eq!(visitor.browser.value("document.getElementById('issued-text') === null"), true);
    key.as_str().expect("it is a text").to_owned()
}

fn approves(visitor: &mut Visitor) {
    visitor.browser.follow("Approvals");
    visitor.says("for the new shop");
    visitor.look("approvals");
    visitor.browser.follow("Approve shop for orders@1.0");
    visitor.says("The subscription of shop to orders@1.0 is approved");
    visitor.look("approvals-empty");
}

fn tries_it(visitor: &mut Visitor, key: &str) {
    visitor.open("/console/catalog/orders@1.0");
    visitor.browser.value("document.querySelectorAll('details').forEach(one => one.open = true)");
    visitor.browser.follow("Try it");
    visitor.look("try");
    visitor.browser.fill("Key or token", "tg_wrong");
    visitor.browser.value("window.same = true");
    visitor.browser.press_until("Send", "document.body.innerText.includes('401 Unauthorized') && window.same === true");
    visitor.browser.fill("Key or token", key);
    visitor.browser.press_until("Send", "document.body.innerText.includes('200 OK')");
    visitor.look("try-answered");
    let shown = visitor.browser.value("document.body.innerHTML.includes('tg_')");
    assert_eq!(shown, false, "the key is on the page");
}

fn publishes_and_goes_back(visitor: &mut Visitor, platform: &Platform) {
    let other = platform.put("orders.yaml", &DOCUMENT.replace("/orders/{id}", "/order/{id}"));
    let _ = platform.done(&["import", "openapi", &other, "--name", "orders"]);
    visitor.browser.follow("Publications");
    visitor.look("publications");
    visitor.browser.follow("orders@1.0");
    visitor.browser.fill("Note", "another path");
    visitor.browser.follow("Publish in production");
    visitor.says("revision 2");
    visitor.browser.follow("Roll back to 1");
    visitor.says("goes back to publication 1");
    visitor.look("publication");
    let history = platform.done(&["audit"]);
    assert!(history.to_string().contains("publication.rollback"), "{history}");
    visitor.browser.follow("ann");
    visitor.look("account");
    visitor.browser.follow("Sign out");
    visitor.open("/console/applications/shop");
    visitor.says("Sign in");
}
