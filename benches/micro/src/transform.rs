//! Changes of a request and of what a page of another origin gets.

use crate::{
    Step, config,
    head::{BROWSER, Request},
    http::forwarded,
};
use std::hint::black_box;
use tollgate_http::write_request;
use tollgate_transform::{Cors, QueryEdits, field_edits};

/// Writes a browser's head with two fields more, one less and one other.
pub(crate) fn fields() -> Step {
    let policies = config::policies(
        "request_headers: { remove: [ Referer ], set: [ { name: Accept-Language, value: en }, { name: X-Tenant, value: acme } ], \
         add: [ { name: X-Area, value: shop } ] }",
    );
    let edits = field_edits(&policies.request_headers, &[]).expect("there are changes");
    let (request, mut out) = (Request::new(BROWSER), vec![0; 4096]);
    Step::new(move || {
        write_request(black_box(&mut out), request.head(), &forwarded(Some(&edits))).expect("there is room")
    })
}

/// Changes the query of a request.
pub(crate) fn query() -> Step {
    let policies = config::policies("request_query: { remove: [ api_key ], set: [ { name: sort, value: name } ] }");
    let edits = QueryEdits::compile(&policies.request_query, &[]).expect("there are changes");
    let mut target = Vec::with_capacity(256);
    Step::new(move || {
        target.clear();
        edits.apply(black_box(b"page=2&sort=price&api_key=0123456789abcdef&fields=id,total"), &mut target);
        target.len()
    })
}

/// The lines for a page of an origin that is allowed.
pub(crate) fn cors() -> Step {
    let policies = config::policies(
        "cors: { origins: [ \"https://shop.example.com\", \"https://*.partner.example\" ], methods: [ GET, POST ] }",
    );
    let cors = Cors::compile(policies.cors.as_deref().expect("there is such a policy"));
    Step::new(move || cors.response_lines(black_box(Some(b"https://app.partner.example"))).len())
}
