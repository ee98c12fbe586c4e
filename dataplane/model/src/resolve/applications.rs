//! `applications`: who may call, with credentials that are one application's only.
//!
//! Part of `resolve`, after the plans that subscriptions name. Only those that a change names are looked at. Nothing of them
//! is kept as text: a patch is judged against the packed records, and what is written is told by them again
//! (`applications` beside this, in the crate's root), so that a million fit.

use std::borrow::Cow;

use ahash::AHashMap;
use tollgate_consumer::{Application, Credential, Lists, Proof, Subscription, Texts, Who, client_proof};
use tollgate_document::Count;
use tollgate_items::Items;
use tollgate_pattern::Refusal;

use super::{
    Change,
    names::{Defined, Names, Removal},
    report::Report,
    state::State,
    values,
};
use crate::{
    applications, limits,
    plan::Plan,
    raw::{self, Location, Spanned, Text},
};

/// What of a change concerns applications besides themselves.
pub(super) struct Plans<'p> {
    /// Those there were: what goes was hashed with them.
    pub(super) before: &'p Items<Plan>,
    /// Those that are not any more.
    pub(super) gone: &'p [Removal],
}

/// Brings the applications of a change into `state`, once its plans are there.
pub(super) fn apply(report: &mut Report<'_>, state: &mut State, change: &Change, plans: &Plans<'_>) {
    let mut defined = Defined::new("application");
    let names: Vec<Option<String>> =
        change.applications.iter().map(|raw| defined.define(report, raw.referenced, raw.value.name.as_ref())).collect();
    if change.is_whole {
        state.snapshot.applications = tollgate_consumer::Applications::default();
        state.written.applications_sum = 0;
    }
    for name in removed(report, state, &change.removed.applications, &defined) {
        take_out(state, plans.before, &name);
    }
    for name in names.iter().flatten() {
        take_out(state, plans.before, name);
    }
    if !change.is_whole && !plans.gone.is_empty() {
        refuse_loose_ends(report, state, plans.gone);
    }
    for (raw, name) in change.applications.iter().zip(names) {
        if let Some(application) = application(report, state, raw, name) {
            put_in(report, state, &application, raw);
        }
    }
    let count = state.snapshot.applications.len();
    if count > limits::APPLICATIONS_MAX {
        report
            .whole_error(format!("there are at most {} applications, and now {count}", limits::APPLICATIONS_MAX), None);
    }
}

/// The names of those that a patch takes away.
fn removed(report: &mut Report<'_>, state: &State, raw: &[Text], defined: &Defined) -> Vec<String> {
    let mut seen: AHashMap<&str, Location> = AHashMap::with_capacity(raw.len());
    let mut names = Vec::with_capacity(raw.len());
    for text in raw {
        let name = text.value.as_str();
        let message = if state.snapshot.applications.get(name).is_none() {
            format!("application `{name}` is not defined")
        } else if defined.has(name) {
            format!("application `{name}` is both changed and removed")
        } else if seen.insert(name, text.referenced).is_some() {
            format!("application `{name}` is removed twice")
        } else {
            names.push(name.to_owned());
            continue;
        };
        report.error(text.referenced, message, None);
    }
    names
}

fn take_out(state: &mut State, plans: &Items<Plan>, name: &str) {
    if let Some(old) = state.snapshot.applications.remove(name) {
        let hash = applications::hash(&old, plans);
        state.written.applications_sum = state.written.applications_sum.wrapping_sub(hash);
    }
}

/// Refuses to take away a plan that an application has which the change leaves as it is. Looks at all of them.
fn refuse_loose_ends(report: &mut Report<'_>, state: &State, gone: &[Removal]) {
    let has = |application: &Application, slot| application.subscriptions().any(|held| held.plan == Some(slot));
    for plan in gone {
        if let Some(user) = state.snapshot.applications.iter().find(|application| has(application, plan.slot)) {
            let message = format!("plan `{}` is used by application `{}`", plan.written, user.name());
            let help = Some("change or remove what uses it in the same patch".to_owned());
            report.error(plan.place, message, help);
        }
    }
}

/// Puts an application in, unless one of its credentials is another's.
fn put_in(report: &mut Report<'_>, state: &mut State, application: &Application, raw: &Spanned<raw::Application>) {
    let all = &mut state.snapshot.applications;
    for (credential, raw) in application.credentials().zip(raw.value.credentials.iter().flat_map(|raw| &raw.value)) {
        if let Some((other, _)) = all.find(&credential.proof) {
            let message = format!("this credential is that of application `{}` too", other.name());
            report.error(raw.referenced, message, Some("a credential belongs to one application".to_owned()));
            return;
        }
    }
    all.insert(application);
    let hash = applications::hash(application, &state.snapshot.plans);
    state.written.applications_sum = state.written.applications_sum.wrapping_add(hash);
}

fn application(
    report: &mut Report<'_>,
    state: &State,
    item: &Spanned<raw::Application>,
    name: Option<String>,
) -> Option<Application> {
    let raw = &item.value;
    let tenant = raw.tenant.as_ref().map(|raw| plain(report, raw, values::name));
    let list = raw.credentials.as_ref();
    bounded(report, "credentials", list, limits::CREDENTIALS_MAX);
    let mut credentials: Vec<Held<'_>> = Vec::new();
    for raw in list.iter().flat_map(|raw| &raw.value) {
        let Some(held) = credential(report, raw) else { continue };
        if credentials.iter().any(|other| other.id == held.id || other.proof == held.proof) {
            report.error(raw.referenced, "the application has this credential twice".to_owned(), None);
        }
        credentials.push(held);
    }
    let list = raw.subscriptions.as_ref();
    bounded(report, "subscriptions", list, limits::SUBSCRIPTIONS_MAX);
    let plans = Names { kind: "plan", items: &state.snapshot.plans };
    let mut subscriptions: Vec<Subscription<'_>> = Vec::new();
    for raw in list.iter().flat_map(|raw| &raw.value) {
        let Some(held) = subscription(report, raw, &plans) else { continue };
        if subscriptions.iter().any(|other| other.api == held.api) {
            report.error(raw.referenced, format!("there are two subscriptions to `{}`", held.api), None);
        }
        subscriptions.push(held);
    }
    let credentials: Vec<_> = credentials.iter().map(|held| (held.credential(), held.lists.clone())).collect();
    let tenant = tenant.unwrap_or(Some(String::new()))?;
    Some(Application::new(&name?, &tenant, &credentials, &subscriptions))
}

/// A credential before it is packed.
struct Held<'r> {
    id: Cow<'r, str>,
    proof: Proof,
    who: Option<Who<'r>>,
    expires_s: Option<u64>,
    lists: Lists<'r>,
}

impl Held<'_> {
    fn credential(&self) -> Credential<'_> {
        let Self { id, proof, who, expires_s, lists: _ } = self;
        let (scopes, revoked) = (Texts::default(), Texts::default());
        Credential { id, proof: *proof, who: *who, expires_s: *expires_s, scopes, revoked }
    }
}

fn credential<'r>(report: &mut Report<'_>, item: &'r Spanned<raw::Credential>) -> Option<Held<'r>> {
    let raw = &item.value;
    let help = "write `sha256`, or `issuer` and `client_id`".to_owned();
    let (proof, who) = match (&raw.sha256, &raw.issuer, &raw.client_id) {
        (Some(text), None, None) => (plain(report, text, digest)?, None),
        (None, Some(issuer), Some(client)) => {
            let (issuer, client_id) = (plain(report, issuer, issuer_text)?, plain(report, client, client_text)?);
            (client_proof(issuer, client_id)?, Some(Who { issuer, client_id }))
        }
        _ => {
            report.error(item.referenced, "a credential is a key or a client".to_owned(), Some(help));
            return None;
        }
    };
    let id = match &raw.id {
        Some(id) => Cow::Borrowed(plain(report, id, |text| values::name(text).map(|_| text))?),
        None => Cow::Owned(applications::hex(&proof)[..limits::CREDENTIAL_ID_DIGITS].to_owned()),
    };
    let expires_s = raw.expires.as_ref().map(|raw| plain(report, raw, time));
    let lists = Lists { scopes: scopes(report, raw.scopes.as_ref())?, revoked: revoked(report, raw, who.is_some())? };
    Some(Held { id, proof, who, expires_s: expires_s.map_or(Some(None), |time| time.map(Some))?, lists })
}

/// In the order of the text, each once, so that the same set is the same item.
fn revoked<'r>(report: &mut Report<'_>, raw: &'r raw::Credential, is_client: bool) -> Option<Vec<&'r str>> {
    let Some(list) = &raw.revoked else { return Some(Vec::new()) };
    if !is_client {
        let help = "take the credential away, or give it `expires`".to_owned();
        report.error(list.referenced, "a key has no tokens that could be `revoked`".to_owned(), Some(help));
    }
    bounded(report, "revoked", Some(list), limits::REVOKED_MAX);
    let mut texts: Vec<_> = list.value.iter().map(|raw| plain(report, raw, token_id)).collect::<Option<_>>()?;
    texts.sort_unstable();
    texts.dedup();
    Some(texts)
}

fn subscription<'r>(
    report: &mut Report<'_>,
    item: &'r Spanned<raw::Subscription>,
    plans: &Names<'_>,
) -> Option<Subscription<'r>> {
    let api = report.required(item.value.api.as_ref(), "api", item.referenced)?;
    let api = plain(report, api, |text| api_name(text).map(|()| text));
    let plan = item.value.plan.as_ref().map(|raw| plans.find(report, raw).and_then(|slot| u32::try_from(slot).ok()));
    Some(Subscription { api: api?, plan: plan.map_or(Some(None), |plan| plan.map(Some))? })
}

/// A value that is no reference.
fn plain<'r, T>(
    report: &mut Report<'_>,
    raw: &'r Text,
    parse: impl FnOnce(&'r str) -> Result<T, Refusal>,
) -> Option<T> {
    let parsed = if raw.value.contains("${") {
        let help = Some("write the value: applications are kept without their texts".to_owned());
        Err(("an application has no references".to_owned(), help))
    } else {
        parse(&raw.value)
    };
    parsed.map_err(|(message, help)| report.error(raw.referenced, message, help)).ok()
}

fn bounded<T>(report: &mut Report<'_>, key: &str, raw: Option<&Spanned<Vec<T>>>, most: usize) {
    if let Some(raw) = raw.filter(|raw| raw.value.len() > most) {
        report.error(raw.referenced, format!("`{key}` has up to {most} entries"), None);
    }
}

/// Scopes of a credential or of `authorize`.
pub(super) fn scopes<'r>(report: &mut Report<'_>, raw: Option<&'r Spanned<Vec<Text>>>) -> Option<Vec<&'r str>> {
    bounded(report, "scopes", raw, limits::SCOPES_MAX);
    let texts = raw.map(|raw| &raw.value[..]).unwrap_or_default();
    let scopes: Vec<_> = texts.iter().filter_map(|raw| plain(report, raw, scope)).collect();
    (scopes.len() == texts.len()).then_some(scopes)
}

/// RFC 6749, section 3.3: visible characters without `"` and `\`.
fn scope(text: &str) -> Result<&str, Refusal> {
    let is_valid = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    if text.is_empty() || text.len() > limits::SCOPE_BYTES_MAX || !text.bytes().all(is_valid) {
        let help = format!("1 to {} visible characters, like `orders:read`", limits::SCOPE_BYTES_MAX);
        return Err((format!("`{text}` is not a scope"), Some(help)));
    }
    Ok(text)
}

/// The name of an API, as routes and subscriptions have it.
pub(super) fn api_name(text: &str) -> Result<(), Refusal> {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'@' | b'/');
    if text.is_empty() || text.len() > limits::API_NAME_CHARS_MAX || !text.bytes().all(is_valid) {
        let most = limits::API_NAME_CHARS_MAX;
        let help = format!("1 to {most} letters, digits, `.`, `_`, `-`, `@` or `/`, like `orders@v1`");
        return Err((format!("`{text}` is not the name of an API"), Some(help)));
    }
    Ok(())
}

/// What is wrong is not quoted: a key that was written in place of its hash would be in the log then.
fn digest(text: &str) -> Result<Proof, Refusal> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let byte = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks_exact(2).map(byte).collect();
    bytes.filter(|_| text.len() == 2 * size_of::<Proof>()).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        let help = "write what `printf %s KEY | sha256sum` prints".to_owned();
        ("`sha256` is not 64 hexadecimal digits".to_owned(), Some(help))
    })
}

/// What an issuer calls itself.
pub(super) fn issuer_text(text: &str) -> Result<&str, Refusal> {
    bounded_text(text, "an issuer", "https://id.example.com")
}

fn client_text(text: &str) -> Result<&str, Refusal> {
    bounded_text(text, "what an issuer calls a client", "mobile")
}

fn token_id(text: &str) -> Result<&str, Refusal> {
    bounded_text(text, "the `jti` of a token", "8c1b2f0e")
}

fn bounded_text<'t>(text: &'t str, what: &str, example: &str) -> Result<&'t str, Refusal> {
    if text.is_empty() || text.len() > limits::CLIENT_BYTES_MAX || text.chars().any(char::is_control) {
        let help = format!("1 to {} bytes, like `{example}`", limits::CLIENT_BYTES_MAX);
        return Err((format!("`{text}` is not {what}"), Some(help)));
    }
    Ok(text)
}

/// Seconds since 1970.
fn time(text: &str) -> Result<u64, Refusal> {
    use tollgate_document::Quantity as _;
    let stamp = text.parse::<jiff::Timestamp>().ok().and_then(|time| u64::try_from(time.as_second()).ok());
    Count::parse(text).map(|Count(seconds)| seconds).or(stamp).ok_or_else(|| {
        let help = "write it like `2027-01-31T00:00:00Z`, or in seconds since 1970".to_owned();
        (format!("`{text}` is not a time"), Some(help))
    })
}
