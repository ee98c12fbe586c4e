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
const FEW_MAX: usize = 8;

/// Things by their text; copies share them.
#[derive(Clone, Default)]
pub(crate) enum Children<N> {
    #[default]
    None,
    Few(Arc<[(Text, N)]>),
    Many(Map<N>),
}

impl<N> Children<N> {
    pub(crate) fn get(&self, text: &[u8]) -> Option<&N> {
        match self {
            Self::None => None,
            Self::Few(list) => list.iter().find(|(known, _)| **known == *text).map(|(_, node)| node),
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
            Self::Few(list) => {
                let list = Arc::make_mut(list);
                let at = list.iter().position(|(known, _)| **known == *text).unwrap_or_default();
                &mut list[at].1
            }
            Self::Many(map) => map.entry(Text::from_slice(text)).or_default(),
            Self::None => unreachable!("a text has just been added"),
        }
    }

    fn add(&mut self, text: Text) {
        let new = (text, N::default());
        *self = match std::mem::take(self) {
            Self::None => Self::Few(Arc::from([new])),
            Self::Few(list) if list.len() < FEW_MAX => Self::Few(list.iter().cloned().chain([new]).collect()),
            Self::Few(list) => Self::Many(list.iter().cloned().chain([new]).collect()),
            Self::Many(mut map) => {
                map.insert(new.0, new.1);
                Self::Many(map)
            }
        };
    }

    pub(crate) fn remove(&mut self, text: &[u8]) {
        match self {
            Self::None => {}
            Self::Few(list) => {
                let left: Vec<_> = list.iter().filter(|(known, _)| **known != *text).cloned().collect();
                *self = if left.is_empty() { Self::None } else { Self::Few(left.into()) };
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
