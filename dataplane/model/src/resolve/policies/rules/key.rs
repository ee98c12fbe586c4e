//! `key` of a rule: what of a request tells whom it is counted for.
//!
//! Part of `resolve`. Whether it can be told who calls (`application` and the like) is judged where the policies of a route
//! are put together.

use crate::{
    limits,
    raw::{self, OrWord, Spanned, Text},
    resolve::{
        matches::{any_name, token},
        policies::Owner,
        report::Report,
    },
    rule::KeyPart,
};
use tollgate_pattern::{Refusal, nearest, parameter};

/// Parts that stand for themselves.
const WORDS: [&str; 3] = ["client_ip", "route", "node"];
/// Parts that tell who calls.
const IDENTITY: [(&str, KeyPart); 5] = [
    ("application", KeyPart::Application),
    ("credential", KeyPart::Credential),
    ("subscription", KeyPart::Subscription),
    ("tenant", KeyPart::Tenant),
    ("api", KeyPart::Api),
];
/// Parts with the name of a value.
const NAMED: [&str; 5] = ["header", "cookie", "query", "path", "claim"];

/// Resolves the key of a rule; a mistake in one part leaves the others judged.
pub(super) fn key(report: &mut Report<'_>, item: &Spanned<raw::Rule>, owner: Owner<'_>) -> Option<Vec<KeyPart>> {
    let raw = report.required(item.value.key.as_ref(), "key", item.referenced)?;
    let word;
    let texts = match &raw.value {
        OrWord::Shape(parts) => &parts.0[..],
        OrWord::Word(text) => {
            word = [Text { value: text.clone(), referenced: raw.referenced }];
            &word
        }
    };
    if texts.is_empty() || texts.len() > limits::KEY_PARTS_MAX {
        report.error(raw.referenced, format!("a key has 1 to {} parts", limits::KEY_PARTS_MAX), None);
        return None;
    }
    let prefixes = prefixes(report, &item.value);
    let mut parts = Vec::with_capacity(texts.len());
    for text in texts {
        let Some(part) = report.parse(text, "a part of a key", |text| part(text, &prefixes)) else { continue };
        if parts.contains(&part) {
            report.error(text.referenced, format!("`{}` is in the key twice", text.value), None);
        }
        if let (KeyPart::Path(name), Owner::Route(_, Some(path))) = (&part, owner) {
            report.parse(text, "a parameter of the path", |_| parameter(path, name));
        }
        parts.push(part);
    }
    if parts.len() > 1 && parts.contains(&KeyPart::Node) {
        let help = "leave it out: all requests are counted together by what else is there".to_owned();
        report.error(raw.referenced, "`node` stands alone".to_owned(), Some(help));
    }
    let has_address = parts.iter().any(|part| matches!(part, KeyPart::ClientIp { .. }));
    let prefix = item.value.ipv4_prefix.as_ref().or(item.value.ipv6_prefix.as_ref());
    if let Some(prefix) = prefix.filter(|_| !has_address && parts.len() == texts.len()) {
        let help = Some("add it, or leave the prefix out".to_owned());
        report.error(prefix.referenced, "the key has no `client_ip`".to_owned(), help);
    }
    (parts.len() == texts.len()).then_some(parts)
}

fn prefixes(report: &mut Report<'_>, raw: &raw::Rule) -> KeyPart {
    let ipv4 = report.quantity_or(raw.ipv4_prefix.as_ref(), &limits::IPV4_PREFIX, limits::IPV4_PREFIX_DEFAULT).0 as u8;
    let ipv6 = report.quantity_or(raw.ipv6_prefix.as_ref(), &limits::IPV6_PREFIX, limits::IPV6_PREFIX_DEFAULT).0 as u8;
    KeyPart::ClientIp { ipv4, ipv6 }
}

/// A part as it is written; `address` is what `client_ip` comes to.
fn part(text: &str, address: &KeyPart) -> Result<KeyPart, Refusal> {
    match text {
        "client_ip" => return Ok(address.clone()),
        "route" => return Ok(KeyPart::Route),
        "node" => return Ok(KeyPart::Node),
        _ => {}
    }
    let (kind, name) = text.split_once(':').map_or((text, None), |(kind, name)| (kind, Some(name)));
    if let Some((_, part)) = IDENTITY.iter().find(|(word, _)| *word == text) {
        return Ok(part.clone());
    }
    match (kind, name) {
        ("header", Some(name)) => {
            token(name, "a header field", "X-Tenant")?;
            Ok(KeyPart::Header(name.to_ascii_lowercase()))
        }
        ("cookie", Some(name)) => {
            token(name, "a cookie", "session")?;
            Ok(KeyPart::Cookie(name.to_owned()))
        }
        ("query", Some(name)) => any_name(name).map(KeyPart::Query),
        ("path", Some(name)) => any_name(name).map(KeyPart::Path),
        ("claim", Some(name)) => any_name(name).map(KeyPart::Claim),
        _ => Err(unknown(text, kind)),
    }
}

fn unknown(text: &str, kind: &str) -> Refusal {
    if NAMED.contains(&kind) {
        return (format!("`{text}` has no name"), Some(format!("write it like `{kind}:NAME`")));
    }
    let message = match nearest(kind, WORDS.into_iter().chain(NAMED).chain(IDENTITY.map(|(word, _)| word))) {
        Some(near) => format!("unknown part of a key `{text}`, did you mean `{near}`?"),
        None => format!("unknown part of a key `{text}`"),
    };
    (message, Some(format!("allowed here: {}", allowed())))
}

fn allowed() -> String {
    let named = NAMED.iter().map(|kind| format!("{kind}:NAME"));
    let words = WORDS.into_iter().chain(IDENTITY.map(|(word, _)| word));
    words.map(str::to_owned).chain(named).collect::<Vec<_>>().join(", ")
}
