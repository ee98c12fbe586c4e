//! Changes of a head's fields by configuration: what is left out when it is copied, and what is written besides.
//!
//! Made once from a route's policies, applied while a head is written, without an allocation. Which fields may be changed
//! is judged where the configuration is read; nothing here keeps a caller from touching the framing.

use crate::{Name, NameSet};

/// What a head's fields lose and gain.
#[derive(Clone, Debug, Default)]
pub struct FieldEdits {
    removed: NameSet,
    /// Names without a [`Name`] of their own.
    removed_other: Vec<Box<[u8]>>,
    /// Whole field lines.
    lines: Vec<u8>,
    /// The same without Content-Type.
    answer_lines: Vec<u8>,
    /// Value of Host, empty to leave it as it is.
    host: Vec<u8>,
}

impl FieldEdits {
    /// No changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves the fields of this name out.
    pub fn remove(&mut self, name: &str) {
        match Name::from_bytes(name.as_bytes()) {
            many if many.is_one_of_many() => self.removed_other.push(name.as_bytes().into()),
            known => self.removed = self.removed.with(known),
        }
    }

    /// Writes a field besides those that stay. The value must hold no line break.
    pub fn add(&mut self, name: &str, value: &str) {
        let line = [name, ": ", value, "\r\n"].concat();
        self.lines.extend_from_slice(line.as_bytes());
        if Name::from_bytes(name.as_bytes()) != Name::ContentType {
            self.answer_lines.extend_from_slice(line.as_bytes());
        }
    }

    /// Writes this Host in place of the request's; `host[:port]`.
    pub fn set_host(&mut self, authority: &str) {
        self.host = authority.into();
    }

    pub(crate) const fn removed(&self) -> NameSet {
        self.removed
    }

    pub(crate) const fn removes_other(&self) -> bool {
        !self.removed_other.is_empty()
    }

    /// Whether a field goes that has no [`Name`] of its own.
    pub(crate) fn is_removed_other(&self, name: &[u8]) -> bool {
        self.removed_other.iter().any(|removed| removed.eq_ignore_ascii_case(name))
    }

    /// Whether the fields of this name go.
    pub(crate) fn is_removed(&self, name: &[u8]) -> bool {
        self.removed.contains(Name::from_bytes(name)) || self.is_removed_other(name)
    }

    /// The field lines that are written besides those that stay.
    #[must_use]
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// The lines for an answer of our own, whose content is what it is.
    pub(crate) fn answer_lines(&self) -> &[u8] {
        &self.answer_lines
    }

    pub(crate) fn host(&self) -> &[u8] {
        &self.host
    }
}
