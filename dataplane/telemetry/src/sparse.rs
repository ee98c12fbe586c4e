//! Figures that are made when they are first counted, by slot: one writer, any number of readers, no lock.
//!
//! All places are there from the start, 16 bytes each, so that a slot that was given out while the worker runs needs nothing
//! to grow; what stands in a place is allocated by the worker's first use of it and stays.

use std::sync::OnceLock;

pub(crate) struct Sparse<T>(Box<[OnceLock<Box<T>>]>);

impl<T> Sparse<T> {
    /// That many places, at least one.
    pub(crate) fn new(places: usize) -> Self {
        Self(std::iter::repeat_with(OnceLock::new).take(places).collect())
    }

    /// What stands at `place`, if it has been used.
    pub(crate) fn get(&self, place: usize) -> Option<&T> {
        self.0.get(place)?.get().map(|figures| &**figures)
    }

    /// What stands at `place`, made now if it has not been used. Places beyond the last one are that one.
    #[inline]
    pub(crate) fn at(&self, place: usize, make: impl FnOnce() -> T) -> &T {
        let last = self.0.len() - 1;
        self.0[place.min(last)].get_or_init(|| Box::new(make()))
    }
}
