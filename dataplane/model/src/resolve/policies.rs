//! `defaults.policies`, `policy_sets` and the `policies` of routes: layers, and what they come to for each route.
//!
//! The order is: sets that the defaults use, the defaults, sets that the route uses, the route. Each layer says nothing
//! of a policy, takes away what those before said (`off`), or has its own, which is added (`ip`, changes of fields and of
//! the query), joined key by key (`limits`) or put in the place of the one before (`cors`, `mock`). Part of `resolve`.
//! Routes that come to the same by the same layers share one result.

mod cors;
mod edits;
mod identify;
mod rules;

pub(super) use rules::{of_plan as plan_rules, throughput};

use std::{collections::BTreeMap, sync::Arc};

use super::{
    actions, addresses,
    names::{Defined, Lookup, Names},
    node,
    report::Report,
    resilience,
};
use crate::{
    action::FixedAnswer,
    digest, limits as bounds,
    policies::{Cors, Edit, IpRules, OriginPattern, Policies, RateLimitFields, RouteLimits},
    raw::{self, Location, OrWord, Shape, Spanned, Text},
    resilience::{Faults, Priority},
    snapshot::Limits,
};
use ahash::AHashMap;
use edits::Kind;
pub(super) use edits::answer_field;
use tollgate_consumer::{Authorize, Identify};
use tollgate_pattern::{PathMatch, nearest};

/// What a layer says of one policy.
#[derive(PartialEq, Default)]
enum Said<T> {
    #[default]
    Nothing,
    /// That what was said before is void.
    Off,
    Own(T),
}

/// The limits a layer has.
#[derive(Clone, Copy, PartialEq, Default)]
struct Overrides {
    head_bytes: Option<usize>,
    target_bytes: Option<usize>,
    fields: Option<usize>,
    /// The inner `None` is `unlimited`.
    body_bytes: Option<Option<u64>>,
}

/// Policies as one place of the file has them.
#[derive(PartialEq, Default)]
struct Layer {
    ip: Said<Arc<IpRules>>,
    cors: Said<Arc<Cors>>,
    limits: Said<Overrides>,
    identify: Said<Arc<Identify>>,
    authorize: Said<Arc<Authorize>>,
    /// By [`Kind`].
    edits: [Said<Vec<Edit>>; Kind::ALL.len()],
    priority: Option<Priority>,
    faults: Said<Faults>,
    mock: Said<Arc<FixedAnswer>>,
    rules: rules::Said,
    rate_limit_fields: Option<RateLimitFields>,
    /// Regular expressions in it.
    expressions: usize,
}

/// The `policies` of a route or of the defaults.
struct Written {
    at: Location,
    /// Whether those of the defaults hold too.
    inherits: bool,
    /// Sets, by index.
    uses: Vec<usize>,
    own: Layer,
}

/// Where policies stand.
#[derive(Clone, Copy)]
pub(super) enum Owner<'o> {
    Defaults,
    /// The set of this name.
    Set(&'o str),
    /// The plan of this name.
    Plan(&'o str),
    /// The route of this name, and its path, which is `None` when it has a mistake.
    Route(&'o str, Option<&'o PathMatch>),
}

impl Owner<'_> {
    /// What tells the rules written there from those written elsewhere.
    fn scope(self) -> String {
        match self {
            Self::Defaults => "defaults".to_owned(),
            Self::Set(name) => format!("policy_sets/{name}"),
            Self::Plan(name) => format!("plans/{name}"),
            Self::Route(name, _) => format!("routes/{name}"),
        }
    }
}

/// All layers but those of routes, and what else routes take from the settings for their policies. Two are equal when
/// every route comes to the same by both.
#[derive(PartialEq)]
pub(super) struct Layers {
    node: Limits,
    defaults: Option<Written>,
    sets: Vec<Layer>,
    names: SetNames,
}

/// The index of each set by its name.
#[derive(PartialEq, Default)]
struct SetNames(BTreeMap<String, u32>);

impl Lookup for SetNames {
    fn slot(&self, name: &str) -> Option<u32> {
        self.0.get(name).copied()
    }

    fn near(&self, name: &str) -> Option<String> {
        nearest(name, self.0.keys().map(String::as_str)).map(str::to_owned)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What routes come to that have nothing of their own, by whether they inherit and the sets they use.
pub(super) type Shared = AHashMap<(bool, Vec<usize>), Option<Arc<Policies>>>;

/// Where a layer stands does not count.
impl PartialEq for Written {
    fn eq(&self, other: &Self) -> bool {
        (self.inherits, &self.uses, &self.own) == (other.inherits, &other.uses, &other.own)
    }
}

impl Layers {
    /// Reads the defaults and the sets; `node` are the limits of the node.
    pub(super) fn read(report: &mut Report<'_>, raw: &raw::File, node: Limits) -> Self {
        let mut layers = Self { node, defaults: None, sets: Vec::new(), names: SetNames::default() };
        let sets = raw.policy_sets.as_ref();
        if let Some(raw) = sets.filter(|raw| raw.value.len() > bounds::POLICY_SETS_MAX) {
            report.error(raw.referenced, format!("there are at most {} policy sets", bounds::POLICY_SETS_MAX), None);
        }
        let mut defined = Defined::new("policy set");
        for item in sets.into_iter().flat_map(|sets| &sets.value) {
            let name = defined.define(report, item.referenced, item.value.name.as_ref()).unwrap_or_default();
            let raw = report.required(item.value.policies.as_ref(), "policies", item.referenced);
            let set = raw.map(|raw| layers.written(report, raw, Owner::Set(&name)).own);
            layers.names.0.insert(name, layers.sets.len() as u32);
            layers.sets.push(set.unwrap_or_default());
        }
        let defaults = raw.defaults.as_ref().and_then(|raw| raw.value.policies.as_ref());
        layers.defaults = defaults.map(|raw| layers.written(report, raw, Owner::Defaults));
        layers.count_expressions(report, raw);
        layers
    }

    fn count_expressions(&self, report: &mut Report<'_>, raw: &raw::File) {
        let own = self.sets.iter().chain(self.defaults.as_ref().map(|defaults| &defaults.own));
        let place = raw.policy_sets.as_ref().map(|raw| raw.referenced);
        if let Some(at) = place.filter(|_| own.map(|layer| layer.expressions).sum::<usize>() > bounds::EXPRESSIONS_MAX)
        {
            let message = format!("policy sets have at most {} regular expressions", bounds::EXPRESSIONS_MAX);
            report.error(at, message, None);
        }
    }

    /// What the layers come to for a route with these policies.
    pub(super) fn of_route(
        &self,
        report: &mut Report<'_>,
        raw: Option<&Spanned<raw::Policies>>,
        route: Owner<'_>,
        shared: &mut Shared,
    ) -> Option<Arc<Policies>> {
        let written = raw.map(|raw| self.written(report, raw, route));
        if let Some(written) = written.as_ref().filter(|written| written.own != Layer::default()) {
            return self.put_together(report, written.inherits, Some(written));
        }
        let key = written.as_ref().map_or((true, Vec::new()), |written| (written.inherits, written.uses.clone()));
        if let Some(policies) = shared.get(&key) {
            return policies.clone();
        }
        let policies = self.put_together(report, key.0, written.as_ref());
        shared.insert(key, policies.clone());
        policies
    }

    fn put_together(&self, report: &mut Report<'_>, inherits: bool, route: Option<&Written>) -> Option<Arc<Policies>> {
        let defaults = self.defaults.as_ref().filter(|_| inherits);
        let mut policies = Policies::none();
        for written in defaults.into_iter().chain(route) {
            for layer in written.uses.iter().map(|&set| &self.sets[set]).chain([&written.own]) {
                layer.put_on(&mut policies, &self.node);
            }
        }
        for kind in Kind::ALL {
            let edits = kind.of(&mut policies);
            edits.sort_by_cached_key(|edit| kind.key(&edit.name));
            if let Some(at) = route.or(defaults).filter(|_| edits::bytes(edits) > bounds::EDIT_BYTES_MAX) {
                let message = format!("`{}` adds more than {} bytes", kind.as_str(), bounds::EDIT_BYTES_MAX);
                report.error(at.at, message, Some("all layers are counted together".to_owned()));
            }
        }
        if let Some(at) = route.or(defaults).filter(|_| policies.rules.len() > bounds::RULES_MAX) {
            let message = format!("there are more than {} rules", bounds::RULES_MAX);
            report.error(at.at, message, Some("all layers and kinds are counted together".to_owned()));
        }
        if let Some(at) = route.or(defaults) {
            identify::agree(report, &policies, at.at);
        }
        if policies == Policies::none() {
            return None;
        }
        policies.expressions = route.map_or(0, |route| route.own.expressions);
        let hash = digest::item("policies", &policies.content());
        policies.hash = hash;
        Some(Arc::new(policies))
    }

    fn written(&self, report: &mut Report<'_>, raw: &Spanned<raw::Policies>, owner: Owner<'_>) -> Written {
        let inherits = self.inherits(report, raw.value.defaults.as_ref(), owner);
        let uses = self.uses(report, raw.value.r#use.as_ref(), owner);
        Written { at: raw.referenced, inherits, uses, own: self.layer(report, &raw.value, owner) }
    }

    fn inherits(&self, report: &mut Report<'_>, raw: Option<&Text>, owner: Owner<'_>) -> bool {
        let Some(raw) = raw else { return true };
        if !matches!(owner, Owner::Route(..)) {
            let message = "`defaults` stands in the policies of a route".to_owned();
            report.error(raw.referenced, message, Some("leave it out".to_owned()));
            return true;
        }
        report.parse(raw, "`off`", |text| match text {
            "off" => Ok(()),
            _ => {
                Err((format!("`{text}` is not allowed here"), Some("write `off`, or leave `defaults` out".to_owned())))
            }
        });
        false
    }

    fn uses(&self, report: &mut Report<'_>, raw: Option<&Spanned<Vec<Text>>>, owner: Owner<'_>) -> Vec<usize> {
        let Some(raw) = raw else { return Vec::new() };
        if matches!(owner, Owner::Set(_)) {
            let help = "name both sets where this one is used".to_owned();
            report.error(raw.referenced, "a set cannot use another".to_owned(), Some(help));
            return Vec::new();
        }
        if raw.value.is_empty() || raw.value.len() > bounds::SETS_USED_MAX {
            report.error(raw.referenced, format!("`use` names 1 to {} sets", bounds::SETS_USED_MAX), None);
        }
        let names = Names { kind: "policy set", items: &self.names };
        let mut uses = Vec::with_capacity(raw.value.len());
        for text in &raw.value {
            let Some(set) = names.find(report, text) else { continue };
            if uses.contains(&set) {
                report.error(text.referenced, format!("`{}` is in `use` twice", text.value), None);
            }
            uses.push(set);
        }
        uses
    }

    fn layer(&self, report: &mut Report<'_>, raw: &raw::Policies, owner: Owner<'_>) -> Layer {
        let raw::Policies { ip, cors, limits, request_query, request_headers, response_headers, mock, .. } = raw;
        let (identify, authorize) = (&raw.identify, &raw.authorize);
        let (priority, faults) = (raw.priority.as_ref(), raw.faults.as_ref());
        let edits = [request_query, request_headers, response_headers];
        let cors = said(report, cors.as_ref(), |report, raw, at| cors::cors(report, raw, at).map(Arc::new));
        let origins = if let Said::Own(cors) = &cors { &cors.origins[..] } else { &[] };
        let origins = origins.iter().filter(|origin| matches!(origin, OriginPattern::Expression(_))).count();
        let rules = rules::read(report, raw, owner);
        Layer {
            expressions: origins + rules::expressions(&rules),
            priority: resilience::priority(report, priority),
            faults: said(report, faults, resilience::faults),
            ip: said(report, ip.as_ref(), |report, raw, at| self::ip(report, raw, at).map(Arc::new)),
            cors,
            identify: said(report, identify.as_ref(), |report, raw, at| identify::identify(report, raw, at)),
            authorize: said(report, authorize.as_ref(), identify::authorize),
            limits: said(report, limits.as_ref(), |report, raw, _| Some(self::limits(report, raw, &self.node))),
            edits: Kind::ALL.map(|kind| {
                said(report, edits[kind as usize].as_ref(), |report, raw, at| edits::edits(report, raw, at, kind))
            }),
            mock: said(report, mock.as_ref(), |report, raw, at| actions::answer(report, raw, at).map(Arc::new)),
            rules,
            rate_limit_fields: rules::fields(report, raw.rate_limit_fields.as_ref()),
        }
    }
}

/// What a layer says of a policy that `read` reads.
fn said<'a, R: Shape, T>(
    report: &mut Report<'a>,
    raw: Option<&Spanned<OrWord<R>>>,
    read: impl FnOnce(&mut Report<'a>, &R, Location) -> Option<T>,
) -> Said<T> {
    let Some(raw) = raw else { return Said::Nothing };
    match node::shape_or(report, raw, "off") {
        None => Said::Off,
        Some(shape) => read(report, shape, raw.referenced).map_or(Said::Nothing, Said::Own),
    }
}

fn ip(report: &mut Report<'_>, raw: &raw::IpRules, at: Location) -> Option<IpRules> {
    if raw.allow.is_none() && raw.deny.is_none() {
        report.error(at, "`allow` or `deny` is missing".to_owned(), None);
        return None;
    }
    let mut networks = |key: &str, raw: Option<&Spanned<Vec<Text>>>| {
        let raw = raw?;
        if raw.value.is_empty() || raw.value.len() > bounds::NETWORKS_MAX {
            let message = format!("`{key}` has 1 to {} entries", bounds::NETWORKS_MAX);
            report.error(raw.referenced, message, Some(format!("leave `{key}` out for none")));
        }
        Some(addresses::networks(report, &raw.value))
    };
    let allow = networks("allow", raw.allow.as_ref());
    let deny = networks("deny", raw.deny.as_ref()).unwrap_or_default();
    Some(IpRules { hash: digest::item("ip", &(&allow, &deny)), allow, deny })
}

/// The node judges a head before it has a route, so a route can only ask for less.
fn limits(report: &mut Report<'_>, raw: &raw::PolicyLimits, node: &Limits) -> Overrides {
    let head_bytes = raw.head_bytes.as_ref().and_then(|raw| {
        let value = report.quantity(raw, &bounds::HEAD_BYTES)?;
        at_most(report, raw, "head_bytes", value.index(), node.head_bytes)
    });
    let target_bytes = raw.target_bytes.as_ref().and_then(|raw| {
        let value = report.quantity(raw, &bounds::TARGET_BYTES)?;
        at_most(report, raw, "target_bytes", value.index(), node.target_bytes)
    });
    let fields = raw.fields.as_ref().and_then(|raw| {
        let value = report.quantity(raw, &bounds::FIELDS)?;
        at_most(report, raw, "fields", value.index(), node.fields)
    });
    let body_bytes = raw.body_bytes.as_ref();
    let body_bytes =
        body_bytes.map(|raw| report.quantity_or_word(Some(raw), "unlimited", &bounds::BODY_BYTES).map(|size| size.0));
    Overrides { head_bytes, target_bytes, fields, body_bytes }
}

fn at_most(report: &mut Report<'_>, raw: &Text, key: &str, value: usize, most: usize) -> Option<usize> {
    if value <= most {
        return Some(value);
    }
    let help = format!("at most {most}, or raise `limits.{key}`, which is judged before there is a route");
    report.error(raw.referenced, format!("`{key}` is larger than that of the node"), Some(help));
    None
}

impl Layer {
    /// Puts what this layer says on top of what the layers before came to.
    fn put_on(&self, policies: &mut Policies, node: &Limits) {
        match &self.ip {
            Said::Nothing => {}
            Said::Off => policies.ip.clear(),
            Said::Own(rules) => policies.ip.push(rules.clone()),
        }
        replace(&self.cors, &mut policies.cors);
        replace(&self.mock, &mut policies.mock);
        replace(&self.identify, &mut policies.identify);
        replace(&self.authorize, &mut policies.authorize);
        rules::put_on(&self.rules, &mut policies.rules);
        policies.rate_limit_fields = self.rate_limit_fields.unwrap_or(policies.rate_limit_fields);
        replace(&self.faults, &mut policies.faults);
        policies.priority = self.priority.unwrap_or(policies.priority);
        match &self.limits {
            Said::Nothing => {}
            Said::Off => policies.limits = None,
            Said::Own(overrides) => overrides.put_on(policies.limits.get_or_insert_with(|| of_node(node))),
        }
        for kind in Kind::ALL {
            match &self.edits[kind as usize] {
                Said::Nothing => {}
                Said::Off => kind.of(policies).clear(),
                Said::Own(edits) => kind.append(kind.of(policies), edits),
            }
        }
    }
}

impl Overrides {
    fn put_on(self, limits: &mut RouteLimits) {
        limits.head_bytes = self.head_bytes.unwrap_or(limits.head_bytes);
        limits.target_bytes = self.target_bytes.unwrap_or(limits.target_bytes);
        limits.fields = self.fields.unwrap_or(limits.fields);
        limits.body_bytes = self.body_bytes.unwrap_or(limits.body_bytes);
    }
}

const fn of_node(node: &Limits) -> RouteLimits {
    let Limits { head_bytes, target_bytes, fields, body_bytes, .. } = *node;
    RouteLimits { head_bytes, target_bytes, fields, body_bytes }
}

/// The last layer that says something counts.
fn replace<T: Clone>(said: &Said<T>, before: &mut Option<T>) {
    match said {
        Said::Nothing => {}
        Said::Off => *before = None,
        Said::Own(own) => *before = Some(own.clone()),
    }
}
