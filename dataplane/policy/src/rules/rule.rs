//! One rule, compiled for a route: which requests it concerns, whom it counts them for, and what that one may use.
//!
//! Everything that does not depend on the request is computed here, on the publishing thread. The counts themselves are
//! the node's ([`Counts`]); a request gets its [`Counted`], which fits 16 times into what a worker lends.

use std::{sync::Arc, time::Duration};
use tollgate_http::Reason;
use tollgate_limit::{self as limit, Ask, Now, Rate, Shared, Terms, Window};
use tollgate_model::{Allowance, Cost, Direction, Override, Route, RuleKind, When, Whom};
use tollgate_route::Conditions;

use super::{
    counts::{Counts, Kept, Registry},
    fields::Told,
    key::{Key, Room},
};
use crate::Request;

/// A rule of a route.
pub(crate) struct Rule {
    pub(crate) model: Arc<tollgate_model::Rule>,
    /// Where it is counted in the figures of a node.
    pub(crate) figures: u32,
    pub(crate) counts: Arc<Counts>,
    key: Key,
    when: Option<Requests>,
    /// The rule's own, and that of each override; `None` for those it does not count.
    allowances: Box<[Option<Allowed>]>,
}

/// What a key may use.
pub(crate) struct Allowed {
    pub(crate) limit: u64,
    per: Duration,
    burst: u64,
    /// Of buckets.
    pub(crate) rate: Option<Rate>,
    pub(crate) told: Told,
}

/// The requests a rule is for.
struct Requests {
    when: Arc<When>,
    conditions: Option<Box<Conditions>>,
}

/// A request as a rule counts it.
#[derive(Debug)]
pub(crate) struct Counted {
    /// Index of the rule.
    pub(crate) rule: u8,
    /// Index of the allowance.
    allowance: u16,
    pub(crate) key: u64,
    /// Of a quota; of no meaning else.
    pub(crate) window: Window,
}

impl Rule {
    pub(crate) fn compile(
        model: &Arc<tollgate_model::Rule>,
        route: Option<&Route>,
        registry: &mut Registry,
        figures: &mut dyn FnMut(&tollgate_model::RuleId) -> u32,
    ) -> Self {
        let allowed = |allowance: &Allowance| Allowed::compile(model, allowance);
        let others = model.overrides.iter().map(|other| other.allowance.as_ref().and_then(allowed));
        Self {
            figures: figures(&model.id),
            counts: registry.put(model),
            key: Key::compile(model, route, registry.keys()),
            when: model.when.clone().map(Requests::compile),
            allowances: std::iter::once(allowed(&model.allowance)).chain(others).collect(),
            model: model.clone(),
        }
    }

    /// How a request is counted, if it is. `index` is that of the rule.
    pub(crate) fn concerns(&self, index: usize, request: &Request<'_>, now: Now, room: &mut Room) -> Option<Counted> {
        if self.when.as_ref().is_some_and(|requests| !requests.take(request)) {
            return None;
        }
        let allowance = self.allowance(request, room);
        self.allowances[allowance].as_ref()?;
        let window = match &self.counts.kept {
            Kept::Quotas(_, windows) | Kept::Shared(_, Some(windows)) | Kept::Strict(_, Some(windows)) => {
                windows.at(now.unix_s)
            }
            Kept::Shared(_, None) => Shared::bucket_window(now.unix_s),
            Kept::Strict(_, None) | Kept::Buckets(_) | Kept::InFlight(_) => Window { start_s: 0, end_s: 0 },
        };
        // Both fit: there are 16 rules and 1024 overrides at the most.
        Some(Counted { rule: index as u8, allowance: allowance as u16, key: self.key.of(request, room), window })
    }

    /// The index of the allowance of a request: behind the rule's own, that of the first override that takes it.
    fn allowance(&self, request: &Request<'_>, room: &mut Room) -> usize {
        let takes = |Override { whom, .. }: &Override| match whom {
            Whom::Addresses(addresses) => addresses.contains(request.client),
            Whom::Values { part, values } => {
                let value = self.key.value(*part, request, room);
                values.binary_search_by(|known| known.as_bytes().cmp(value)).is_ok()
            }
        };
        self.model.overrides.iter().position(takes).map_or(0, |index| index + 1)
    }

    /// What the key that a request is counted for may use.
    pub(crate) fn allowed(&self, counted: &Counted) -> Option<&Allowed> {
        self.allowances[usize::from(counted.allowance)].as_ref()
    }

    /// What is asked for a request, or, where it is not asked, what is charged.
    pub(crate) fn ask<'a>(&'a self, counted: &'a Counted) -> Option<Ask<'a>> {
        let of = match (&self.counts.kept, self.allowed(counted)?) {
            (Kept::Buckets(buckets), Allowed { rate: Some(rate), .. }) => limit::Rule::Throttle(buckets, rate),
            (Kept::Shared(shared, windows), allowed) => {
                limit::Rule::Shared(shared, allowed.terms(windows.is_some()), &counted.window)
            }
            (Kept::Quotas(quotas, _), allowed) => limit::Rule::Quota(quotas, allowed.limit, &counted.window),
            (Kept::InFlight(in_flight), allowed) => {
                limit::Rule::InFlight(in_flight, u32::try_from(allowed.limit).unwrap_or(u32::MAX))
            }
            // This is for when the store does not answer: as many nodes take the same of what is left.
            (Kept::Strict(strict, _), allowed) => {
                let of = strict.part(allowed.rate.as_ref(), allowed.limit, &counted.window)?;
                let units = self.units().saturating_mul(strict.store().nodes());
                return Some(Ask { of, key: counted.key, units, shadow: self.model.shadow });
            }
            (Kept::Buckets(_), Allowed { rate: None, .. }) => return None,
        };
        Some(Ask { of, key: counted.key, units: self.units(), shadow: self.model.shadow })
    }

    /// Why it refuses a request.
    pub(crate) fn reason(&self) -> Reason {
        match self.model.kind {
            RuleKind::Throttle | RuleKind::Bandwidth(_) => Reason::Throttled,
            RuleKind::Quota(_) => Reason::QuotaExceeded,
            RuleKind::Concurrency => Reason::ConcurrencyExceeded,
        }
    }

    /// What a request costs; 0 if that is not known yet.
    pub(crate) fn units(&self) -> u64 {
        match self.model.cost {
            _ if self.is_bandwidth() => 0,
            Cost::Units(units) => units,
            Cost::RequestBytes | Cost::ResponseBytes | Cost::ResponseField(_) => 0,
        }
    }

    /// What the key of a request may use, all nodes together.
    pub(crate) fn terms(&self, counted: &Counted) -> Option<Terms> {
        let is_quota = matches!(self.model.kind, RuleKind::Quota(_));
        Some(self.allowed(counted)?.terms(is_quota))
    }

    /// Whether a request is decided on by it without the store.
    pub(crate) fn is_local(&self) -> bool {
        !self.is_bandwidth() && !matches!(self.counts.kept, Kept::Strict(..))
    }

    /// Whether bodies of this direction are slowed down by it.
    pub(crate) fn paces(&self, direction: Direction) -> bool {
        self.model.kind == RuleKind::Bandwidth(direction)
    }

    pub(crate) fn is_bandwidth(&self) -> bool {
        matches!(self.model.kind, RuleKind::Bandwidth(_))
    }

    /// Requests of the same key that are in flight.
    pub(crate) fn in_flight(&self, counted: &Counted) -> u64 {
        match &self.counts.kept {
            Kept::InFlight(in_flight) => in_flight.show(counted.key),
            Kept::Buckets(_) | Kept::Quotas(..) | Kept::Shared(..) | Kept::Strict(..) => 0,
        }
    }
}

impl Allowed {
    fn terms(&self, is_quota: bool) -> Terms {
        let Self { limit, per, burst, .. } = *self;
        if is_quota { Terms::Quota(limit) } else { Terms::Bucket { limit, per, burst } }
    }

    /// `None` for a rate that cannot be told; `resolve` takes none.
    fn compile(rule: &tollgate_model::Rule, allowance: &Allowance) -> Option<Self> {
        let Allowance { limit, per, burst, .. } = *allowance;
        let rate = match rule.kind {
            RuleKind::Throttle | RuleKind::Bandwidth(_) => Some(Rate::new(limit, per, burst).ok()?),
            RuleKind::Quota(_) | RuleKind::Concurrency => None,
        };
        Some(Self { limit, per, burst, rate, told: Told::of(rule, allowance) })
    }
}

impl Requests {
    fn compile(when: Arc<When>) -> Self {
        Self { conditions: Conditions::new(&when.headers, &when.query, &when.cookies), when }
    }

    fn take(&self, request: &Request<'_>) -> bool {
        let (When { paths, methods, .. }, head) = (&*self.when, request.head);
        (paths.is_empty() || paths.iter().any(|path| path.takes(head.path())))
            && (methods.is_empty() || methods.iter().any(|method| method.as_bytes() == head.method_bytes()))
            // The listener is the route's business.
            && self.conditions.as_ref().is_none_or(|all| all.are_met(&tollgate_route::Request::of(0, head)))
    }
}
