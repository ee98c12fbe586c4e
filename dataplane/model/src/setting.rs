//! What is shown of a configuration: each setting with where it came from, and the whole as canonical text.
//!
//! A value is shown as it is written, so a reference stays a reference. For whoever runs a node (`GET /config`), for the
//! last good configuration and for export; no worker needs it.

use std::fmt;

use crate::{
    applications,
    configuration::Configuration,
    raw::{self, Location},
    resolve::Shelf,
    snapshot::Snapshot,
};
use tollgate_document::Documents;
use tollgate_items::Items;

/// Every setting that has a default of its own; those of `tuning` depend on its profile. That each default here is that of `resolve` is tested: a file of these
/// has the digest of a file of nothing.
const DEFAULTS: &str = r#"{
    "workers": "auto",
    "io": "auto",
    "status": { "bind": "127.0.0.1:9901" },
    "forwarded": "x_forwarded",
    "shedding": "off",
    "tracing": { "accept": "all", "generate": "false" },
    "quota_store": { "every": "1s" },
    "limits": {
        "head_bytes": "16KiB", "target_bytes": "8KiB", "fields": "100", "body_bytes": "unlimited",
        "connections": "20000", "requests_per_connection": "unlimited"
    },
    "timeouts": {
        "connect": "5s", "first_byte": "60s", "idle": "60s", "request": "none", "tunnel": "1h", "handshake": "10s", "head": "10s",
        "keep_alive": "75s", "drain": "30s", "linger": "2s"
    }
}"#;

/// A value of the node's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// The keys that lead to it, like `timeouts.idle` or `workers[0]`.
    pub path: String,
    /// As it is written, references unresolved; or the default.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is not written anywhere.
    Default,
    /// A file or a patch.
    Written {
        /// The path of the file, or `the patch to generation 7`.
        text: String,
        /// 1 for the first.
        line: u32,
        /// In characters, 1 for the first.
        column: u32,
    },
}

/// `default`, or `gateway.yaml:3:7`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Written { text, line, column } => write!(f, "{text}:{line}:{column}"),
        }
    }
}

impl Origin {
    fn of(documents: &Documents, place: Location) -> Self {
        Self::Written { text: documents.name(place.document), line: place.line, column: place.column }
    }
}

/// A listener, an upstream, a route or a plan as written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Item<'c> {
    /// Unique among its kind.
    pub name: &'c str,
    /// Canonical JSON, references unresolved.
    pub text: &'c str,
    /// The hash of its content: what it adds to the digest.
    pub hash: u64,
    /// Where it came from.
    pub origin: Origin,
}

/// The kinds of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `listeners`.
    Listener,
    /// `upstreams`.
    Upstream,
    /// `routes`.
    Route,
    /// `plans`.
    Plan,
}

impl Configuration {
    /// Each value of the node's settings, written ones and defaults, sorted by path. Items are in
    /// [`Configuration::items`].
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        let written = self.state.written.settings.leaves();
        let mut defaults = raw::File::of_canonical(DEFAULTS).leaves();
        defaults.extend(raw::File::of_canonical(&self.state.snapshot.tuning.to_text()).leaves());
        // A setting that is a word or a list is written as a whole, so its default has the same path or a part of it.
        let is_written = |path: &str| {
            // A status that is written has nothing that is not.
            let path = if path.starts_with("status.") { "status" } else { path };
            written.iter().any(|leaf| {
                let (short, long) =
                    if leaf.path.len() < path.len() { (&*leaf.path, path) } else { (path, &*leaf.path) };
                long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            })
        };
        let mut settings: Vec<Setting> = defaults
            .into_iter()
            .filter(|leaf| !is_written(&leaf.path))
            .map(|leaf| Setting { path: leaf.path, value: leaf.value, origin: Origin::Default })
            .collect();
        settings.extend(written.into_iter().map(|leaf| {
            let origin = Origin::of(&self.documents, leaf.place);
            Setting { path: leaf.path, value: leaf.value, origin }
        }));
        settings.sort_by(|one, other| one.path.cmp(&other.path));
        settings
    }

    /// All items of a kind as written, in their order.
    #[must_use]
    pub fn items(&self, kind: Kind) -> Vec<Item<'_>> {
        let written = &self.state.written;
        match kind {
            Kind::Listener => self.shown(&self.state.snapshot.listeners, &written.listeners),
            Kind::Upstream => self.shown(&self.state.snapshot.upstreams, &written.upstreams),
            Kind::Route => self.shown(&self.state.snapshot.routes, &written.routes),
            Kind::Plan => self.shown(&self.state.snapshot.plans, &written.plans),
        }
    }

    /// The application of this name as canonical JSON; where it was written is not kept.
    #[must_use]
    pub fn application(&self, name: &str) -> Option<String> {
        let Snapshot { applications, plans, .. } = &self.state.snapshot;
        applications.get(name).map(|found| applications::text(found, plans))
    }

    fn shown<'c, T: crate::Named>(&'c self, items: &'c Items<T>, shelf: &'c Shelf) -> Vec<Item<'c>> {
        let mut entries: Vec<_> = items.entries().collect();
        entries.sort_unstable_by_key(|(_, entry)| entry.order);
        let shown = |(slot, entry): (u32, &'c crate::Entry<T>)| {
            let kept = shelf.get(slot)?;
            let origin = Origin::of(&self.documents, kept.place);
            Some(Item { name: entry.item.name(), text: &kept.text, hash: kept.hash, origin })
        };
        entries.into_iter().filter_map(shown).collect()
    }

    /// The whole configuration as one text: canonical JSON, an item a line, references unresolved and files included.
    /// Reading it where the references mean the same gives the same digest.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = self.state.written.settings.to_canonical();
        // The settings are a mapping and have at least the version.
        text.truncate(text.len() - 1);
        let kinds = [
            ("listeners", Kind::Listener),
            ("upstreams", Kind::Upstream),
            ("routes", Kind::Route),
            ("plans", Kind::Plan),
        ];
        for (key, kind) in kinds {
            let items: Vec<&str> = self.items(kind).iter().map(|item| item.text).collect();
            text.push_str(&format!(",\n\"{key}\":[\n{}\n]", items.join(",\n")));
        }
        let Snapshot { applications, plans, .. } = &self.state.snapshot;
        let mut comma = ",\n\"applications\":[\n";
        for application in applications.iter() {
            text.push_str(comma);
            text.push_str(&applications::text(application, plans));
            comma = ",\n";
        }
        text.push_str(if applications.is_empty() { "}\n" } else { "\n]}\n" });
        text
    }
}
