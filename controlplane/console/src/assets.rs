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

#[cfg(test)]
mod tests {
    use super::*;

    /// `htmx.js` is that of htmx.org 2.0.11 as it was published, and is not changed here; its licence lies beside it.
    #[test]
    fn what_is_of_others_is_as_they_made_it() {
        let (name, _, bytes) = ASSETS[1];
        let digest = digest(&SHA256, bytes);
        let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            (name, digest.as_str()),
            ("htmx.js", "30612ca7e3d3baf407481f1798281c4481dcb93390a9722d328ce07290250426")
        );
        assert!(include_str!("../assets/htmx.LICENSE").starts_with("Zero-Clause BSD"));
    }
}
