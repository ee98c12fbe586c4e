//! What applications have used, by hour.
//!
//! Gateways count requests by application and API and report them; here their sums are shown. Owners of applications see
//! their own, others that may read usage all of the tenant.

use crate::{
    answer::Answer,
    call::Call,
    endpoint::{Endpoint, Outcome, PAGE},
    limits::{USAGE_HOURS, USAGE_KEPT_S},
    problem::Problem,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tollgate_compile::names;
use tollgate_domain::{Action, ApiName, Application, Name, Reach};
use tollgate_store::{Cursor, Error, Query, Record as _, Records as _, Rows, RowsMut, USAGE_HOUR_S, Usage, UsageQuery};

const FILTERS: &[(&str, &str)] = &[
    PAGE[0],
    PAGE[1],
    ("application", "Of this application."),
    ("api", "Of this API: `orders@1.0`."),
    ("from", "Hours from the one of this time on, in Unix seconds; left out: of the last 24 hours."),
    ("to", "Hours that begin before this time, in Unix seconds."),
];

pub(crate) const ENDPOINTS: &[Endpoint] =
    &[Endpoint::get("/tenants/{tenant}/usage", "listUsage", "What applications have used of APIs, by hour.", list)
        .query(FILTERS)
        .bodies("", "[Usage]")
        .may(Action::ReadUsage)];

fn list(call: &Call, rows: &dyn Rows) -> Outcome {
    let tenant = call.tenant()?;
    let own = own(call, rows)?;
    let application = call.query.get("application").map(|name| wanted::<Name>("application", name)).transpose()?;
    let application = application.map(|name| item(tenant, &names::application(tenant, &name)));
    let api = call.query.get("api").map(|name| wanted::<ApiName>("api", name)).transpose()?;
    let api = api.map(|name| item(tenant, &names::api(tenant, &name)));
    let begin = call.now_s().saturating_sub(USAGE_HOURS * USAGE_HOUR_S);
    let query = UsageQuery {
        tenant,
        application: application.as_deref(),
        api: api.as_deref(),
        from_s: time(call, "from")?.unwrap_or(begin) / USAGE_HOUR_S * USAGE_HOUR_S,
        to_s: time(call, "to")?.unwrap_or(u64::MAX),
        after: call.query.get("cursor").map(|text| Cursor::read(text)).transpose()?,
        limit: call.limit()?,
    };
    let found = rows.usage(&query)?;
    let is_visible = |used: &Usage| own.as_ref().is_none_or(|own| own.contains(&used.application));
    let items = found.rows.into_iter().filter(|(_, used)| is_visible(used)).map(shown).collect::<Value>();
    Ok(Answer::of(&json!({ "items": items, "next": found.next.as_ref().map(Cursor::write) })))
}

fn shown((hour_s, Usage { application, api, counts: [ok, throttled, errors], .. }): (u64, Usage)) -> Value {
    json!({
        "application": application, "api": api, "hour_s": hour_s, "ok": ok, "throttled": throttled, "errors": errors,
    })
}

/// What is counted of the applications of who asks is called like this. `None`: they see all.
fn own(call: &Call, rows: &dyn Rows) -> Result<Option<BTreeSet<String>>, Problem> {
    let (permit, tenant) = (call.permit()?, call.tenant()?);
    if permit.reach == Reach::All {
        return Ok(None);
    }
    let mut own = BTreeSet::new();
    rows.for_each::<Application>(&Query::of(Application::KIND, call.space()?), |kept| {
        if permit.reaches(&kept.record.owners) {
            own.insert(item(tenant, &names::application(tenant, &kept.record.name)));
        }
        Ok::<_, Error>(())
    })?;
    Ok(Some(own))
}

/// What usage of an item of the contract is kept under.
fn item(tenant: &Name, item: &str) -> String {
    names::within(tenant.as_str(), item).to_owned()
}

fn wanted<T: std::str::FromStr>(place: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::invalid(place, "nothing can be called that", "write a name as it is listed"))
}

fn time(call: &Call, place: &str) -> Result<Option<u64>, Problem> {
    let read = |text: &String| text.parse().ok();
    let wrong = || Problem::invalid(place, "this is no time", "write Unix seconds");
    call.query.get(place).map(|text| read(text).ok_or_else(wrong)).transpose()
}

/// Forgets hours that are too long ago.
pub(crate) fn forget(rows: &mut dyn RowsMut, now_s: u64) -> Result<(), Error> {
    rows.forget_usage(now_s.saturating_sub(USAGE_KEPT_S))
}
