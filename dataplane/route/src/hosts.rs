//! The trees of a table by host: exact names, suffixes, and the one of any host.
//!
//! Patterns are in lower case, so the host of a request is lowered into a buffer on the stack. A longer host than the
//! buffer is no name and can only meet the routes of any host.

use ahash::AHashMap;
use tollgate_model::{HOST_BYTES_MAX, HostPattern, Match};

use crate::{RouteId, tree::Tree};

/// A tree of paths for each host pattern.
#[derive(Default)]
pub(crate) struct Hosts {
    exact: AHashMap<Box<[u8]>, Tree>,
    /// By `.example.com`.
    suffix: AHashMap<Box<[u8]>, Tree>,
    /// Bytes of the longest key of `suffix`: spares a long host the lookups that cannot succeed.
    suffix_bytes_max: usize,
    any: Tree,
}

impl Hosts {
    pub(crate) fn insert(&mut self, id: RouteId, matcher: &Match) {
        if matcher.hosts.is_empty() {
            self.any.insert(id, matcher);
        }
        for host in &matcher.hosts {
            let tree = match host {
                HostPattern::Exact(host) => self.exact.entry(host.as_bytes().into()).or_default(),
                HostPattern::Suffix(suffix) => {
                    self.suffix_bytes_max = self.suffix_bytes_max.max(suffix.len());
                    self.suffix.entry(suffix.as_bytes().into()).or_default()
                }
            };
            tree.insert(id, matcher);
        }
    }

    /// What `search` returns first of the trees that fit the host, in their order of precedence.
    pub(crate) fn first<'t, T>(&'t self, host: &[u8], mut search: impl FnMut(&'t Tree) -> Option<T>) -> Option<T> {
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

    fn named<'t, T>(&'t self, host: &[u8], search: &mut impl FnMut(&'t Tree) -> Option<T>) -> Option<T> {
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
