//! The lifecycle of an API, which all its environments share: who finds it, and what the gateway does with its requests.
//!
//! ```text
//! Created <-> Prototyped
//!       `-----.  |
//!             v  v
//!             Published <-> Blocked <-> Deprecated     and Published <-> Deprecated
//!                               `--> Retired <--'      final
//! ```
//!
//! `TRANSITIONS` is the whole truth. A publication may move a created API to Published (`Lifecycle::on_publish`); every
//! other step is asked for by name.

use crate::{
    name::ApiName,
    refusal::{Code, Refusal},
};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Where an API is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// Written, and for its publishers alone.
    #[default]
    Created,
    /// Published with the answers its operations have as mocks; nothing goes to an upstream.
    Prototyped,
    /// Serves.
    Published,
    /// Known, and every request to it is refused.
    Blocked,
    /// Serves those who use it, tells them so, and takes no new subscriptions.
    Deprecated,
    /// Gone: its name stays taken.
    Retired,
}

/// What the gateway does with the requests for a publication of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serving {
    /// There are no routes.
    Nothing,
    /// Mocks answer.
    Mocks,
    /// Requests are forwarded.
    Requests,
    /// Requests are refused.
    Refusals,
}

/// What is told to callers of a deprecated API (RFC 9745, RFC 8594).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deprecation {
    /// Since when, in Unix seconds; may lie in the future.
    pub since_s: u64,
    /// From when on it may be gone, in Unix seconds; not before `since_s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sunset_s: Option<u64>,
    /// What to use instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<ApiName>,
    /// A page that says more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

use Lifecycle::{Blocked, Created, Deprecated, Prototyped, Published, Retired};

/// From each state, those that may follow.
pub const TRANSITIONS: [(Lifecycle, &[Lifecycle]); 6] = [
    (Created, &[Prototyped, Published]),
    (Prototyped, &[Created, Published]),
    (Published, &[Blocked, Deprecated]),
    (Blocked, &[Published, Deprecated, Retired]),
    (Deprecated, &[Published, Blocked, Retired]),
    (Retired, &[]),
];

impl Lifecycle {
    /// Those that may follow.
    #[must_use]
    pub fn next(self) -> &'static [Self] {
        TRANSITIONS.iter().find(|(from, _)| *from == self).map_or(&[], |(_, next)| *next)
    }

    /// `to`, if it may follow.
    ///
    /// # Errors
    /// `InvalidTransition`, with those that may.
    pub fn step(self, to: Self) -> Result<Self, Refusal> {
        if self.next().contains(&to) {
            return Ok(to);
        }
        let next: Vec<_> = self.next().iter().map(ToString::to_string).collect();
        let remedy = if next.is_empty() {
            "create another version of the API".to_owned()
        } else {
            format!("from here it may become {}", next.join(" or "))
        };
        let what = format!("an API that is {self} cannot become {to}");
        Err(Refusal::new(Code::InvalidTransition, "lifecycle", what, remedy))
    }

    /// The state after something of the API was published: a created API becomes Published.
    ///
    /// # Errors
    /// `NotPublishable` for a blocked or retired one.
    pub fn on_publish(self) -> Result<Self, Refusal> {
        match self {
            Created => Ok(Published),
            Prototyped | Published | Deprecated => Ok(self),
            Blocked | Retired => {
                let remedy = if self == Blocked { "unblock it first" } else { "create another version of the API" };
                let what = format!("an API that is {self} cannot be published");
                Err(Refusal::new(Code::NotPublishable, "lifecycle", what, remedy))
            }
        }
    }

    /// What the gateway does with its requests.
    #[must_use]
    pub const fn serving(self) -> Serving {
        match self {
            Created | Retired => Serving::Nothing,
            Prototyped => Serving::Mocks,
            Published | Deprecated => Serving::Requests,
            Blocked => Serving::Refusals,
        }
    }

    /// Whether others than publishers find it in the catalog.
    #[must_use]
    pub const fn is_listed(self) -> bool {
        matches!(self, Prototyped | Published | Deprecated)
    }

    /// Whether it takes new subscriptions.
    #[must_use]
    pub const fn is_subscribable(self) -> bool {
        matches!(self, Prototyped | Published)
    }

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Created => "created",
            Prototyped => "prototyped",
            Published => "published",
            Blocked => "blocked",
            Deprecated => "deprecated",
            Retired => "retired",
        }
    }
}

impl Deprecation {
    /// # Errors
    /// `InvalidValue`, if it ends before it begins or names `api` itself as its successor.
    pub fn check(&self, api: &ApiName) -> Result<(), Refusal> {
        if self.sunset_s.is_some_and(|sunset_s| sunset_s < self.since_s) {
            let what = "the sunset is before the deprecation";
            return Err(Refusal::new(Code::InvalidValue, "sunset_s", what, "write a later one"));
        }
        if self.successor.as_ref() == Some(api) {
            let what = "an API cannot succeed itself";
            return Err(Refusal::new(Code::InvalidValue, "successor", what, "name another version"));
        }
        Ok(())
    }
}

impl fmt::Display for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Lifecycle; 6] = [Created, Prototyped, Published, Blocked, Deprecated, Retired];

    #[test]
    fn every_pair_is_allowed_or_refused_with_what_is_allowed() {
        // Written out, so that a change of the table is a change here.
        let allowed = [
            (Created, "prototyped published"),
            (Prototyped, "created published"),
            (Published, "blocked deprecated"),
            (Blocked, "published deprecated retired"),
            (Deprecated, "published blocked retired"),
            (Retired, ""),
        ];
        for (from, next) in allowed {
            for to in ALL {
                let wanted = next.split(' ').any(|state| state == to.as_str());
                let found = from.step(to);
                assert_eq!(found.is_ok(), wanted, "{from} -> {to}");
                let named = |error: Refusal| next.split(' ').all(|state| error.remedy.contains(state));
                assert!(found.err().is_none_or(named), "{from} -> {to}");
            }
        }
    }

    #[test]
    fn states_say_what_happens() {
        let rows = [
            (Created, Serving::Nothing, false, false, Some(Published)),
            (Prototyped, Serving::Mocks, true, true, Some(Prototyped)),
            (Published, Serving::Requests, true, true, Some(Published)),
            (Blocked, Serving::Refusals, false, false, None),
            (Deprecated, Serving::Requests, true, false, Some(Deprecated)),
            (Retired, Serving::Nothing, false, false, None),
        ];
        for (state, serving, listed, subscribable, published) in rows {
            assert_eq!((state.serving(), state.is_listed(), state.is_subscribable()), (serving, listed, subscribable));
            assert_eq!(state.on_publish().ok(), published, "{state}");
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }

    #[test]
    fn a_deprecation_ends_after_it_begins_and_leads_elsewhere() {
        let api: ApiName = "orders@1".parse().unwrap();
        let cases =
            [(10, Some(9), None, false), (10, Some(10), Some("orders@2"), true), (10, None, Some("orders@1"), false)];
        for (since_s, sunset_s, successor, valid) in cases {
            let successor = successor.map(|name| name.parse().unwrap());
            assert_eq!(Deprecation { since_s, sunset_s, successor, link: None }.check(&api).is_ok(), valid);
        }
    }

    proptest! {
        /// Whatever is asked for: what is retired stays so, and nothing goes back to where it was never seen.
        #[test]
        fn no_forbidden_state_is_reached(asked in prop::collection::vec(0..ALL.len(), 0..40)) {
            let (mut state, mut was_published) = (Created, false);
            for to in asked.into_iter().map(|at| ALL[at]) {
                let before = state;
                state = state.step(to).unwrap_or(state);
                was_published |= state == Published;
                prop_assert!(before != Retired || state == Retired);
                prop_assert!(!was_published || !matches!(state, Created | Prototyped));
                prop_assert!(was_published || !matches!(state, Blocked | Deprecated | Retired));
            }
        }
    }
}
