//! Where a body ends (RFC 9112, section 6.3), judged strictly: what two parsers might read in two ways is refused,
//! because a disagreement with the next hop lets one message smuggle another.
//!
//! Stricter than the RFC demands: a repeated Content-Length is refused even if all agree, Transfer-Encoding beside
//! Content-Length is refused instead of overriding it, and the only transfer coding is `chunked`, once.

use super::{Fields, tokens};
use crate::{Name, Reason, Version};

/// How the end of a message's body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// There is no body.
    None,
    /// This many bytes, possibly none.
    Length(u64),
    /// Chunks up to the last one and a trailer section (RFC 9112, section 7.1).
    Chunked,
    /// Everything until the connection closes. Responses only.
    UntilClose,
}

impl BodyLength {
    /// Whether no byte of a body follows the head.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        matches!(self, Self::None | Self::Length(0))
    }
}

/// The framing fields of a head, or `None` if it has none.
pub(super) fn declared(fields: &Fields, bytes: &[u8], version: Version) -> Result<Option<BodyLength>, Reason> {
    match (fields.value(bytes, Name::ContentLength), fields.value(bytes, Name::TransferEncoding)) {
        (None, None) => Ok(None),
        (Some(_), None) if fields.is_repeated(Name::ContentLength) => Err(Reason::ConflictingFraming),
        (Some(length), None) => decimal(length).map(|length| Some(BodyLength::Length(length))),
        (None, Some(coding)) => {
            if version == Version::Http10 || fields.is_repeated(Name::TransferEncoding) {
                return Err(Reason::ConflictingFraming);
            }
            if coding.eq_ignore_ascii_case(b"chunked") { Ok(Some(BodyLength::Chunked)) } else { Err(refusal(coding)) }
        }
        (Some(_), Some(_)) => Err(Reason::ConflictingFraming),
    }
}

/// `1*DIGIT` that fits 64 bits.
fn decimal(digits: &[u8]) -> Result<u64, Reason> {
    if digits.is_empty() {
        return Err(Reason::BadContentLength);
    }
    digits
        .iter()
        .try_fold(0_u64, |number, digit| {
            let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
            number.checked_mul(10)?.checked_add(digit)
        })
        .ok_or(Reason::BadContentLength)
}

/// Why a Transfer-Encoding that is not exactly `chunked` is refused: it misplaces `chunked`, or it names codings that
/// we do not implement (RFC 9112, sections 6.1 and 6.3).
#[cold]
fn refusal(coding: &[u8]) -> Reason {
    let is_chunked = |element: &[u8]| element.eq_ignore_ascii_case(b"chunked");
    let chunked_count = tokens(coding).filter(|element| is_chunked(element)).count();
    match (chunked_count, tokens(coding).last()) {
        (0, Some(_)) => Reason::UnknownTransferCoding,
        (1, Some(last)) if is_chunked(last) && tokens(coding).count() > 1 => Reason::UnknownTransferCoding,
        _ => Reason::ConflictingFraming,
    }
}
