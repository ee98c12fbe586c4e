//! The body of an error answer: an RFC 9457 problem document that says what the table in `reason` says, and nothing of
//! what is inside.

use crate::Reason;

/// Media type of what [`write_problem`] writes.
pub const PROBLEM_CONTENT_TYPE: &str = "application/problem+json";

/// What a problem document says.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// What went wrong.
    pub reason: Reason,
    /// What it is answered with, which need not be that of the reason.
    pub status: u16,
    /// The request's identifier; not told if empty.
    pub request_id: &'a [u8],
    /// The request's path, if it may be shown.
    pub instance: Option<&'a [u8]>,
    /// The names of the rules that refuse the request; not told if there are none.
    pub violated: &'a [&'a str],
}

/// Appends a problem document.
pub fn write_problem(out: &mut Vec<u8>, problem: &Problem<'_>) {
    let Problem { reason, status, request_id, instance, violated } = *problem;
    out.extend_from_slice(b"{\"type\":\"urn:tollgate:problem:");
    out.extend_from_slice(reason.code().as_bytes());
    out.extend_from_slice(b"\",\"title\":");
    write_string(out, reason.title().as_bytes());
    out.extend_from_slice(b",\"status\":");
    out.extend_from_slice(status.to_string().as_bytes());
    out.extend_from_slice(b",\"code\":");
    write_string(out, reason.code().as_bytes());
    out.extend_from_slice(b",\"detail\":");
    write_string(out, reason.detail().as_bytes());
    if let Some(path) = instance {
        out.extend_from_slice(b",\"instance\":");
        write_string(out, path);
    }
    if !request_id.is_empty() {
        out.extend_from_slice(
            b",\
             \"request_id\":",
        );
        write_string(out, request_id);
    }
    for (index, name) in violated.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b",\"violated\":[" } else { b"," });
        write_string(out, name.as_bytes());
    }
    if !violated.is_empty() {
        out.push(b']');
    }
    out.extend_from_slice(b"}\n");
}

/// A JSON string of bytes that are ASCII if all is well; every other byte becomes U+FFFD.
fn write_string(out: &mut Vec<u8>, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 | 0x7f => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            0x80.. => out.extend_from_slice("\u{fffd}".as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_json_whatever_the_client_sent() {
        let mut out = Vec::new();
        let problem = Problem {
            reason: Reason::NoRoute,
            status: 404,
            request_id: b"a\"b\n\xff",
            instance: Some(b"/x\\y"),
            violated: &["one", "two"],
        };
        write_problem(&mut out, &problem);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"type\":\"urn:tollgate:problem:no_route\",\"title\":\"No route\",\"status\":404,\"code\":\"no_route\",\
             \"detail\":\"No route matches the request.\",\"instance\":\"/x\\\\y\",\
             \"request_id\":\"a\\\"b\\u000a\u{fffd}\",\"violated\":[\"one\",\"two\"]}\n"
        );
    }
}
