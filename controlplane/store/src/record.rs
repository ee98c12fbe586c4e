//! Records of the domain as rows: which kind and key each has, and what lists find it by.
//!
//! Whoever has records of its own (signing keys, sessions) says the same of them with `Record`.

use crate::{
    error::{Error, Result},
    row::{Cursor, Draft, Expect, Page, Query, Row, Space},
    store::{Rows, RowsMut},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tollgate_domain::{
    Api, ApiName, Application, Credential, Document, Environment, Member, Name, Plan, Product, Publication, Revision,
    RevokedToken, Subscription, Target, Tenant,
};

/// What is kept as a row.
pub trait Record: Serialize + DeserializeOwned {
    /// What it is. One word, unique over all records.
    const KIND: &'static str;

    /// Its name in its space.
    fn key(&self) -> String;

    /// What it is part of.
    fn parent(&self) -> Option<String> {
        None
    }

    /// What it refers to.
    fn target(&self) -> Option<String> {
        None
    }

    /// Where it is in its life.
    fn state(&self) -> Option<&'static str> {
        None
    }
}

/// A record and where it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept<R> {
    /// The tenant; empty for the installation.
    pub tenant: String,
    /// Of this state of it.
    pub etag: u64,
    /// The record.
    pub record: R,
}

impl<R: Record> Kept<R> {
    fn read(row: &Row) -> Result<Self> {
        let damaged = |cause| Error::Damaged { row: format!("{} {}", row.kind, row.key), cause };
        let record = serde_json::from_str(&row.body).map_err(damaged)?;
        Ok(Self { tenant: row.tenant.clone(), etag: row.etag, record })
    }
}

/// Reading records.
pub trait Records: Rows {
    /// A record.
    ///
    /// # Errors
    /// `Damaged`, or those of the database, as everywhere below.
    fn load<R: Record>(&self, space: Space<'_>, key: &str) -> Result<Option<Kept<R>>> {
        self.get(space, R::KIND, key)?.as_ref().map(Kept::read).transpose()
    }

    /// Some records. `query` is of their kind: `Query::of(R::KIND, space)`.
    ///
    /// # Errors
    /// As `load`.
    fn load_page<R: Record>(&self, query: &Query<'_>) -> Result<Page<Kept<R>>> {
        let page = self.list(&Query { kind: R::KIND, ..query.clone() })?;
        Ok(Page { rows: page.rows.iter().map(Kept::read).collect::<Result<_>>()?, next: page.next })
    }

    /// Calls `each` with every record of a query, page after page.
    ///
    /// # Errors
    /// As `load`, and those of `each`.
    fn for_each<R: Record>(&self, query: &Query<'_>, mut each: impl FnMut(Kept<R>) -> Result<()>) -> Result<()> {
        let mut after: Option<Cursor> = query.after.clone();
        loop {
            let page = self.load_page::<R>(&Query { after, ..query.clone() })?;
            page.rows.into_iter().try_for_each(&mut each)?;
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

/// Writing records.
pub trait RecordsMut: RowsMut {
    /// Writes a record; gives its etag.
    ///
    /// # Errors
    /// `Conflict`, if there is something else than `expect`.
    fn save<R: Record>(&mut self, space: Space<'_>, record: &R, expect: Expect) -> Result<u64> {
        let (key, parent, target) = (record.key(), record.parent(), record.target());
        let damaged = |cause| Error::Damaged { row: format!("{} {key}", R::KIND), cause };
        let body = serde_json::to_string(record).map_err(damaged)?;
        let draft = Draft {
            kind: R::KIND,
            key: &key,
            parent: parent.as_deref(),
            target: target.as_deref(),
            state: record.state(),
            body: &body,
        };
        self.put(space, &draft, expect)
    }

    /// Removes a record.
    ///
    /// # Errors
    /// `Conflict`, if there is something else than `expect`.
    fn remove<R: Record>(&mut self, space: Space<'_>, key: &str, expect: Expect) -> Result<()> {
        self.delete(space, R::KIND, key, expect)
    }

    /// Writes what an environment serves of an API from now on, and appends it to its history. `expect` is of the former.
    ///
    /// # Errors
    /// `Conflict`, if there is another publication than expected, or its number was given before.
    fn publish(&mut self, space: Space<'_>, publication: &Publication, expect: Expect) -> Result<u64> {
        self.save(space, &PastPublication(publication.clone()), Expect::Absent)?;
        self.save(space, publication, expect)
    }
}

impl<R: Rows + ?Sized> Records for R {}

impl<R: RowsMut + ?Sized> RecordsMut for R {}

/// A publication as part of the history of its API and environment. Never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PastPublication(pub Publication);

/// Key of a revision.
#[must_use]
pub fn revision_key(api: &ApiName, number: u32) -> String {
    format!("{api}/{number:010}")
}

/// Key of what an environment serves of an API; parent of its history.
#[must_use]
pub fn publication_key(api: &ApiName, environment: &Name) -> String {
    format!("{api}/{environment}")
}

/// Key of a publication of the history.
#[must_use]
pub fn past_publication_key(api: &ApiName, environment: &Name, number: u32) -> String {
    format!("{api}/{environment}/{number:010}")
}

/// Key of a subscription.
#[must_use]
pub fn subscription_key(application: &Name, target: &Target) -> String {
    format!("{application}/{target}")
}

/// Key of a token that was revoked.
#[must_use]
pub fn revoked_token_key(application: &Name, jti: &str) -> String {
    format!("{application}/{jti}")
}

macro_rules! named {
    ($($record:ty: $kind:literal,)*) => {
        $(impl Record for $record {
            const KIND: &'static str = $kind;

            fn key(&self) -> String {
                self.name.to_string()
            }
        })*
    };
}

named! {
    Tenant: "tenant",
    Member: "member",
    Environment: "environment",
    Product: "product",
    Plan: "plan",
    Application: "application",
}

impl Record for Document {
    const KIND: &'static str = "document";

    fn key(&self) -> String {
        self.digest.to_string()
    }
}

/// Part of its name, so that the versions of an API are listed together.
impl Record for Api {
    const KIND: &'static str = "api";

    fn key(&self) -> String {
        self.api_name().to_string()
    }

    fn parent(&self) -> Option<String> {
        Some(self.spec.name.to_string())
    }

    /// The document it is documented by.
    fn target(&self) -> Option<String> {
        self.spec.document.as_ref().map(ToString::to_string)
    }

    fn state(&self) -> Option<&'static str> {
        Some(self.lifecycle.as_str())
    }
}

impl Record for Revision {
    const KIND: &'static str = "revision";

    fn key(&self) -> String {
        revision_key(&self.api, self.number)
    }

    fn parent(&self) -> Option<String> {
        Some(self.api.to_string())
    }

    /// The document it is documented by.
    fn target(&self) -> Option<String> {
        self.spec.document.as_ref().map(ToString::to_string)
    }
}

impl Record for Publication {
    const KIND: &'static str = "publication";

    fn key(&self) -> String {
        publication_key(&self.api, &self.environment)
    }

    fn parent(&self) -> Option<String> {
        Some(self.api.to_string())
    }

    fn target(&self) -> Option<String> {
        Some(self.environment.to_string())
    }
}

impl Record for PastPublication {
    const KIND: &'static str = "past_publication";

    fn key(&self) -> String {
        past_publication_key(&self.0.api, &self.0.environment, self.0.number)
    }

    fn parent(&self) -> Option<String> {
        Some(publication_key(&self.0.api, &self.0.environment))
    }
}

impl Record for Subscription {
    const KIND: &'static str = "subscription";

    fn key(&self) -> String {
        subscription_key(&self.application, &self.target)
    }

    fn parent(&self) -> Option<String> {
        Some(self.application.to_string())
    }

    fn target(&self) -> Option<String> {
        Some(self.target.to_string())
    }

    fn state(&self) -> Option<&'static str> {
        Some(self.state.as_str())
    }
}

impl Record for Credential {
    const KIND: &'static str = "credential";

    fn key(&self) -> String {
        self.id.clone()
    }

    fn parent(&self) -> Option<String> {
        Some(self.application.to_string())
    }
}

impl Record for RevokedToken {
    const KIND: &'static str = "revoked_token";

    fn key(&self) -> String {
        revoked_token_key(&self.application, &self.jti)
    }

    fn parent(&self) -> Option<String> {
        Some(self.application.to_string())
    }

    /// The credential it was granted to.
    fn target(&self) -> Option<String> {
        Some(self.client.clone())
    }
}
