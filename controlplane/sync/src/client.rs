//! The node's HTTP: one message after the other over a connection that is kept.
//!
//! Plain or in TLS, as the URL says. How long a whole answer to a poll takes is not bounded, since everything may be large, but each
//! piece of it is. A token is sent to the address of the URL alone: redirects are not followed.

use crate::{
    limits::{ANSWER_BYTES_MAX, CONNECT, SLACK},
    message::{Answer, PATH, Poll},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt, io, time::Duration};
use ureq::{
    Agent, Body,
    http::{Request, Response, Uri},
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
};

/// Where a control plane is, and what lets a node in.
#[derive(Clone)]
pub struct Access {
    /// `http` or `https`, with a host and nothing behind it.
    url: String,
    /// Whether it is `https`.
    pub(crate) is_tls: bool,
    /// Host and port.
    pub(crate) authority: String,
    /// Of the node.
    token: String,
    /// PEM of the authorities to trust. `None`: those that browsers trust.
    authorities: Option<Vec<u8>>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody answers, or not to the end.
    Unreachable(String),
    /// The control plane does not let this node in, or does not understand it.
    Refused(String),
}

impl Access {
    /// Reads `url`.
    ///
    /// # Errors
    /// It is none of a control plane, or `authorities` has no certificate: what is wrong and what to write.
    pub fn new(url: &str, token: String, authorities: Option<Vec<u8>>) -> Result<Self, String> {
        let remedy = "write `https://control.example.com` or `http://127.0.0.1:8090`";
        let uri: Uri = url.parse().map_err(|error| format!("`{url}` is no URL ({error}): {remedy}"))?;
        let port = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return Err(format!("`{url}` is neither http nor https: {remedy}")),
        };
        let host =
            uri.host().filter(|host| !host.is_empty()).ok_or_else(|| format!("`{url}` has no host: {remedy}"))?;
        let has_more = !matches!(uri.path(), "" | "/") || uri.query().is_some();
        if has_more || uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(format!("`{url}` has more than scheme, host and port: {remedy}"));
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) || token.is_empty() {
            return Err("the token is none: it is what `tollgate nodes add NAME` has printed".to_owned());
        }
        let access = Self {
            url: url.trim_end_matches('/').to_owned(),
            is_tls: port == 443,
            authority: format!("{host}:{}", uri.port_u16().unwrap_or(port)),
            token,
            authorities,
        };
        access.certificates().map(|_| access)
    }

    /// Whether the token can be read on its way.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let host = self.authority.rsplit_once(':').map_or("", |(host, _)| host);
        let is_here = host == "localhost"
            || host.trim_matches(['[', ']']).parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        !self.is_tls && !is_here
    }

    fn certificates(&self) -> Result<Option<Vec<Certificate<'static>>>, String> {
        let Some(pem) = &self.authorities else { return Ok(None) };
        let mut found = Vec::new();
        for item in parse_pem(pem) {
            if let PemItem::Certificate(certificate) = item.map_err(|error| format!("the authorities: {error}"))? {
                found.push(certificate);
            }
        }
        if found.is_empty() {
            Err("the authorities: there is no certificate in PEM".to_owned())
        } else {
            Ok(Some(found))
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Talks to a control plane.
pub(crate) struct Client {
    access: Access,
    agent: Agent,
}

impl Client {
    pub(crate) fn new(access: Access) -> Self {
        let mut tls = TlsConfig::builder();
        if let Ok(Some(certificates)) = access.certificates() {
            tls = tls.root_certs(RootCerts::from(certificates));
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .tls_config(tls.build())
            .timeout_connect(Some(CONNECT))
            .timeout_send_request(Some(SLACK))
            .timeout_send_body(Some(SLACK))
            .timeout_per_read(Some(SLACK))
            .build();
        Self { access, agent: agent.into() }
    }

    /// Where that is.
    pub(crate) fn url(&self) -> &str {
        &self.access.url
    }

    /// Says `poll` and waits for the answer.
    pub(crate) fn poll(&self, poll: &Poll) -> Result<Answer, Failure> {
        let wait = Duration::from_millis(poll.wait_ms) + SLACK;
        let request = self.request(PATH, poll)?;
        let request = self
            .agent
            .configure_request(request)
            .timeout_recv_response(Some(wait))
            .timeout_per_read(Some(wait))
            .build();
        read(self.agent.run(request).map_err(unreachable)?, ANSWER_BYTES_MAX)
    }

    /// Says something that is answered at once, with all of the answer before `deadline`.
    pub(crate) fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        message: &impl Serialize,
        deadline: Duration,
        bytes_max: u64,
    ) -> Result<T, Failure> {
        let request = self.request(path, message)?;
        let request = self.agent.configure_request(request).timeout_global(Some(deadline)).build();
        read(self.agent.run(request).map_err(unreachable)?, bytes_max)
    }

    fn request(&self, path: &str, message: &impl Serialize) -> Result<Request<Vec<u8>>, Failure> {
        let body = serde_json::to_vec(message).map_err(unreachable)?;
        Request::post(format!("{}{path}", self.access.url))
            .header("Authorization", format!("Bearer {}", self.access.token))
            .header("Content-Type", "application/json")
            .body(body)
            .map_err(unreachable)
    }
}

fn unreachable(error: impl fmt::Display) -> Failure {
    Failure::Unreachable(error.to_string())
}

/// What an answer says, of `bytes_max` at most.
fn read<T: DeserializeOwned>(mut response: Response<Body>, bytes_max: u64) -> Result<T, Failure> {
    let status = response.status();
    let mut reader = response.body_mut().with_config().limit(bytes_max).reader();
    if !status.is_success() {
        return Err(refusal(status.as_u16(), reader));
    }
    let mut text = Vec::new();
    io::Read::read_to_end(&mut reader, &mut text).map_err(unreachable)?;
    serde_json::from_slice(&text)
        .map_err(|error| Failure::Refused(format!("the answer is none of a control plane: {error}")))
}

/// What a problem document says, or at least its status.
fn refusal(status: u16, reader: impl io::Read) -> Failure {
    let problem: Option<serde_json::Value> = serde_json::from_reader(io::Read::take(reader, 64 << 10)).ok();
    let detail = problem.as_ref().and_then(|problem| problem["detail"].as_str()).unwrap_or("it does not say why");
    let said = format!("{status}: {detail}");
    if status >= 500 { Failure::Unreachable(said) } else { Failure::Refused(said) }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "the control plane does not answer: {why}"),
            Self::Refused(why) => write!(f, "the control plane refuses this node: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_place_and_nothing_more() {
        let read = |url: &str| Access::new(url, "tgn_edge_1".to_owned(), None);
        for (url, authority, is_tls, is_open) in [
            ("http://127.0.0.1:8090", "127.0.0.1:8090", false, false),
            ("http://localhost/", "localhost:80", false, false),
            ("http://[::1]:9", "[::1]:9", false, false),
            ("http://10.0.0.7:8090", "10.0.0.7:8090", false, true),
            ("https://control.example.com", "control.example.com:443", true, false),
        ] {
            let access = read(url).unwrap();
            assert_eq!((access.authority.as_str(), access.is_tls, access.is_open()), (authority, is_tls, is_open));
            assert!(!format!("{access:?}").contains("tgn_"));
        }
        for url in ["", "control", "ftp://a", "http://", "http://a/b", "http://a?b", "http://u:p@a", "http://a b"] {
            assert!(read(url).is_err(), "{url}");
        }
        assert!(Access::new("http://a", "with space".to_owned(), None).is_err());
        assert!(Access::new("https://a", "t".to_owned(), Some(b"no certificate".to_vec())).is_err());
    }
}
