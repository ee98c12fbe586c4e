//! The one table of why an exchange did not go as asked.
//!
//! A row is one [`Reason`]: the status it answers with, the stable code that is at once the problem document's `code`,
//! the access log's field and the metric's label, whose side it was, its Proxy-Status error type (RFC 9209, section
//! 2.3) and whether another endpoint may be tried. Codes are part of the product's interface: add rows, never rename
//! them.

use std::fmt;

/// Whose doing a [`Reason`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The client.
    Downstream,
    /// The endpoint, or the way to it.
    Upstream,
    /// This node or its configuration.
    Ours,
}

impl Side {
    /// `downstream`, `upstream` or `ours`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Downstream => "downstream",
            Self::Upstream => "upstream",
            Self::Ours => "ours",
        }
    }
}

struct Row {
    status: u16,
    code: &'static str,
    side: Side,
    proxy_error: Option<&'static str>,
    title: &'static str,
    detail: &'static str,
}

/// `Variant: status code side proxy-error, title, detail;` where `-` is no Proxy-Status error type.
macro_rules! reasons {
    (@error -) => { None };
    (@error $error:ident) => { Some(stringify!($error)) };
    ($($variant:ident: $status:literal $code:ident $side:ident $error:tt,
        $title:literal, $detail:literal;)+) => {
        /// Why an exchange ended otherwise than with the endpoint's own response.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $(#[doc = $detail] $variant,)+
        }

        impl Reason {
            /// Every reason, in the order of [`Reason::index`].
            pub const ALL: [Self; ROWS.len()] = [$(Self::$variant),+];
        }

        const ROWS: &[Row] = &[$(Row {
            status: $status,
            code: stringify!($code),
            side: Side::$side,
            proxy_error: reasons!(@error $error),
            title: $title,
            detail: $detail,
        }),+];
    };
}

reasons! {
    BadRequestLine: 400 bad_request_line Downstream http_request_error,
        "Malformed request line", "The request line is not `method SP target SP version`.";
    BadTarget: 400 bad_target Downstream http_request_error,
        "Malformed request target", "The request target has a character, escape or `..` segment that is not allowed.";
    BadHeader: 400 bad_header Downstream http_request_error,
        "Malformed header field", "A field line is not `name: value`, or it holds a control character.";
    LineFolding: 400 line_folding Downstream http_request_error,
        "Folded header field", "A field line begins with white space, which once continued the line before it.";
    BareLineBreak: 400 bare_line_break Downstream http_request_error,
        "Malformed line break", "A carriage return or line feed stands alone; lines end with both.";
    BadHost: 400 bad_host Downstream http_request_error,
        "Bad Host header", "The Host field is missing, repeated or not `host[:port]`.";
    BadContentLength: 400 bad_content_length Downstream http_request_error,
        "Bad Content-Length", "The Content-Length field is not one decimal number that fits 64 bits.";
    ConflictingFraming: 400 conflicting_framing Downstream http_request_error,
        "Conflicting message framing", "The message says in more than one way, or in a wrong way, where its body ends.";
    BadChunk: 400 bad_chunk Downstream http_request_error,
        "Malformed chunk", "The chunked body has a malformed size line or a chunk that does not end where it should.";
    BadTrailer: 400 bad_trailer Downstream http_request_error,
        "Malformed trailer section", "The trailer section is malformed or too large.";
    RequestIncomplete: 400 request_incomplete Downstream http_request_error,
        "Incomplete request", "The client finished sending before the end of the request.";
    IpDenied: 403 ip_denied Downstream http_request_denied,
        "Address not allowed", "Clients of this address are not let in here.";
    CorsRefused: 403 cors_refused Downstream http_request_denied,
        "Cross-origin request refused", "The page's origin, or the method or a field it asks for, is not allowed here.";
    CredentialMissing: 401 credential_missing Downstream http_request_denied,
        "Credential missing", "The request has none of the credentials that this API asks for.";
    CredentialInvalid: 401 credential_invalid Downstream http_request_denied,
        "Credential not valid", "The credential of the request is not one that may be used here.";
    CredentialExpired: 401 credential_expired Downstream http_request_denied,
        "Credential expired", "The credential of the request was valid until a time that has passed.";
    NotSubscribed: 403 not_subscribed Downstream http_request_denied,
        "Not subscribed", "The application that calls has no subscription to this API.";
    ScopeMissing: 403 scope_missing Downstream http_request_denied,
        "Scope missing", "The credential of the request does not have every scope that this API asks for.";
    NoRoute: 404 no_route Downstream destination_not_found,
        "No route", "No route matches the request.";
    MethodNotAllowed: 405 method_not_allowed Downstream http_request_denied,
        "Method not allowed", "Routes match the request's path, but none of them its method.";
    RequestTimeout: 408 request_timeout Downstream http_request_error,
        "Request timeout", "The request did not arrive in the time allowed.";
    BodyTooLarge: 413 body_too_large Downstream http_request_error,
        "Content too large", "The request's content is larger than allowed.";
    TargetTooLong: 414 target_too_long Downstream http_request_error,
        "Request target too long", "The request target is longer than allowed.";
    Throttled: 429 throttled Downstream http_request_denied,
        "Too many requests", "There were more requests than the rules of this route allow in a short time.";
    QuotaExceeded: 429 quota_exceeded Downstream http_request_denied,
        "Quota used up", "What the rules of this route allow in a calendar window has been used.";
    ConcurrencyExceeded: 429 concurrency_exceeded Downstream http_request_denied,
        "Too many requests in flight", "As many requests are in flight as the rules of this route allow at the same time.";
    HeadTooLarge: 431 head_too_large Downstream http_request_error,
        "Request header fields too large", "The request head has more bytes or fields than allowed.";
    PlainHttp: 400 plain_http Downstream http_request_error,
        "Plain HTTP on a TLS port", "The connection speaks HTTP without TLS, and this port takes TLS only.";
    Misdirected: 421 misdirected Downstream http_request_denied,
        "Misdirected request", "The certificate of this connection is not for the host of the request.";
    ClientClosed: 499 client_closed Downstream -,
        "Client closed the connection", "The client went away before the response was complete.";
    UnknownTransferCoding: 501 unknown_transfer_coding Downstream http_request_error,
        "Unknown transfer coding", "A transfer coding other than `chunked` is not implemented.";
    MethodNotImplemented: 501 method_not_implemented Downstream http_request_denied,
        "Method not implemented", "The method is not one this gateway forwards.";
    UnsupportedVersion: 505 unsupported_version Downstream http_request_error,
        "HTTP version not supported", "The protocol version is not one this listener speaks.";
    Overloaded: 503 overloaded Ours connection_limit_reached,
        "Overloaded", "The gateway has no capacity left for this request.";
    KeysUnavailable: 503 keys_unavailable Ours proxy_internal_response,
        "Keys not available", "The keys that the token of the request is verified with are being fetched.";
    FaultInjected: 503 fault_injected Ours proxy_internal_response,
        "Fault injected", "The gateway answers this on purpose, to test how errors are borne.";
    Draining: 503 draining Ours proxy_internal_response,
        "Shutting down", "The gateway is shutting down and takes no new requests.";
    Internal: 500 internal Ours proxy_internal_error,
        "Internal error", "The gateway could not process the request.";
    NoEndpoint: 503 no_endpoint Upstream destination_unavailable,
        "No endpoint available", "The upstream has no endpoint that can take the request.";
    UpstreamBusy: 503 upstream_busy Upstream connection_limit_reached,
        "Upstream busy", "All connections that may be open to the upstream are in use.";
    CircuitOpen: 503 circuit_open Upstream destination_unavailable,
        "Circuit open", "Too many requests to the upstream went wrong, and it is left alone for a time.";
    UpstreamOverloaded: 503 upstream_overloaded Upstream connection_limit_reached,
        "Upstream overloaded", "The upstream has as many requests in progress as it can take at present.";
    UpstreamThrottled: 503 upstream_throttled Upstream connection_limit_reached,
        "Upstream throttled", "The upstream has been sent as many requests as it may get in a short time.";
    ConnectRefused: 502 connect_refused Upstream connection_refused,
        "Upstream refused the connection", "The endpoint refused the connection.";
    ConnectTimeout: 504 connect_timeout Upstream connection_timeout,
        "Upstream connection timeout", "The endpoint did not accept the connection in the time allowed.";
    ConnectFailed: 502 connect_failed Upstream destination_ip_unroutable,
        "Upstream connection failed", "The endpoint could not be reached.";
    UpstreamTlsFailed: 502 upstream_tls_failed Upstream tls_protocol_error,
        "Upstream TLS failure", "No TLS session with the endpoint came about, or it broke.";
    UpstreamTlsAlert: 502 upstream_tls_alert Upstream tls_alert_received,
        "Upstream TLS alert", "The endpoint refused the TLS session.";
    UpstreamCertificate: 502 upstream_certificate Upstream tls_certificate_error,
        "Upstream certificate not accepted", "The endpoint's certificate is not one this gateway trusts.";
    UpstreamClosed: 502 upstream_closed Upstream connection_terminated,
        "Upstream closed the connection", "The endpoint closed the connection before it answered.";
    UpstreamMalformed: 502 upstream_malformed Upstream http_protocol_error,
        "Malformed upstream response", "The endpoint's response is not acceptable HTTP.";
    UpstreamHeadTooLarge: 502 upstream_head_too_large Upstream http_response_header_section_size,
        "Upstream response head too large", "The endpoint's response head has more bytes or fields than allowed.";
    ResponseIncomplete: 502 response_incomplete Upstream http_response_incomplete,
        "Incomplete upstream response", "The endpoint finished sending before the end of its response.";
    ResponseTimeout: 504 response_timeout Upstream http_response_timeout,
        "Upstream response timeout", "The endpoint did not answer in the time allowed.";
    RequestDeadline: 504 request_deadline Upstream http_response_timeout,
        "Request deadline exceeded", "The exchange was not complete in the time allowed for the whole of it.";
    TunnelTimeout: 504 tunnel_timeout Ours connection_read_timeout,
        "Tunnel timeout", "No byte went through the upgraded connection in the time allowed.";
    UpgradeRefused: 502 upgrade_refused Upstream http_upgrade_failed,
        "Upgrade failed", "The endpoint switched to a protocol that was not asked for.";
}

impl Reason {
    /// Number of reasons; [`Reason::index`] is below it.
    pub const COUNT: usize = ROWS.len();

    const fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// Position in [`Reason::ALL`] and in arrays of counters.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Status code of the answer; 499 is only ever logged.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().status
    }

    /// Stable snake_case name: the problem's `code`, the log's field, the metric's label.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.row().code
    }

    /// A few words for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// One sentence for people, with no internals in it.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        self.row().detail
    }

    /// Whose doing it is.
    #[must_use]
    pub const fn side(self) -> Side {
        self.row().side
    }

    /// Error type of Proxy-Status (RFC 9209, section 2.3).
    #[must_use]
    pub const fn proxy_error(self) -> Option<&'static str> {
        self.row().proxy_error
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for Reason {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_statuses_match_the_side() {
        for (i, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(reason.index(), i);
            assert!(Reason::ALL[i + 1..].iter().all(|other| other.code() != reason.code()), "{reason}");
            assert!((400..600).contains(&reason.status()), "{reason}");
            assert!(reason.side() != Side::Upstream || reason.status() >= 502, "{reason}");
            assert!(reason.code().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{reason}");
        }
    }

    #[test]
    fn error_types_are_registered_ones() {
        let registered = [
            "dns_timeout",
            "dns_error",
            "destination_not_found",
            "destination_unavailable",
            "destination_ip_prohibited",
            "destination_ip_unroutable",
            "connection_refused",
            "connection_terminated",
            "connection_timeout",
            "connection_read_timeout",
            "connection_write_timeout",
            "connection_limit_reached",
            "tls_protocol_error",
            "tls_certificate_error",
            "tls_alert_received",
            "http_request_error",
            "http_request_denied",
            "http_response_incomplete",
            "http_response_header_section_size",
            "http_response_header_size",
            "http_response_body_size",
            "http_response_trailer_section_size",
            "http_response_trailer_size",
            "http_response_transfer_coding",
            "http_response_content_coding",
            "http_response_timeout",
            "http_upgrade_failed",
            "http_protocol_error",
            "proxy_internal_response",
            "proxy_internal_error",
            "proxy_configuration_error",
            "proxy_loop_detected",
        ];
        for reason in Reason::ALL {
            assert!(reason.proxy_error().is_none_or(|error| registered.contains(&error)), "{reason}");
        }
    }
}
