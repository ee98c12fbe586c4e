//! Bounds on what files may ask for.

/// Bytes of a mix file or an OpenAPI document.
pub(super) const DOCUMENT_BYTES_MAX: usize = 16 << 20;
/// Requests made out of a mix file or an OpenAPI document, ranges counted out.
pub(super) const REQUESTS_MAX: usize = 10_000;
/// Bytes of all bodies and paths of a mix.
pub(super) const MIX_BYTES_MAX: usize = 256 << 20;
/// Bytes of one line of an access log.
pub(super) const LINE_BYTES_MAX: u64 = 64 << 10;
/// Times a reference or a schema leads to another.
pub(super) const DEPTH_MAX: usize = 16;
/// Of one request against the others.
pub(super) const WEIGHT_MAX: u32 = 1_000_000;
/// Values made of the schemas of one path.
pub(super) const VALUES_MAX: usize = 10_000;
