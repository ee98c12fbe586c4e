//! What is below a node, by text: hosts below a table, segments below a path.
//!
//! Few stand in a list, which is one piece of memory; many in a persistent map, with random keys, since hosts and paths may be
//! chosen by strangers. Texts lie in the entries as far as they are short: in a large table the cost of a lookup is the
//! memory it touches for the first time.

use imbl::{GenericHashMap, shared_ptr::DefaultSharedPtr};
use smallvec::SmallVec;
use std::sync::Arc;

/// A text of up to 24 bytes needs no memory of its own.
type Text = SmallVec<[u8; 24]>;
type Map<V> = GenericHashMap<Text, V, ahash::RandomState, DefaultSharedPtr>;

/// Beyond these a list is not faster than a map.
const FEW_MAX: usize = 16;

/// Things by their text; copies share them.
#[derive(Clone, Default)]
pub(crate) enum Children<N> {
    #[default]
    None,
    Few(Few<N>),
    Many(Map<N>),
}

/// A list, and a mark of each text: most that are not the one are told apart without being looked at.
#[derive(Clone)]
pub(crate) struct Few<N> {
    marks: [u8; FEW_MAX],
    list: Arc<[(Text, N)]>,
}

impl<N> Few<N> {
    fn of(list: impl Iterator<Item = (Text, N)>) -> Self {
        let list: Arc<[(Text, N)]> = list.collect();
        let mut marks = [0; FEW_MAX];
        for (mark, (text, _)) in marks.iter_mut().zip(&*list) {
            *mark = mark_of(text);
        }
        Self { marks, list }
    }

    fn position(&self, text: &[u8]) -> Option<usize> {
        let mark = mark_of(text);
        let alike = self.marks.iter().zip(&*self.list).map(|(known, (text, _))| (*known, text));
        alike.enumerate().find(|(_, (known, other))| *known == mark && other[..] == *text).map(|(at, _)| at)
    }
}

/// Texts in one place often begin alike; they differ in length or towards their end.
fn mark_of(text: &[u8]) -> u8 {
    let last = text.last_chunk::<2>().map_or(0, |[a, b]| a.wrapping_mul(31) ^ b.wrapping_mul(7));
    last ^ (text.len() as u8).wrapping_mul(101) ^ text.first().copied().unwrap_or(0)
}

impl<N> Children<N> {
    pub(crate) fn get(&self, text: &[u8]) -> Option<&N> {
        match self {
            Self::None => None,
            Self::Few(few) => few.position(text).map(|at| &few.list[at].1),
            Self::Many(map) => map.get(text),
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }
}

impl<N: Clone + Default> Children<N> {
    /// The thing under a text, a new one if there is none, for this copy alone.
    pub(crate) fn change(&mut self, text: &[u8]) -> &mut N {
        if self.get(text).is_none() {
            self.add(Text::from_slice(text));
        }
        match self {
            Self::Few(few) => {
                let at = few.position(text).unwrap_or_default();
                &mut Arc::make_mut(&mut few.list)[at].1
            }
            Self::Many(map) => map.entry(Text::from_slice(text)).or_default(),
            Self::None => unreachable!("a text has just been added"),
        }
    }

    fn add(&mut self, text: Text) {
        let new = (text, N::default());
        *self = match std::mem::take(self) {
            Self::None => Self::Few(Few::of([new].into_iter())),
            Self::Few(few) if few.list.len() < FEW_MAX => Self::Few(Few::of(few.list.iter().cloned().chain([new]))),
            Self::Few(few) => Self::Many(few.list.iter().cloned().chain([new]).collect()),
            Self::Many(mut map) => {
                map.insert(new.0, new.1);
                Self::Many(map)
            }
        };
    }

    pub(crate) fn remove(&mut self, text: &[u8]) {
        match self {
            Self::None => {}
            Self::Few(few) => {
                let mut left = few.list.iter().filter(|(known, _)| **known != *text).cloned().peekable();
                *self = if left.peek().is_some() { Self::Few(Few::of(left)) } else { Self::None };
            }
            Self::Many(map) => {
                map.remove(text);
                if map.is_empty() {
                    *self = Self::None;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_are_found_and_forgotten_alike() {
        let mut children = Children::<u32>::default();
        let text = |number: u32| format!("p{number}").into_bytes();
        for count in 0..3 * FEW_MAX as u32 {
            assert_eq!(children.get(&text(count)), None);
            *children.change(&text(count)) = count;
            assert!((0..=count).all(|number| children.get(&text(number)) == Some(&number)), "{count}");
        }
        let before = children.clone();
        for count in 0..3 * FEW_MAX as u32 {
            children.remove(&text(count));
            assert_eq!(children.get(&text(count)), None);
        }
        assert!(children.is_empty() && before.get(&text(7)) == Some(&7));
    }
}
