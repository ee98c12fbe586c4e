//! Whether a token is what it says (JWT, RFC 7519; RFC 8725): signed by a key of its issuer, and for us.
//!
//! ```text
//! token -> header: algorithm, kid -> key of its issuer -> signature -> iss, aud -> Token
//! ```
//!
//! Costs as much as several proxied requests, so that it runs where no worker waits for it (crate `offload`), and what came
//! of it is kept ([`Tokens`](crate::Tokens)). Time is judged later and each time again. What is wrong with a token is told to
//! nobody: whoever may know can read it himself.

use std::sync::Arc;

use jsonwebtoken::{Validation, dangerous::insecure_decode_claims, decode, decode_header};
use serde_json::{Map, Value};
use tollgate_http::Reason;
use tollgate_model::{Jwt, KeySet, Keys, Proof, client_proof};

use crate::{FetchedKeys, KeyRegistry};

/// Texts, numbers and truth values at the top of a token, which rules can count by, and bytes of one that is kept.
const CLAIMS_MAX: usize = 64;
const CLAIM_BYTES_MAX: usize = 256;

/// What is read out of a token that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The client it was issued to.
    pub(crate) client: Option<Proof>,
    /// Whether that client has to be known.
    pub(crate) needs_credential: bool,
    /// What it may do.
    pub(crate) scopes: Vec<String>,
    /// For whom it acts.
    subject: String,
    /// Text, numbers and truth values of its top, sorted by name.
    claims: Vec<(String, String)>,
    /// Seconds since 1970 between which it holds; clocks may differ by what the route allows, which is in them.
    not_before_s: u64,
    expires_s: u64,
}

impl Token {
    /// For whom it acts: `sub`, if that fits a field; empty else.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The value of a claim; empty if there is none.
    #[must_use]
    pub fn claim(&self, name: &str) -> &str {
        let found = self.claims.binary_search_by(|(known, _)| known.as_str().cmp(name));
        found.map_or("", |at| &self.claims[at].1)
    }

    /// Whether it holds now.
    ///
    /// # Errors
    /// Not yet, or no more.
    pub(crate) fn holds(&self, now_s: u64) -> Result<(), Reason> {
        match now_s {
            _ if now_s >= self.expires_s => Err(Reason::CredentialExpired),
            _ if now_s < self.not_before_s => Err(Reason::CredentialInvalid),
            _ => Ok(()),
        }
    }
}

/// An issuer, and what is known of its keys.
#[derive(Clone)]
pub struct Issuer {
    pub(crate) jwt: Arc<Jwt>,
    /// If they are not in the configuration.
    pub(crate) fetched: Option<Arc<FetchedKeys>>,
}

impl Issuer {
    /// The issuer of an entry; keys that are fetched are those of `registry`.
    #[must_use]
    pub fn new(jwt: Arc<Jwt>, registry: &mut KeyRegistry) -> Self {
        let fetched = match &jwt.keys {
            Keys::Written(_) => None,
            Keys::Fetched(source) => Some(registry.of(source)),
        };
        Self { jwt, fetched }
    }

    /// Another number when its keys have become others: what tokens of it came to is of no use then.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.fetched.as_ref().map_or(0, |fetched| fetched.version())
    }

    /// Whether its keys are fetched, so that its version may change.
    #[must_use]
    pub const fn is_fetched(&self) -> bool {
        self.fetched.is_some()
    }

    /// The keys there are, if one of them may have signed a token that names `kid`.
    fn keys(&self, kid: Option<&str>) -> Result<Arc<KeySet>, Reason> {
        let fetched = match (&self.jwt.keys, &self.fetched) {
            (Keys::Written(keys), _) => return Ok(keys.clone()),
            (Keys::Fetched(_), fetched) => fetched.as_ref().ok_or(Reason::KeysUnavailable)?,
        };
        let Some(keys) = fetched.keys() else {
            fetched.ask();
            return Err(Reason::KeysUnavailable);
        };
        // It may be one that the issuer has made since.
        if kid.is_some_and(|kid| !keys.has(kid)) {
            return Err(if fetched.ask() { Reason::KeysUnavailable } else { Reason::CredentialInvalid });
        }
        Ok(keys)
    }
}

/// What came of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Of use as long as what is asked, and with which keys, stays as it is. What is wrong with a token is
    /// [`Reason::CredentialInvalid`], whatever it is.
    Final(Result<Token, Reason>),
    /// The key that it names is not there, or none is: it may come.
    Passing(Reason),
}

/// Verifies a token of one of these issuers.
#[must_use]
pub fn verify(issuers: &[Issuer], token: &[u8]) -> Verdict {
    judge(issuers, token).unwrap_or(Verdict::Final(Err(Reason::CredentialInvalid)))
}

/// `None` for a token that is not in order.
fn judge(issuers: &[Issuer], token: &[u8]) -> Option<Verdict> {
    // `none` is no algorithm that a header can have.
    let header = decode_header(token).ok()?;
    // RFC 7515, section 4.1.11: what must be understood is not.
    if header.crit.is_some() {
        return None;
    }
    // Only to find whose keys to ask; all of it is read again behind the signature.
    let claimed: Map<String, Value> = insecure_decode_claims(token).ok()?;
    let issuer = issuers.iter().find(|one| claimed.get("iss").and_then(Value::as_str) == Some(&one.jwt.issuer))?;
    let keys = match issuer.keys(header.kid.as_deref()) {
        Ok(keys) => keys,
        Err(reason) => return Some(Verdict::Passing(reason)),
    };
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
    let candidates = keys.candidates(header.kid.as_deref(), header.alg);
    let verified =
        candidates.filter_map(|key| decode::<Map<String, Value>>(token, &key.key, &validation).ok()).next()?;
    read(&issuer.jwt, &verified.claims).map(|token| Verdict::Final(Ok(token)))
}

/// What signed claims say, if they are for us.
fn read(issuer: &Jwt, claims: &Map<String, Value>) -> Option<Token> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(&issuer.issuer)
        || !list(claims.get("aud")?).any(|aud| issuer.audience.iter().any(|own| own == aud))
    {
        return None;
    }
    let skew_s = issuer.clock_skew.as_secs();
    let seconds = |name: &str| claims.get(name).map(|value| value.as_f64().filter(|seconds| *seconds >= 0.0));
    let not_before_s = seconds("nbf").map_or(Some(0), |seconds| seconds.map(|seconds| seconds as u64))?;
    let client = match &issuer.application {
        Some(claim) => text(claim),
        None => text("client_id").or_else(|| text("azp")),
    };
    let fits = |subject: &&str| subject.len() <= CLAIM_BYTES_MAX && subject.bytes().all(|byte| byte.is_ascii_graphic());
    let scopes = claims.get(&issuer.scopes).into_iter().flat_map(list);
    Some(Token {
        client: client.and_then(|client| client_proof(&issuer.issuer, client)),
        needs_credential: issuer.needs_credential,
        scopes: scopes.flat_map(str::split_ascii_whitespace).map(str::to_owned).collect(),
        subject: text("sub").filter(fits).unwrap_or_default().to_owned(),
        claims: scalars(claims)?,
        not_before_s: not_before_s.saturating_sub(skew_s),
        // One that says no end has none that can be trusted.
        expires_s: (seconds("exp")?? as u64).saturating_add(skew_s),
    })
}

/// A text, or a list of texts.
fn list(value: &Value) -> impl Iterator<Item = &str> {
    let many = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    value.as_str().into_iter().chain(many)
}

/// What rules can count by; `None` if it is too much: what is not kept would not be counted.
fn scalars(claims: &Map<String, Value>) -> Option<Vec<(String, String)>> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let all = claims.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?)));
    let mut kept: Vec<_> = all.take(CLAIMS_MAX + 1).collect();
    if kept.len() > CLAIMS_MAX {
        return None;
    }
    kept.retain(|(_, value)| value.len() <= CLAIM_BYTES_MAX);
    kept.sort_unstable();
    Some(kept)
}

#[cfg(test)]
mod tests;
