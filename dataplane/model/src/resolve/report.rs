//! The report: the mistakes found so far, and the way to read a raw value that puts its mistakes there.
//!
//! Everything that quotes a value quotes what is written. When a `${env:X}` reference is in it, even the parser's
//! reason is left out, since it could quote a part of the secret.

use std::{borrow::Cow, ops::RangeInclusive};

use crate::{
    limits,
    raw::{Location, Text},
    source::Source,
};
use tollgate_document::{ConfigError, ConfigErrors, Documents, Quantity};
use tollgate_pattern::{Refusal, nearest};

/// The mistakes of one change.
pub(crate) struct Report<'a> {
    pub(super) documents: &'a Documents,
    pub(super) source: &'a dyn Source,
    /// Where values stand whose own place is unknown: those of an item that is read again from what is kept of it.
    pub(super) fallback: Location,
    /// Whether there is a store that nodes share.
    pub(super) has_cluster: bool,
    /// Whether the store that nodes share decides on single requests.
    pub(super) has_strict: bool,
    errors: Vec<(Location, ConfigError)>,
    /// Mistakes beyond the bound.
    more: usize,
}

impl<'a> Report<'a> {
    pub(crate) fn new(documents: &'a Documents, source: &'a dyn Source) -> Self {
        Self {
            documents,
            source,
            fallback: Location::UNKNOWN,
            has_cluster: false,
            has_strict: false,
            errors: Vec::new(),
            more: 0,
        }
    }

    /// The errors in the order of their places, if there are any.
    pub(crate) fn finish(&mut self) -> Result<(), ConfigErrors> {
        let mut errors = std::mem::take(&mut self.errors);
        errors.sort_by_key(|(at, _)| (at.document, at.line, at.column));
        ConfigErrors::new(errors.into_iter().map(|(_, error)| error).collect(), self.more).map_or(Ok(()), Err)
    }

    /// A mistake of no place.
    pub(super) fn whole_error(&mut self, message: String, help: Option<String>) {
        self.errors.push((Location::UNKNOWN, self.documents.whole_error(message, help)));
    }

    pub(super) fn error(&mut self, at: Location, message: String, help: Option<String>) {
        // Finding the line of each error is linear in the text, so their number is bounded.
        if self.errors.len() >= limits::ERRORS_MAX {
            self.more += 1;
        } else {
            let at = if at == Location::UNKNOWN { self.fallback } else { at };
            self.errors.push((at, self.documents.error(at, message, help)));
        }
    }

    /// As [`Report::error`], without the line, where a secret stands in it.
    pub(super) fn error_unquoted(&mut self, at: Location, message: String, help: Option<String>) {
        self.error(at, message, help);
        if let Some((_, error)) = self.errors.last_mut().filter(|_| self.more == 0) {
            error.snippet = None;
        }
    }

    /// A key of `owner` that may not be left out.
    pub(super) fn required<'r, T>(&mut self, value: Option<&'r T>, key: &str, owner: Location) -> Option<&'r T> {
        if value.is_none() {
            self.error(owner, format!("`{key}` is missing"), None);
        }
        value
    }

    /// A key of the file that may not be left out.
    pub(super) fn required_at_top<'r, T>(&mut self, value: Option<&'r T>, key: &str, help: &str) -> Option<&'r T> {
        if value.is_none() {
            self.whole_error(format!("`{key}` is missing"), Some(help.to_owned()));
        }
        value
    }

    /// The text of a value with its references replaced.
    pub(super) fn text<'r>(&mut self, raw: &'r Text) -> Option<Cow<'r, str>> {
        match super::values::substitute(&raw.value, self.source) {
            Ok(text) => Some(text),
            Err((message, help)) => {
                self.error(raw.referenced, message, help);
                None
            }
        }
    }

    /// A value read by `parse`; `kind` names it (`a name`) where the reason may not be told.
    pub(super) fn parse<T>(
        &mut self,
        raw: &Text,
        kind: &str,
        parse: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        let text = self.text(raw)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(_) if text != raw.value => {
                self.error(raw.referenced, format!("the value of `{}` is not {kind}", raw.value), None);
                None
            }
            Err((message, help)) => {
                self.error(raw.referenced, message, help);
                None
            }
        }
    }

    /// A quantity within a range.
    pub(super) fn quantity<Q: Quantity>(&mut self, raw: &Text, range: &RangeInclusive<Q>) -> Option<Q> {
        self.parse(raw, &expected(range), |text| within(text, range))
    }

    /// A quantity within a range, or the default when it is left out.
    pub(super) fn quantity_or<Q: Quantity>(&mut self, raw: Option<&Text>, range: &RangeInclusive<Q>, default: Q) -> Q {
        raw.and_then(|raw| self.quantity(raw, range)).unwrap_or(default)
    }

    /// A quantity, or a word for none.
    pub(super) fn quantity_or_word<Q: Quantity>(
        &mut self,
        raw: Option<&Text>,
        word: &str,
        range: &RangeInclusive<Q>,
    ) -> Option<Q> {
        let parse = |text: &str| match text {
            _ if text == word => Ok(None),
            _ => within(text, range).map(Some).map_err(|(message, help)| match help {
                Some(help) => (message, Some(format!("{help}, or `{word}`"))),
                None => (message, None),
            }),
        };
        self.parse(raw?, &expected(range), parse).flatten()
    }

    /// One of a few words, or the default when it is left out.
    pub(super) fn word<T: Copy>(&mut self, raw: Option<&Text>, key: &str, words: &[(&str, T)], default: T) -> T {
        let Some(raw) = raw else { return default };
        let parse = |text: &str| match words.iter().find(|(word, _)| *word == text) {
            Some(&(_, value)) => Ok(value),
            None => Err(unknown_word(text, key, words.iter().map(|&(word, _)| word))),
        };
        self.parse(raw, &format!("a `{key}`"), parse).unwrap_or(default)
    }
}

/// A word that is none of those allowed.
fn unknown_word<'w>(text: &str, key: &str, words: impl Iterator<Item = &'w str> + Clone) -> Refusal {
    let message = match nearest(text, words.clone()) {
        Some(near) => format!("unknown `{key}` `{text}`, did you mean `{near}`?"),
        None => format!("unknown `{key}` `{text}`"),
    };
    (message, Some(format!("allowed here: {}", words.collect::<Vec<_>>().join(", "))))
}

fn within<Q: Quantity>(text: &str, range: &RangeInclusive<Q>) -> Result<Q, Refusal> {
    let Some(value) = Q::parse(text) else {
        return Err((format!("`{text}` is not {}", kind::<Q>()), Some(format!("write {}", Q::EXPECTED))));
    };
    if range.contains(&value) {
        return Ok(value);
    }
    let (low, high) = (range.start().show(), range.end().show());
    Err((format!("`{text}` is out of range"), Some(format!("from {low} to {high}"))))
}

/// What may stand where a quantity does.
fn expected<Q: Quantity>(range: &RangeInclusive<Q>) -> String {
    format!("{}, from {} to {}", Q::EXPECTED, range.start().show(), range.end().show())
}

/// `a size` out of `a size like ...`.
fn kind<Q: Quantity>() -> &'static str {
    Q::EXPECTED.split(" like").next().unwrap_or(Q::EXPECTED)
}

/// The key a kind of item is listed under.
pub(super) fn plural(kind: &str) -> String {
    format!("{}s", kind.replace(' ', "_"))
}
