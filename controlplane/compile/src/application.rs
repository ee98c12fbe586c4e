//! An application as an item of the contract: what it calls with, and which APIs it may call.
//!
//! Only credentials that were not revoked and subscriptions that were approved are in it; when a credential ends by itself
//! is for the gateway, which has a clock; tokens that were revoked are told until the store forgets them. One without credentials, or blocked, is no item: nobody can be it. Of two
//! subscriptions that lead to the same API that of the API itself counts, then that of the product whose name comes first.

use crate::{
    delta::{Item, Kind},
    limits::{CREDENTIALS_MAX, SUBSCRIPTIONS_MAX},
    names,
    source::Source,
    target::Expansion,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};
use tollgate_domain::{Credential, CredentialKind, Name, RevokedToken, Subscription};

/// What an application is compiled to.
pub(crate) struct Compiled {
    pub(crate) item: Option<Item>,
    pub(crate) notes: Vec<String>,
}

/// The item of an application. `has_plan` tells whether an item of the contract is there to refer to.
pub(crate) fn compile<S: Source>(
    source: &S,
    (tenant, name): (&Name, &Name),
    issuer: Option<&str>,
    has_plan: &dyn Fn(&str) -> bool,
) -> Result<Compiled, S::Error> {
    let mut notes = Vec::new();
    let credentials = match source.application(tenant, name)? {
        Some(application) if !application.blocked => {
            let credentials = source.credentials(tenant, name)?;
            let has_clients = credentials.iter().any(|credential| credential.kind == CredentialKind::OauthClient);
            let revoked = if has_clients { source.revoked_tokens(tenant, name)? } else { Vec::new() };
            self::credentials(credentials, &revoked, issuer, &mut notes)
        }
        _ => Vec::new(),
    };
    if credentials.is_empty() {
        return Ok(Compiled { item: None, notes: Vec::new() });
    }
    let subscriptions = subscriptions(source, (tenant, name), has_plan, &mut notes)?;
    let mut item = json!({
        "name": names::application(tenant, name),
        "tenant": tenant.as_str(),
        "credentials": credentials,
    });
    if !subscriptions.is_empty() {
        item["subscriptions"] = subscriptions.into();
    }
    Ok(Compiled { item: Some(Item::new(Kind::Application, &item, format!("application {name}"))), notes })
}

/// Those that last longest, if there are too many.
fn credentials(
    mut credentials: Vec<Credential>,
    revoked: &[RevokedToken],
    issuer: Option<&str>,
    notes: &mut Vec<String>,
) -> Vec<Value> {
    credentials.retain(|credential| {
        credential.revoked_s.is_none() && (credential.kind == CredentialKind::ApiKey || issuer.is_some())
    });
    let end = |credential: &Credential| credential.expires_s.unwrap_or(u64::MAX);
    credentials.sort_by(|one, other| end(other).cmp(&end(one)).then_with(|| one.id.cmp(&other.id)));
    if credentials.len() > CREDENTIALS_MAX {
        notes.push(format!("of {} credentials the {CREDENTIALS_MAX} that last longest are valid", credentials.len()));
        credentials.truncate(CREDENTIALS_MAX);
    }
    credentials.sort_by(|one, other| one.id.cmp(&other.id));
    credentials.iter().map(|credential| shown(credential, revoked, issuer)).collect()
}

fn shown(credential: &Credential, revoked: &[RevokedToken], issuer: Option<&str>) -> Value {
    let mut shown = json!({ "id": credential.id });
    match (credential.kind, issuer) {
        (CredentialKind::OauthClient, Some(issuer)) => {
            shown["issuer"] = issuer.into();
            shown["client_id"] = credential.id.as_str().into();
            let own = revoked.iter().filter(|token| token.client == credential.id);
            let ended: BTreeSet<_> = own.map(|token| token.jti.as_str()).collect();
            if !ended.is_empty() {
                shown["revoked"] = json!(ended);
            }
        }
        _ => shown["sha256"] = credential.hash.as_str().into(),
    }
    if let Some(expires_s) = credential.expires_s {
        shown["expires"] = expires_s.into();
    }
    shown
}

fn subscriptions<S: Source>(
    source: &S,
    (tenant, name): (&Name, &Name),
    has_plan: &dyn Fn(&str) -> bool,
    notes: &mut Vec<String>,
) -> Result<Vec<Value>, S::Error> {
    let mut active: Vec<Subscription> = source.subscriptions(tenant, name)?;
    active.retain(Subscription::is_active);
    // APIs stand before products in the order of targets.
    active.sort_by(|one, other| one.target.cmp(&other.target));
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for subscription in active {
        let expansion = Expansion::of(source, tenant, &subscription.target)?;
        let plan = match expansion.has_plans() {
            true => names::plan_of(tenant, &subscription.plan, &subscription.target),
            false => names::plan(tenant, &subscription.plan),
        };
        if !has_plan(&plan) {
            notes.push(format!("the subscription to `{}` waits for its plan", subscription.target));
            continue;
        }
        for api in expansion.apis {
            if let Entry::Vacant(entry) = found.entry(api) {
                entry.insert(plan.clone());
            }
        }
    }
    if found.len() > SUBSCRIPTIONS_MAX {
        notes.push(format!("it may call {SUBSCRIPTIONS_MAX} APIs and operations, and not all {} of them", found.len()));
    }
    let shown = found.into_iter().take(SUBSCRIPTIONS_MAX);
    Ok(shown.map(|(api, plan)| json!({ "api": api, "plan": plan })).collect())
}
