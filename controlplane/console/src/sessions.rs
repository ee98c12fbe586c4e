//! Who is signed in: random tokens that browsers keep in a cookie, known here by their hashes.
//!
//! In memory: a restart signs everybody out, and nothing of a session is ever on disk. A session ends by itself, by signing
//! out, and with the password or the member it was made with, which the admin API looks at with each request. The time is an
//! argument. Of too many, those go first that were idle longest.

use crate::limits::{SESSION_IDLE, SESSION_LIFE, SESSIONS_MAX};
use aws_lc_rs::digest::{SHA256, digest};
use std::{collections::HashMap, time::Duration};
use tollgate_api::SignedIn;
use zeroize::Zeroizing;

/// What the next page says.
#[derive(Clone, Debug)]
pub(crate) enum Notice {
    /// Something was done.
    Done(String),
    /// A credential was issued: its title, id and text, which is shown this once.
    Issued { what: String, id: String, text: Zeroizing<String> },
}

/// Sessions, by the hash of their token.
pub(crate) struct Sessions<M = SignedIn>(HashMap<[u8; 32], Session<M>>);

struct Session<M> {
    member: M,
    began: Duration,
    seen: Duration,
    notice: Option<Notice>,
}

fn hash(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

impl<M> Session<M> {
    fn is_good(&self, now: Duration) -> bool {
        now < self.began + SESSION_LIFE && now < self.seen + SESSION_IDLE
    }
}

impl<M> Default for Sessions<M> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<M: Clone> Sessions<M> {
    pub(crate) fn begin(&mut self, token: &str, member: M, now: Duration) {
        if self.0.len() >= SESSIONS_MAX {
            self.0.retain(|_, session| session.is_good(now));
        }
        if self.0.len() >= SESSIONS_MAX {
            let idle = self.0.iter().min_by_key(|(_, session)| session.seen).map(|(hash, _)| *hash);
            idle.and_then(|hash| self.0.remove(&hash));
        }
        self.0.insert(hash(token), Session { member, began: now, seen: now, notice: None });
    }

    /// Who has this token.
    pub(crate) fn member(&mut self, token: &str, now: Duration) -> Option<M> {
        let hash = hash(token);
        let session = self.0.get_mut(&hash)?;
        if !session.is_good(now) {
            self.0.remove(&hash);
            return None;
        }
        session.seen = now;
        Some(session.member.clone())
    }

    /// Leaves something for the next page.
    pub(crate) fn leave(&mut self, token: &str, notice: Notice) {
        if let Some(session) = self.0.get_mut(&hash(token)) {
            session.notice = Some(notice);
        }
    }

    /// What was left, once.
    pub(crate) fn take(&mut self, token: &str) -> Option<Notice> {
        self.0.get_mut(&hash(token))?.notice.take()
    }

    pub(crate) fn end(&mut self, token: &str) {
        self.0.remove(&hash(token));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn a_session_ends_when_it_is_idle_or_old() {
        let mut sessions = Sessions::default();
        sessions.begin("a", "ann", S);
        assert_eq!((sessions.member("a", S), sessions.member("b", S)), (Some("ann"), None));
        let mut now = S;
        while now < S + SESSION_LIFE - SESSION_IDLE {
            now += SESSION_IDLE / 2;
            assert_eq!(sessions.member("a", now), Some("ann"));
        }
        assert_eq!(sessions.member("a", S + SESSION_LIFE), None, "old");
        sessions.begin("a", "ann", S);
        assert_eq!(sessions.member("a", S + SESSION_IDLE), None, "idle");
        assert_eq!(sessions.member("a", S), None, "it does not come back");
        sessions.begin("a", "ann", S);
        sessions.end("a");
        assert_eq!(sessions.member("a", S), None);
    }

    #[test]
    fn what_is_left_is_taken_once() {
        let mut sessions = Sessions::default();
        sessions.begin("a", "ann", S);
        sessions.leave("a", Notice::Done("made".to_owned()));
        sessions.leave("b", Notice::Done("lost".to_owned()));
        assert!(matches!(sessions.take("a"), Some(Notice::Done(text)) if text == "made"));
        assert!(sessions.take("a").is_none() && sessions.take("b").is_none());
    }

    #[test]
    fn of_too_many_the_idlest_goes() {
        let mut sessions = Sessions::default();
        for at in 0..=SESSIONS_MAX {
            sessions.begin(&at.to_string(), at, S * 10 + Duration::from_millis(at as u64));
        }
        let now = S * 30;
        assert_eq!((sessions.member("0", now), sessions.member("1", now)), (None, Some(1)));
        assert_eq!(sessions.0.len(), SESSIONS_MAX);
    }
}
