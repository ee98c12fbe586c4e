//! A persistent index: from a hash to applications.
//!
//! 4096 pages by the first bits of the hash, each a sorted list: 16 bytes for an entry, and what changes is one page and the
//! way to it. With a million entries a page has about 250, which is 4 KiB to copy and eight steps to search. A page that no
//! copy shares is changed where it lies, so that filling an index copies nothing. No room is kept for more than a sixteenth
//! of what there is.

use std::sync::{Arc, LazyLock};

use imbl::Vector;

use crate::Application;

const PAGES: usize = 4096;
/// Bits of a hash below those that name its page.
const SHIFT: u32 = 64 - PAGES.ilog2();

type Page = Arc<Vec<(u64, Application)>>;

/// Applications by hashes; one may stand under several, and several under one.
#[derive(Clone, Default)]
pub(crate) struct Index {
    /// None as long as nothing was put in.
    pages: Vector<Page>,
}

static EMPTY: LazyLock<Page> = LazyLock::new(Page::default);

impl Index {
    fn page(hash: u64) -> usize {
        (hash >> SHIFT) as usize
    }

    /// What stands under a hash.
    pub(crate) fn get(&self, hash: u64) -> impl Iterator<Item = &Application> {
        let page = self.pages.get(Self::page(hash)).map_or(&[][..], |page| page);
        let begin = page.partition_point(|(known, _)| *known < hash);
        page[begin..].iter().take_while(move |(known, _)| *known == hash).map(|(_, application)| application)
    }

    pub(crate) fn insert(&mut self, hash: u64, application: &Application) {
        if self.pages.is_empty() {
            self.pages = std::iter::repeat_n(EMPTY.clone(), PAGES).collect();
        }
        let Some(page) = self.pages.get_mut(Self::page(hash)).map(Arc::make_mut) else { return };
        if page.len() == page.capacity() {
            page.reserve_exact(page.len() / 16 + 1);
        }
        let at = page.partition_point(|(known, _)| *known < hash);
        page.insert(at, (hash, application.clone()));
    }

    /// Takes away what stands under a hash and is this one.
    pub(crate) fn remove(&mut self, hash: u64, is_it: impl Fn(&Application) -> bool) -> Option<Application> {
        let page = self.pages.get_mut(Self::page(hash)).map(Arc::make_mut)?;
        let at = page.iter().position(|(known, application)| *known == hash && is_it(application))?;
        Some(page.remove(at).1)
    }

    /// All entries, by hash.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Application> {
        self.pages.iter().flat_map(|page| page.iter()).map(|(_, application)| application)
    }

    /// Bytes of memory, without what entries point to.
    pub(crate) fn bytes(&self) -> usize {
        let entries = |page: &Page| page.capacity() * size_of::<(u64, Application)>();
        self.pages.iter().map(|page| size_of::<Page>() + 40 + entries(page)).sum()
    }
}
