//! The two cookies: `session` of who is signed in, `visit` before that, which forms are proved with.
//!
//! Neither is for scripts (HttpOnly). Both are SameSite=Lax and not Strict: with Strict whoever follows a link from a mail to a
//! page would be asked to sign in although they are. Behind https they are Secure and have the prefix `__Host-`, so that no other host can
//! set them; the names differ, so that what came over http is none over https.

use axum::http::{HeaderMap, header};
use std::time::Duration;

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    Session,
    Visit,
}

impl Cookie {
    const fn name(self, is_https: bool) -> &'static str {
        match (self, is_https) {
            (Self::Session, false) => "tollgate_session",
            (Self::Session, true) => "__Host-tollgate_session",
            (Self::Visit, false) => "tollgate_visit",
            (Self::Visit, true) => "__Host-tollgate_visit",
        }
    }

    /// Its value in a request. One that is there twice is none.
    pub(crate) fn of(self, headers: &HeaderMap, is_https: bool) -> Option<String> {
        let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut found = pairs.filter(|(name, _)| *name == self.name(is_https)).map(|(_, value)| value);
        let value = found.next()?;
        (found.next().is_none() && crate::proofs::is_token(value)).then(|| value.to_owned())
    }

    /// `Set-Cookie` with this value; empty takes it away.
    pub(crate) fn set(self, value: &str, is_https: bool, life: Duration) -> String {
        let secure = if is_https { "; Secure" } else { "" };
        let life = if value.is_empty() { 0 } else { life.as_secs() };
        let name = self.name(is_https);
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={life}{secure}")
    }
}

/// Whether the browser came over https, as far as the proxy in front says. Who lies to us about it only harms themselves.
pub(crate) fn is_https(headers: &HeaderMap) -> bool {
    let field = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = |text: &str| text.split(',').next().unwrap_or_default().trim().to_ascii_lowercase();
    let forwarded = first(field("forwarded"));
    let said = forwarded.split(';').map(str::trim).any(|pair| matches!(pair, "proto=https" | "proto=\"https\""));
    said || first(field("x-forwarded-proto")) == "https"
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn a_cookie_is_found_by_its_name_once() {
        let token = "a".repeat(43);
        let found = |line: String, is_https| Cookie::Session.of(&headers(&[("cookie", &line)]), is_https);
        assert_eq!(found(format!("x=1; tollgate_session={token}"), false), Some(token.clone()));
        assert_eq!(found(format!("tollgate_session={token}"), true), None);
        assert_eq!(found(format!("tollgate_session={token}; tollgate_session={token}"), false), None);
        assert_eq!(found("tollgate_session=<script>".to_owned(), false), None);
        let set = Cookie::Session.set(&token, true, Duration::from_secs(60));
        let wanted = "; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure";
        assert_eq!(set, format!("__Host-tollgate_session={token}{wanted}"));
        assert!(Cookie::Visit.set("", false, Duration::from_secs(60)).contains("Max-Age=0"));
    }

    #[test]
    fn https_is_what_the_proxy_in_front_says() {
        for (name, value, is) in [
            ("x-forwarded-proto", "https", true),
            ("x-forwarded-proto", "HTTPS, http", true),
            ("x-forwarded-proto", "http", false),
            ("forwarded", "for=1.2.3.4;proto=https, for=10.0.0.1;proto=http", true),
            ("forwarded", "for=1.2.3.4", false),
        ] {
            assert_eq!(is_https(&headers(&[(name, value)])), is, "{value}");
        }
        assert!(!is_https(&HeaderMap::new()));
    }
}
