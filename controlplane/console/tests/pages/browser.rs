//! An installation with two tenants, and browsers that keep cookies and send the forms they have got.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path, sync::Arc};
use tokio::runtime::{Builder, Runtime};
use tollgate_api::{Ask, Asker, Desk};
use tollgate_console::{ConsoleError, Options};
use tollgate_store::{SealKey, Sealer, Sqlite, Store};
use tower::ServiceExt as _;

pub(crate) const PASSWORD: &str = "a walrus in the attic";
pub(crate) const DOCUMENT: &str = "\
openapi: 3.1.0
info: { title: Orders, version: '1.0', description: 'What is *sold*.' }
components: { securitySchemes: { key: { type: apiKey, in: header, name: X-API-Key } } }
security: [ { key: [] } ]
paths:
  /orders/{id}:
    get:
      operationId: order
      summary: One order
      parameters: [ { name: id, in: path, required: true, schema: { type: string }, example: '17' } ]
      responses: { '200': { description: It., content: { application/json: { schema: { type: object, properties: { id: { type: string } } } } } } }
";

/// An installation.
pub(crate) struct World {
    pub(crate) router: Router,
    pub(crate) desk: Desk,
    runtime: Runtime,
}

/// A browser.
pub(crate) struct Browser<'w> {
    world: &'w World,
    cookies: BTreeMap<String, String>,
    /// The proof of the last page.
    pub(crate) csrf: String,
    /// Where it comes from: `x-forwarded-proto`.
    pub(crate) proto: &'static str,
}

/// What it was answered.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn field(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// What lies between two texts.
    pub(crate) fn between(&self, before: &str, after: &str) -> Option<&str> {
        Some(self.text.split_once(before)?.1.split_once(after)?.0)
    }
}

pub(crate) fn router(desk: Desk, templates: Option<&Path>) -> Result<Router, ConsoleError> {
    tollgate_console::router(desk, &Options { templates, gateway: Arc::default(), usage: None })
}

impl World {
    pub(crate) fn new() -> (Self, String) {
        let key = SealKey::read(&"5a".repeat(32)).unwrap();
        let store: Arc<dyn Store> = Arc::new(Sqlite::in_memory(Sealer::new(key, vec![])).unwrap());
        let desk = Desk::new(store.clone(), None, None);
        let router = router(desk.clone(), None).unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let token = tollgate_api::setup_token(store.as_ref()).unwrap().unwrap();
        (Self { router, desk, runtime }, token)
    }

    /// With `acme` (owner and operator `ann`, developers `dev` and `eve`), a published API with two plans, and `globex` of `gus`.
    pub(crate) fn furnished() -> Self {
        let (world, token) = Self::new();
        let setup = json!({ "token": token, "tenant": "acme", "member": "ann" });
        let made = world.ask(&Asker::Nobody, Ask::to("setUp").body(&setup));
        let ann = Asker::Bearer(made["secret"].as_str().unwrap().to_owned());
        world.ask(&ann, Ask::to("putOwnPassword").body(&json!({ "password": PASSWORD })));
        world.ask(&ann, Ask::to("putTenant").path("tenant", "globex").body(&json!({})));
        for (tenant, member, role) in
            [("acme", "dev", "developer"), ("acme", "eve", "developer"), ("globex", "gus", "owner")]
        {
            let of = |ask: Ask| ask.path("tenant", tenant).path("name", member).path("member", member);
            world.ask(&ann, of(Ask::to("putMember")).body(&json!({ "roles": [role] })));
            world.ask(&ann, of(Ask::to("putPassword")).body(&json!({ "password": PASSWORD })));
        }
        let acme = |name: &'static str| Ask::to(name).path("tenant", "acme");
        world.ask(&ann, acme("putEnvironment").path("name", "production").body(&json!({})));
        let gold = json!({ "title": "Gold", "throttle": [{ "name": "all", "limit": 5, "per": "minute" }] });
        world.ask(&ann, acme("putPlan").path("name", "gold").body(&gold));
        world.ask(&ann, acme("putPlan").path("name", "asked").body(&json!({ "approval": true })));
        let import = acme("importApi").query("upstream", "127.0.0.1:9").query("plan", "gold").text(DOCUMENT);
        let api = world.ask(&ann, import)["api"]["spec"].clone();
        let mut spec = api;
        spec["plans"] = json!(["gold", "asked"]);
        world.ask(&ann, acme("putApi").path("api", "orders@1.0").body(&spec));
        world.ask(&ann, acme("publish").path("api", "orders@1.0").path("environment", "production").body(&json!({})));
        world
    }

    #[track_caller]
    pub(crate) fn ask(&self, asker: &Asker, ask: Ask) -> Value {
        self.runtime.block_on(self.desk.ask(asker, ask)).unwrap().body
    }

    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser { world: self, cookies: BTreeMap::new(), csrf: String::new(), proto: "http" }
    }

    /// A browser in which somebody is signed in.
    #[track_caller]
    pub(crate) fn signed_in(&self, tenant: &str, member: &str) -> Browser<'_> {
        let mut browser = self.browser();
        browser.get("/console/sign-in");
        let page = browser.post("/console/sign-in", &[("tenant", tenant), ("member", member), ("password", PASSWORD)]);
        assert_eq!((page.status, page.field("location")), (303, "/console/catalog"), "{page:?}");
        browser.get("/console/catalog");
        browser
    }
}

impl Browser<'_> {
    pub(crate) fn get(&mut self, path: &str) -> Page {
        self.send("GET", path, String::new())
    }

    /// Sends a form with the proof of the last page.
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let csrf = self.csrf.clone();
        self.post_with(path, &csrf, fields)
    }

    pub(crate) fn post_with(&mut self, path: &str, csrf: &str, fields: &[(&str, &str)]) -> Page {
        let encoded = |text: &str| text.bytes().map(|b| format!("%{b:02x}")).collect::<String>();
        let mut form: Vec<_> =
            fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        form.push(format!("csrf={csrf}"));
        self.send("POST", path, form.join("&"))
    }

    /// The same, and the page that it leads to.
    #[track_caller]
    pub(crate) fn follow(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let page = self.post(path, fields);
        assert_eq!(page.status, 303, "{path}: {page:?}");
        let to = page.field("location").to_owned();
        self.get(&to)
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    fn send(&mut self, method: &str, path: &str, body: String) -> Page {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("cookie", cookies.join("; "))
            .header("x-forwarded-proto", self.proto)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        let page = self.world.runtime.block_on(async {
            let (head, body) = self.world.router.clone().oneshot(request).await.unwrap().into_parts();
            let bytes = to_bytes(body, usize::MAX).await.unwrap();
            // A slash is escaped, too.
            let text = String::from_utf8(bytes.to_vec()).unwrap().replace("&#x2f;", "/");
            Page { status: head.status.as_u16(), headers: head.headers, text }
        });
        for set in page.headers.get_all("set-cookie") {
            let (name, rest) = set.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        if let Some(csrf) = page.between("name=\"csrf\" value=\"", "\"") {
            self.csrf = csrf.to_owned();
        }
        page
    }
}
