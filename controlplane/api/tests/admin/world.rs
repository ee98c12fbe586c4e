//! An installation with two tenants and a member of every role, and a client for it.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use tollgate_api::Desk;
use tollgate_store::{SealKey, Sealer, Sqlite, Store, Transactions as _};
use tower::ServiceExt as _;

pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    router: Router,
    runtime: Runtime,
    /// Operator, and owner in `acme`.
    pub(crate) owner: String,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn etag(&self) -> String {
        self.headers["etag"].to_str().unwrap().to_owned()
    }

    /// The body, if it was done.
    #[track_caller]
    pub(crate) fn done(self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.body
    }
}

impl World {
    /// With nobody in it; the token that sets it up.
    pub(crate) fn empty() -> (Self, String) {
        let key = SealKey::read(&"5a".repeat(32)).unwrap();
        let store: Arc<dyn Store> = Arc::new(Sqlite::in_memory(Sealer::new(key, vec![])).unwrap());
        store.write(|rows| tollgate_keys::KeyRing::open(rows, 1).map(drop)).unwrap();
        let router = tollgate_api::router(&Desk::new(store.clone(), None, None));
        let runtime = Builder::new_current_thread().build().unwrap();
        let token = tollgate_api::setup_token(store.as_ref()).unwrap().unwrap();
        (Self { store, router, runtime, owner: String::new() }, token)
    }

    /// Set up, with `acme`; nothing in it but its owner `ann`.
    pub(crate) fn new() -> Self {
        let (mut world, token) = Self::empty();
        let setup = json!({ "token": token, "tenant": "acme", "member": "ann" });
        world.owner = text(&world.ask("POST", "/setup", "", &setup).done()["secret"]);
        world
    }

    /// The same with an environment, a plan, an API that is published, and the tenant `globex` with an owner `gus`.
    pub(crate) fn furnished() -> (Self, String) {
        let world = Self::new();
        let owner = world.owner.clone();
        let put = |path: &str, body: Value| world.ask("PUT", path, &owner, &body).done();
        put("/tenants/globex", json!({}));
        let gus = world.member("globex", "gus", &["owner"]);
        put("/tenants/acme/environments/production", json!({}));
        put("/tenants/acme/plans/gold", json!({ "throttle": [{ "name": "all", "limit": 5 }] }));
        put("/tenants/acme/plans/asked", json!({ "approval": true }));
        put("/tenants/acme/apis/orders@1.0", api());
        world.ask("POST", "/tenants/acme/apis/orders@1.0/publications/production", &owner, &json!({})).done();
        (world, gus)
    }

    /// Another desk over the same store, for who asks from within.
    pub(crate) fn desk(&self) -> Desk {
        Desk::new(self.store.clone(), None, None)
    }

    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Makes a member; gives a token of theirs.
    pub(crate) fn member(&self, tenant: &str, name: &str, roles: &[&str]) -> String {
        let path = format!("/tenants/{tenant}/members/{name}");
        self.ask("PUT", &path, &self.owner, &json!({ "roles": roles })).done();
        text(&self.ask("POST", &format!("{path}/tokens"), &self.owner, &json!({})).done()["secret"])
    }

    pub(crate) fn ask(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        self.with(method, path, token, &[], body.to_string())
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> Answer {
        self.with("GET", path, token, &[], String::new())
    }

    pub(crate) fn with(
        &self,
        method: &str,
        path: &str,
        token: &str,
        fields: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let (head, body) = response.into_parts();
            let bytes = to_bytes(body, usize::MAX).await.unwrap();
            let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
            Answer { status: head.status.as_u16(), headers: head.headers, body }
        })
    }
}

/// An API as it is written.
pub(crate) fn api() -> Value {
    json!({
        "base_path": "/orders",
        "plans": ["gold", "asked"],
        "upstream": { "endpoints": [{ "address": "127.0.0.1:9001" }] },
        "operations": [{ "name": "all", "method": "*", "path": "/{rest*}" }],
    })
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
