//! Who may call an operation: the schemes of a document, and what each operation needs of them.
//!
//! `securityDefinitions` of Swagger 2.0 and `components.securitySchemes` of OpenAPI 3 say the same things. A requirement
//! is a list of alternatives of which each names schemes that are needed together; an empty list, or an empty alternative,
//! lets everybody in.

use crate::document::At;
use std::collections::BTreeMap;

/// How a caller shows who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// Its name in the document.
    pub name: String,
    /// What is shown.
    pub kind: SchemeKind,
}

/// What is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemeKind {
    /// A key in a header field of this name.
    HeaderKey(String),
    /// A key in a query parameter of this name.
    QueryKey(String),
    /// A bearer token: OAuth 2.0, OpenID Connect, or a plain one.
    Bearer,
    /// User name and password.
    Basic,
    /// Anything else: cookies, mutual TLS, schemes of HTTP that are rare.
    Other(String),
}

/// What an operation needs: one of these alternatives, each scheme with the scopes that are needed.
pub type Need = Vec<BTreeMap<String, Vec<String>>>;

/// The schemes of a document, in its order.
pub(crate) fn schemes(root: &At<'_>) -> Vec<Scheme> {
    let all = root.get("securityDefinitions").or_else(|| root.get("components")?.get("securitySchemes"));
    let kinds = all.iter().flat_map(At::entries);
    kinds.map(|(name, scheme)| Scheme { name: name.to_owned(), kind: kind(&scheme) }).collect()
}

fn kind(scheme: &At<'_>) -> SchemeKind {
    let text = |key| scheme.get(key).and_then(|at| at.text()).unwrap_or_default();
    match (text("type"), text("in"), text("scheme").to_ascii_lowercase().as_str()) {
        ("apiKey", "header", _) => SchemeKind::HeaderKey(text("name").to_owned()),
        ("apiKey", "query", _) => SchemeKind::QueryKey(text("name").to_owned()),
        ("oauth2" | "openIdConnect", ..) | ("http", _, "bearer") => SchemeKind::Bearer,
        ("basic", ..) | ("http", _, "basic") => SchemeKind::Basic,
        (other, ..) => SchemeKind::Other(other.to_owned()),
    }
}

/// What `security` of a document or an operation says; `None` if it says nothing.
pub(crate) fn need(at: &At<'_>) -> Option<Need> {
    let alternatives = at.get("security")?;
    let schemes = |alternative: At<'_>| {
        let scopes = |at: At<'_>| at.items().filter_map(|scope| scope.text().map(str::to_owned)).collect();
        alternative.entries().map(|(name, at)| (name.to_owned(), scopes(at))).collect()
    };
    Some(alternatives.items().map(schemes).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Document;

    #[test]
    fn kinds_of_both_formats() {
        let new = "openapi: 3.1.0\ncomponents:\n  securitySchemes:\n    key: {type: apiKey, in: header, name: X-Key}\n    \
                   query: {type: apiKey, in: query, name: k}\n    token: {type: http, scheme: Bearer}\n    \
                   oauth: {type: oauth2}\n    basic: {type: http, scheme: basic}\n    tls: {type: mutualTLS}\n";
        let kinds: Vec<_> =
            schemes(&Document::read(new).unwrap().root()).into_iter().map(|scheme| scheme.kind).collect();
        let expected = [
            SchemeKind::HeaderKey("X-Key".into()),
            SchemeKind::QueryKey("k".into()),
            SchemeKind::Bearer,
            SchemeKind::Bearer,
            SchemeKind::Basic,
            SchemeKind::Other("mutualTLS".into()),
        ];
        assert_eq!(kinds, expected);
        let old =
            "swagger: '2.0'\nsecurityDefinitions: {b: {type: basic}}\nsecurity: [{b: []}, {o: [read, write]}, {}]\n";
        let document = Document::read(old).unwrap();
        assert_eq!(schemes(&document.root())[0].kind, SchemeKind::Basic);
        let need = need(&document.root()).unwrap();
        assert_eq!(need[1]["o"], ["read", "write"]);
        assert!(need[2].is_empty());
    }
}
