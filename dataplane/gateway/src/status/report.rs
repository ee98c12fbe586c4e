//! `GET /config`: what the node runs, written on a thread of its own because a configuration may be large.
//!
//! At most [`REPORTS_MAX`] such threads at one time. Values are shown as they are written, so that a reference stands
//! where a secret is used.

use super::{
    config,
    offload::Answering,
    pages::{JSON, Page},
};
use crate::{
    changes::{Live, Refusal, Tag},
    limits::REPORTS_MAX,
    publish::Publisher,
};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::Builder,
};
use tollgate_model::{Configuration, Item, Kind, Setting};

/// Writes reports.
#[derive(Clone)]
pub(super) struct Reporter {
    pub(super) live: Arc<Live>,
    pub(super) publisher: Arc<Publisher>,
    pub(super) running: Arc<AtomicUsize>,
}

impl Reporter {
    /// Answers with a report of this moment.
    pub(super) fn begin(&self, answering: Answering) {
        if self.running.fetch_add(1, Ordering::Relaxed) >= REPORTS_MAX {
            self.running.fetch_sub(1, Ordering::Relaxed);
            return answering.answer(config::busy());
        }
        let reporter = self.clone();
        let work = move || {
            let page = reporter.report();
            reporter.running.fetch_sub(1, Ordering::Relaxed);
            answering.answer(page);
        };
        // Without a thread the client is answered too: what was to answer it is dropped.
        if Builder::new().name("tollgate-report".to_owned()).spawn(work).is_err() {
            self.running.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn report(&self) -> Page {
        let running = self.live.running();
        let configuration = &running.configuration;
        let tag = Tag::of(configuration.snapshot());
        let generations = self.publisher.running().into_iter().enumerate();
        let workers = generations.map(|(worker, generation)| json!({ "worker": worker, "generation": generation }));
        let report = json!({
            "generation": tag.generation,
            "digest": format!("{:016x}", tag.digest),
            "cause": running.cause.as_str(),
            "workers": workers.collect::<Value>(),
            "refused": self.refused(),
            "settings": settings(configuration),
            "listeners": items(configuration, Kind::Listener),
            "upstreams": items(configuration, Kind::Upstream),
            "routes": items(configuration, Kind::Route),
            "plans": items(configuration, Kind::Plan),
            // They may be a million.
            "applications": configuration.snapshot().applications.len(),
        });
        Page { etag: tag.to_string(), ..Page::json(200, JSON, &report) }
    }

    /// The last change that was refused, unless a later one was taken.
    fn refused(&self) -> Value {
        let Some(refused) = self.live.refused() else { return Value::Null };
        let cause = refused.cause.as_str();
        match &refused.refusal {
            Refusal::Invalid(errors) => json!({ "cause": cause, "errors": config::errors_json(errors) }),
            other => json!({ "cause": cause, "errors": [{ "message": other.to_string() }] }),
        }
    }
}

/// Each setting of the node as written, and where.
fn settings(configuration: &Configuration) -> Value {
    let settings = configuration.settings().into_iter();
    let setting =
        |Setting { path, value, origin, .. }| json!({ "key": path, "value": value, "origin": origin.to_string() });
    settings.map(setting).collect()
}

/// Each item of a kind as written, and where.
fn items(configuration: &Configuration, kind: Kind) -> Value {
    let item = |item: &Item<'_>| {
        // It is canonical JSON.
        let value: Value = serde_json::from_str(item.text).unwrap_or_default();
        json!({ "name": item.name, "value": value, "origin": item.origin.to_string() })
    };
    configuration.items(kind).iter().map(item).collect()
}
