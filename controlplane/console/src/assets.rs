//! What pages need besides themselves: a stylesheet and a script, built in.
//!
//! Their addresses have their digest, so that browsers may keep them for ever and see a new one at once.

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

/// Name, media type, bytes.
type Asset = (&'static str, &'static str, &'static [u8]);

const ASSETS: [Asset; 3] = [
    ("console.css", "text/css; charset=utf-8", include_bytes!("../assets/console.css")),
    ("htmx.js", "text/javascript; charset=utf-8", include_bytes!("../assets/htmx.js")),
    ("icon.svg", "image/svg+xml", include_bytes!("../assets/icon.svg")),
];

/// Where an asset is: its name and its address.
pub(crate) fn addresses() -> Vec<(&'static str, String)> {
    ASSETS.iter().map(|(name, _, bytes)| (*name, format!("/console/assets/{}/{name}", short(bytes)))).collect()
}

fn short(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref()[..6].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An asset; one that there is not is 404.
pub(crate) fn answer(name: &str) -> Response {
    let Some((_, media, bytes)) = ASSETS.iter().find(|(known, ..)| *known == name) else {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let mut response = Response::new(Body::from(*bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    response
}
