//! What is below a node, by text: hosts below a table, segments below a path.
//!
//! Few stand in a list, which is one piece of memory; many in [`crate::pages`]. In a large table the cost of a lookup is the
//! memory it touches for the first time, so an entry begins with a cache line, and a text of at most `TEXT` bytes lies in it.

use smallvec::SmallVec;
use std::sync::Arc;

use crate::pages::Pages;

/// Beyond these a list is not faster than pages.
pub(crate) const FEW_MAX: usize = 16;

/// Things by their text; copies share them.
#[derive(Clone, Default)]
pub(crate) enum Children<N, const TEXT: usize> {
    #[default]
    None,
    Few(Few<N, TEXT>),
    Many(Box<Pages<N, TEXT>>),
}

/// A thing and its text.
#[derive(Clone)]
#[repr(align(64))]
pub(crate) struct Entry<N, const TEXT: usize> {
    pub(crate) text: SmallVec<[u8; TEXT]>,
    thing: N,
}

/// A list, and a mark of each text: most that are not the one are told apart without being looked at.
#[derive(Clone)]
pub(crate) struct Few<N, const TEXT: usize> {
    /// Of the first ones, which nearly always are all.
    marks: [u8; FEW_MAX],
    list: Arc<[Entry<N, TEXT>]>,
}

impl<N, const TEXT: usize> Few<N, TEXT> {
    /// `mark` tells texts apart, and must always say the same of the same.
    pub(crate) fn of(list: impl Iterator<Item = Entry<N, TEXT>>, mark: impl Fn(&[u8]) -> u8) -> Self {
        let list: Arc<[Entry<N, TEXT>]> = list.collect();
        let mut marks = [0; FEW_MAX];
        for (place, entry) in marks.iter_mut().zip(&*list) {
            *place = mark(&entry.text);
        }
        Self { marks, list }
    }

    pub(crate) fn entries(&self) -> &[Entry<N, TEXT>] {
        &self.list
    }

    /// The thing under `text`, whose mark is `mark`.
    pub(crate) fn get(&self, text: &[u8], mark: u8) -> Option<&N> {
        self.position(text, mark).map(|at| &self.list[at].thing)
    }

    fn position(&self, text: &[u8], mark: u8) -> Option<usize> {
        let has_text = |at: &usize| self.list[*at].text[..] == *text;
        let marked = self.marks.iter().zip(0..self.list.len()).filter(|(known, _)| **known == mark);
        marked.map(|(_, at)| at).find(has_text).or_else(|| (FEW_MAX..self.list.len()).find(has_text))
    }
}

impl<N: Clone, const TEXT: usize> Few<N, TEXT> {
    /// For this copy alone.
    pub(crate) fn get_mut(&mut self, text: &[u8], mark: u8) -> Option<&mut N> {
        self.position(text, mark).map(|at| &mut Arc::make_mut(&mut self.list)[at].thing)
    }

    /// All of it but one.
    pub(crate) fn without(&self, text: &[u8]) -> impl Iterator<Item = Entry<N, TEXT>> {
        self.list.iter().filter(move |entry| entry.text[..] != *text).cloned()
    }
}

impl<N: Default, const TEXT: usize> Entry<N, TEXT> {
    pub(crate) fn new(text: &[u8]) -> Self {
        Self { text: SmallVec::from_slice(text), thing: N::default() }
    }
}

/// Texts in one place often begin alike; they differ in length or towards their end.
fn mark_of(text: &[u8]) -> u8 {
    let last = text.last_chunk::<2>().map_or(0, |[a, b]| a.wrapping_mul(31) ^ b.wrapping_mul(7));
    last ^ (text.len() as u8).wrapping_mul(101) ^ text.first().copied().unwrap_or(0)
}

impl<N, const TEXT: usize> Children<N, TEXT> {
    pub(crate) fn get(&self, text: &[u8]) -> Option<&N> {
        match self {
            Self::None => None,
            Self::Few(few) => few.get(text, mark_of(text)),
            Self::Many(pages) => pages.get(text),
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }
}

impl<N: Clone + Default, const TEXT: usize> Children<N, TEXT> {
    /// The thing under a text, a new one if there is none, for this copy alone.
    pub(crate) fn change(&mut self, text: &[u8]) -> &mut N {
        if self.get(text).is_none() {
            self.add(text);
        }
        let found = match self {
            Self::None => None,
            Self::Few(few) => few.get_mut(text, mark_of(text)),
            Self::Many(pages) => pages.get_mut(text),
        };
        found.expect("a text that was not there has just been added")
    }

    fn add(&mut self, text: &[u8]) {
        let new = Entry::new(text);
        *self = match std::mem::take(self) {
            Self::None => Self::Few(Few::of([new].into_iter(), mark_of)),
            Self::Few(few) => {
                let all = few.list.iter().cloned().chain([new]);
                if few.list.len() < FEW_MAX {
                    Self::Few(Few::of(all, mark_of))
                } else {
                    Self::Many(Box::new(Pages::of(all)))
                }
            }
            Self::Many(mut pages) => {
                pages.add(new);
                Self::Many(pages)
            }
        };
    }

    pub(crate) fn remove(&mut self, text: &[u8]) {
        let is_empty = match self {
            Self::None => true,
            Self::Few(few) => {
                *few = Few::of(few.without(text), mark_of);
                few.list.is_empty()
            }
            Self::Many(pages) => {
                pages.remove(text);
                pages.is_empty()
            }
        };
        if is_empty {
            *self = Self::None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_are_found_and_forgotten_alike() {
        const COUNT: u32 = 1_000;
        let mut children = Children::<u32, 4>::default();
        let text = |number: u32| format!("p{number}").into_bytes();
        for count in 0..COUNT {
            assert_eq!(children.get(&text(count)), None);
            *children.change(&text(count)) = count;
            let from = count.saturating_sub(3 * FEW_MAX as u32);
            assert!((from..=count).all(|number| children.get(&text(number)) == Some(&number)), "{count}");
        }
        let before = children.clone();
        for count in 0..COUNT {
            *children.change(&text(count)) += COUNT;
            assert_eq!(children.get(&text(count)), Some(&(COUNT + count)));
            children.remove(&text(count));
            assert_eq!(children.get(&text(count)), None);
        }
        assert!(children.is_empty());
        assert!((0..COUNT).all(|number| before.get(&text(number)) == Some(&number)));
    }
}
