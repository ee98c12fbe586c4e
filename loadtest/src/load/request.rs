//! What is sent: requests, and how the next one is chosen.
//!
//! A request is judged when it joins a [`Mix`], so that what the writer puts on the wire is one well-formed HTTP/1.1
//! request. The mix says nothing of when: that is `Arrivals`, except for a replay, whose times come with the requests.

use super::{Failure, limits};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::time::Duration;

/// One request of a mix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// A token (RFC 9110 section 9.1), as written on the wire.
    pub method: String,
    /// Origin form: path and query.
    pub path: String,
    /// Fields as given. `Host`, `Content-Length` and `Connection` are added where they are missing and needed.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// At most [`limits::BODY_BYTES_MAX`] bytes; base64 when serialized.
    #[serde(default, serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub body: Vec<u8>,
    /// Its share among the requests of a weighted mix; 0 leaves it out.
    #[serde(default = "one")]
    pub weight: u32,
    /// In a replay: when it is due, from the start of the run at speed 1.
    #[serde(default)]
    pub at: Option<Duration>,
}

impl Request {
    /// A request without fields or body, of weight 1.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            weight: 1,
            at: None,
        }
    }

    fn check(&self) -> Result<(), Failure> {
        let named = |why: &str| Err(Failure::Plan(format!("request {:?} {:?}: {why}", self.method, self.path)));
        if self.method.is_empty() || !self.method.bytes().all(is_token) {
            return named("the method is no token of letters, digits and !#$%&'*+-.^_`|~");
        }
        if !self.path.starts_with('/') && self.path != "*" {
            return named("the path must begin with /");
        }
        if self.path.bytes().any(|byte| byte <= b' ' || byte >= 0x7f) {
            return named("the path has spaces, control or non-ASCII characters; percent-encode them");
        }
        for (name, value) in &self.headers {
            if name.is_empty() || !name.bytes().all(is_token) {
                return named(&format!("the field name {name:?} is no token"));
            }
            if value.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
                return named(&format!("the value of field {name:?} has line ends or NUL"));
            }
            if name.eq_ignore_ascii_case("transfer-encoding") {
                return named("bodies are sent with Content-Length; leave Transfer-Encoding out");
            }
        }
        if self.body.len() > limits::BODY_BYTES_MAX {
            return named(&format!("the body has more than {} bytes", limits::BODY_BYTES_MAX));
        }
        Ok(())
    }
}

/// What to send: one request or many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mix {
    /// 1 to [`limits::REQUESTS_MAX`].
    pub requests: Vec<Request>,
    /// One after the other, again and again, instead of drawn by weight. A replay is always in order.
    #[serde(default)]
    pub in_order: bool,
}

impl Mix {
    /// The same request always.
    #[must_use]
    pub fn one(request: Request) -> Self {
        Self { requests: vec![request], in_order: false }
    }

    /// Says what cannot be sent.
    ///
    /// # Errors
    /// No request, too many, none with a weight, or one that is no well-formed HTTP/1.1 request.
    pub fn check(&self) -> Result<(), Failure> {
        let count = self.requests.len();
        if count == 0 || count > limits::REQUESTS_MAX {
            let most = limits::REQUESTS_MAX;
            return Err(Failure::Plan(format!("a mix has 1 to {most} requests, not {count}")));
        }
        if !self.in_order && self.requests.iter().all(|request| request.weight == 0) {
            return Err(Failure::Plan("all requests of the mix have weight 0; give one a weight".to_owned()));
        }
        self.requests.iter().try_for_each(Request::check)
    }
}

const fn one() -> u32 {
    1
}

/// RFC 9110 section 5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(|error| D::Error::custom(format!("a body is no base64: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_request_is_refused() {
        let refused = |change: &dyn Fn(&mut Request)| {
            let mut request = Request::new("GET", "/");
            change(&mut request);
            Mix::one(request).check().unwrap_err().to_string()
        };
        assert!(refused(&|request| request.method = "G T".to_owned()).contains("no token"));
        assert!(refused(&|request| request.path = "a".to_owned()).contains("begin with /"));
        assert!(refused(&|request| request.path = "/a b".to_owned()).contains("percent-encode"));
        assert!(refused(&|request| request.headers.push(("a".into(), "b\r\nc: d".into()))).contains("line ends"));
        assert!(refused(&|request| request.headers.push(("a b".into(), String::new()))).contains("no token"));
        assert!(refused(&|request| request.weight = 0).contains("weight"));
        assert!(Mix { requests: Vec::new(), in_order: true }.check().is_err());
        assert!(Mix::one(Request::new("GET", "/?a=b%20c")).check().is_ok());
    }

    #[test]
    fn a_request_survives_json() {
        let mut request = Request::new("POST", "/orders");
        request.body = vec![0, 255, 13, 10];
        request.at = Some(Duration::from_millis(7));
        let text = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), request);
    }
}
