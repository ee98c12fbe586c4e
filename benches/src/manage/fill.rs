//! Fills a store past the admin API, which would take hours: APIs in two revisions, published, and who may call them.
//!
//! Every API has operations that are the same in both revisions but for `/mark`, which only the second has: which of them
//! a gateway runs is seen by asking for it. An application has one key; its text is drawn from its number.

use super::plane::TENANT;
use crate::interrupt;
use anyhow::{Context as _, Result};
use serde_json::json;
use std::path::Path;
use tollgate_domain::{
    Api, Application, Credential, CredentialKind, Environment, Made, Name, Release, Subscription, credential,
    publication,
};
use tollgate_store::{Error, Expect, Records as _, RecordsMut as _, SealKey, Sealer, Space, Sqlite, Transactions as _};

/// Rows of one transaction, about.
const ROWS: u64 = 10_000;

/// A store that no control plane has open.
pub(super) struct Filling {
    store: Sqlite,
    tenant: Name,
}

impl Filling {
    /// Opens the store in the data directory of a control plane that has ended.
    pub(super) fn open(data: &Path) -> Result<Self> {
        let sealer = Sealer::new(SealKey::from_file(&data.join("seal.key"))?, Vec::new());
        Ok(Self { store: Sqlite::open(&data.join("tollgate.db"), sealer)?, tenant: TENANT.parse()? })
    }

    /// APIs in their second revision, published in their first.
    pub(super) fn apis(&self, count: u64, operations: u64) -> Result<()> {
        let space = Space::Tenant(&self.tenant);
        let environment = self.store.read(|rows| rows.load::<Environment>(space, "production"))?;
        let environment = environment.context("there is no environment `production`")?.record;
        self.in_pieces(count, ROWS / 5, |rows, number| api(rows, space, &environment, number, operations))
    }

    /// Applications with a key and `each` subscriptions.
    pub(super) fn applications(&self, count: u64, each: u64, apis: u64) -> Result<()> {
        let space = Space::Tenant(&self.tenant);
        self.in_pieces(count, ROWS / (2 + each), |rows, number| application(rows, space, number, each, apis))
    }

    fn in_pieces(
        &self,
        count: u64,
        piece: u64,
        each: impl Fn(&mut dyn tollgate_store::RowsMut, u64) -> Result<()>,
    ) -> Result<()> {
        for first in (0..count).step_by(piece.max(1) as usize) {
            interrupt::check()?;
            let mut failed = Ok(());
            let written = self.store.write(|rows| {
                failed = (first..count.min(first + piece)).try_for_each(|number| each(rows, number));
                if failed.is_ok() { Ok(()) } else { Err(Error::Aborted) }
            });
            failed?;
            written?;
        }
        Ok(())
    }
}

fn made() -> Result<Made> {
    Ok(Made { by: "ann".parse()?, at_s: 1, note: None })
}

/// What an API is called.
pub(super) fn api_name(number: u64) -> String {
    format!("api-{number}@1.0")
}

/// What is asked of the gateway: 404 while the first revision is served, 401 with the second.
pub(super) fn mark_path(number: u64) -> String {
    format!("/api-{number}/1.0/mark")
}

/// What both revisions have.
pub(super) fn operation_path(number: u64) -> String {
    format!("/api-{number}/1.0/things/7/0")
}

pub(super) fn application_name(number: u64) -> String {
    format!("app-{number}")
}

fn api(
    rows: &mut dyn tollgate_store::RowsMut,
    space: Space<'_>,
    environment: &Environment,
    number: u64,
    operations: u64,
) -> Result<()> {
    let mut all: Vec<_> = (1..operations.max(2))
        .map(|at| json!({ "name": format!("op-{at}"), "method": "GET", "path": format!("/things/{{id}}/{}", at - 1) }))
        .collect();
    let spec = json!({
        "name": format!("api-{number}"), "version": "1.0", "base_path": format!("/api-{number}"), "plans": ["gold"],
        "upstream": { "endpoints": [{ "address": "127.0.0.1:9" }] }, "operations": all,
    });
    let mut api: Api =
        serde_json::from_value(json!({ "spec": spec, "lifecycle": "created", "made": made()? })).context("an API")?;
    let first = api.freeze(made()?).context("the first revision")?.context("nothing was frozen")?;
    all.push(json!({ "name": "mark", "method": "GET", "path": "/mark" }));
    api.spec.operations = serde_json::from_value(json!(all))?;
    let second = api.freeze(made()?).context("the second revision")?.context("nothing was frozen")?;
    let release = Release::of(1);
    let published = publication::publish(&mut api, environment, None, release, std::slice::from_ref(&first), made()?)?;
    rows.save(space, &first, Expect::Absent)?;
    rows.save(space, &second, Expect::Absent)?;
    rows.save(space, &api, Expect::Absent)?;
    rows.publish(space, &published, Expect::Absent)?;
    Ok(())
}

fn application(
    rows: &mut dyn tollgate_store::RowsMut,
    space: Space<'_>,
    number: u64,
    each: u64,
    apis: u64,
) -> Result<()> {
    let name = application_name(number);
    let application: Application = serde_json::from_value(json!({ "name": name, "owners": ["ann"] }))?;
    rows.save(space, &application, Expect::Absent)?;
    let wanted = credential::Wanted {
        application: application.name,
        kind: CredentialKind::ApiKey,
        title: None,
        expires_s: None,
    };
    let mut entropy = [0; credential::ENTROPY_BYTES];
    // The identifier is made of the first bytes; the rest need not be secret here.
    entropy[..6].copy_from_slice(&number.to_be_bytes()[2..]);
    let (credential, _) = Credential::issue(wanted, &entropy, made()?)?;
    rows.save(space, &credential, Expect::Absent)?;
    for at in 0..each {
        let target = api_name((number * each + at) * 13 % apis);
        let subscription: Subscription = serde_json::from_value(json!({
            "application": name, "target": target, "plan": "gold", "state": "approved", "made": made()?,
        }))?;
        rows.save(space, &subscription, Expect::Any)?;
    }
    Ok(())
}
