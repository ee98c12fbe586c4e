//! What a worker reports about one finished exchange, and the bounded label for its method.
//!
//! Plain numbers and slots, so that this crate knows nothing of requests. Filled once, when an exchange is over, and passed
//! to `WorkerMetrics::exchange`; the access record is separate.

/// One finished exchange, as counted by [`crate::WorkerMetrics::exchange`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// Slot of the route ([`crate::Registry::routes`]); `None` when no route matched.
    pub route: Option<u32>,
    /// Slot of the upstream that was chosen ([`crate::Registry::upstreams`]); `None` when none was.
    pub upstream: Option<u32>,
    /// How often the request was forwarded, or a connection for it tried.
    pub attempts: u8,
    /// Status sent downstream; 0 when none was.
    pub status: u16,
    /// Method of the request.
    pub method: MethodLabel,
    /// From the first byte of the request to the last byte of the response, in nanoseconds.
    pub duration_ns: u64,
    /// From the forwarded head to the first byte of the upstream's response head, in nanoseconds; 0 when there was none.
    pub upstream_ns: u64,
    /// Bytes received from downstream, head included.
    pub received_bytes: u64,
    /// Bytes sent downstream, head included.
    pub sent_bytes: u64,
    /// Index into the reasons of [`crate::Registry::new`]; `None` when nothing failed.
    pub reason: Option<u8>,
}

macro_rules! method_labels {
    ($($label:ident = $text:literal),+ $(,)?) => {
        /// A method as a metric label: one that is registered, or `_OTHER` as OpenTelemetry wants it, since a client may
        /// send any token.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum MethodLabel {
            $(#[doc = concat!("`", $text, "`")] $label,)+
            /// Every other method.
            #[default]
            Other,
        }

        impl MethodLabel {
            /// Every label, in the order of their discriminants.
            pub const ALL: &[Self] = &[$(Self::$label,)+ Self::Other];

            /// The label of a method token; methods are case-sensitive (RFC 9110, 9.1).
            #[must_use]
            pub fn from_bytes(method: &[u8]) -> Self {
                $(if method == $text.as_bytes() {
                    return Self::$label;
                })+
                Self::Other
            }

            /// The label's text.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$label => $text,)+
                    Self::Other => "_OTHER",
                }
            }
        }
    };
}

// The most frequent first: they are compared in this order.
method_labels! {
    Get = "GET",
    Post = "POST",
    Put = "PUT",
    Head = "HEAD",
    Delete = "DELETE",
    Patch = "PATCH",
    Options = "OPTIONS",
    Connect = "CONNECT",
    Trace = "TRACE",
    Query = "QUERY",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_comes_back_from_its_text() {
        for (index, label) in MethodLabel::ALL.iter().enumerate() {
            assert_eq!(MethodLabel::from_bytes(label.as_str().as_bytes()), *label);
            assert_eq!(*label as usize, index);
        }
        assert_eq!(MethodLabel::from_bytes(b"get"), MethodLabel::Other);
    }
}
