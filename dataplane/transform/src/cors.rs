//! Cross-origin requests (the Fetch standard, "CORS protocol"): preflights, and the fields that let a page read an answer.
//!
//! A request that no browser's page sent, or of an origin that is not allowed, is none of CORS's business: it is served,
//! and the answer says nothing that would let a page read it. Only preflights are refused. `Vary` names what an answer
//! depends on, so that no cache hands it to another origin. Lines are made when the policy is compiled; only for an origin
//! that fits a pattern they are put together per request.

use std::{borrow::Cow, fmt::Write as _};

use tollgate_http::{Method, Name, RequestHead};
use tollgate_model::{Cors as Policy, CorsHeaders, OriginPattern};

/// What a response of an endpoint may not say besides us.
const OURS: [&str; 3] =
    ["access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers"];

/// What a response says that would be another for another origin.
const VARY: &str = "Vary: Origin\r\n";

const REQUEST_METHOD: &[u8] = b"access-control-request-method";
const REQUEST_HEADERS: &[u8] = b"access-control-request-headers";

/// A compiled `cors` policy.
#[derive(Clone)]
pub struct Cors {
    /// Sorted by origin.
    exact: Vec<Exact>,
    patterns: Vec<OriginPattern>,
    /// The lines of every response, if every origin is allowed.
    any: Option<Box<[u8]>>,
    /// Behind Access-Control-Allow-Origin of a response: credentials, what is exposed, Vary.
    response: Box<str>,
    /// Behind Access-Control-Allow-Origin of a preflight's answer: credentials, methods, age, Vary.
    preflight: Box<str>,
    methods: Vec<String>,
    headers: CorsHeaders,
}

/// An origin that is allowed by name.
#[derive(Clone)]
struct Exact {
    origin: Box<[u8]>,
    /// What its responses get.
    lines: Box<[u8]>,
}

/// What a preflight asks for (the Fetch standard, "CORS-preflight request").
#[derive(Clone, Copy, Debug)]
pub struct Preflight<'r> {
    origin: &'r [u8],
    /// The method of the request that shall follow.
    pub method: &'r [u8],
}

impl<'r> Preflight<'r> {
    /// What this request asks for; `None` if it is no preflight.
    #[must_use]
    pub fn of(head: &RequestHead<'r>) -> Option<Self> {
        if head.method() != Method::Options {
            return None;
        }
        let (origin, method) = (head.field(Name::Origin)?, head.field_named(REQUEST_METHOD)?);
        Some(Self { origin, method })
    }
}

impl Cors {
    /// Compiles a policy.
    #[must_use]
    pub fn compile(policy: &Policy) -> Self {
        let is_open = policy.origins.contains(&OriginPattern::Any);
        let (mut response, mut preflight) = (String::new(), String::new());
        if policy.credentials {
            response.push_str("Access-Control-Allow-Credentials: true\r\n");
            preflight.push_str("Access-Control-Allow-Credentials: true\r\n");
        }
        line(&mut response, "Access-Control-Expose-Headers", &policy.expose);
        line(&mut preflight, "Access-Control-Allow-Methods", &policy.methods);
        if let Some(age) = policy.max_age {
            line(&mut preflight, "Access-Control-Max-Age", &[age.as_secs().to_string()]);
        }
        if !is_open {
            response.push_str(VARY);
        }
        preflight.push_str("Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n");
        let lines =
            |origin: &str| -> Box<[u8]> { [&allow_origin(origin.as_bytes()), response.as_bytes()].concat().into() };
        let (mut exact, mut patterns) = (Vec::new(), Vec::new());
        for origin in &policy.origins {
            match origin {
                OriginPattern::Exact(text) => exact.push(Exact { origin: text.as_bytes().into(), lines: lines(text) }),
                pattern => patterns.push(pattern.clone()),
            }
        }
        exact.sort_unstable_by(|one, other| one.origin.cmp(&other.origin));
        Self {
            exact,
            patterns,
            any: is_open.then(|| lines("*")),
            response: response.into(),
            preflight: preflight.into(),
            methods: policy.methods.clone(),
            headers: policy.headers.clone(),
        }
    }

    /// Fields of a response that go, because the gateway answers for them.
    #[must_use]
    pub const fn replaced(&self) -> &'static [&'static str] {
        &OURS
    }

    /// The lines that the response to a request of this origin gets.
    #[must_use]
    pub fn response_lines(&self, origin: Option<&[u8]>) -> Cow<'_, [u8]> {
        if let Some(lines) = &self.any {
            return Cow::Borrowed(lines);
        }
        let Some(origin) = origin else { return Cow::Borrowed(VARY.as_bytes()) };
        match self.listed(origin) {
            Some(exact) => Cow::Borrowed(&exact.lines),
            None if !self.takes(origin) => Cow::Borrowed(VARY.as_bytes()),
            None => Cow::Owned([&allow_origin(origin), self.response.as_bytes()].concat()),
        }
    }

    /// The lines of the answer to a preflight; `None` if it asks for what is not allowed. Allocates.
    #[must_use]
    pub fn preflight_lines(&self, preflight: Preflight<'_>, head: &RequestHead<'_>) -> Option<Vec<u8>> {
        let Preflight { origin, method } = preflight;
        let methods = &self.methods;
        if !self.takes(origin) || !methods.iter().any(|allowed| allowed.as_bytes() == method) {
            return None;
        }
        let mut lines = allow_origin(if self.any.is_some() { b"*" } else { origin });
        let fields = head.fields().filter(|(name, _)| name.eq_ignore_ascii_case(REQUEST_HEADERS));
        for (_, wanted) in fields {
            let mut names = wanted.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
            if !names.all(|name| name.is_empty() || self.takes_field(name)) {
                return None;
            }
            // What was asked for, and no list of everything that could be.
            if !wanted.is_empty() {
                lines.extend_from_slice(b"Access-Control-Allow-Headers: ");
                lines.extend_from_slice(wanted);
                lines.extend_from_slice(b"\r\n");
            }
        }
        lines.extend_from_slice(self.preflight.as_bytes());
        Some(lines)
    }

    fn listed(&self, origin: &[u8]) -> Option<&Exact> {
        let at = self.exact.binary_search_by(|exact| (*exact.origin).cmp(origin));
        at.ok().and_then(|at| self.exact.get(at))
    }

    fn takes(&self, origin: &[u8]) -> bool {
        self.listed(origin).is_some() || self.patterns.iter().any(|pattern| pattern.takes(origin))
    }

    fn takes_field(&self, name: &[u8]) -> bool {
        match &self.headers {
            CorsHeaders::Any => true,
            CorsHeaders::Listed(names) => names.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name)),
        }
    }
}

fn allow_origin(origin: &[u8]) -> Vec<u8> {
    [b"Access-Control-Allow-Origin: ", origin, b"\r\n"].concat()
}

/// A field with a list of values; none for an empty list.
fn line(out: &mut String, name: &str, values: &[String]) {
    if !values.is_empty() {
        // Writing to a string does not fail.
        let _ = write!(out, "{name}: {}\r\n", values.join(", "));
    }
}
