//! Trailer fields that are forwarded (RFC 9110, section 6.5.1): those that nothing was decided upon before they came.
//! Fields of framing, routing, authentication, request modifiers, response control, content description and one
//! connection only, and those that tell who the client is, are dropped.

use crate::{HeadWriter, Name, NameSet, Reason, limits::TRAILER_FIELDS_MAX};

/// Known names that a trailer may carry; of unknown ones see [`is_forbidden_family`].
const ALLOWED: NameSet = NameSet::of(&[Name::ETag, Name::LastModified, Name::Server, Name::Other]);

/// Copies the allowed ones of a trailer section's field lines, as [`crate::Chunk::Trailers`] delimits them, without the
/// last empty line; returns the length.
///
/// # Errors
/// [`Reason::BadTrailer`] if the lines are no field lines, [`Reason::Internal`] if they do not fit `out`.
pub fn write_trailers(out: &mut [u8], lines: &[u8]) -> Result<usize, Reason> {
    let mut writer = HeadWriter::new(out);
    let mut count = 0;
    for line in lines.split_inclusive(|&byte| byte == b'\n') {
        let name_len = line.iter().position(|&byte| byte == b':').ok_or(Reason::BadTrailer)?;
        count += 1;
        if count > TRAILER_FIELDS_MAX || !line.ends_with(b"\r\n") {
            return Err(Reason::BadTrailer);
        }
        let name = &line[..name_len];
        if ALLOWED.contains(Name::from_bytes(name)) && !is_forbidden_family(name) {
            writer.put(line);
        }
    }
    writer.finish().map_err(|_| Reason::Internal)
}

/// Names forbidden by how they begin: content description, conditions, proxy fields.
fn is_forbidden_family(name: &[u8]) -> bool {
    [&b"content-"[..], b"if-", b"proxy-"]
        .into_iter()
        .any(|family| name.get(..family.len()).is_some_and(|start| start.eq_ignore_ascii_case(family)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_fields_pass() {
        let lines = b"X-Checksum: 1\r\nContent-Length: 5\r\nhost: a\r\nContent-Digest: x\r\n\
            Transfer-Encoding: chunked\r\n\
            Set-Cookie: a\r\nX-Forwarded-For: 1\r\nX-Request-Id: 2\r\nAuthorization: b\r\n\
            If-Foo: c\r\nServer-Timing: d\r\n";
        let mut out = [0; 256];
        let len = write_trailers(&mut out, lines).unwrap();
        assert_eq!(&out[..len], b"X-Checksum: 1\r\nServer-Timing: d\r\n");
        assert_eq!(write_trailers(&mut out[..len - 1], lines), Err(Reason::Internal));
        assert_eq!(write_trailers(&mut out, b""), Ok(0));
        assert_eq!(write_trailers(&mut out, b"no colon\r\n"), Err(Reason::BadTrailer));
    }
}
