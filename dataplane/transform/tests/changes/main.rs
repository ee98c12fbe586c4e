//! What policies as written do to queries, and to the answers that pages of other origins get.

#![expect(clippy::unwrap_used, reason = "the functions the tests share fail as tests do")]

mod cors;
mod query;

use std::sync::Arc;
use tollgate_model::{NoSource, Policies, parse};

/// The policies of a route, as written.
fn policies(text: &str) -> Arc<Policies> {
    let text = format!(
        "version: 1\nlisteners: [ {{ name: l, bind: 127.0.0.1:0 }} ]\n\
         routes: [ {{ name: r, match: {{ path: / }}, answer: {{ status: 200 }}, policies: {{ {text} }} }} ]\n"
    );
    let snapshot = parse("gateway.yaml", &text, &NoSource).unwrap_or_else(|errors| panic!("{errors}"));
    snapshot.routes[0].policies.clone().unwrap()
}
