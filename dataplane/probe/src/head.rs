//! The head of a request as an endpoint gets it, without what may be a secret.
//!
//! Shown is what the client sent itself and what the gateway says of the request. What a policy has put in, a field or a
//! query, is named and not shown: it may have come out of a reference to a secret.

/// In the place of what is not shown.
const HIDDEN: &str = " (set by a policy)";

/// The head that goes out, for whoever sent the one that was received.
#[must_use]
pub fn shown(sent: &[u8], received: &[u8]) -> String {
    let received: Vec<&[u8]> = lines(received).collect();
    let shown = lines(sent).enumerate().map(|(number, line)| {
        let shown = match number {
            0 => without_new_query(line, received.first().copied().unwrap_or_default()),
            _ if is_ours(line) || received.contains(&line) => line,
            _ => &line[..name_len(line)],
        };
        let rest = if shown == line { "" } else { HIDDEN };
        String::from_utf8_lossy(shown).into_owned() + rest
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// The lines of a head.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty())
}

fn name_len(line: &[u8]) -> usize {
    line.iter().position(|byte| *byte == b':').map_or(line.len(), |colon| colon + 1)
}

/// The request line up to its query, unless that is the client's.
fn without_new_query<'l>(line: &'l [u8], received: &[u8]) -> &'l [u8] {
    let query = |line: &[u8]| line.splitn(2, |byte| *byte == b'?').nth(1).map(<[u8]>::to_vec);
    let end = line.iter().position(|byte| *byte == b'?').map_or(line.len(), |at| at + 1);
    if query(line) == query(received) { line } else { &line[..end] }
}

/// Whether a field line says what the gateway knows and no policy has written.
fn is_ours(line: &[u8]) -> bool {
    const OURS: [&str; 8] = [
        "host:",
        "via:",
        "forwarded:",
        "x-request-id:",
        "traceparent:",
        "tracestate:",
        "content-length:",
        "transfer-encoding:",
    ];
    const FAMILIES: [&str; 2] = ["x-forwarded-", "x-consumer-"];
    let name = String::from_utf8_lossy(&line[..name_len(line)]).to_ascii_lowercase();
    OURS.contains(&&*name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_policy_wrote_is_hidden() {
        let received = b"GET /a?b=c HTTP/1.1\r\nAccept: text/html\r\n\r\n";
        let sent =
            b"GET /x/a?b=c HTTP/1.1\r\nAccept: text/html\r\nHost: a\r\nX-Consumer-Plan: gold\r\nX-Key: secret\r\n\r\n";
        let expected =
            "GET /x/a? (set by a policy)\nAccept: text/html\nHost: a\nX-Consumer-Plan: gold\nX-Key: (set by a policy)";
        assert_eq!(shown(sent, received), expected.replace("/x/a? (set by a policy)", "/x/a?b=c HTTP/1.1"));
        let ours = b"GET /a?b=c&key=secret HTTP/1.1\r\n\r\n";
        assert_eq!(shown(ours, received), "GET /a? (set by a policy)");
    }
}
