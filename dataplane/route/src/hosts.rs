//! The trees of a table by host: exact names, suffixes, and the one of any host.
//!
//! Patterns are in lower case, so the host of a request is lowered into a buffer on the stack. A longer host than the
//! buffer is no name and can only meet the routes of any host.

use tollgate_model::{HOST_BYTES_MAX, HostPattern, Match};

use crate::{children::Children, leaf::Leaf, tree::Tree};

/// A host of so many bytes lies in the entry of its tree.
const NAME_BYTES: usize = 32;

/// A tree of paths for each host pattern.
#[derive(Clone)]
pub(crate) struct Hosts<T> {
    exact: Children<Tree<T>, NAME_BYTES>,
    /// By `.example.com`.
    suffix: Children<Tree<T>, NAME_BYTES>,
    /// Bytes of the longest key that `suffix` ever had: spares a long host the lookups that cannot succeed.
    suffix_bytes_max: usize,
    any: Tree<T>,
}

impl<T: Clone> Hosts<T> {
    pub(crate) fn insert(&mut self, order: u64, matcher: &Match, route: &T) {
        let leaf = Leaf::new(order, matcher, route.clone());
        for host in &matcher.hosts {
            let (trees, name) = match host {
                HostPattern::Exact(host) => (&mut self.exact, host.as_bytes()),
                HostPattern::Suffix(suffix) => {
                    self.suffix_bytes_max = self.suffix_bytes_max.max(suffix.len());
                    (&mut self.suffix, suffix.as_bytes())
                }
            };
            trees.change(name).insert(matcher, leaf.clone());
        }
        if matcher.hosts.is_empty() {
            self.any.insert(matcher, leaf);
        }
    }

    pub(crate) fn remove(&mut self, order: u64, matcher: &Match) {
        for host in &matcher.hosts {
            let (trees, name) = match host {
                HostPattern::Exact(host) => (&mut self.exact, host.as_bytes()),
                HostPattern::Suffix(suffix) => (&mut self.suffix, suffix.as_bytes()),
            };
            let tree = trees.change(name);
            tree.remove(matcher, order);
            if tree.is_empty() {
                trees.remove(name);
            }
        }
        if matcher.hosts.is_empty() {
            self.any.remove(matcher, order);
        }
    }
}

impl<T> Hosts<T> {
    /// What `search` returns first of the trees that fit the host, in their order of precedence.
    pub(crate) fn first<'t, V>(&'t self, host: &[u8], mut search: impl FnMut(&'t Tree<T>) -> Option<V>) -> Option<V> {
        if self.exact.is_empty() && self.suffix.is_empty() {
            return search(&self.any);
        }
        // The dot that ends an absolute name does not make it another one.
        let host = host.strip_suffix(b".").unwrap_or(host);
        let mut lower = [0; HOST_BYTES_MAX];
        if let Some(lower) = lower.get_mut(..host.len()) {
            lower.copy_from_slice(host);
            lower.make_ascii_lowercase();
            let found = self.named(lower, &mut search);
            if found.is_some() {
                return found;
            }
        }
        search(&self.any)
    }

    fn named<'t, V>(&'t self, host: &[u8], search: &mut impl FnMut(&'t Tree<T>) -> Option<V>) -> Option<V> {
        let exact = self.exact.get(host).and_then(&mut *search);
        if exact.is_some() || self.suffix.is_empty() {
            return exact;
        }
        // A suffix has at least one byte before its dot.
        let start = host.len().saturating_sub(self.suffix_bytes_max).max(1);
        (start..host.len())
            .filter(|&dot| host[dot] == b'.')
            .filter_map(|dot| self.suffix.get(&host[dot..]))
            .find_map(search)
    }
}

impl<T> Default for Hosts<T> {
    fn default() -> Self {
        Self { exact: Children::default(), suffix: Children::default(), suffix_bytes_max: 0, any: Tree::default() }
    }
}
