//! What a demo prints for people to try: each request with what it is answered, in an order that tells a story.
//!
//! Every request is a line that begins with `curl` and works as it stands; `tests/e2e` does all of them.

use super::tenant::{MEMBER, PLAN_REQUESTS, TENANT, Tenant};
use std::{fmt::Write as _, net::SocketAddr, path::Path};

/// Where everything of a demo is.
pub(super) struct Places<'p> {
    pub(super) gateway: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) status: Option<SocketAddr>,
    pub(super) folder: &'p Path,
}

pub(super) fn text(places: &Places<'_>, tenant: &Tenant) -> String {
    let Places { gateway, admin, status, folder } = places;
    let mut text = format!(
        "
The gateway    http://{gateway} (two APIs, in front of two built-in origins)
The admin API  http://{admin}/api/v1 (described by /openapi.json below it)
The console    http://{admin}/console (tenant {TENANT}, member {MEMBER}, password {})
",
        tenant.password
    );
    if let Some(status) = status {
        // A `String` takes everything.
        let _ = writeln!(text, "What is counted  http://{status}/metrics");
    }
    let _ = writeln!(text, "All of it is in {}\n", folder.display());
    for (what, command) in requests(*gateway, *admin, tenant) {
        let _ = writeln!(text, "# {what}\n{command}\n");
    }
    text.push_str("Below: the access log. Ctrl-C to stop.\n");
    text
}

/// What is answered, and the request.
fn requests(gateway: SocketAddr, admin: SocketAddr, tenant: &Tenant) -> [(String, String); 7] {
    let orders = format!("http://{gateway}/orders");
    let hello = format!("http://{gateway}/greetings/hello");
    let api = format!("http://{admin}/api/v1/tenants/{TENANT}");
    let key = format!("-H 'X-API-Key: {}'", tenant.key);
    let token = format!("-H {}", quoted(&format!("@{}", tenant.authorization.display())));
    let more = PLAN_REQUESTS + 1;
    [
        ("without a key: 401".to_owned(), format!("curl -i {orders}/17")),
        ("with the key of the application `shop`: 200".to_owned(), format!("curl -i {key} {orders}/17")),
        (
            format!("its plan has {PLAN_REQUESTS} requests a minute and API: 200, and in the end 429"),
            format!("curl -s -o /dev/null -w '%{{http_code}}\\n' {key} '{orders}/[1-{more}]'"),
        ),
        ("another API, of which a bad revision was published: 404".to_owned(), format!("curl -i {key} {hello}")),
        (
            "the admin API rolls it back, with the token in a file: 200".to_owned(),
            format!("curl {token} -d '{{}}' {api}/apis/greetings@1.0/publications/production/rollback"),
        ),
        ("the admin API says who changed what: 200".to_owned(), format!("curl {token} '{api}/audit?limit=3'")),
        ("what was rolled back answers again: 200".to_owned(), format!("curl -i {key} {hello}")),
    ]
}

/// `text` as one word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@/._-+:".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_word() {
        assert_eq!(quoted("@/tmp/.a-B_1/authorization"), "@/tmp/.a-B_1/authorization");
        assert_eq!(quoted("@/my data/it's"), r"'@/my data/it'\''s'");
    }
}
