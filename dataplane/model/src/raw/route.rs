//! `routes` as written: which requests a route takes and what becomes of them.
//!
//! Part of the reference manual, as all of `raw` is.

use serde::{Deserialize, Serialize};

use super::{Policies, Spanned, Text};

/// An entry of `routes`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Route {
    /// 1 to 64 letters, digits, `.`, `_`, `-`; unique among the routes. Required.
    pub(crate) name: Option<Text>,
    /// Which requests it takes. Required.
    pub(crate) r#match: Option<Spanned<Match>>,
    /// The name of an upstream. Required, unless one of `upstreams`, `redirect` and `answer` is there.
    pub(crate) upstream: Option<Text>,
    /// Several upstreams that share the requests by weight. 1 to 10.
    pub(crate) upstreams: Option<Spanned<Vec<Spanned<Share>>>>,
    /// What the upstream is asked for instead of the path of the request.
    pub(crate) rewrite: Option<Spanned<Rewrite>>,
    /// Where the client is sent, instead of an upstream.
    pub(crate) redirect: Option<Spanned<Redirect>>,
    /// What the client is answered, instead of an upstream.
    pub(crate) answer: Option<Spanned<Answer>>,
    /// What is done to its requests besides, on top of `defaults.policies`.
    pub(crate) policies: Option<Spanned<Policies>>,
    /// Overrides the deadlines of the node.
    #[serde(default)]
    pub(crate) timeouts: RouteTimeouts,
}

/// An entry of `upstreams` of a route.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Share {
    /// The name of an upstream, none twice. Required.
    pub(crate) name: Option<Text>,
    /// Its share is its weight over the sum of all weights. 0 to 1000, default 1; not all 0.
    pub(crate) weight: Option<Text>,
}

/// `rewrite` of a route.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rewrite {
    /// A path in which `{name}` stands for what that parameter of the match took, `{path}` for the whole path. The query
    /// stays. Routing is not repeated. Up to 2048 bytes. Required.
    pub(crate) path: Option<Text>,
}

/// `redirect` of a route.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redirect {
    /// An absolute path or an `http` or `https` URI, in which `{name}` stands for what that parameter of the match took,
    /// `{path}` for the whole path and `{host}` for the host. The query of the request is added unless there is a `?`.
    /// Up to 2048 bytes. Required.
    pub(crate) to: Option<Text>,
    /// 301, 302, 303, 307 (default) or 308.
    pub(crate) status: Option<Text>,
}

/// `answer` of a route.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    /// 200 to 599, not 304. Required.
    pub(crate) status: Option<Text>,
    /// Header fields. Up to 8.
    pub(crate) headers: Option<Spanned<Vec<Spanned<Header>>>>,
    /// Default: `text/plain; charset=utf-8` if there is a body.
    pub(crate) content_type: Option<Text>,
    /// Up to 8KiB; none with 204 and 205. Default: none.
    pub(crate) body: Option<Text>,
}

/// An entry of `headers` of an answer.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    /// None that frames the message or that the gateway writes itself. Required.
    pub(crate) name: Option<Text>,
    /// Printable ASCII, up to 1024 bytes. Required.
    pub(crate) value: Option<Text>,
}

/// `match` of a route; a request must fit all of it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
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
#[derive(Clone, Debug, Deserialize, Serialize)]
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
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
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
