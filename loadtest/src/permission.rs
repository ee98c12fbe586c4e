//! Where load may go: to this machine's loopback, and anywhere else only if the user says that the host is theirs.
//!
//! The name is looked up once, before, and a run connects to no other address than those that were judged here.

use crate::load::{Failure, Target};
use std::fmt;

/// Why no load goes to a target.
#[derive(Debug)]
pub enum Refusal {
    /// It has no address.
    Unknown(Failure),
    /// It is not this machine, and nobody said that it may be loaded.
    NotLoopback(Target),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(failure) => failure.fmt(f),
            Self::NotLoopback(target) => write!(
                f,
                "{} is not the loopback of this machine, and nothing was sent: load on a host without its owner's consent is \
                 an attack; if it is yours, say --yes-this-host-is-mine",
                target.host
            ),
        }
    }
}

impl std::error::Error for Refusal {}

/// Looks `target` up and says whether load may go there.
///
/// # Errors
/// It has no address, or one that is not loopback while `any_host` is false.
pub fn permit(target: &mut Target, any_host: bool) -> Result<(), Refusal> {
    target.resolve().map_err(Refusal::Unknown)?;
    if any_host || target.is_loopback() { Ok(()) } else { Err(Refusal::NotLoopback(target.clone())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_stays_on_loopback_unless_it_is_said() {
        let permitted = |url: &str, any_host| permit(&mut Target::parse(url).unwrap().0, any_host);
        for url in ["http://127.0.0.1", "http://127.9.9.9:80", "http://[::1]", "http://[::ffff:127.0.0.1]"] {
            assert!(permitted(url, false).is_ok(), "{url}");
        }
        for url in ["http://192.0.2.1", "http://0.0.0.0", "http://[2001:db8::1]", "http://[::ffff:192.0.2.1]"] {
            let refusal = permitted(url, false).unwrap_err().to_string();
            assert!(refusal.contains("--yes-this-host-is-mine"), "{url}: {refusal}");
            assert!(permitted(url, true).is_ok(), "{url}");
        }
    }
}
