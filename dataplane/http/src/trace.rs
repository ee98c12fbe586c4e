//! Trace context (W3C Trace Context, section 3.2): whether a `traceparent` is one, and one of our own. A valid one is
//! forwarded as it came, with its `tracestate`; of anything else neither is.

use crate::{Name, RequestHead};
use std::ops::Range;

/// Length of `version-trace_id-parent_id-flags`.
const LEN: usize = 55;
const TRACE_ID: Range<usize> = 3..35;
const PARENT_ID: Range<usize> = 36..52;
const FLAGS: Range<usize> = 53..55;

/// What becomes of the trace context of a forwarded request.
#[derive(Clone, Copy, Debug, Default)]
pub enum TraceContext<'a> {
    /// A valid one goes on as it came.
    #[default]
    AsReceived,
    /// None goes on.
    Removed,
    /// This one replaces what came.
    Replaced(&'a Traceparent),
}

/// A `traceparent` of our own, of version 00.
#[derive(Clone, Copy, Debug)]
pub struct Traceparent([u8; LEN]);

impl Traceparent {
    /// One without a trace: zeros, which no recipient takes for valid.
    #[must_use]
    pub const fn new() -> Self {
        Self(*b"00-00000000000000000000000000000000-0000000000000000-00")
    }

    /// Becomes the first of a trace. Both identifiers are lower-case hexadecimal digits and not all zero; `sampled` asks
    /// the recipients to record it.
    pub fn begin(&mut self, trace_id: &[u8; 32], parent_id: &[u8; 16], sampled: bool) {
        self.0[TRACE_ID].copy_from_slice(trace_id);
        self.0[PARENT_ID].copy_from_slice(parent_id);
        self.0[FLAGS].copy_from_slice(if sampled { b"01" } else { b"00" });
    }

    /// The value of the field.
    #[must_use]
    pub const fn text(&self) -> &[u8; LEN] {
        &self.0
    }

    /// Its trace identifier.
    #[must_use]
    pub fn trace_id(&self) -> &[u8] {
        &self.0[TRACE_ID]
    }
}

impl Default for Traceparent {
    fn default() -> Self {
        Self::new()
    }
}

/// The 32 hex digits of the request's trace identifier, if it came with one valid `traceparent`.
#[must_use]
pub fn trace_id<'a>(head: &RequestHead<'a>) -> Option<&'a [u8]> {
    let value = head.field(Name::Traceparent)?;
    if head.fields_index().is_repeated(Name::Traceparent) { None } else { trace_id_of(value) }
}

fn trace_id_of(value: &[u8]) -> Option<&[u8]> {
    let form = value.get(..LEN)?;
    let form_is_right = form.iter().enumerate().all(|(at, byte)| match at {
        2 | 35 | 52 => *byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    });
    let is_zero = |range: Range<usize>| form[range].iter().all(|&byte| byte == b'0');
    let ends_right = match &form[..2] {
        b"00" => value.len() == LEN,
        b"ff" => false,
        // A later version may have more behind another dash.
        _ => value.get(LEN).is_none_or(|&byte| byte == b'-'),
    };
    (form_is_right && ends_right && !is_zero(TRACE_ID) && !is_zero(PARENT_ID)).then(|| &form[TRACE_ID])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_of_ours_is_well_formed() {
        let mut parent = Traceparent::new();
        assert_eq!(trace_id_of(parent.text()), None, "not before it has begun");
        parent.begin(b"0af7651916cd43dd8448eb211c80319c", b"b7ad6b7169203331", true);
        assert_eq!(parent.text(), b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_eq!(trace_id_of(parent.text()), Some(parent.trace_id()));
        parent.begin(b"0af7651916cd43dd8448eb211c80319c", b"b7ad6b7169203331", false);
        assert!(parent.text().ends_with(b"-00"));
    }

    #[test]
    fn only_well_formed_parents_have_a_trace_id() {
        let id = "0af7651916cd43dd8448eb211c80319c";
        let valid = |value: &str| trace_id_of(value.as_bytes()) == Some(id.as_bytes());
        assert!(valid(&format!("00-{id}-b7ad6b7169203331-01")));
        assert!(valid(&format!("01-{id}-b7ad6b7169203331-01-more")));
        for wrong in [
            String::new(),
            format!("00-{id}-b7ad6b7169203331-01-more"),
            format!("ff-{id}-b7ad6b7169203331-01"),
            format!("00-{id}-b7ad6b7169203331-0"),
            format!("00-{id}-0000000000000000-01"),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-{}-b7ad6b7169203331-01", id.to_uppercase()),
            format!("00_{id}-b7ad6b7169203331-01"),
        ] {
            assert!(trace_id_of(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }
}
