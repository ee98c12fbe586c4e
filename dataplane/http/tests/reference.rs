//! The request parser against a slow, strict reference written from the grammar: whatever is broken in a good head,
//! both take it or neither does. The reference splits lines, copies freely and shares no code with the parser.

use proptest::prelude::*;
use tollgate_http::{HeadLimits, Parsed, RequestIndex};

fn accepts(head: &[u8]) -> bool {
    let text: String = head.iter().map(|&byte| char::from(byte)).collect();
    let mut text = &text[..];
    for _ in 0..2 {
        text = text.strip_prefix("\r\n").unwrap_or(text);
    }
    let Some((lines, _)) = text.split_once("\r\n\r\n") else { return false };
    let lines: Vec<&str> = lines.split("\r\n").collect();
    if lines.iter().any(|line| line.contains(['\r', '\n'])) {
        return false;
    }
    let words: Vec<&str> = lines[0].split(' ').collect();
    let [method, target, version] = words[..] else { return false };
    let is_new = version == "HTTP/1.1";
    let Some(fields) = lines[1..].iter().map(|line| field(line)).collect::<Option<Vec<_>>>() else { return false };
    is_token(method)
        && method.len() <= 32
        && method != "CONNECT"
        && (is_new || version == "HTTP/1.0")
        && target_is_good(method, target)
        && hosts_are_good(&fields, is_new)
        && framing_is_good(&fields, is_new)
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
}

fn field(line: &str) -> Option<(String, &str)> {
    let (name, value) = line.split_once(':')?;
    let value_is_good = value.chars().all(|c| c == '\t' || (c >= ' ' && c != '\u{7f}'));
    (is_token(name) && value_is_good).then(|| (name.to_ascii_lowercase(), value.trim_matches([' ', '\t'])))
}

fn values<'a>(fields: &[(String, &'a str)], name: &str) -> Vec<&'a str> {
    fields.iter().filter(|(other, _)| other == name).map(|(_, value)| *value).collect()
}

fn hosts_are_good(fields: &[(String, &str)], is_required: bool) -> bool {
    match values(fields, "host")[..] {
        [] => !is_required,
        [host] => authority_is_good(host),
        _ => false,
    }
}

fn authority_is_good(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, ""),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=".contains(c);
    let host_is_good = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(is_name),
    };
    let port_is_good = port.len() <= 5 && port.chars().all(|c| c.is_ascii_digit());
    host_is_good && port_is_good && (port.is_empty() || port.parse::<u16>().is_ok())
}

fn framing_is_good(fields: &[(String, &str)], is_new: bool) -> bool {
    match (&values(fields, "content-length")[..], &values(fields, "transfer-encoding")[..]) {
        ([], []) => true,
        ([length], []) => length.chars().all(|c| c.is_ascii_digit()) && length.parse::<u64>().is_ok(),
        ([], [coding]) => is_new && coding.eq_ignore_ascii_case("chunked"),
        _ => false,
    }
}

fn target_is_good(method: &str, target: &str) -> bool {
    if !target.chars().all(|c| c.is_ascii_graphic() && c != '#') || !escapes_are_good(target) {
        return false;
    }
    if target.starts_with('/') {
        return path_is_good(target);
    }
    let lower = target.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://")) else {
        return target == "*" && method == "OPTIONS";
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    authority_is_good(&rest[..end]) && path_is_good(&rest[end..])
}

fn escapes_are_good(target: &str) -> bool {
    target.split('%').skip(1).all(|rest| {
        let digits = rest.get(..2).unwrap_or_default();
        digits.len() == 2 && digits.chars().all(|c| c.is_ascii_hexdigit()) && digits != "00"
    })
}

/// Whether the path never climbs above the root, for any reader of `%2F`, `%5C` and `;`.
fn path_is_good(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default().to_ascii_lowercase().replace("%2e", ".");
    let mut depth = 0;
    for segment in path.split('/').skip(1) {
        let pieces: Vec<String> = segment.replace("%5c", "%2f").split("%2f").map(str::to_owned).collect();
        let climbs = |piece: &String| piece == ".." || piece.starts_with("..;");
        match segment {
            "." => {}
            ".." if depth == 0 => return false,
            ".." => depth -= 1,
            _ if pieces.iter().any(climbs) => return false,
            _ => depth += 1,
        }
    }
    !path.contains('\\')
}

const GOOD: &[&str] = &[
    "GET /a/%2e/b/../c?d=%41 HTTP/1.1\r\nHost: a.b:80\r\nA: b\r\n\r\n",
    "\r\nPOST /x HTTP/1.1\r\nhost:a\r\nContent-Length: 10\r\nConnection: close\r\n\r\n",
    "PUT http://a:8/b%2fc;d HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: chunked\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET https://b?q HTTP/1.0\r\nX:\t y \r\n\r\n",
];

/// What is put into a good head.
const WRONG: &[&str] = &[
    "\r",
    "\n",
    "\r\n",
    "\r\n\r\n",
    "\0",
    " ",
    "\t",
    ":",
    "/",
    "/../",
    "..",
    "%2e",
    "%2F",
    "%5c",
    "%",
    "%00",
    ";",
    "?",
    "#",
    "@",
    "\\",
    "[",
    "]",
    "*",
    ",",
    "0",
    "9",
    "\u{7f}",
    "\u{e9}",
    "Host: a\r\n",
    "Content-Length: 1\r\n",
    "Transfer-Encoding: chunked\r\n",
    "chunked",
    "HTTP/1.0",
    "http://",
];

/// Replaces `cut` bytes at `at` with `put`, for each edit.
fn broken_heads() -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), 0..3_usize, prop::sample::select(WRONG), any::<bool>());
    (prop::sample::select(GOOD), prop::collection::vec(edit, 0..4)).prop_map(|(good, edits)| {
        let mut head = good.as_bytes().to_vec();
        for (at, cut, put, puts) in edits {
            let start = at.index(head.len() + 1);
            let end = (start + cut).min(head.len());
            head.splice(start..end, if puts { put.bytes() } else { "".bytes() });
        }
        head
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn parser_and_reference_agree(head in broken_heads()) {
        let limits = HeadLimits { head_bytes: 16_384, target_bytes: 8_192, fields: 100 };
        let verdict = RequestIndex::new().parse(&mut head.clone(), &limits);
        let is_accepted = matches!(verdict, Parsed::Complete { .. });
        prop_assert_eq!(is_accepted, accepts(&head), "{:?}: {:?}", verdict, String::from_utf8_lossy(&head));
    }
}
