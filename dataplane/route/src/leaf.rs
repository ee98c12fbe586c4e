//! Routes at the end of their pattern, in their order of precedence: those with more conditions first, then as in the file.
//!
//! Host and path have been decided by the time a lookup comes here; what is left is judged, one route after the other.

use smallvec::SmallVec;
use std::{cmp::Reverse, sync::Arc};
use tollgate_model::Match;

use crate::{Request, conditions::Conditions};

/// A route at the end of its pattern.
#[derive(Clone)]
pub(crate) struct Leaf<T> {
    /// The place of the route in the file, which no other has.
    order: u64,
    /// `None` for nothing, as in most.
    demands: Option<Arc<Demands>>,
    pub(crate) route: T,
}

/// What a request must have besides host and path.
struct Demands {
    /// How many they are.
    count: usize,
    /// Slots; empty for all.
    listeners: Box<[usize]>,
    /// Empty for any.
    methods: Box<[Box<str>]>,
    /// `None` for none.
    conditions: Option<Box<Conditions>>,
}

impl<T> Leaf<T> {
    pub(crate) fn new(order: u64, matcher: &Match, route: T) -> Self {
        let count = matcher.conditions();
        let demands = (count > 0).then(|| {
            Arc::new(Demands {
                count,
                listeners: matcher.listeners.as_slice().into(),
                methods: matcher.methods.iter().map(|method| method.as_str().into()).collect(),
                conditions: Conditions::of(matcher),
            })
        });
        Self { order, demands, route }
    }

    /// Whether it takes all of a request but perhaps its method.
    fn fits(&self, request: &Request<'_>) -> bool {
        self.demands.as_ref().is_none_or(|demands| {
            (demands.listeners.is_empty() || demands.listeners.contains(&request.listener))
                && demands.conditions.as_ref().is_none_or(|conditions| conditions.are_met(request))
        })
    }

    pub(crate) fn takes(&self, method: &[u8]) -> bool {
        self.demands.as_ref().is_none_or(|demands| {
            demands.methods.is_empty() || demands.methods.iter().any(|known| known.as_bytes() == method)
        })
    }

    /// Empty for any.
    pub(crate) fn methods(&self) -> impl Iterator<Item = &str> {
        self.demands.iter().flat_map(|demands| demands.methods.iter().map(|method| &**method))
    }

    fn precedence(&self) -> (Reverse<usize>, u64) {
        (Reverse(self.demands.as_ref().map_or(0, |demands| demands.count)), self.order)
    }
}

/// Routes of the same host and path.
#[derive(Clone)]
pub(crate) struct Leaves<T>(SmallVec<[Leaf<T>; 1]>);

impl<T> Leaves<T> {
    pub(crate) fn insert(&mut self, leaf: Leaf<T>) {
        let at = self.0.partition_point(|other| other.precedence() < leaf.precedence());
        self.0.insert(at, leaf);
    }

    pub(crate) fn remove(&mut self, order: u64) {
        self.0.retain(|leaf| leaf.order != order);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that take all of a request but perhaps its method.
    pub(crate) fn fitting(&self, request: &Request<'_>) -> impl Iterator<Item = &Leaf<T>> {
        self.0.iter().filter(move |leaf| leaf.fits(request))
    }

    /// The place in the file of the one that stands first there.
    pub(crate) fn first(&self) -> u64 {
        self.0.iter().map(|leaf| leaf.order).min().unwrap_or(u64::MAX)
    }
}

impl<T> Default for Leaves<T> {
    fn default() -> Self {
        Self(SmallVec::new())
    }
}
