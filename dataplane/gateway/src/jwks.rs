//! Keys of issuers by URL (`jwks_url`): a thread for each URL, which fetches the JWK Set and sleeps.
//!
//! ```text
//! publish -> KeyRegistry::wanted -> follow: fetch -> FetchedKeys::put -> rest, 5 s -> until due, or a token names an unknown key
//!                                     ^ `- failed: the last good keys stay, again after 5 s, 10 s .. 5 min        |
//!                                     `---------------------------------------------------------------------------'
//! ```
//!
//! A thread, since it waits for the issuer with a client that blocks, and no issuer shall wait for another. It ends with the last
//! program that has its keys. Bounds: 64 threads, 10 s and 256 KiB for an answer, a minute to an hour between two. Redirects are not
//! followed: the URL alone says whom to believe.

use crate::{certificates::SystemClock, limits};
use ahash::RandomState;
use crossbeam::channel::{Receiver, RecvTimeoutError};
use std::{sync::Weak, thread::Builder, time::Duration};
use tollgate_model::{KeySet, KeySource};
use tollgate_tls::{WallClock as _, provide_by_default};
use tollgate_worker::{FetchedKeys, KeyRegistry, Wanted};
use ureq::{
    Agent,
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
};

/// Fetches the keys that are new in a registry from now on.
pub(crate) fn begin(registry: &mut KeyRegistry) {
    let (wanted, left) = registry.wanted(limits::JWKS_URLS_MAX);
    if left > 0 {
        let most = limits::JWKS_URLS_MAX;
        eprintln!("tollgate: keys of {left} issuers are not fetched: there are more than {most} of `jwks_url`");
    }
    for Wanted { keys, wake } in wanted {
        let Some(url) = keys.upgrade().map(|keys| keys.source().url.clone()) else { continue };
        let thread = Builder::new().name("tollgate-jwks".to_owned());
        if let Err(error) = thread.spawn(move || follow(&keys, &wake)) {
            eprintln!("tollgate: {url} is not fetched: {error}");
        }
    }
}

/// Keeps keys fresh until nobody has them.
fn follow(keys: &Weak<FetchedKeys>, wake: &Receiver<()>) {
    let mut failures = 0;
    while let Some(known) = keys.upgrade() {
        let url = &known.source().url;
        let pause = match fetch(known.source()) {
            Ok((set, lifetime)) => {
                if failures > 0 {
                    eprintln!("tollgate: {url}: its keys are fetched again");
                }
                failures = 0;
                known.put(set, SystemClock.unix_seconds());
                lifetime
            }
            Err(error) => {
                if failures == 0 {
                    eprintln!("tollgate: {url}: its keys cannot be fetched, the last ones stay: {error}");
                }
                failures += 1;
                known.failed();
                backoff(failures)
            }
        };
        known.allow(false);
        drop(known);
        if !rest(wake) {
            return;
        }
        if let Some(known) = keys.upgrade() {
            known.allow(true);
        }
        let left = spread(pause, RandomState::new().hash_one(0)).saturating_sub(limits::JWKS_REST);
        if wake.recv_timeout(left) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

/// Leaves the issuer alone for a while, whoever asks; `false` when nobody has its keys any more.
fn rest(wake: &Receiver<()>) -> bool {
    let until = tollgate_ring::now() + limits::JWKS_REST;
    loop {
        let left = Duration::from_nanos(until.nanos().saturating_sub(tollgate_ring::now().nanos()));
        match wake.recv_timeout(left) {
            // Of somebody who asked before he was told not to.
            Ok(()) => {}
            Err(error) => return error == RecvTimeoutError::Timeout,
        }
    }
}

/// The keys, and for how long they are fresh.
fn fetch(source: &KeySource) -> Result<(KeySet, Duration), String> {
    provide_by_default();
    let mut tls = TlsConfig::builder();
    if let Some(pem) = &source.authorities {
        let items: Vec<PemItem<'_>> =
            parse_pem(pem.as_bytes()).collect::<Result<_, _>>().map_err(|error| format!("`jwks_ca`: {error}"))?;
        let certificates = items.into_iter().filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        });
        tls = tls.root_certs(RootCerts::from(certificates.collect::<Vec<_>>()));
    }
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .tls_config(tls.build())
        .timeout_global(Some(limits::JWKS_PATIENCE))
        .user_agent("tollgate")
        .build()
        .into();
    let mut response = agent.get(&source.url).call().map_err(|error| error.to_string())?;
    if response.status().as_u16() != 200 {
        return Err(format!("the answer is {} and not 200", response.status().as_u16()));
    }
    let fields = response.headers().get_all("cache-control").iter().filter_map(|value| value.to_str().ok());
    let lifetime = lifetime(fields);
    let body = response.body_mut().with_config().limit(limits::JWKS_BYTES_MAX).read_to_string();
    let set = KeySet::parse(&body.map_err(|error| error.to_string())?, &source.algorithms)?;
    Ok((set, lifetime))
}

/// How long an answer is fresh by its `Cache-Control` (RFC 9111, section 5.2.2), within bounds.
fn lifetime<'f>(fields: impl Iterator<Item = &'f str>) -> Duration {
    let mut found = limits::JWKS_LIFETIME;
    for directive in fields.flat_map(|field| field.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return limits::JWKS_LIFETIME_MIN,
            // A number that is too large is as good as the largest.
            "max-age" => {
                let digits = value.trim().trim_matches('"');
                let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                found = if is_number { Duration::from_secs(digits.parse().unwrap_or(u64::MAX)) } else { found };
            }
            _ => {}
        }
    }
    found.clamp(limits::JWKS_LIFETIME_MIN, limits::JWKS_LIFETIME_MAX)
}

/// The pause after so many failures in a row.
fn backoff(failures: u32) -> Duration {
    let doubled = limits::JWKS_REST.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(limits::JWKS_RETRY_MAX)
}

/// Seven to nine eighths of `time`, so that many nodes do not come together.
fn spread(time: Duration, random: u64) -> Duration {
    time * 7 / 8 + time.mul_f64((random % 1024) as f64 / 4096.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_how_long_it_is_fresh_within_bounds() {
        let of = |fields: &[&str]| lifetime(fields.iter().copied()).as_secs();
        for (fields, expected) in [
            (&[][..], 600),
            (&["public"], 600),
            (&["public, max-age=900, must-revalidate"], 900),
            (&["public", "Max-Age = \"900\""], 900),
            (&["max-age=5"], 60),
            (&["max-age=99999999999999999999999"], 3600),
            (&["max-age=-1"], 600),
            (&["max-age=900, no-store"], 60),
            (&["s-maxage=7"], 600),
        ] {
            assert_eq!(of(fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn an_issuer_that_is_away_is_asked_less_and_less() {
        let pauses: Vec<_> = [1, 2, 3, 7, 8, 100].map(|failures| backoff(failures).as_secs()).into();
        assert_eq!(pauses, [5, 10, 20, 300, 300, 300]);
        let time = Duration::from_secs(800);
        assert_eq!(spread(time, 0).as_secs(), 700);
        assert!((898..900).contains(&spread(time, 1023).as_secs()));
    }
}
