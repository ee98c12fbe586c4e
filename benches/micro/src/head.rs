//! Heads of messages as they come.

use tollgate_http::{HeadLimits, Parsed, RequestHead, RequestIndex};

/// The head of a browser's request: 576 bytes, 13 fields.
pub(crate) const BROWSER: &str = "GET /products/garden/tools?page=2&sort=price HTTP/1.1\r\nHost: www.example.com\r\n\
    Connection: keep-alive\r\nCache-Control: max-age=0\r\nUpgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8\r\n\
    Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\
    Referer: https://www.example.com/products\r\n\
    Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\nCookie: session=0123456789\r\n\r\n";

/// The head of a client of an API, which shows its key.
pub(crate) const CLIENT: &str = "GET /orders/48151623?fields=id,total&expand=lines HTTP/1.1\r\nHost: api.example.com\r\n\
    User-Agent: orders-client/2.7 (linux; x86_64)\r\nAccept: application/json\r\n\
    X-API-Key: key-4711\r\nAccept-Encoding: gzip\r\n\r\n";

/// The head of an answer.
pub(crate) const RESPONSE: &str = "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
    Content-Type: application/json\r\nContent-Length: 1024\r\nCache-Control: max-age=60\r\nConnection: keep-alive\r\n\
    ETag: \"0123456789\"\r\nVary: Accept-Encoding\r\n\r\n";

/// A head that has been parsed.
pub(crate) struct Request {
    bytes: Vec<u8>,
    index: RequestIndex,
}

impl Request {
    pub(crate) fn new(text: &str) -> Self {
        let (mut bytes, mut index) = (text.as_bytes().to_vec(), RequestIndex::new());
        let parsed = index.parse(&mut bytes, &HeadLimits::DEFAULT);
        assert!(matches!(parsed, Parsed::Complete { .. }), "{parsed:?}");
        Self { bytes, index }
    }

    pub(crate) fn head(&self) -> RequestHead<'_> {
        self.index.head(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_browser_says_much() {
        assert_eq!(super::BROWSER.len(), 576);
        assert_eq!(super::Request::new(super::BROWSER).head().fields_len(), 13);
    }
}
