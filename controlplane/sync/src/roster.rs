//! What is known of nodes: what each said last, and when.
//!
//! In memory only: after a start of the control plane a node is known again with its next poll. Pure: times are arguments.

use crate::{
    limits::{NODES_MAX, TEXT_CHARS_MAX},
    message::{Health, Poll, Refused},
    position::Position,
};
use std::{collections::BTreeMap, time::Duration};

/// What each node said last, by name.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    nodes: BTreeMap<String, Seen>,
}

/// What a node said last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// When it asked, or was answered; since the Unix epoch.
    pub at: Duration,
    /// Polls of it that wait for an answer.
    pub waiting: u32,
    /// Of its program.
    pub version: String,
    /// What it speaks.
    pub protocol: u32,
    /// What it runs.
    pub has: Option<Position>,
    /// What it has refused, and since when it says so.
    pub refused: Option<(Refused, Duration)>,
    /// How it is.
    pub health: Health,
}

impl Roster {
    /// A node polls.
    pub(crate) fn arrived(&mut self, name: &str, poll: &Poll, now: Duration) {
        if !self.nodes.contains_key(name) && self.nodes.len() >= NODES_MAX {
            // Those that were not seen for longest are those that are gone.
            let oldest = self.nodes.iter().min_by_key(|(_, seen)| seen.at).map(|(name, _)| name.clone());
            oldest.and_then(|oldest| self.nodes.remove(&oldest));
        }
        let seen = self.nodes.entry(name.to_owned()).or_default();
        let short = |text: &str| text.chars().take(TEXT_CHARS_MAX).collect::<String>();
        let refused = poll.refused.as_ref().map(|refused| {
            let refused = Refused { to: refused.to.clone(), why: short(&refused.why) };
            let since = seen.refused.as_ref().filter(|(before, _)| *before == refused).map_or(now, |(_, since)| *since);
            (refused, since)
        });
        *seen = Seen {
            at: now,
            waiting: seen.waiting + 1,
            version: short(&poll.version),
            protocol: poll.protocol,
            has: poll.has.clone(),
            refused,
            health: poll.health,
        };
    }

    /// A poll of it was answered, or has ended otherwise.
    pub(crate) fn left(&mut self, name: &str, now: Duration) {
        if let Some(seen) = self.nodes.get_mut(name) {
            seen.waiting = seen.waiting.saturating_sub(1);
            seen.at = now;
        }
    }

    pub(crate) fn all(&self) -> BTreeMap<String, Seen> {
        self.nodes.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::PROTOCOL;

    #[test]
    fn what_was_refused_is_known_since_it_was_first_said() {
        let mut roster = Roster::default();
        let refused = Refused { to: Position::new(7, 7), why: "x".repeat(TEXT_CHARS_MAX + 1) };
        let mut poll = Poll {
            protocol: PROTOCOL,
            version: "1".to_owned(),
            has: None,
            refused: Some(refused),
            health: Health::default(),
            usage: None,
            wait_ms: 0,
        };
        for second in [1, 2] {
            roster.arrived("a", &poll, Duration::from_secs(second));
            roster.left("a", Duration::from_secs(second));
        }
        let seen = &roster.all()["a"];
        let (said, since) = seen.refused.as_ref().unwrap();
        assert_eq!((said.why.len(), since.as_secs(), seen.at.as_secs(), seen.waiting), (TEXT_CHARS_MAX, 1, 2, 0));
        poll.refused = None;
        roster.arrived("a", &poll, Duration::from_secs(3));
        assert_eq!((roster.all()["a"].refused.clone(), roster.all()["a"].waiting), (None, 1));
    }

    #[test]
    fn who_was_not_seen_for_longest_is_forgotten_first() {
        let mut roster = Roster::default();
        let poll: Poll = serde_json::from_str("{\"protocol\":1}").unwrap();
        for second in 0..=NODES_MAX {
            roster.arrived(&format!("node-{second}"), &poll, Duration::from_secs(second as u64));
        }
        let all = roster.all();
        assert!(all.len() == NODES_MAX && !all.contains_key("node-0") && all.contains_key("node-1"));
    }
}
