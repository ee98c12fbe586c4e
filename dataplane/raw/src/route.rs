//! `routes` as written: which requests a route takes and what becomes of them.
//!
//! Part of the reference manual, as all of `raw` is.

use serde::{Deserialize, Serialize};

use super::{Policies, Spanned, Text};

/// An entry of `routes`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// 1 to 64 letters, digits, `.`, `_`, `-`; unique among the routes. Required.
    pub name: Option<Text>,
    /// Which requests it takes. Required.
    pub r#match: Option<Spanned<Match>>,
    /// The name of an upstream. Required, unless one of `upstreams`, `redirect` and `answer` is there.
    pub upstream: Option<Text>,
    /// Several upstreams that share the requests by weight. 1 to 10.
    pub upstreams: Option<Spanned<Vec<Spanned<Share>>>>,
    /// What the upstream is asked for instead of the path of the request.
    pub rewrite: Option<Spanned<Rewrite>>,
    /// Where the client is sent, instead of an upstream.
    pub redirect: Option<Spanned<Redirect>>,
    /// What the client is answered, instead of an upstream.
    pub answer: Option<Spanned<Answer>>,
    /// What is done to its requests besides, on top of `defaults.policies`.
    pub policies: Option<Spanned<Policies>>,
    /// Overrides the deadlines of the node.
    #[serde(default)]
    pub timeouts: RouteTimeouts,
}

/// An entry of `upstreams` of a route.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// The name of an upstream, none twice. Required.
    pub name: Option<Text>,
    /// Its share is its weight over the sum of all weights. 0 to 1000, default 1; not all 0.
    pub weight: Option<Text>,
}

/// `rewrite` of a route.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rewrite {
    /// A path in which `{name}` stands for what that parameter of the match took, `{path}` for the whole path. The query
    /// stays. Routing is not repeated. Up to 2048 bytes. Required.
    pub path: Option<Text>,
}

/// `redirect` of a route.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// An absolute path or an `http` or `https` URI, in which `{name}` stands for what that parameter of the match took,
    /// `{path}` for the whole path and `{host}` for the host. The query of the request is added unless there is a `?`.
    /// Up to 2048 bytes. Required.
    pub to: Option<Text>,
    /// 301, 302, 303, 307 (default) or 308.
    pub status: Option<Text>,
}

/// `answer` of a route.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// 200 to 599, not 304. Required.
    pub status: Option<Text>,
    /// Header fields. Up to 8.
    pub headers: Option<Spanned<Vec<Spanned<Header>>>>,
    /// Default: `text/plain; charset=utf-8` if there is a body.
    pub content_type: Option<Text>,
    /// Up to 8KiB; none with 204 and 205. Default: none.
    pub body: Option<Text>,
}

/// An entry of `headers` of an answer.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// None that frames the message or that the gateway writes itself. Required.
    pub name: Option<Text>,
    /// Printable ASCII, up to 1024 bytes. Required.
    pub value: Option<Text>,
}

/// `match` of a route; a request must fit all of it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// Names of listeners. Left out: all.
    pub listeners: Option<Spanned<Vec<Text>>>,
    /// Host names in any case, without port. `*.example.com` takes every name below `example.com`, at any depth, and
    /// not `example.com` itself. Left out: any host.
    pub hosts: Option<Spanned<Vec<Text>>>,
    /// `/a/b`: this path. `{name}`: one segment, not empty. `{name*}` at the end: all that is left; `/a/{rest*}` takes
    /// `/a/` and everything below it, and not `/a`. `/a/*` is short for it. Up to 64 segments, 4096 bytes. Required,
    /// unless `path_regex` is there.
    pub path: Option<Text>,
    /// A regular expression that must take the whole path. Its named groups are parameters. Up to 1024 bytes.
    pub path_regex: Option<Text>,
    /// Methods, compared exactly: `GET` does not include `HEAD`. Up to 32. Left out: any method.
    pub methods: Option<Spanned<Vec<Text>>>,
    /// Header fields there must be. Names in any case; of a field that comes several times, one value is enough. Up to 16.
    pub headers: Option<Spanned<Vec<Spanned<Condition>>>>,
    /// Query parameters there must be. Names and values are compared decoded. Up to 16.
    pub query: Option<Spanned<Vec<Spanned<Condition>>>>,
    /// Cookies there must be. Up to 16.
    pub cookies: Option<Spanned<Vec<Spanned<Condition>>>>,
}

/// An entry of `headers`, `query` or `cookies`. With a name alone, any value will do.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Of the header field, query parameter or cookie. Required.
    pub name: Option<Text>,
    /// The value is this one.
    pub exact: Option<Text>,
    /// The value begins with this.
    pub prefix: Option<Text>,
    /// A regular expression that must take the whole value.
    pub regex: Option<Text>,
}

/// `timeouts` of a route; the meaning, the range and the unit are those of the node's.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RouteTimeouts {
    /// Overrides `timeouts.connect`.
    pub connect: Option<Text>,
    /// Overrides `timeouts.first_byte`.
    pub first_byte: Option<Text>,
    /// Overrides `timeouts.idle`.
    pub idle: Option<Text>,
    /// Overrides `timeouts.request`.
    pub request: Option<Text>,
    /// Overrides `timeouts.tunnel`.
    pub tunnel: Option<Text>,
}
