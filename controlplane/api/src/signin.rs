//! Signing in with a password, and the setup of an installation by its first owner: what pages need that is no endpoint.
//!
//! ```text
//! attempts (account, address) -> the hash that is kept, or nobody's -> Argon2id -> SignedIn, audit
//! ```
//!
//! Who is unknown, has no password, is disabled or shows another one gets the same answer after the same work.

use crate::{
    ask::Ask,
    asker::{Asker, SignedIn, password},
    attempts::Whose,
    desk::Desk,
    hasher::Busy,
    problem::{Problem, Refused},
    router::now,
};
use serde_json::json;
use std::{sync::PoisonError, time::Duration};
use tokio::task;
use tollgate_domain::{AuditEvent, Member, Name};
use tollgate_keys::{PasswordHash, review_password};
use tollgate_store::{Error, Record as _, Records as _, Space, Transactions as _};
use uuid::Uuid;
use zeroize::Zeroizing;

/// Where a request comes from, for audit and logs.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Address of the client.
    pub address: Option<String>,
    /// As in logs.
    pub request_id: String,
}

/// Who says to be whom.
pub struct SignIn {
    /// The tenant.
    pub tenant: Name,
    /// The member.
    pub member: Name,
    /// What they show for it.
    pub password: Zeroizing<String>,
    /// Where from.
    pub origin: Origin,
}

/// The first tenant and owner.
pub struct SetUp {
    /// The token that the first start has printed.
    pub token: String,
    /// Who, and their password.
    pub owner: SignIn,
}

/// Why somebody is not signed in.
#[derive(Debug)]
pub enum SignInRefused {
    /// There is no such member with this password.
    Unknown,
    /// Too many attempts, or too much at one time: come again after that.
    Later(Duration),
    /// Anything else.
    Refused(Refused),
}

/// How soon to come again when too many passwords wait to be hashed.
const BUSY: Duration = Duration::from_secs(5);

impl Desk {
    /// Signs a member in.
    ///
    /// # Errors
    /// `Unknown`, whatever it is that does not fit; `Later`; `Refused` if the store cannot be read.
    pub async fn sign_in(&self, wanted: SignIn) -> Result<SignedIn, SignInRefused> {
        let account = Whose::Account(wanted.tenant.clone(), wanted.member.clone());
        let mut counted = vec![account.clone()];
        counted.extend(wanted.origin.address.clone().map(Whose::Address));
        self.attempts().count(&counted, now()).map_err(SignInRefused::Later)?;
        let kept = self.kept_password(&wanted).await?;
        let nobody = kept.is_none();
        let hash = kept.unwrap_or_else(PasswordHash::of_nobody);
        let SignIn { tenant, member, password, origin } = wanted;
        let (shown, known) = (password, hash.clone());
        let fits = self.hasher.run(move || known.is_of(&shown)).await;
        match fits {
            Err(Busy) => Err(SignInRefused::Later(BUSY)),
            Ok(fits) if !fits || nobody => Err(SignInRefused::Unknown),
            Ok(_) => {
                self.attempts().forget(&account);
                let signed_in = SignedIn { tenant, member, password: hash };
                self.tell(&signed_in, origin).await?;
                Ok(signed_in)
            }
        }
    }

    /// Makes the first tenant and its owner, and signs the owner in.
    ///
    /// # Errors
    /// As `sign_in`; `Refused` with what is wrong in the names, the token or the password. Nothing is made then.
    pub async fn set_up(&self, wanted: SetUp) -> Result<SignedIn, SignInRefused> {
        let SetUp { token, owner } = wanted;
        let origin = owner.origin.clone();
        let refuse = |refused| SignInRefused::Refused(refused);
        review_password(&owner.password)
            .map_err(|refusal| refuse(Problem::from(refusal).into_refused(&origin.request_id)))?;
        let body = json!({ "token": token, "tenant": owner.tenant, "member": owner.member });
        let made = self.ask(&Asker::Nobody, Ask::to("setUp").body(&body).from(&origin)).await.map_err(refuse)?;
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        // The token that the command line would have got is used for this alone.
        let bearer = Asker::Bearer(text(&made.body["secret"]));
        let password = Ask::to("putOwnPassword").body(&json!({ "password": owner.password.as_str() }));
        self.ask(&bearer, password.from(&origin)).await.map_err(refuse)?;
        let remove = Ask::to("removeToken").path("tenant", &owner.tenant).path("member", &owner.member);
        let remove = remove.path("id", &text(&made.body["token"]["id"]));
        self.ask(&bearer, remove.from(&origin)).await.map_err(refuse)?;
        self.sign_in(owner).await
    }

    fn attempts(&self) -> std::sync::MutexGuard<'_, crate::attempts::Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hash that is kept of a member who may sign in.
    async fn kept_password(&self, wanted: &SignIn) -> Result<Option<PasswordHash>, SignInRefused> {
        let (tenant, member) = (wanted.tenant.clone(), wanted.member.clone());
        let kept = self.blocking(&wanted.origin, move |store| {
            store.read(|rows| {
                let found = rows.load::<Member>(Space::Tenant(&tenant), member.as_str())?;
                let kept = password(rows, &tenant, &member)?;
                Ok::<_, Error>(kept.filter(|_| found.is_some_and(|found| !found.record.disabled)))
            })
        });
        kept.await
    }

    /// That somebody has signed in, for the audit log.
    async fn tell(&self, who: &SignedIn, origin: Origin) -> Result<(), SignInRefused> {
        let event = AuditEvent {
            id: Uuid::now_v7().to_string(),
            at_ms: u64::try_from(now().as_millis()).unwrap_or(u64::MAX),
            tenant: Some(who.tenant.clone()),
            by: Some(who.member.clone()),
            from: origin.address.clone(),
            request_id: Some(origin.request_id.clone()),
            action: "member.sign_in".to_owned(),
            kind: Member::KIND.to_owned(),
            key: who.member.to_string(),
            before: None,
            after: None,
        };
        self.blocking(&origin, move |store| store.write(|rows| rows.append(&event))).await
    }

    /// Runs `work` on a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        origin: &Origin,
        work: impl FnOnce(&dyn tollgate_store::Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, SignInRefused> {
        let store = self.store.clone();
        let done = match task::spawn_blocking(move || work(store.as_ref())).await {
            Ok(done) => done.map_err(Problem::from),
            Err(_) => Err(Problem::internal("a sign-in panicked")),
        };
        done.map_err(|problem| SignInRefused::Refused(problem.into_refused(&origin.request_id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tollgate_store::{RecordsMut as _, SealKey, Sealer, Sqlite, Store};

    /// The work of a refusal is that of a hash, whoever is refused: with a hasher that takes nothing, all are told so.
    #[test]
    fn whoever_it_is_their_password_is_hashed() {
        let sealer = Sealer::new(SealKey::read(&"5a".repeat(32)).unwrap(), vec![]);
        let store: Arc<dyn Store> = Arc::new(Sqlite::in_memory(sealer).unwrap());
        let acme: Name = "acme".parse().unwrap();
        store
            .write(|rows| {
                for (name, disabled) in [("ann", false), ("dis", true), ("none", false)] {
                    let member = json!({ "name": name, "disabled": disabled });
                    let member: Member = serde_json::from_value(member).unwrap();
                    rows.save(Space::Tenant(&acme), &member, tollgate_store::Expect::Absent)?;
                }
                let hash = PasswordHash::of_nobody();
                ["ann", "dis"].into_iter().try_for_each(|name| {
                    rows.put_secret(Space::Tenant(&acme), &format!("password/{name}"), Some(hash.as_str().as_bytes()))
                })
            })
            .unwrap();
        let desk = Desk::new(store, None, None);
        desk.hasher.close();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (tenant, member) in [("acme", "ann"), ("acme", "dis"), ("acme", "none"), ("acme", "x"), ("x", "ann")] {
            let password = Zeroizing::new("a walrus in the attic".to_owned());
            let (tenant, member) = (tenant.parse().unwrap(), member.parse().unwrap());
            let refused =
                runtime.block_on(desk.sign_in(SignIn { tenant, member, password, origin: Origin::default() }));
            assert!(matches!(refused, Err(SignInRefused::Later(BUSY))), "{refused:?}");
        }
    }
}
