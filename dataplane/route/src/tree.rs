//! The path patterns of one host as a tree of segments.
//!
//! Children hold literals by their text, `{name}` as one child beside it, `{rest*}` as routes that end at the node.
//! The search goes down the literal first, then the parameter, then takes the rest, and comes back when a branch ends
//! without a route. Regular expressions come behind the whole tree, one after the other. Each node has one depth, so it is
//! visited at most once, and its depth is that of the longest pattern, which `model` bounds: the recursion is bounded too.
//!
//! Copies of a tree share their nodes; a change copies those from the root to the place of the route.

use std::sync::Arc;
use tollgate_model::{Match, PathMatch, Segment};

use crate::{
    Request,
    children::{Children, Entry},
    expressions::Expressions,
    leaf::{Leaf, Leaves},
};

/// A segment of so many bytes lies in the entry of its node, which is one cache line then.
const SEGMENT_BYTES: usize = 16;

const _: () = assert!(size_of::<Entry<Node<Arc<()>>, SEGMENT_BYTES>>() == 64);

/// The routes of one host.
#[derive(Clone)]
pub(crate) struct Tree<T> {
    root: Branches<T>,
    /// Empty in most trees.
    expressions: Expressions<T>,
}

/// The patterns that begin with the same segments. Most nodes of a large table are the end of one pattern and nothing
/// else: they are small, because a lookup pays for the memory it touches.
#[derive(Clone)]
struct Node<T> {
    /// Routes whose pattern ends here.
    ends: Leaves<T>,
    /// `None` if no pattern goes on.
    branches: Option<Arc<Branches<T>>>,
}

/// How patterns go on behind a slash.
#[derive(Clone)]
struct Branches<T> {
    literals: Children<Node<T>, SEGMENT_BYTES>,
    parameter: Option<Arc<Node<T>>>,
    /// Routes whose pattern ends in `{rest*}` here.
    rests: Leaves<T>,
}

impl<T: Clone> Tree<T> {
    /// Adds a route.
    pub(crate) fn insert(&mut self, matcher: &Match, leaf: Leaf<T>) {
        match &matcher.path {
            PathMatch::Pattern(pattern) => self.root.insert(pattern.segments(), leaf),
            PathMatch::Expression(expression) => self.expressions.insert(expression, leaf),
        }
    }

    /// Takes the route that stands at `order` away.
    pub(crate) fn remove(&mut self, matcher: &Match, order: u64) {
        match &matcher.path {
            PathMatch::Pattern(pattern) => self.root.remove(pattern.segments(), order),
            PathMatch::Expression(expression) => self.expressions.remove(expression, order),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.root.is_empty() && self.expressions.is_empty()
    }
}

impl<T> Tree<T> {
    /// The route of a request. Sets `refused` when a route did not take the method.
    pub(crate) fn find(&self, request: &Request<'_>, refused: &mut bool) -> Option<&T> {
        self.search(request.path, &mut |leaves| {
            for leaf in leaves.fitting(request) {
                if leaf.takes(request.method) {
                    return Some(&leaf.route);
                }
                *refused = true;
            }
            None
        })
    }

    /// Adds the methods of every route that takes the rest of the request.
    pub(crate) fn methods<'t>(&'t self, request: &Request<'_>, methods: &mut Vec<&'t str>) {
        let _: Option<()> = self.search(request.path, &mut |leaves| {
            methods.extend(leaves.fitting(request).flat_map(Leaf::methods));
            None
        });
    }

    /// Calls `visit` with the routes of each path that fits, in the order of precedence, until it returns something.
    fn search<'t, V>(&'t self, path: &[u8], visit: &mut impl FnMut(&'t Leaves<T>) -> Option<V>) -> Option<V> {
        // A path that is not absolute (`*` of OPTIONS) belongs to no route.
        let below = path.strip_prefix(b"/")?;
        let found = self.root.search(below, visit);
        if found.is_some() { found } else { self.expressions.fitting(path).find_map(visit) }
    }
}

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Self { root: Branches::default(), expressions: Expressions::default() }
    }
}

impl<T: Clone> Node<T> {
    fn insert(&mut self, segments: &[Segment], leaf: Leaf<T>) {
        if segments.is_empty() {
            self.ends.insert(leaf);
        } else {
            Arc::make_mut(self.branches.get_or_insert_default()).insert(segments, leaf);
        }
    }

    /// Branches that hold nothing any more go as well.
    fn remove(&mut self, segments: &[Segment], order: u64) {
        if segments.is_empty() {
            self.ends.remove(order);
        } else if let Some(branches) = &mut self.branches {
            let branches = Arc::make_mut(branches);
            branches.remove(segments, order);
            if branches.is_empty() {
                self.branches = None;
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.branches.is_none()
    }
}

impl<T> Node<T> {
    /// As [`Branches::search`]; `path` is `None` behind the last segment, which is not an empty segment.
    fn search<'t, V>(&'t self, path: Option<&[u8]>, visit: &mut impl FnMut(&'t Leaves<T>) -> Option<V>) -> Option<V> {
        match path {
            None => visit(&self.ends),
            Some(path) => self.branches.as_ref()?.search(path, visit),
        }
    }
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { ends: Leaves::default(), branches: None }
    }
}

impl<T: Clone> Branches<T> {
    fn insert(&mut self, segments: &[Segment], leaf: Leaf<T>) {
        match segments.split_first() {
            None | Some((Segment::Rest(_), _)) => self.rests.insert(leaf),
            Some((Segment::Literal(text), below)) => self.literals.change(text.as_bytes()).insert(below, leaf),
            Some((Segment::Parameter(_), below)) => {
                Arc::make_mut(self.parameter.get_or_insert_default()).insert(below, leaf);
            }
        }
    }

    /// Nodes that hold nothing any more go as well.
    fn remove(&mut self, segments: &[Segment], order: u64) {
        match segments.split_first() {
            None | Some((Segment::Rest(_), _)) => self.rests.remove(order),
            Some((Segment::Literal(text), below)) => {
                let node = self.literals.change(text.as_bytes());
                node.remove(below, order);
                if node.is_empty() {
                    self.literals.remove(text.as_bytes());
                }
            }
            Some((Segment::Parameter(_), below)) => {
                let Some(node) = &mut self.parameter else { return };
                let node = Arc::make_mut(node);
                node.remove(below, order);
                if node.is_empty() {
                    self.parameter = None;
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.literals.is_empty() && self.parameter.is_none() && self.rests.is_empty()
    }
}

impl<T> Branches<T> {
    /// Calls `visit` with the routes of each pattern that fits, in the order of precedence, until it returns something.
    /// `path` is what is left of it.
    fn search<'t, V>(&'t self, path: &[u8], visit: &mut impl FnMut(&'t Leaves<T>) -> Option<V>) -> Option<V> {
        let (segment, below) = match path.iter().position(|&byte| byte == b'/') {
            Some(slash) => (&path[..slash], Some(&path[slash + 1..])),
            None => (path, None),
        };
        let literal = self.literals.get(segment).and_then(|node| node.search(below, visit));
        if literal.is_some() {
            return literal;
        }
        let parameter = self.parameter.as_ref().filter(|_| !segment.is_empty());
        let parameter = parameter.and_then(|node| node.search(below, visit));
        if parameter.is_some() {
            return parameter;
        }
        visit(&self.rests)
    }
}

impl<T> Default for Branches<T> {
    fn default() -> Self {
        Self { literals: Children::default(), parameter: None, rests: Leaves::default() }
    }
}
