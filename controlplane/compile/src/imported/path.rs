//! Paths of a document as those of operations: below the base path, in the contract's patterns, in ASCII.

use tollgate_openapi::{Operation, RoutePath};

/// The path of an operation below `base`, and whether it takes what the document says and nothing else.
pub(super) fn of(operation: &Operation, base: &str) -> (String, bool) {
    match &operation.path {
        RoutePath::Template(path) => (encoded(path.strip_prefix(base).unwrap_or(path)), true),
        RoutePath::Regex(_) => (loosened(&operation.template), false),
    }
}

/// A segment with text beside parameters as one parameter of all their names.
fn loosened(template: &str) -> String {
    let segments = template.split('/').map(|segment| {
        let names: Vec<_> = segment.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
        if names.is_empty() { encoded(segment) } else { format!("{{{}}}", spelled(&names.join("_"))) }
    });
    segments.collect::<Vec<_>>().join("/")
}

fn spelled(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// With what is no visible ASCII character percent-encoded (RFC 3986, section 2.1).
pub(super) fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_graphic() { out.push(char::from(byte)) } else { out.push_str(&format!("%{byte:02X}")) }
    }
    out
}

/// Equal for two that take the same requests.
pub(super) fn shape(path: &str) -> String {
    let segments = path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}
