//! Clients of the token endpoint: credentials of applications, with the scopes they may have.
//!
//! A client may have the scopes of the operations that its application has subscribed to. That is looked up once and
//! remembered until anything in the store changes.

use crate::source::Stored;
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};
use tollgate_compile::Source as _;
use tollgate_domain::{ApiName, Application, Credential, CredentialKind, Name, Operation, Target};
use tollgate_keys::{Client, Clients};
use tollgate_store::{
    Error, Kept, Mark, Query, Record as _, Records as _, Result, Rows, Space, Store, Transactions as _,
};

/// Clients that are remembered at most.
const REMEMBERED_MAX: usize = 10_000;

/// Who knows clients.
pub(crate) struct StoredClients {
    store: Arc<dyn Store>,
    remembered: Mutex<(Mark, HashMap<String, Option<Client>>)>,
}

impl StoredClients {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, remembered: Mutex::default() }
    }

    fn find(&self, id: &str) -> Result<Option<Client>> {
        self.store.read(|rows| {
            let mark = rows.mark()?;
            let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            if remembered.0 != mark || remembered.1.len() >= REMEMBERED_MAX {
                *remembered = (mark, HashMap::new());
            }
            if let Some(known) = remembered.1.get(id) {
                return Ok(known.clone());
            }
            let found = client(rows, id)?;
            remembered.1.insert(id.to_owned(), found.clone());
            Ok::<_, Error>(found)
        })
    }
}

impl Clients for StoredClients {
    fn client(&self, id: &str) -> Option<Client> {
        self.find(id).unwrap_or_else(|error| {
            eprintln!("tollgate: a client of the token endpoint cannot be looked up: {error}");
            None
        })
    }
}

fn client(rows: &dyn Rows, id: &str) -> Result<Option<Client>> {
    if id.len() != 8 || !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(None);
    }
    let page = rows.load_page::<Credential>(&Query { prefix: id, limit: 1, ..Query::everywhere(Credential::KIND) })?;
    let is_client = |kept: &Kept<Credential>| kept.record.id == id && kept.record.kind == CredentialKind::OauthClient;
    let Some(kept) = page.rows.into_iter().find(is_client) else { return Ok(None) };
    let Ok(tenant) = kept.tenant.parse::<Name>() else { return Ok(None) };
    let application = rows.load::<Application>(Space::Tenant(&tenant), kept.record.application.as_str())?;
    if application.is_none_or(|application| application.record.blocked) {
        return Ok(None);
    }
    let scopes = scopes(rows, &tenant, &kept.record.application)?;
    Ok(Some(Client { credential: kept.record, tenant: kept.tenant, scopes }))
}

/// The scopes of all operations that an application may call.
fn scopes(rows: &dyn Rows, tenant: &Name, application: &Name) -> Result<BTreeSet<String>> {
    let source = Stored(rows);
    let mut scopes = BTreeSet::new();
    for subscription in source.subscriptions(tenant, application)?.iter().filter(|one| one.is_active()) {
        match &subscription.target {
            Target::Api(api) => add(&source, tenant, api, |_| true, &mut scopes)?,
            Target::Product(product) => {
                for part in source.product(tenant, product)?.into_iter().flat_map(|product| product.apis) {
                    let named = |operation: &Operation| {
                        part.operations.as_ref().is_none_or(|operations| operations.contains(&operation.name))
                    };
                    add(&source, tenant, &part.api, named, &mut scopes)?;
                }
            }
        }
    }
    Ok(scopes)
}

/// Those of the last revision: what is only written yet is not served.
fn add(
    source: &Stored<'_>,
    tenant: &Name,
    api: &ApiName,
    wanted: impl Fn(&Operation) -> bool,
    scopes: &mut BTreeSet<String>,
) -> Result<()> {
    let versions = source.versions(tenant, &api.name)?;
    let Some(number) = versions.iter().find(|one| one.api_name() == *api).map(|one| one.revision) else {
        return Ok(());
    };
    let Some(revision) = source.revision(tenant, api, number)? else { return Ok(()) };
    let operations = revision.spec.operations.iter().filter(|operation| wanted(operation));
    scopes.extend(operations.flat_map(|operation| operation.scopes.iter().cloned()));
    Ok(())
}
