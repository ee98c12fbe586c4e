//! Many things by their text: pages of a few, found by a hash with random keys, since hosts and paths may be chosen by
//! strangers.
//!
//! A table of 100,000 is out of every cache: a lookup pays for one line that says where a page is and holds its marks, and
//! for one entry. Pages stand in a persistent vector, so that copies share them and a change costs one page and the way
//! to it; when they hold [`PAGE_MEAN`] each on average, all are spread over twice as many (`examples/lookup.rs` shows the
//! time). They do not become fewer again.

use imbl::{GenericVector, shared_ptr::DefaultSharedPtr};

use crate::children::{Entry, FEW_MAX, Few};

/// Things a page holds before there are more pages: so few that hardly one of them holds more than has marks.
const PAGE_MEAN: usize = FEW_MAX / 2;

/// Things by their text.
#[derive(Clone)]
pub(crate) struct Pages<N, const TEXT: usize> {
    keys: ahash::RandomState,
    /// A power of two of them.
    pages: GenericVector<Few<N, TEXT>, DefaultSharedPtr>,
    len: usize,
}

impl<N, const TEXT: usize> Pages<N, TEXT> {
    pub(crate) fn get(&self, text: &[u8]) -> Option<&N> {
        let hash = self.keys.hash_one(text);
        self.pages.get(self.page_of(hash))?.get(text, mark_of(hash))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where the page of a hash stands.
    fn page_of(&self, hash: u64) -> usize {
        hash as usize & (self.pages.len() - 1)
    }
}

impl<N: Clone, const TEXT: usize> Pages<N, TEXT> {
    pub(crate) fn of(entries: impl Iterator<Item = Entry<N, TEXT>>) -> Self {
        let (keys, entries) = (ahash::RandomState::new(), entries.collect::<Vec<_>>());
        Self { pages: spread(&entries, &keys), len: entries.len(), keys }
    }

    /// For this copy alone.
    pub(crate) fn get_mut(&mut self, text: &[u8]) -> Option<&mut N> {
        let hash = self.keys.hash_one(text);
        let page = self.page_of(hash);
        self.pages.get_mut(page)?.get_mut(text, mark_of(hash))
    }

    /// Adds a thing whose text is not there.
    pub(crate) fn add(&mut self, new: Entry<N, TEXT>) {
        self.len += 1;
        if self.len > PAGE_MEAN * self.pages.len() {
            let all: Vec<_> = self.pages.iter().flat_map(Few::entries).cloned().chain([new]).collect();
            self.pages = spread(&all, &self.keys);
        } else {
            let page = self.page_of(self.keys.hash_one(&new.text[..]));
            self.change_page(page, |few| few.entries().iter().cloned().chain([new]).collect());
        }
    }

    pub(crate) fn remove(&mut self, text: &[u8]) {
        let page = self.page_of(self.keys.hash_one(text));
        let before = self.pages[page].entries().len();
        self.change_page(page, |few| few.without(text).collect());
        self.len -= before - self.pages[page].entries().len();
    }

    fn change_page(&mut self, page: usize, change: impl FnOnce(&Few<N, TEXT>) -> Vec<Entry<N, TEXT>>) {
        let list = change(&self.pages[page]);
        self.pages.set(page, list_of(list.into_iter(), &self.keys));
    }
}

/// Pages of all entries, with room for as many again.
fn spread<N: Clone, const TEXT: usize>(
    entries: &[Entry<N, TEXT>],
    keys: &ahash::RandomState,
) -> GenericVector<Few<N, TEXT>, DefaultSharedPtr> {
    let count = (2 * entries.len() / PAGE_MEAN).next_power_of_two();
    let mut lists = vec![Vec::new(); count];
    for entry in entries {
        lists[keys.hash_one(&entry.text[..]) as usize & (count - 1)].push(entry);
    }
    lists.into_iter().map(|list| list_of(list.into_iter().cloned(), keys)).collect()
}

fn list_of<N, const TEXT: usize>(
    list: impl Iterator<Item = Entry<N, TEXT>>,
    keys: &ahash::RandomState,
) -> Few<N, TEXT> {
    Few::of(list, |text| mark_of(keys.hash_one(text)))
}

/// The bits of a hash that no page is found by.
const fn mark_of(hash: u64) -> u8 {
    (hash >> 56) as u8
}
