//! 10,000 applications, each with a key and a subscription, named as the control plane names them.

use tollgate_model::{Application, Applications, Credential, Lists, Subscription, Texts, key_proof};

pub(crate) const APPLICATIONS: usize = 10_000;
pub(crate) const API: &str = "orders@v1";
/// 2026-11-20T12:00:00Z; keys hold beyond it.
pub(crate) const NOON_S: u64 = 1_795_176_000;

pub(crate) fn name(number: usize) -> String {
    format!("tenant-{}.app-{number}", number % 100)
}

pub(crate) fn key(number: usize) -> String {
    format!("key-{number}")
}

pub(crate) fn application(number: usize, subscriptions: usize) -> Application {
    let id = format!("019a0000-0000-7000-8000-{number:012x}");
    let proof = key_proof(key(number).as_bytes());
    let (scopes, revoked) = (Texts::default(), Texts::default());
    let key = Credential { id: &id, proof, who: None, expires_s: Some(NOON_S + 1), scopes, revoked };
    let apis: Vec<String> = (1..=subscriptions).map(|version| format!("orders@v{version}")).collect();
    let subscriptions: Vec<_> = apis.iter().map(|api| Subscription { api, plan: None }).collect();
    Application::new(&name(number), &format!("tenant-{}", number % 100), &[(key, Lists::default())], &subscriptions)
}

pub(crate) fn all() -> Applications {
    let mut all = Applications::default();
    (0..APPLICATIONS).for_each(|number| all.insert(&application(number, 1)));
    all
}
