//! Why something is not done: a stable code, the field it is about, what is wrong and what to write instead.
//!
//! Every rule of this crate answers with one of these, or with all it found (`Refusals`). The admin API turns a code into
//! a status by its kind and shows the rest as it stands, so no text here may hold a secret. It does no formatting beyond
//! one line.

use serde::Serialize;
use std::{error::Error, fmt};

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Stable, for programs.
    pub code: Code,
    /// The field, like `upstream.endpoints[1].address`; empty for the whole.
    pub place: String,
    /// What is wrong, in one sentence without its full stop.
    pub what: String,
    /// What to do instead.
    pub remedy: String,
}

/// All rules that were broken; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Refusals(Vec<Refusal>);

/// Whose doing it is, and so which status answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What was sent is wrong in itself (422).
    Invalid,
    /// It does not fit what there is (409).
    Conflict,
    /// Who asks may not (403).
    Forbidden,
    /// It is not there, or not for who asks (404).
    Missing,
}

macro_rules! codes {
    ($($variant:ident $code:literal $kind:ident $doc:literal,)*) => {
        /// The stable name of a rule.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Code {
            $(#[doc = $doc] $variant,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// As it is told to programs.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// Whose doing it is.
            #[must_use]
            pub const fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)* }
            }
        }
    };
}

codes! {
    InvalidName "invalid_name" Invalid "A name is no slug.",
    InvalidVersion "invalid_version" Invalid "A version cannot be one.",
    InvalidValue "invalid_value" Invalid "A value is outside of what its field takes.",
    TooMany "too_many" Invalid "A list or text is longer than its bound.",
    Duplicate "duplicate" Invalid "The same thing is named twice.",
    UnknownPolicy "unknown_policy" Invalid "No policy has this name.",
    UndefinedVariable "undefined_variable" Invalid "The environment does not define a variable.",
    ForbiddenReference "forbidden_reference" Invalid "A reference to something of the node itself.",
    NothingToServe "nothing_to_serve" Invalid "An API has no operation or no upstream where it is to be published.",
    InvalidTransition "invalid_transition" Conflict "The state cannot follow the one there is.",
    NotPublishable "not_publishable" Conflict "The lifecycle state does not allow a publication.",
    NotSubscribable "not_subscribable" Conflict "The target takes no subscriptions under this plan or in this state.",
    NotPublished "not_published" Conflict "There is nothing published that could be changed.",
    NoSuchRevision "no_such_revision" Conflict "The revision is none of this API.",
    NoSuchPublication "no_such_publication" Conflict "The number is none of this API's publications in the environment.",
    InUse "in_use" Conflict "Something else still needs it.",
    CredentialEnded "credential_ended" Conflict "The credential is revoked or has expired.",
    RoleRequired "role_required" Forbidden "None of the member's roles allows it.",
    NotFound "not_found" Missing "It does not exist, or not for who asks.",
}

impl Refusal {
    /// A refusal; `place` is the field, `what` and `remedy` are for people.
    pub fn new(code: Code, place: impl Into<String>, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code, place: place.into(), what: what.into(), remedy: remedy.into() }
    }

    /// The same, of a field inside of `outer`.
    #[must_use]
    pub fn inside(mut self, outer: &str) -> Self {
        self.place = match (outer, self.place.as_str()) {
            (outer, "") => outer.to_owned(),
            ("", place) => place.to_owned(),
            (outer, place) if place.starts_with('[') => format!("{outer}{place}"),
            (outer, place) => format!("{outer}.{place}"),
        };
        self
    }
}

impl Refusals {
    /// `Err` with all of `found`, `Ok` if there are none.
    ///
    /// # Errors
    /// `found`, if it is not empty.
    pub fn none(found: Vec<Refusal>) -> Result<(), Self> {
        if found.is_empty() { Ok(()) } else { Err(Self(found)) }
    }

    /// In the order of the fields.
    pub fn iter(&self) -> impl Iterator<Item = &Refusal> {
        self.0.iter()
    }
}

impl From<Refusal> for Refusals {
    fn from(refusal: Refusal) -> Self {
        Self(vec![refusal])
    }
}

impl IntoIterator for Refusals {
    type Item = Refusal;
    type IntoIter = std::vec::IntoIter<Refusal>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl Error for Refusal {}

impl Error for Refusals {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_as_serde_writes_them() {
        for (at, code) in Code::ALL.iter().enumerate() {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert!(Code::ALL[at + 1..].iter().all(|other| other.as_str() != code.as_str()));
        }
    }

    #[test]
    fn places_are_joined() {
        for (outer, inner, place) in [("a", "b", "a.b"), ("a", "[1].b", "a[1].b"), ("a", "", "a"), ("", "b", "b")] {
            assert_eq!(Refusal::new(Code::InvalidValue, inner, "", "").inside(outer).place, place);
        }
    }
}
