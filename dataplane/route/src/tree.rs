//! The path patterns of one host as a tree of segments.
//!
//! Children hold literals in a hash map, `{name}` as one child beside it, `{rest*}` as routes that end at the node.
//! The search goes down the literal first, then the parameter, then takes the rest, and comes back when a branch ends
//! without a route. Each node has one depth, so it is visited at most once, and its depth is that of the longest
//! pattern, which `model` bounds: the recursion is bounded too.

use ahash::AHashMap;
use tollgate_model::{Match, Segment};

use crate::RouteId;

/// What of a request is compared at the end of a path.
pub(crate) struct Request<'r> {
    pub(crate) listener: usize,
    pub(crate) method: &'r [u8],
}

/// The routes of one host.
#[derive(Default)]
pub(crate) struct Tree {
    root: Node,
}

/// The patterns that begin with the same segments.
#[derive(Default)]
struct Node {
    literals: AHashMap<Box<[u8]>, Node>,
    parameter: Option<Box<Node>>,
    /// Routes whose pattern ends here.
    ends: Vec<Leaf>,
    /// Routes whose pattern ends in `{rest*}` below here.
    rests: Vec<Leaf>,
}

/// A route at the end of its pattern. Those that name methods stand before those that take any.
struct Leaf {
    id: RouteId,
    /// Empty for all.
    listeners: Box<[usize]>,
    /// Empty for any.
    methods: Box<[Box<str>]>,
}

impl Tree {
    pub(crate) fn insert(&mut self, id: RouteId, matcher: &Match) {
        let leaves = self.root.reach(matcher.path.segments());
        let leaf = Leaf {
            id,
            listeners: matcher.listeners.as_slice().into(),
            methods: matcher.methods.iter().map(|method| method.as_str().into()).collect(),
        };
        let place = if leaf.methods.is_empty() {
            leaves.len()
        } else {
            leaves.partition_point(|other| !other.methods.is_empty())
        };
        leaves.insert(place, leaf);
    }

    /// The route of a path, which is given without its first slash. Sets `refused` when a route did not take the method.
    pub(crate) fn find(&self, path: &[u8], request: &Request<'_>, refused: &mut bool) -> Option<RouteId> {
        self.root.search(Some(path), &mut |leaves| {
            let mut here = leaves.iter().filter(|leaf| leaf.listens(request));
            let first = here.next()?;
            let found = std::iter::once(first).chain(here).find(|leaf| leaf.takes(request));
            *refused |= found.is_none();
            found.map(|leaf| leaf.id)
        })
    }

    /// Adds the methods of every route that takes the path.
    pub(crate) fn methods<'t>(&'t self, path: &[u8], request: &Request<'_>, methods: &mut Vec<&'t str>) {
        let _: Option<()> = self.root.search(Some(path), &mut |leaves| {
            let here = leaves.iter().filter(|leaf| leaf.listens(request));
            methods.extend(here.flat_map(|leaf| leaf.methods.iter().map(|method| &**method)));
            None
        });
    }
}

impl Node {
    /// The routes at the end of a pattern, whose nodes are made as needed.
    fn reach(&mut self, segments: &[Segment]) -> &mut Vec<Leaf> {
        match segments.split_first() {
            None => &mut self.ends,
            Some((Segment::Rest(_), _)) => &mut self.rests,
            Some((Segment::Literal(text), below)) => {
                self.literals.entry(text.as_bytes().into()).or_default().reach(below)
            }
            Some((Segment::Parameter(_), below)) => self.parameter.get_or_insert_default().reach(below),
        }
    }

    /// Calls `visit` with the routes of each pattern that fits, in the order of precedence, until it returns something.
    /// `path` is what is left of it: `None` behind the last segment, which is not an empty segment.
    fn search<'t, T>(&'t self, path: Option<&[u8]>, visit: &mut impl FnMut(&'t [Leaf]) -> Option<T>) -> Option<T> {
        let Some(path) = path else { return visit(&self.ends) };
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

impl Leaf {
    fn listens(&self, request: &Request<'_>) -> bool {
        self.listeners.is_empty() || self.listeners.contains(&request.listener)
    }

    fn takes(&self, request: &Request<'_>) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|method| method.as_bytes() == request.method)
    }
}
