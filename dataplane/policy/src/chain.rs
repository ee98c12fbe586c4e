//! A route's policies, compiled, and what they say of a request.
//!
//! [`Chain::compile`] runs on the publishing thread, [`Chain::step`] on a worker. What a route has no policy for is one
//! look at a pointer that is null. Sizes are judged again here because a route may allow less than the node, which
//! judged the head before there was a route.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use tollgate_http::{BodyLength, FieldEdits, Method, Name, Reason, RequestHead};
use tollgate_model::{Edit, FixedAnswer, IpRules, Limits, Policies, Route, RouteLimits, RuleId};
use tollgate_transform::{Cors, Preflight, QueryEdits, field_edits};

use crate::{Caller, Identity, Phase, Registry, RuleSet, Rules, Step, rules::LEGACY};

/// What a chain judges.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    /// Its head.
    pub head: &'r RequestHead<'r>,
    /// Who asks: the peer, or whom a trusted peer speaks for.
    pub client: IpAddr,
    /// Who calls, once that is known.
    pub caller: Option<&'r Caller<'r>>,
}

/// The compiled policies of a route. Copies are cheap and share them.
#[derive(Clone)]
pub struct Chain {
    body_bytes_max: u64,
    /// What most routes have nothing of.
    own: Option<Arc<Own>>,
}

struct Own {
    ip: Vec<Arc<IpRules>>,
    limits: Option<RouteLimits>,
    cors: Option<Cors>,
    query: Option<QueryEdits>,
    request: Option<FieldEdits>,
    response: Option<FieldEdits>,
    mock: Option<Arc<FixedAnswer>>,
    identity: Option<Identity>,
    rules: Option<RuleSet>,
}

/// What a response gets besides what it came with, whoever made it.
#[derive(Clone, Debug)]
pub struct ResponseChanges<'c> {
    /// What its fields lose and gain.
    pub edits: Option<&'c FieldEdits>,
    /// Whole field lines.
    pub lines: Cow<'c, [u8]>,
}

impl Chain {
    /// The chain of a route without policies; `node` are the limits of the node.
    #[must_use]
    pub fn plain(node: &Limits) -> Self {
        Self { body_bytes_max: node.body_bytes.unwrap_or(u64::MAX), own: None }
    }

    /// The chain of a route with these policies. What is counted for its rules is what `registry` has; `figures` says
    /// where a rule is counted in the figures of the node.
    #[must_use]
    pub fn compile(
        policies: &Policies,
        route: &Route,
        node: &Limits,
        registry: &mut Registry,
        figures: &mut dyn FnMut(&RuleId) -> u32,
    ) -> Self {
        let Policies { ip, limits, request_query, request_headers, response_headers, mock, .. } = policies;
        let cors = policies.cors.as_deref().map(Cors::compile);
        let mut replaced = cors.as_ref().map_or(&[][..], Cors::replaced).to_vec();
        let identity =
            Identity::compile(policies.identify.as_ref(), policies.authorize.as_ref(), registry.fetched_mut());
        let has_plans = identity.as_ref().is_some_and(Identity::has_plans);
        let rules = RuleSet::compile(policies, route, registry, figures);
        let rules = Some(rules).filter(|rules| has_plans || !rules.is_empty());
        if rules.as_ref().is_some_and(RuleSet::tells_legacy) {
            replaced.extend(LEGACY);
        }
        let body_bytes = limits.map_or(node.body_bytes, |limits| limits.body_bytes);
        let own = Own {
            ip: ip.clone(),
            limits: *limits,
            query: query_edits(request_query, identity.as_ref()),
            request: request_edits(request_headers, identity.as_ref()),
            response: field_edits(response_headers, &replaced),
            mock: mock.clone(),
            cors,
            identity,
            rules,
        };
        Self { body_bytes_max: body_bytes.unwrap_or(u64::MAX), own: Some(Arc::new(own)) }
    }

    /// Decides `phase` for a request.
    #[must_use]
    pub fn step(&self, phase: Phase, request: &Request<'_>) -> Step<'_> {
        self.step_told(phase, request, |_, _| {})
    }

    /// The same, and tells what each policy of it says that is asked.
    #[must_use]
    #[inline]
    pub fn step_told(
        &self,
        phase: Phase,
        request: &Request<'_>,
        mut tell: impl FnMut(&'static str, &Step<'_>),
    ) -> Step<'_> {
        match (phase, &self.own) {
            (Phase::Guard, own) => self.guard(own.as_deref(), request, &mut tell),
            (Phase::TransformRequest, Some(own)) => own.mock.as_deref().map_or(Step::Continue, |mock| {
                let step = Step::Mock(mock);
                tell("mock", &step);
                step
            }),
            _ => Step::Continue,
        }
    }

    /// TRACE would show the endpoint's view of a request, credentials included, to whoever can make a browser send it.
    #[inline]
    fn guard(
        &self,
        own: Option<&Own>,
        request: &Request<'_>,
        tell: &mut impl FnMut(&'static str, &Step<'_>),
    ) -> Step<'_> {
        let head = request.head;
        if head.method() == Method::Trace {
            let step = Step::Refuse(Reason::MethodNotImplemented);
            tell("method", &step);
            return step;
        }
        if let Some(own) = own
            && let Some(step) = own.guard(request, tell)
        {
            return step;
        }
        let step = match head.body() {
            BodyLength::Length(length) if length > self.body_bytes_max => Step::Refuse(Reason::BodyTooLarge),
            _ => Step::Continue,
        };
        tell("body_bytes", &step);
        step
    }

    /// Most bytes of a request body's content.
    #[must_use]
    pub const fn body_bytes_max(&self) -> u64 {
        self.body_bytes_max
    }

    /// What limits how much is admitted: the phase [`Phase::Throttle`], which needs what a worker keeps for it.
    #[must_use]
    pub fn rules(&self) -> Option<Rules<'_>> {
        self.own.as_ref()?.rules.as_ref().map(Rules::of_route)
    }

    /// Who may call: the phases [`Phase::Identify`] and [`Phase::Authorize`], which need what the node knows.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.own.as_ref()?.identity.as_ref()
    }

    /// Whether another route with the same policies needs a chain of its own.
    #[must_use]
    pub fn is_of_one_route(&self) -> bool {
        self.rules().is_some_and(|rules| rules.is_of_one_route())
    }

    /// Whether it answers preflights.
    #[must_use]
    pub fn has_cors(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.cors.is_some())
    }

    /// Changes of the fields that the endpoint gets.
    #[must_use]
    pub fn request_edits(&self) -> Option<&FieldEdits> {
        self.own.as_ref()?.request.as_ref()
    }

    /// Changes of the query that the endpoint gets.
    #[must_use]
    pub fn query_edits(&self) -> Option<&QueryEdits> {
        self.own.as_ref()?.query.as_ref()
    }

    /// What the response to this request gets; `None` for nothing. Allocates for an origin that fits a pattern only.
    #[must_use]
    pub fn response_changes(&self, head: &RequestHead<'_>) -> Option<ResponseChanges<'_>> {
        let own = self.own.as_deref()?;
        if own.response.is_none() && own.cors.is_none() {
            return None;
        }
        let lines = own.cors.as_ref().map(|cors| cors.response_lines(head.field(Name::Origin)));
        Some(ResponseChanges { edits: own.response.as_ref(), lines: lines.unwrap_or_default() })
    }
}

impl Own {
    #[inline]
    fn guard<'c>(&self, request: &Request<'_>, tell: &mut impl FnMut(&'static str, &Step<'_>)) -> Option<Step<'c>> {
        let head = request.head;
        let mut judge = |policy, refusal: Option<Reason>| {
            let step = refusal.map_or(Step::Continue, Step::Refuse);
            tell(policy, &step);
            refusal.map(Step::Refuse)
        };
        if !self.ip.is_empty() {
            let is_permitted = self.ip.iter().all(|rules| rules.permits(request.client));
            if let Some(step) = judge("ip", (!is_permitted).then_some(Reason::IpDenied)) {
                return Some(step);
            }
        }
        if let Some(limits) = &self.limits
            && let Some(step) = judge("limits", beyond(limits, head))
        {
            return Some(step);
        }
        let (cors, preflight) = (self.cors.as_ref()?, Preflight::of(head)?);
        let lines = cors.preflight_lines(preflight, head);
        let step = lines.map_or(Step::Refuse(Reason::CorsRefused), Step::Preflight);
        tell("cors", &step);
        Some(step)
    }
}

/// Which of these limits a head exceeds.
fn beyond(limits: &RouteLimits, head: &RequestHead<'_>) -> Option<Reason> {
    if head.target().len() > limits.target_bytes {
        return Some(Reason::TargetTooLong);
    }
    let is_too_large = head.head_len() > limits.head_bytes || head.fields_len() > limits.fields;
    is_too_large.then_some(Reason::HeadTooLarge)
}

/// The changes of a query, and the parameters that have credentials.
fn query_edits(edits: &[Edit], identity: Option<&Identity>) -> Option<QueryEdits> {
    let parameters: Vec<&str> = identity.into_iter().flat_map(Identity::parameters).collect();
    QueryEdits::compile(edits, &parameters)
}

/// The changes of fields, and the fields that have credentials.
fn request_edits(edits: &[Edit], identity: Option<&Identity>) -> Option<FieldEdits> {
    let fields: Vec<&str> = identity.into_iter().flat_map(Identity::fields).collect();
    field_edits(edits, &fields)
}

#[cfg(test)]
mod tests;
