//! `identify` and `authorize`: how a request says who calls, and what that one must have.
//!
//! Part of `resolve`. Each is judged for itself where it is written; that one needs the other is judged once the layers of a
//! route are put together, as is that rules count by who calls only where that is asked.

use std::{net::IpAddr, sync::Arc, time::Duration};

use tollgate_consumer::{ALGORITHMS, Algorithm, ApiKey, Authorize, Identify, Jwt, KeySet, KeySource, Keys, Method};
use tollgate_pattern::Refusal;

use super::super::{
    applications::{api_name, issuer_text, scopes},
    matches::{any_name, token},
    report::Report,
};
use super::edits::FRAMING;
use crate::{
    limits,
    policies::Policies,
    raw::{self, Location, Spanned, Text},
    rule::KeyPart,
};

const CLOCK_SKEW: Duration = Duration::from_secs(30);
const SCOPES: &str = "scope";

pub(super) fn identify(report: &mut Report<'_>, raw: &[Spanned<raw::Method>], at: Location) -> Option<Arc<Identify>> {
    if raw.is_empty() || raw.len() > limits::METHODS_OF_IDENTIFY_MAX {
        let message = format!("`identify` has 1 to {} entries", limits::METHODS_OF_IDENTIFY_MAX);
        report.error(at, message, Some("write `off` for none".to_owned()));
    }
    let methods: Vec<Method> = raw.iter().filter_map(|raw| method(report, raw)).collect();
    for (index, method) in methods.iter().enumerate() {
        if methods[..index].contains(method) {
            report.error(raw[index].referenced, "this entry is there twice".to_owned(), None);
        }
        if *method == Method::Anonymous && index + 1 < raw.len() {
            let help = "what stands behind it would never be asked".to_owned();
            report.error(raw[index].referenced, "`anonymous` is the last entry".to_owned(), Some(help));
        }
    }
    (methods.len() == raw.len()).then(|| Arc::new(Identify { methods }))
}

fn method(report: &mut Report<'_>, item: &Spanned<raw::Method>) -> Option<Method> {
    match (&item.value.api_key, &item.value.jwt, &item.value.anonymous) {
        (Some(raw), None, None) => api_key(report, raw).map(Method::ApiKey),
        (None, Some(raw), None) => jwt(report, raw).map(|jwt| Method::Jwt(Arc::new(jwt))),
        (None, None, Some(raw)) => report.parse(raw, "`true`", |text| match text {
            "true" => Ok(Method::Anonymous),
            _ => Err((format!("`{text}` is not allowed here"), Some("write `true`, or leave it out".to_owned()))),
        }),
        _ => {
            let help = "write one of `api_key`, `jwt` and `anonymous`".to_owned();
            report.error(item.referenced, "an entry of `identify` has one key".to_owned(), Some(help));
            None
        }
    }
}

fn api_key(report: &mut Report<'_>, item: &Spanned<raw::ApiKey>) -> Option<ApiKey> {
    let raw = &item.value;
    if raw.header.is_none() && raw.query.is_none() {
        report.error(item.referenced, "`header` or `query` is missing".to_owned(), None);
    }
    let header = raw.header.as_ref().map(|raw| {
        report.parse(raw, "the name of a header field", |text| {
            token(text, "a header field", "X-API-Key")?;
            if FRAMING.iter().chain(&["host"]).any(|name| name.eq_ignore_ascii_case(text)) {
                return Err((format!("`{text}` cannot have a key: the gateway needs it"), None));
            }
            Ok(text.to_owned())
        })
    });
    let query = raw.query.as_ref().map(|raw| report.parse(raw, "the name of a parameter", any_name));
    let all = |value: Option<Option<String>>| value.map_or(Some(None), |value| value.map(Some));
    Some(ApiKey { header: all(header)?, query: all(query)? })
}

fn jwt(report: &mut Report<'_>, item: &Spanned<raw::Jwt>) -> Option<Jwt> {
    let raw = &item.value;
    let issuer = report.required(raw.issuer.as_ref(), "issuer", item.referenced);
    let issuer = issuer.and_then(|raw| report.parse(raw, "an issuer", |text| issuer_text(text).map(str::to_owned)));
    let audience = report.required(raw.audience.as_ref(), "audience", item.referenced);
    let audience = audience.and_then(|raw| audiences(report, raw));
    let algorithms = raw.algorithms.as_ref().map_or(Some(Vec::new()), |raw| algorithms(report, raw));
    let keys = algorithms.and_then(|algorithms| keys(report, item, algorithms));
    let skew = report.quantity_or(raw.clock_skew.as_ref(), &limits::CLOCK_SKEW, CLOCK_SKEW);
    let scopes = raw.scopes.as_ref().map(|raw| report.parse(raw, "a claim", any_name));
    let application = raw.application.as_ref().map(|raw| report.parse(raw, "a claim", any_name));
    let needs_credential = report.word(raw.clients.as_ref(), "clients", &[("any", false), ("registered", true)], false);
    Some(Jwt {
        issuer: issuer?,
        audience: audience?,
        keys: keys?,
        clock_skew: skew,
        scopes: scopes.unwrap_or_else(|| Some(SCOPES.to_owned()))?,
        application: application.map_or(Some(None), |claim| claim.map(Some))?,
        needs_credential,
    })
}

/// In the file or at the issuer.
fn keys(report: &mut Report<'_>, item: &Spanned<raw::Jwt>, algorithms: Vec<Algorithm>) -> Option<Keys> {
    let raw = &item.value;
    if let (Some(ca), false) = (&raw.jwks_ca, raw.jwks_url.as_ref().is_some_and(|url| !is_plain(&url.value))) {
        report.error(ca.referenced, "`jwks_ca` is for a `jwks_url` of https".to_owned(), None);
    }
    match (&raw.jwks, &raw.jwks_url) {
        (Some(raw), None) => {
            let set = |text: &str| KeySet::parse(text, &algorithms).map_err(|message| (message, None));
            report.parse(raw, "a JWK Set", set).map(|keys| Keys::Written(Arc::new(keys)))
        }
        (None, Some(url)) => {
            let url = report.parse(url, "a URL", |text| jwks_url(text).map(str::to_owned));
            let authorities = raw.jwks_ca.as_ref().map(|raw| report.parse(raw, "authorities in PEM", authorities));
            let authorities = authorities.map_or(Some(None), |text| text.map(Some))?;
            Some(Keys::Fetched(KeySource { url: url?, authorities, algorithms }))
        }
        _ => {
            let help = "write `jwks: ${file:keys.json}` or `jwks_url: https://id.example.com/keys`".to_owned();
            report.error(item.referenced, "an issuer has `jwks` or `jwks_url`".to_owned(), Some(help));
            None
        }
    }
}

fn is_plain(url: &str) -> bool {
    url.starts_with("http:")
}

/// An absolute URL of https, or of http to this machine, where nobody can put other keys in on the way.
fn jwks_url(text: &str) -> Result<&str, Refusal> {
    let help = || Some("write it like `https://id.example.com/.well-known/jwks.json`".to_owned());
    let refused = |what: &str| Err((format!("`{text}` {what}"), help()));
    if text.len() > limits::JWKS_URL_BYTES_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return refused(&format!("is not a URL of up to {} visible characters", limits::JWKS_URL_BYTES_MAX));
    }
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return refused("is neither https nor http");
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if path.contains('#') || authority.contains('@') {
        return refused("has a fragment or a user, which a URL of keys has not");
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if host.is_empty() || !(address.is_ok() || host.bytes().all(is_name)) {
        return refused("has no host");
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return refused("has no such port");
    }
    let is_here = host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback());
    if is_plain(text) && !is_here { refused("is plain http to another machine") } else { Ok(text) }
}

fn authorities(text: &str) -> Result<Arc<str>, Refusal> {
    if text.contains("-----BEGIN CERTIFICATE-----") {
        return Ok(text.into());
    }
    Err(("there is no certificate in PEM".to_owned(), Some("write `${file:ca.pem}`".to_owned())))
}

fn audiences(report: &mut Report<'_>, raw: &Spanned<Vec<Text>>) -> Option<Vec<String>> {
    if raw.value.is_empty() || raw.value.len() > limits::AUDIENCES_MAX {
        report.error(raw.referenced, format!("`audience` has 1 to {} entries", limits::AUDIENCES_MAX), None);
    }
    raw.value.iter().map(|raw| report.parse(raw, "an audience", any_name)).collect()
}

fn algorithms(report: &mut Report<'_>, raw: &Spanned<Vec<Text>>) -> Option<Vec<Algorithm>> {
    if raw.value.is_empty() {
        let help = Some("leave it out for all that the keys allow".to_owned());
        report.error(raw.referenced, "`algorithms` is empty".to_owned(), help);
    }
    let all = ALGORITHMS.map(|(word, algorithm)| (word, Some(algorithm)));
    raw.value.iter().map(|raw| report.word(Some(raw), "algorithms", &all, None)).collect()
}

pub(super) fn authorize(report: &mut Report<'_>, raw: &raw::Authorize, at: Location) -> Option<Arc<Authorize>> {
    let api = report.required(raw.api.as_ref(), "api", at);
    let api = api.and_then(|raw| report.parse(raw, "the name of an API", |text| api_name(text).map(|()| text.into())));
    let mut scopes: Vec<String> = scopes(report, raw.scopes.as_ref())?.into_iter().map(str::to_owned).collect();
    scopes.sort_unstable();
    scopes.dedup();
    let words = [("required", true), ("optional", false)];
    let needs_subscription = report.word(raw.subscription.as_ref(), "subscription", &words, true);
    Some(Arc::new(Authorize { api: api?, scopes, needs_subscription }))
}

/// Judges what the layers of a route have come to.
pub(super) fn agree(report: &mut Report<'_>, policies: &Policies, at: Location) {
    let tells_caller = |part: &KeyPart| {
        use KeyPart::{Application, Claim, Credential, Subscription, Tenant};
        matches!(part, Application | Credential | Tenant | Subscription | Claim(_))
    };
    let counts = |tells: &dyn Fn(&KeyPart) -> bool| policies.rules.iter().find(|rule| rule.key.iter().any(tells));
    let help = "add `identify: [ { api_key: { header: X-API-Key } } ]` to the policies".to_owned();
    if policies.identify.is_none() {
        if policies.authorize.is_some() {
            let message = "`authorize` cannot be told: no policy identifies who calls".to_owned();
            report.error(at, message, Some(help));
        } else if let Some(rule) = counts(&tells_caller) {
            let name = &rule.id.name;
            report.error(at, format!("rule `{name}` cannot be told: no policy identifies who calls"), Some(help));
        }
    }
    let of_api = |part: &KeyPart| matches!(part, KeyPart::Api | KeyPart::Subscription);
    if let Some(rule) = counts(&of_api).filter(|_| policies.authorize.is_none()) {
        let help = "add `authorize: { api: NAME }` to the policies".to_owned();
        let name = &rule.id.name;
        report.error(at, format!("rule `{name}` cannot be told: no policy says of which API the route is"), Some(help));
    }
    let most = limits::RULES_MAX - limits::PLAN_RULES_MAX;
    if policies.authorize.is_some() && policies.rules.len() > most {
        let help = format!("a plan may have {} more; all layers are counted together", limits::PLAN_RULES_MAX);
        report.error(at, format!("there are more than {most} rules beside `authorize`"), Some(help));
    }
}
