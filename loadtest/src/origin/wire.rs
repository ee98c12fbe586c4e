//! Answer heads as bytes. Pure but for the clock's text, which comes from `Site`.

use super::{plan::Framing, site::Site};

/// What an answer's head says besides the origin's own fields.
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    /// Length of the body; `None` leaves Content-Length out.
    pub(super) length: Option<u64>,
    pub(super) framing: Framing,
    /// What `Connection` says, if anything.
    pub(super) connection: Option<&'static str>,
}

impl Head {
    /// Appends the head with its empty line.
    pub(super) fn append(&self, site: &Site, out: &mut Vec<u8>) {
        let mut number = itoa::Buffer::new();
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(number.format(self.status).as_bytes());
        out.extend_from_slice(reason(self.status).as_bytes());
        site.append_fields(out);
        out.extend_from_slice(b"Content-Type: ");
        out.extend_from_slice(self.content_type.as_bytes());
        match (self.framing, self.length) {
            (Framing::Sized, Some(length)) => {
                out.extend_from_slice(b"\r\nContent-Length: ");
                out.extend_from_slice(number.format(length).as_bytes());
            }
            (Framing::Chunked { trailers }, _) => {
                let trailer = if trailers { "\r\nTrailer: Origin-Bytes" } else { "" };
                out.extend_from_slice(b"\r\nTransfer-Encoding: chunked");
                out.extend_from_slice(trailer.as_bytes());
            }
            _ => {}
        }
        if let Some(connection) = self.connection {
            out.extend_from_slice(b"\r\nConnection: ");
            out.extend_from_slice(connection.as_bytes());
        }
        out.extend_from_slice(b"\r\n\r\n");
    }
}

/// The reason phrase with the space before and the line end behind it. Nobody depends on it; people read it.
const fn reason(status: u16) -> &'static str {
    match status {
        200 => " OK\r\n",
        204 => " No Content\r\n",
        304 => " Not Modified\r\n",
        400 => " Bad Request\r\n",
        404 => " Not Found\r\n",
        426 => " Upgrade Required\r\n",
        431 => " Request Header Fields Too Large\r\n",
        500 => " Internal Server Error\r\n",
        501 => " Not Implemented\r\n",
        503 => " Service Unavailable\r\n",
        505 => " HTTP Version Not Supported\r\n",
        _ => " Synthetic\r\n",
    }
}
