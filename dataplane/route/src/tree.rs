//! The path patterns of one host as a tree of segments.
//!
//! Children hold literals in a hash map, `{name}` as one child beside it, `{rest*}` as routes that end at the node.
//! The search goes down the literal first, then the parameter, then takes the rest, and comes back when a branch ends
//! without a route. Regular expressions come behind the whole tree, one after the other. Each node has one depth, so it is
//! visited at most once, and its depth is that of the longest pattern, which `model` bounds: the recursion is bounded too.

use ahash::AHashMap;
use tollgate_model::{Expression, Match, PathMatch, Segment};

use crate::{Request, RouteId, conditions::Conditions};

/// The routes of one host.
#[derive(Default)]
pub(crate) struct Tree {
    root: Node,
    /// In their order of precedence.
    expressions: Vec<(Expression, Leaf)>,
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

/// A route at the end of its pattern. Where there are several they stand in their order of precedence.
struct Leaf {
    id: RouteId,
    /// Empty for all.
    listeners: Box<[usize]>,
    /// Empty for any.
    methods: Box<[Box<str>]>,
    /// `None` for none.
    conditions: Option<Box<Conditions>>,
}

impl Tree {
    /// Adds a route. Of those with the same path the one that comes first is added first.
    pub(crate) fn insert(&mut self, id: RouteId, matcher: &Match) {
        let leaf = Leaf {
            id,
            listeners: matcher.listeners.as_slice().into(),
            methods: matcher.methods.iter().map(|method| method.as_str().into()).collect(),
            conditions: Conditions::of(matcher),
        };
        match &matcher.path {
            PathMatch::Pattern(pattern) => self.root.reach(pattern.segments()).push(leaf),
            PathMatch::Expression(expression) => self.expressions.push((expression.clone(), leaf)),
        }
    }

    /// The route of a request. Sets `refused` when a route did not take the method.
    pub(crate) fn find(&self, request: &Request<'_>, refused: &mut bool) -> Option<RouteId> {
        self.search(request.path, &mut |leaves| {
            for leaf in leaves.iter().filter(|leaf| leaf.fits(request)) {
                if leaf.takes(request.method) {
                    return Some(leaf.id);
                }
                *refused = true;
            }
            None
        })
    }

    /// Adds the methods of every route that takes the rest of the request.
    pub(crate) fn methods<'t>(&'t self, request: &Request<'_>, methods: &mut Vec<&'t str>) {
        let _: Option<()> = self.search(request.path, &mut |leaves| {
            let here = leaves.iter().filter(|leaf| leaf.fits(request));
            methods.extend(here.flat_map(|leaf| leaf.methods.iter().map(|method| &**method)));
            None
        });
    }

    /// Calls `visit` with the routes of each path that fits, in the order of precedence, until it returns something.
    fn search<'t, T>(&'t self, path: &[u8], visit: &mut impl FnMut(&'t [Leaf]) -> Option<T>) -> Option<T> {
        // A path that is not absolute (`*` of OPTIONS) belongs to no route.
        let below = path.strip_prefix(b"/")?;
        let found = self.root.search(Some(below), visit);
        if found.is_some() || self.expressions.is_empty() {
            return found;
        }
        let fitting = self.expressions.iter().filter(|(expression, _)| expression.is_match(path));
        fitting.map(|(_, leaf)| std::slice::from_ref(leaf)).find_map(visit)
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
    /// Whether it takes all of a request but perhaps its method.
    fn fits(&self, request: &Request<'_>) -> bool {
        (self.listeners.is_empty() || self.listeners.contains(&request.listener))
            && self.conditions.as_ref().is_none_or(|conditions| conditions.are_met(request))
    }

    fn takes(&self, method: &[u8]) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|known| known.as_bytes() == method)
    }
}
