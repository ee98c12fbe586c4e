//! `routes` as written: which requests a route takes and what becomes of them.
//!
//! Part of the reference manual, as all of `raw` is.

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::Text;

/// An entry of `routes`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Route {
    /// 1 to 64 letters, digits, `.`, `_`, `-`; unique among the routes. Required.
    pub(crate) name: Option<Text>,
    /// Which requests it takes. Required.
    pub(crate) r#match: Option<Spanned<Match>>,
    /// The name of an upstream. Required.
    pub(crate) upstream: Option<Text>,
    /// Overrides the deadlines of the node.
    #[serde(default)]
    pub(crate) timeouts: RouteTimeouts,
}

/// `match` of a route; a request must fit all of it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Match {
    /// Names of listeners. Left out: all.
    pub(crate) listeners: Option<Spanned<Vec<Text>>>,
    /// Host names in any case, without port. `*.example.com` takes every name below `example.com`, at any depth, and
    /// not `example.com` itself. Left out: any host.
    pub(crate) hosts: Option<Spanned<Vec<Text>>>,
    /// `/a/b`: this path. `{name}`: one segment, not empty. `{name*}` at the end: all that is left; `/a/{rest*}` takes
    /// `/a/` and everything below it, and not `/a`. `/a/*` is short for it. Up to 64 segments, 4096 bytes. Required,
    /// unless `path_regex` is there.
    pub(crate) path: Option<Text>,
    /// A regular expression that must take the whole path. Its named groups are parameters. Up to 1024 bytes.
    pub(crate) path_regex: Option<Text>,
    /// Methods, compared exactly: `GET` does not include `HEAD`. Up to 32. Left out: any method.
    pub(crate) methods: Option<Spanned<Vec<Text>>>,
    /// Header fields there must be. Names in any case; of a field that comes several times, one value is enough. Up to 16.
    pub(crate) headers: Option<Spanned<Vec<Spanned<Condition>>>>,
    /// Query parameters there must be. Names and values are compared decoded. Up to 16.
    pub(crate) query: Option<Spanned<Vec<Spanned<Condition>>>>,
    /// Cookies there must be. Up to 16.
    pub(crate) cookies: Option<Spanned<Vec<Spanned<Condition>>>>,
}

/// An entry of `headers`, `query` or `cookies`. With a name alone, any value will do.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Condition {
    /// Of the header field, query parameter or cookie. Required.
    pub(crate) name: Option<Text>,
    /// The value is this one.
    pub(crate) exact: Option<Text>,
    /// The value begins with this.
    pub(crate) prefix: Option<Text>,
    /// A regular expression that must take the whole value.
    pub(crate) regex: Option<Text>,
}

/// `timeouts` of a route; the meaning, the range and the unit are those of the node's.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteTimeouts {
    /// Overrides `timeouts.connect`.
    pub(crate) connect: Option<Text>,
    /// Overrides `timeouts.first_byte`.
    pub(crate) first_byte: Option<Text>,
    /// Overrides `timeouts.idle`.
    pub(crate) idle: Option<Text>,
    /// Overrides `timeouts.request`.
    pub(crate) request: Option<Text>,
    /// Overrides `timeouts.tunnel`.
    pub(crate) tunnel: Option<Text>,
}
