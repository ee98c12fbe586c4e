//! The head of an answer, as far as the clients of the measurements care: a 200 with a Content-Length.
//!
//! Anything else fails the run that it belongs to. A head is at most `HEAD_BYTES_MAX` long; nothing of it is kept.

use anyhow::{Context as _, Result, ensure};

const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Where an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Length {
    /// Bytes of the head, with the empty line.
    pub(crate) head: usize,
    /// Bytes of the body.
    pub(crate) body: u64,
    /// It is the last of its connection.
    pub(crate) closes: bool,
}

/// What the head at the beginning of `received` says; `None` while it is not whole.
pub(crate) fn length(received: &[u8]) -> Result<Option<Length>> {
    let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
        ensure!(received.len() < HEAD_BYTES_MAX, "the head of the answer does not end");
        return Ok(None);
    };
    let head = std::str::from_utf8(&received[..end]).context("a head that is no text")?;
    ensure!(head.starts_with("HTTP/1.1 200 "), "the answer is {:?}", head.lines().next().unwrap_or_default());
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let field = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let (_, body) = field.context("an answer without Content-Length")?;
    let closes = head.lines().any(|line| line.eq_ignore_ascii_case("connection: close"));
    Ok(Some(Length { head: end + 4, body: body.trim().parse()?, closes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_head_says() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";
        assert_eq!(length(answer).unwrap(), Some(Length { head: answer.len() - 3, body: 3, closes: false }));
        let last = length(b"HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length: 0\r\n\r\n").unwrap();
        assert!(last.is_some_and(|last| last.closes));
        assert_eq!(length(&answer[..20]).unwrap(), None);
        assert!(length(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").is_err());
        assert!(length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(length(&[b'a'; HEAD_BYTES_MAX]).is_err());
    }
}
