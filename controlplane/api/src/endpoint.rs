//! An endpoint: method, path, the action that whoever asks must be allowed, and what answers.
//!
//! There is no way to write one down without its rule. Handlers are plain functions that run inside of one transaction on
//! a thread that may block; which thread, who asks and what is kept for an Idempotency-Key is the business of `desk`.

use crate::{answer::Answer, call::Call, change::Change, problem::Problem};
use axum::routing::MethodFilter;
use tollgate_domain::Action;
use tollgate_keys::PasswordHash;
use tollgate_store::Rows;

/// What comes of a request.
pub(crate) type Outcome = Result<Answer, Problem>;

/// Methods of endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Put,
    Post,
    Delete,
}

impl Verb {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Post => "post",
            Self::Delete => "delete",
        }
    }

    pub(crate) const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Put => MethodFilter::PUT,
            Self::Post => MethodFilter::POST,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Anybody.
    Public,
    /// Whoever may do this in the tenant of the path, or in their own where it names none.
    May(Action),
}

/// What answers.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    Read(fn(&Call, &dyn Rows) -> Outcome),
    Write(fn(&mut Change<'_>) -> Outcome),
    /// With the hash of the password of the body, which takes too long to be made while others wait to write. Has no
    /// Idempotency-Key: nothing quick is kept of such a body.
    Password(fn(&mut Change<'_>, &PasswordHash) -> Outcome),
    /// A request through a gateway, outside of any transaction.
    Debug,
}

/// What a request can be sent to.
#[derive(Clone, Copy)]
pub(crate) struct Endpoint {
    pub(crate) verb: Verb,
    /// Below `/api/v1`; `{tenant}` is the tenant it is about.
    pub(crate) path: &'static str,
    /// `operationId`.
    pub(crate) name: &'static str,
    /// One line.
    pub(crate) what: &'static str,
    pub(crate) rule: Rule,
    pub(crate) run: Run,
    /// The tenant of the path need not be there.
    pub(crate) makes_tenant: bool,
    /// Query parameters besides `dry_run` of a change; name and meaning.
    pub(crate) query: &'static [(&'static str, &'static str)],
    /// Schema of the body; empty for none.
    pub(crate) body: &'static str,
    /// Schema of the answer; empty for none.
    pub(crate) answer: &'static str,
}

/// What lists take.
pub(crate) const PAGE: &[(&str, &str)] =
    &[("cursor", "`next` of the page before."), ("limit", "Rows of the page: 1 to 1000; 100 if left out.")];

impl Endpoint {
    const fn draft(verb: Verb, path: &'static str, name: &'static str, what: &'static str, run: Run) -> Draft {
        Draft(Self {
            verb,
            path,
            name,
            what,
            rule: Rule::Public,
            run,
            makes_tenant: false,
            query: &[],
            body: "",
            answer: "",
        })
    }

    pub(crate) const fn get(
        path: &'static str,
        name: &'static str,
        what: &'static str,
        run: fn(&Call, &dyn Rows) -> Outcome,
    ) -> Draft {
        Self::draft(Verb::Get, path, name, what, Run::Read(run))
    }

    pub(crate) const fn put(
        path: &'static str,
        name: &'static str,
        what: &'static str,
        run: fn(&mut Change<'_>) -> Outcome,
    ) -> Draft {
        Self::draft(Verb::Put, path, name, what, Run::Write(run))
    }

    /// A PUT that takes a password.
    pub(crate) const fn password(
        path: &'static str,
        name: &'static str,
        what: &'static str,
        run: fn(&mut Change<'_>, &PasswordHash) -> Outcome,
    ) -> Draft {
        Self::draft(Verb::Put, path, name, what, Run::Password(run))
    }

    pub(crate) const fn post(
        path: &'static str,
        name: &'static str,
        what: &'static str,
        run: fn(&mut Change<'_>) -> Outcome,
    ) -> Draft {
        Self::draft(Verb::Post, path, name, what, Run::Write(run))
    }

    /// A POST that changes nothing.
    pub(crate) const fn debug(path: &'static str, name: &'static str, what: &'static str) -> Draft {
        Self::draft(Verb::Post, path, name, what, Run::Debug)
    }

    pub(crate) const fn delete(
        path: &'static str,
        name: &'static str,
        what: &'static str,
        run: fn(&mut Change<'_>) -> Outcome,
    ) -> Draft {
        Self::draft(Verb::Delete, path, name, what, Run::Write(run))
    }

    pub(crate) const fn is_change(&self) -> bool {
        !matches!(self.run, Run::Read(_) | Run::Debug)
    }

    /// Whether the query may have this parameter.
    pub(crate) fn takes(&self, parameter: &str) -> bool {
        self.query.iter().any(|(name, _)| *name == parameter) || (self.is_change() && parameter == "dry_run")
    }
}

/// An endpoint that has no rule yet, and so is none.
#[derive(Clone, Copy)]
pub(crate) struct Draft(Endpoint);

impl Draft {
    /// For whoever may do `action`.
    pub(crate) const fn may(self, action: Action) -> Endpoint {
        let mut endpoint = self.0;
        endpoint.rule = Rule::May(action);
        endpoint
    }

    /// For anybody.
    pub(crate) const fn public(self) -> Endpoint {
        self.0
    }

    pub(crate) const fn query(self, query: &'static [(&'static str, &'static str)]) -> Self {
        let mut endpoint = self.0;
        endpoint.query = query;
        Self(endpoint)
    }

    /// The tenant of the path need not be there.
    pub(crate) const fn makes_tenant(self) -> Self {
        let mut endpoint = self.0;
        endpoint.makes_tenant = true;
        Self(endpoint)
    }

    /// Schemas of body and answer.
    pub(crate) const fn bodies(self, body: &'static str, answer: &'static str) -> Self {
        let mut endpoint = self.0;
        (endpoint.body, endpoint.answer) = (body, answer);
        Self(endpoint)
    }
}
