//! Nodes: who may ask for what is compiled, and what each of them runs.
//!
//! ```text
//! tgn_ NAME _ 64 digits     the token of a node: shown once, kept as SHA-256
//!             32 random bytes
//! ```
//!
//! A node is enrolled under a name and ends with it: whoever asks with its token gets nothing from then on. What nodes run
//! is asked of the `Fleet`. Events are told in the tenant of the operator who made the change.

use crate::{
    answer::Answer,
    call::Call,
    change::Change,
    endpoint::{Endpoint, Outcome, PAGE},
    fleet::{LOCAL, NodeReport, NodeState},
    problem::Problem,
    resource::page,
    token::{entropy, is},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tollgate_domain::{Action, Made, Name, Publication, credential, digest::hex};
use tollgate_store::{
    Error, Expect, Query, Record, Records as _, RecordsMut as _, Rows, Space, Store, Transactions as _, publication_key,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::get("/nodes", "listNodes", "Lists the nodes: what each runs, and how far behind it is.", list)
        .query(PAGE)
        .bodies("", "[Node]")
        .may(Action::ReadNodes),
    Endpoint::post("/nodes", "addNode", "Enrols a node; its token is in this answer and nowhere else.", add)
        .bodies("AddNode", "AddedNode")
        .may(Action::Operate),
    Endpoint::delete("/nodes/{node}", "removeNode", "Ends a node's token: it gets nothing any more.", remove)
        .may(Action::Operate),
    Endpoint::get(
        "/tenants/{tenant}/apis/{api}/publications/{environment}/running",
        "getRunning",
        "How many nodes run what the environment serves of the API.",
        running,
    )
    .bodies("", "Running")
    .may(Action::ReadApis),
];

/// A node, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Node {
    name: Name,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    hash: String,
    made: Made,
}

impl Record for Node {
    const KIND: &'static str = "node";

    fn key(&self) -> String {
        self.name.to_string()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AddNode {
    name: Name,
    #[serde(default)]
    title: Option<String>,
}

/// The name of the node that a token belongs to.
///
/// # Errors
/// Those of the store.
pub fn node(store: &dyn Store, token: &str) -> Result<Option<String>, Error> {
    let Some((name, _)) = token.strip_prefix("tgn_").and_then(|rest| rest.rsplit_once('_')) else { return Ok(None) };
    let Ok(name) = name.parse::<Name>() else { return Ok(None) };
    let kept = store.read(|rows| rows.load::<Node>(Space::Installation, name.as_str()))?;
    Ok(kept.filter(|kept| is(&kept.record.hash, token)).map(|kept| kept.record.name.to_string()))
}

fn shown(node: &Node, report: Option<&NodeReport>) -> Value {
    let mut shown = json!({ "name": node.name, "title": node.title, "made": node.made });
    merge(&mut shown, &json!(report.cloned().unwrap_or_default()));
    shown
}

fn merge(shown: &mut Value, report: &Value) {
    if let (Value::Object(shown), Value::Object(report)) = (shown, report) {
        shown.extend(report.clone());
    }
}

fn list(call: &Call, rows: &dyn Rows) -> Outcome {
    let reports = reports(call);
    let found = rows.load_page::<Node>(&call.page(Query::of(Node::KIND, Space::Installation))?)?;
    let mut local = reports.get(LOCAL).filter(|_| !call.query.contains_key("cursor")).map(|report| {
        let mut shown = json!({ "name": LOCAL, "title": "the gateway of this process" });
        merge(&mut shown, &json!(report));
        shown
    });
    let mut nodes = found.rows.iter().map(|kept| shown(&kept.record, reports.get(kept.record.name.as_str())));
    let items: Vec<_> = std::iter::from_fn(|| local.take().or_else(|| nodes.next())).collect();
    Ok(page(tollgate_store::Page { rows: items, next: found.next.clone() }, Some))
}

fn reports(call: &Call) -> BTreeMap<String, NodeReport> {
    call.fleet.as_ref().map(|fleet| fleet.reports()).unwrap_or_default()
}

fn add(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let AddNode { name, title } = call.body()?;
    if name.as_str() == LOCAL {
        let what = format!("`{LOCAL}` is the gateway of the control plane itself");
        return Err(Problem::invalid("name", what, "choose another name"));
    }
    if change.load::<Node>(Space::Installation, name.as_str())?.is_some() {
        let remedy = "remove it first if it is to have another token, or choose another name";
        return Err(Problem::in_use(format!("there is a node `{name}` already"), remedy));
    }
    let secret = format!("tgn_{name}_{}", hex(&entropy::<32>()?));
    let node = Node { name, title, hash: credential::hash(&secret), made: call.made(None)? };
    change.rows.save(Space::Installation, &node, Expect::Absent)?;
    change.tell(Space::Tenant(call.tenant()?), (Node::KIND, node.key(), "add"), None, Some(&node))?;
    Ok(Answer::created(&json!({ "node": shown(&node, None), "secret": secret })))
}

fn remove(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let name: Name = call.named("node")?;
    let kept = change.wanted::<Node>(Space::Installation, name.as_str())?;
    change.rows.remove::<Node>(Space::Installation, name.as_str(), call.expect()?)?;
    change.tell(Space::Tenant(call.tenant()?), (Node::KIND, name.to_string(), "remove"), Some(&kept.record), None)?;
    Ok(Answer::done())
}

/// Names of nodes are for operators; others are told how many.
fn running(call: &Call, rows: &dyn Rows) -> Outcome {
    let key = publication_key(&call.api()?, &call.named("environment")?);
    let kept = rows.load::<Publication>(call.space()?, &key)?.ok_or_else(Problem::not_found)?;
    let reports = reports(call);
    let mut names: Vec<String> = reports.contains_key(LOCAL).then(|| LOCAL.to_owned()).into_iter().collect();
    rows.for_each::<Node>(&Query::of(Node::KIND, Space::Installation), |kept| {
        names.push(kept.record.name.to_string());
        Ok::<_, Error>(())
    })?;
    let (mut running, mut refused, mut away) = (0, 0, 0);
    for name in &names {
        let report = reports.get(name).cloned().unwrap_or_default();
        match report.state {
            NodeState::Away | NodeState::Unseen => away += 1,
            _ if report.covers.is_some_and(|change| change >= kept.etag) => running += 1,
            // What it refused before says nothing of this: it has yet to see it.
            NodeState::Refused if report.refused_at >= Some(kept.etag) => refused += 1,
            NodeState::Current | NodeState::Behind | NodeState::Refused => {}
        }
    }
    Ok(Answer::of(&json!({
        "change": kept.etag, "nodes": names.len(), "running": running, "refused": refused, "away": away,
    })))
}
