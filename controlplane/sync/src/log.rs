//! What was compiled, one change after the other, for consumers that are not all equally far.
//!
//! ```text
//! compiler -> push(delta) ->  [from -> .. -> .. -> head]  -> since(where a consumer is): nothing, one patch, or all anew
//! ```
//!
//! Nothing is kept for a single consumer: how far it is, it says itself. At most [`LOG_DELTAS_MAX`] changes of
//! [`LOG_BYTES_MAX`] bytes are remembered; the oldest are forgotten. Pure: times are arguments.

use crate::{
    limits::{LOG_BYTES_MAX, LOG_DELTAS_MAX},
    message::Delta,
    patch::Patch,
    position::Position,
};
use std::{collections::VecDeque, time::Duration};

/// The changes that are remembered.
#[derive(Debug, Default)]
pub(crate) struct Log {
    head: Option<Position>,
    /// Everything up to this change of the store is in the head.
    covered: u64,
    entries: VecDeque<Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    from: Position,
    /// Everything up to this change of the store is in `from`.
    covered: u64,
    /// When it was compiled, since the Unix epoch.
    at: Duration,
    patch: Patch,
    bytes: usize,
}

/// What somebody lacks.
#[derive(Debug)]
pub enum Lack {
    /// Nothing.
    Nothing,
    /// This.
    Delta(Delta),
    /// Nobody knows: everything has to be sent.
    Everything,
}

/// How far behind somebody is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Behind {
    /// Changes of the store; some of them may concern no node.
    pub generations: u64,
    /// Since the first change that is lacking was compiled. `None`: not remembered.
    pub since: Option<Duration>,
}

impl Log {
    /// The newest. `None`: nothing was compiled yet.
    pub(crate) const fn head(&self) -> Option<&Position> {
        self.head.as_ref()
    }

    /// Goes on to `to`, by `patch`. `covered`: up to which change of the store everything is in there. Without a head, or
    /// with nothing in the patch, only that is noted. Tells whether the head is another one.
    pub(crate) fn push(&mut self, to: Position, patch: Patch, covered: u64, now: Duration) -> bool {
        let before = self.covered;
        self.covered = covered;
        let Some(from) = self.head.clone() else { return false };
        if patch.is_empty() {
            return false;
        }
        let bytes = patch.bytes();
        self.bytes += bytes;
        self.entries.push_back(Entry { from, covered: before, at: now, patch, bytes });
        self.head = Some(to);
        while self.bytes > LOG_BYTES_MAX || self.entries.len() > LOG_DELTAS_MAX {
            self.bytes -= self.entries.pop_front().map_or(self.bytes, |entry| entry.bytes);
        }
        true
    }

    /// Begins anew at `head`: what leads there from anywhere is not known.
    pub(crate) fn reset(&mut self, head: Position, covered: u64) {
        *self = Self { head: Some(head), covered, ..Self::default() };
    }

    /// What somebody lacks who is at `has`.
    pub(crate) fn since(&self, has: &Position) -> Lack {
        let Some(head) = &self.head else { return Lack::Nothing };
        if head.is_same(has) {
            return Lack::Nothing;
        }
        let Some(first) = self.find(has) else { return Lack::Everything };
        let patches = self.entries.range(first..).map(|entry| entry.patch.clone());
        let patch = patches.reduce(Patch::then).unwrap_or_default();
        Lack::Delta(Delta { from: Some(has.clone()), to: head.clone(), patch })
    }

    /// Up to which change of the store everything is in `has`. `None`: not known.
    pub(crate) fn covers(&self, has: &Position) -> Option<u64> {
        if self.head.as_ref().is_some_and(|head| head.is_same(has)) {
            return Some(self.covered);
        }
        self.find(has).map(|at| self.entries[at].covered)
    }

    /// How far behind somebody is who is at `has`, or has nothing. `None`: not at all.
    pub(crate) fn behind(&self, has: Option<&Position>) -> Option<Behind> {
        let head = self.head.as_ref()?;
        match has {
            Some(has) if head.is_same(has) => None,
            Some(has) => Some(Behind {
                generations: head.generation.saturating_sub(has.generation),
                since: self.find(has).map(|at| self.entries[at].at),
            }),
            None => Some(Behind { generations: head.generation, since: None }),
        }
    }

    /// The entry that goes on from `has`. Most are near the end.
    fn find(&self, has: &Position) -> Option<usize> {
        self.entries.iter().rposition(|entry| entry.from == *has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(generation: u64) -> Position {
        Position::new(generation, generation)
    }

    fn patch(name: &str, bytes: usize) -> Patch {
        let mut patch = Patch::default();
        patch.set("routes", name.to_owned(), format!("\"{}\"", "x".repeat(bytes))).unwrap();
        patch
    }

    fn second(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// At 10, then `a` at 20 and `b` at 30; the store is at 35.
    fn log() -> Log {
        let mut log = Log::default();
        assert!(matches!(log.since(&at(1)), Lack::Nothing));
        log.reset(at(10), 10);
        assert!(!log.push(at(15), Patch::default(), 15, second(1)));
        assert!(log.push(at(20), patch("a", 1), 20, second(2)));
        assert!(log.push(at(30), patch("b", 1), 30, second(3)));
        assert!(!log.push(at(35), Patch::default(), 35, second(4)));
        log
    }

    fn names(lack: Lack) -> Option<(Vec<String>, u64)> {
        let Lack::Delta(delta) = lack else { return None };
        Some((delta.patch.changed["routes"].keys().cloned().collect(), delta.to.generation))
    }

    #[test]
    fn each_gets_what_it_lacks() {
        let log = log();
        assert_eq!(names(log.since(&at(10))), Some((vec!["a".to_owned(), "b".to_owned()], 30)));
        assert_eq!(names(log.since(&at(20))), Some((vec!["b".to_owned()], 30)));
        assert!(matches!(log.since(&at(30)), Lack::Nothing));
        // The same things under another number, and another history with the same number.
        assert!(matches!(log.since(&Position::new(7, 30)), Lack::Nothing));
        assert!(matches!(log.since(&Position::new(20, 99)), Lack::Everything));
    }

    #[test]
    fn what_a_position_covers_is_known_also_where_changes_concern_no_node() {
        let log = log();
        let covered = [10, 15, 20, 30].map(|generation| log.covers(&at(generation)));
        assert_eq!(covered, [Some(15), None, Some(20), Some(35)]);
        assert_eq!(log.behind(Some(&at(10))), Some(Behind { generations: 20, since: Some(second(2)) }));
        assert_eq!(log.behind(Some(&at(30))), None);
        assert_eq!(log.behind(Some(&at(3))), Some(Behind { generations: 27, since: None }));
        assert_eq!(log.behind(None), Some(Behind { generations: 30, since: None }));
        assert_eq!(Log::default().behind(None), None);
    }

    #[test]
    fn it_remembers_only_so_much() {
        let mut log = log();
        for generation in 100..140 {
            log.push(at(generation), patch("big", 1 << 20), generation, second(9));
        }
        assert!(log.bytes <= LOG_BYTES_MAX && log.bytes > LOG_BYTES_MAX / 2);
        assert!(matches!(log.since(&at(30)), Lack::Everything));
        assert!(matches!(log.since(&at(138)), Lack::Delta(_)));
        // More than fits by itself is forgotten as well, and the head stays right.
        log.push(at(200), patch("huge", LOG_BYTES_MAX + 1), 200, second(9));
        assert!((log.bytes, log.entries.len()) == (0, 0) && matches!(log.since(&at(200)), Lack::Nothing));
    }
}
