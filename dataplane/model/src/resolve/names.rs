//! The names of items: those a change defines, those it takes away, and the items that values refer to.
//!
//! Part of `resolve`. Looking a name up costs the same however many items there are; only the near miss of a wrong one looks
//! at all of them.

use std::sync::Arc;

use ahash::AHashMap;

use super::{
    report::{Report, plural},
    values,
};
use crate::raw::{Location, Text};
use tollgate_items::{Items, Named};
use tollgate_pattern::nearest;

/// Where a name can be looked up.
pub(super) trait Lookup {
    /// The slot of a name.
    fn slot(&self, name: &str) -> Option<u32>;
    /// The name that is close to this one.
    fn near(&self, name: &str) -> Option<String>;
    /// Whether there is no name at all.
    fn is_empty(&self) -> bool;
}

impl<T: Named> Lookup for Items<T> {
    fn slot(&self, name: &str) -> Option<u32> {
        self.slot(name)
    }

    fn near(&self, name: &str) -> Option<String> {
        nearest(name, self.iter().map(|item| item.name())).map(str::to_owned)
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

/// The names of the listeners or upstreams, as those who refer to them see them.
#[derive(Clone, Copy)]
pub(super) struct Names<'i> {
    /// `listener` or `upstream`.
    pub(super) kind: &'static str,
    /// The items.
    pub(super) items: &'i dyn Lookup,
}

impl Names<'_> {
    /// The slot of the item a value names.
    pub(super) fn find(&self, report: &mut Report<'_>, raw: &Text) -> Option<usize> {
        let name = report.text(raw)?;
        let slot = self.items.slot(&name);
        if slot.is_none() {
            let is_shown = name == raw.value;
            undefined(report, self.kind, self.items, raw, is_shown);
        }
        slot.map(|slot| slot as usize)
    }
}

/// Tells that a name is not there.
fn undefined(report: &mut Report<'_>, kind: &str, items: &dyn Lookup, raw: &Text, is_shown: bool) {
    // A near miss of a referenced value would tell what the value is.
    let near = is_shown.then(|| items.near(&raw.value)).flatten();
    let message = match &near {
        Some(near) => format!("{kind} `{}` is not defined, did you mean `{near}`?", raw.value),
        None => format!("{kind} `{}` is not defined", raw.value),
    };
    let help =
        (near.is_none() && items.is_empty()).then(|| format!("there is no {kind}: add one to `{}`", plural(kind)));
    report.error(raw.referenced, message, help);
}

/// The names of one kind that a change defines.
pub(super) struct Defined {
    kind: &'static str,
    places: AHashMap<Arc<str>, Location>,
}

/// An item that goes.
pub(super) struct Removal {
    pub(super) slot: u32,
    pub(super) name: Arc<str>,
    /// The name as the patch writes it, which may be a reference.
    pub(super) written: String,
    /// Where the patch says so; unknown for an item that a new file leaves out.
    pub(super) place: Location,
}

impl Defined {
    pub(super) fn new(kind: &'static str) -> Self {
        Self { kind, places: AHashMap::new() }
    }

    /// Takes the `name` of an item; `owner` is the place of the whole item.
    pub(super) fn define(&mut self, report: &mut Report<'_>, owner: Location, raw: Option<&Text>) -> Option<String> {
        let raw = report.required(raw, "name", owner)?;
        let name = report.parse(raw, "a name", values::name)?;
        if let Some(&first) = self.places.get(name.as_str()) {
            let first = report.documents.seen_from(raw.referenced, first);
            let message = format!("the {} name `{}` is used twice, first in {first}", self.kind, raw.value);
            report.error(raw.referenced, message, None);
            return None;
        }
        self.places.insert(name.as_str().into(), raw.referenced);
        Some(name)
    }

    /// Whether the change defines this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// Those of `items` that a new file leaves out.
    pub(super) fn left_out<T: Named>(&self, items: &Items<T>) -> Vec<Removal> {
        let gone = items.entries().filter(|(_, entry)| !self.has(entry.item.name()));
        gone.map(|(slot, entry)| Removal {
            slot,
            name: entry.item.name().into(),
            written: String::new(),
            place: Location::UNKNOWN,
        })
        .collect()
    }

    /// Those of `items` that a patch takes away.
    pub(super) fn removed<T: Named>(&self, report: &mut Report<'_>, items: &Items<T>, raw: &[Text]) -> Vec<Removal> {
        let mut removals: Vec<Removal> = Vec::with_capacity(raw.len());
        let mut seen: AHashMap<u32, Location> = AHashMap::with_capacity(raw.len());
        for text in raw {
            let Some(name) = report.text(text) else { continue };
            let Some(slot) = items.slot(&name) else {
                undefined(report, self.kind, items, text, name == text.value);
                continue;
            };
            if self.has(&name) {
                let help = "to replace it, name it in `changed` only".to_owned();
                let message = format!("{} `{}` is both changed and removed", self.kind, text.value);
                report.error(text.referenced, message, Some(help));
            } else if seen.insert(slot, text.referenced).is_some() {
                report.error(text.referenced, format!("{} `{}` is removed twice", self.kind, text.value), None);
            } else {
                let (written, place) = (text.value.clone(), text.referenced);
                removals.push(Removal { slot, name: name.as_ref().into(), written, place });
            }
        }
        removals
    }
}
