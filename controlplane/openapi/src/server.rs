//! Where the API is served by those who wrote it: the endpoints requests are sent to.
//!
//! `servers` of OpenAPI 3, with their variables at the default; `schemes`, `host` and `basePath` of Swagger 2.0. A server
//! without host (`/v1`) gives the path in front of all operations and no endpoint. The path of the first server is the
//! base path; others must have the same or their path is kept with the endpoint only.

use crate::{document::At, error::Note};

/// What an endpoint is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The default.
    Production,
    /// For trying out.
    Sandbox,
}

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `http` or `https`, a host and maybe a port; no path.
    pub origin: String,
    /// What it is for.
    pub stage: Stage,
}

/// The servers of a document.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Servers {
    /// Begins with `/` and does not end with it; empty for none.
    pub(crate) base_path: String,
    pub(crate) endpoints: Vec<Endpoint>,
}

/// Reads `servers`.
pub(crate) fn servers(root: &At<'_>, notes: &mut Vec<Note>) -> Servers {
    let mut servers = Servers::default();
    let all = root.get("servers");
    for (index, server) in all.iter().flat_map(At::items).enumerate() {
        let Some(url) = server.get("url").and_then(|url| filled(url.text()?, &server)) else {
            notes.push(note(&server, "a server without a URL, or with a variable that has no default"));
            continue;
        };
        match split(&url) {
            None => notes.push(note(&server, "neither a path nor a URL with http or https")),
            Some((origin, path)) => {
                if index == 0 {
                    servers.base_path = path.to_owned();
                } else if path != servers.base_path {
                    notes.push(note(
                        &server,
                        "its path differs from that of the first server, which all operations have",
                    ));
                }
                let stage = stage_of(&server);
                servers.endpoints.extend(origin.map(|origin| Endpoint { origin: origin.to_owned(), stage }));
            }
        }
    }
    servers
}

/// Reads `schemes`, `host` and `basePath`.
pub(crate) fn swagger(root: &At<'_>) -> Servers {
    let text = |key| root.get(key).and_then(|at| at.text().map(str::to_owned));
    let schemes = root.get("schemes");
    let schemes: Vec<_> = schemes.iter().flat_map(At::items).filter_map(|scheme| scheme.text()).collect();
    // The safest of those that are there.
    let scheme = if schemes.contains(&"http") && !schemes.contains(&"https") { "http" } else { "https" };
    let base_path = text("basePath").unwrap_or_default().trim_end_matches('/').to_owned();
    let host = text("host").filter(|host| is_authority(host));
    let endpoint = |host| Endpoint { origin: format!("{scheme}://{host}"), stage: Stage::Production };
    Servers { base_path, endpoints: host.map(endpoint).into_iter().collect() }
}

/// An origin, if there is one, and a path without the last slash.
pub(crate) fn split(url: &str) -> Option<(Option<&str>, &str)> {
    let url = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let Some(scheme_end) = url.find("://") else {
        return (url.is_empty() || url.starts_with('/') && !url.starts_with("//")).then_some((None, url));
    };
    let scheme = &url[..scheme_end];
    let path = url[scheme_end + 3..].find('/').map_or(url.len(), |at| scheme_end + 3 + at);
    let is_http = matches!(scheme, "http" | "https");
    (is_http && is_authority(&url[scheme_end + 3..path])).then_some((Some(&url[..path]), &url[path..]))
}

fn is_authority(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
}

/// A URL with `{name}` replaced by the variables' defaults.
fn filled(url: &str, server: &At<'_>) -> Option<String> {
    let variables = server.get("variables");
    let (mut text, mut rest) = (String::new(), url);
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, behind) = behind.split_once('}')?;
        text.push_str(before);
        text.push_str(&variables.as_ref()?.get(name)?.get("default")?.scalar()?);
        rest = behind;
    }
    text.push_str(rest);
    Some(text)
}

/// Told by the words people describe such servers with.
fn stage_of(server: &At<'_>) -> Stage {
    let description = server.get("description").and_then(|at| at.text()).unwrap_or_default().to_ascii_lowercase();
    if ["sandbox", "staging", "test"].iter().any(|word| description.contains(word)) {
        Stage::Sandbox
    } else {
        Stage::Production
    }
}

fn note(at: &At<'_>, message: &str) -> Note {
    Note { place: at.place().to_owned(), line: at.line(), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Document;

    fn read(text: &str) -> (Servers, usize) {
        let document = Document::read(&format!("openapi: 3.0.3\n{text}")).unwrap();
        let mut notes = Vec::new();
        (servers(&document.root(), &mut notes), notes.len())
    }

    #[test]
    fn endpoints_and_the_path_before_all() {
        let (found, notes) = read(
            "servers:\n- url: https://{region}.example.com:{port}/v1/\n  variables: {region: {default: eu}, port: {default: 8443}}\n\
             - {url: 'http://test.example.com/v1', description: Staging}\n- {url: 'ftp://x'}\n- {url: 'https://{a}.b'}\n",
        );
        assert_eq!((found.base_path.as_str(), notes), ("/v1", 2));
        let endpoint = |origin: &str, stage| Endpoint { origin: origin.into(), stage };
        let expected = [
            endpoint("https://eu.example.com:8443", Stage::Production),
            endpoint("http://test.example.com", Stage::Sandbox),
        ];
        assert_eq!(found.endpoints, expected);
        assert_eq!(read("servers: [ { url: /api } ]\n").0, Servers { base_path: "/api".into(), endpoints: vec![] });
        assert_eq!(read("servers: [ { url: / } ]\n").0, Servers::default());
    }

    #[test]
    fn those_of_swagger() {
        let text = "swagger: '2.0'\nhost: a.example:8080\nbasePath: /v2/\nschemes: [http, wss]\n";
        let found = swagger(&Document::read(text).unwrap().root());
        let endpoint = Endpoint { origin: "http://a.example:8080".into(), stage: Stage::Production };
        assert_eq!(found, Servers { base_path: "/v2".into(), endpoints: vec![endpoint] });
    }
}
