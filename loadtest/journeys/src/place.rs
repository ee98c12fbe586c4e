//! Where the journeys lead: a gateway, its control plane, and what stands behind the APIs.
//!
//! Load goes to this machine only, unless somebody says that another is theirs.

use crate::admin::Admin;
use reqwest::Url;
use std::net::{IpAddr, SocketAddr};

/// What the journeys need to know of an installation.
pub(crate) struct Place {
    /// The URL of a listener, without a slash at its end.
    pub(crate) gateway: String,
    pub(crate) admin: Admin,
    pub(crate) origin: SocketAddr,
}

/// Whether load may go to `url`.
pub(crate) fn allowed(url: &str, is_mine: bool) -> Result<(), String> {
    let parsed = Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(format!("{url}: a URL of HTTP is wanted, as http://127.0.0.1:8080"));
    }
    let host = parsed.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    if is_mine || host == "localhost" || address.is_ok_and(|address| address.is_loopback()) {
        return Ok(());
    }
    Err(format!("{url} is not on this machine: load goes there with `--yes-this-host-is-mine`"))
}

/// The token in the text of a file: it alone, or the header field that has it.
pub(crate) fn token(text: &str) -> String {
    let text = text.trim();
    let text = text.strip_prefix("Authorization:").unwrap_or(text).trim_start();
    text.strip_prefix("Bearer ").unwrap_or(text).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_stays_on_this_machine_unless_told() {
        for url in ["http://127.0.0.1:8080", "http://127.8.9.1", "http://[::1]:1/", "https://localhost:8443"] {
            assert_eq!(allowed(url, false), Ok(()), "{url}");
        }
        for url in ["http://10.0.0.1:8080", "http://example.com", "http://localhost.example.com"] {
            assert!(allowed(url, false).unwrap_err().contains("--yes-this-host-is-mine"), "{url}");
            assert_eq!(allowed(url, true), Ok(()), "{url}");
        }
        for url in ["127.0.0.1:8080", "ftp://127.0.0.1", ""] {
            assert!(allowed(url, true).is_err(), "{url}");
        }
    }

    #[test]
    fn a_token_may_stand_in_its_header_field() {
        for text in ["tgt_1\n", "Bearer tgt_1", "Authorization: Bearer tgt_1\n"] {
            assert_eq!(token(text), "tgt_1");
        }
    }
}
