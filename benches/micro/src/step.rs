//! Something that can be done again and again.

use std::{fmt, hint::black_box};

/// One thing that is measured, with all it needs.
pub struct Step(Box<dyn FnMut(u32)>);

impl Step {
    /// Of a function; what it returns is made, and dropped, as part of the step.
    pub(crate) fn new<T>(mut step: impl FnMut() -> T + 'static) -> Self {
        // The loop is inside: with one call for all of its turns, what calls the step costs nothing beside it.
        Self(Box::new(move |times| {
            for _ in 0..times {
                black_box(step());
            }
        }))
    }

    /// Does it so many times.
    pub fn run(&mut self, times: u32) {
        (self.0)(times);
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step").finish_non_exhaustive()
    }
}

/// These one after the other, and from the front again. `N` is a power of two, so that taking turns costs an addition.
pub(crate) struct InTurn<T, const N: usize> {
    things: Box<[T; N]>,
    next: usize,
}

impl<T, const N: usize> InTurn<T, N> {
    pub(crate) fn new(thing: impl FnMut(usize) -> T) -> Self {
        const { assert!(N.is_power_of_two()) };
        Self { things: Box::new(std::array::from_fn(thing)), next: 0 }
    }

    pub(crate) fn next(&mut self) -> &mut T {
        self.next = (self.next + 1) % N;
        &mut self.things[self.next]
    }
}
