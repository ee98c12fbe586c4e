//! Session tickets: what lets a client resume on any worker, with nothing stored here.
//!
//! A ticket is the session sealed with a key only this node has. The key is replaced every six hours and its predecessor
//! is kept as long again, so a ticket lives six to twelve hours and a stolen memory image opens no older ones. Keys swap
//! through an atomic pointer: no lock, and whoever comes first after the hour makes the new key. A ticket is bound to the
//! way clients are verified: one issued where no certificate was asked for opens nothing where one is required.

use crate::{clock::WallClock, limits::TICKET_KEY_SECONDS};
use arc_swap::ArcSwap;
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    error::Unspecified,
    rand,
};
use rustls::server::ProducesTickets;
use std::{fmt, sync::Arc};

const NAME_BYTES: usize = 8;

/// The node's ticket keys. Clones share them; they outlive a snapshot, so that a reload costs no full handshakes.
#[derive(Clone)]
pub struct Tickets {
    keys: Arc<ArcSwap<Keys>>,
    clock: Arc<dyn WallClock>,
}

#[derive(Clone)]
struct Keys {
    current: Arc<Key>,
    previous: Option<Arc<Key>>,
    /// Seconds since 1970 from which `current` is too old to seal with.
    replace_at: u64,
}

struct Key {
    /// Tells which key a ticket needs. Random, not secret.
    name: [u8; NAME_BYTES],
    cipher: RandomizedNonceKey,
}

impl Key {
    fn random() -> Result<Self, Unspecified> {
        let (mut name, mut secret) = ([0; NAME_BYTES], [0; 32]);
        rand::fill(&mut name)?;
        rand::fill(&mut secret)?;
        Ok(Self { name, cipher: RandomizedNonceKey::new(&AES_256_GCM, &secret)? })
    }

    fn seal(&self, scope: &[u8], session: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let mut sealed = session.to_vec();
        let nonce = self.cipher.seal_in_place_append_tag(Aad::from(scope), &mut sealed)?;
        Ok([&self.name[..], nonce.as_ref(), &sealed].concat())
    }

    fn open(&self, scope: &[u8], ticket: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = ticket.strip_prefix(&self.name)?.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let length = self.cipher.open_in_place(nonce, Aad::from(scope), &mut sealed).ok()?.len();
        sealed.truncate(length);
        Some(sealed)
    }
}

impl Tickets {
    /// New keys, from the system's entropy.
    ///
    /// # Errors
    /// The system has no entropy to give.
    pub fn new(clock: Arc<dyn WallClock>) -> Result<Self, crate::Error> {
        let current = Key::random().map_err(|_| crate::Error::Internal("no entropy for ticket keys".into()))?;
        let replace_at = clock.unix_seconds().saturating_add(TICKET_KEY_SECONDS);
        let keys = Keys { current: Arc::new(current), previous: None, replace_at };
        Ok(Self { keys: Arc::new(ArcSwap::from_pointee(keys)), clock })
    }

    /// The keys for now. Only a ticket's use makes time pass here, so a node without handshakes keeps its keys longer;
    /// what is older than two periods is forgotten at once then.
    fn keys(&self) -> Option<Arc<Keys>> {
        let now = self.clock.unix_seconds();
        let keys = self.keys.load_full();
        if now < keys.replace_at {
            return Some(keys);
        }
        let is_recent = now < keys.replace_at.saturating_add(TICKET_KEY_SECONDS);
        let next = Arc::new(Keys {
            current: Arc::new(Key::random().ok()?),
            previous: is_recent.then(|| keys.current.clone()),
            replace_at: now.saturating_add(TICKET_KEY_SECONDS),
        });
        // Another worker may have been first; then its keys are the node's.
        self.keys.compare_and_swap(&keys, next);
        Some(self.keys.load_full())
    }

    /// These keys, bound to one way of verifying clients.
    pub(crate) fn scoped(&self, scope: Vec<u8>) -> Arc<dyn ProducesTickets> {
        Arc::new(Scoped { tickets: self.clone(), scope })
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tickets")
    }
}

#[derive(Debug)]
struct Scoped {
    tickets: Tickets,
    scope: Vec<u8>,
}

impl ProducesTickets for Scoped {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        2 * TICKET_KEY_SECONDS as u32
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.tickets.keys()?.current.seal(&self.scope, plain).ok()
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let keys = self.tickets.keys()?;
        let candidates = [Some(&keys.current), keys.previous.as_ref()];
        candidates.into_iter().flatten().find_map(|key| key.open(&self.scope, ticket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Debug, Default)]
    struct Hand(AtomicU64);

    impl WallClock for Hand {
        fn unix_seconds(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn at(clock: &Hand, seconds: u64) {
        clock.0.store(seconds, Ordering::Relaxed);
    }

    #[test]
    fn a_ticket_opens_until_its_key_is_replaced_twice() {
        let clock = Arc::new(Hand::default());
        let tickets = Tickets::new(clock.clone()).unwrap();
        let (here, there) = (tickets.scoped(vec![1]), tickets.clone().scoped(vec![1]));
        let ticket = here.encrypt(b"session").unwrap();
        assert_eq!(there.decrypt(&ticket).as_deref(), Some(&b"session"[..]), "workers share the keys");
        at(&clock, TICKET_KEY_SECONDS);
        assert_eq!(there.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_ne!(here.encrypt(b"session").unwrap()[..NAME_BYTES], ticket[..NAME_BYTES], "sealed with a new key");
        at(&clock, 2 * TICKET_KEY_SECONDS);
        assert_eq!(here.decrypt(&ticket), None);
    }

    #[test]
    fn a_quiet_node_forgets_as_much() {
        let clock = Arc::new(Hand::default());
        let tickets = Tickets::new(clock.clone()).unwrap().scoped(vec![]);
        let ticket = tickets.encrypt(b"session").unwrap();
        at(&clock, 10 * TICKET_KEY_SECONDS);
        assert_eq!(tickets.decrypt(&ticket), None);
    }

    #[test]
    fn a_changed_ticket_or_another_scope_opens_nothing() {
        let tickets = Tickets::new(Arc::new(Hand::default())).unwrap();
        let scoped = tickets.scoped(vec![1]);
        let ticket = scoped.encrypt(b"session").unwrap();
        assert_eq!(tickets.scoped(vec![2]).decrypt(&ticket), None, "another way to verify clients");
        for at in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[at] ^= 1;
            assert_eq!(scoped.decrypt(&changed), None, "byte {at}");
            assert_eq!(scoped.decrypt(&ticket[..at]), None, "cut at {at}");
        }
    }
}
