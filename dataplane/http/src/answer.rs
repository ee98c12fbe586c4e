//! Heads of the answers that this node gives itself: errors, redirects, the status pages of other crates.

use crate::{ConnectionOption, FieldEdits, HeadWriter, Reason, forward::write_connection_option, reason_phrase};

/// A response of our own.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Status code, 200 to 599.
    pub status: u16,
    /// Further fields. Values must hold no line break.
    pub fields: &'a [(&'a str, &'a [u8])],
    /// Bytes of content that follow; also told when they are not sent because the request was HEAD.
    pub body_len: u64,
    /// Content-Type; none if empty.
    pub content_type: &'a str,
    /// Value of Date; none if empty.
    pub date: &'a [u8],
    /// What becomes of the connection.
    pub connection: ConnectionOption,
    /// What else `fields` lose and gain.
    pub edits: Option<&'a FieldEdits>,
    /// Whole field lines, written behind all others.
    pub lines: &'a [u8],
}

impl Default for Answer<'_> {
    fn default() -> Self {
        Self {
            status: 200,
            fields: &[],
            body_len: 0,
            content_type: "",
            date: b"",
            connection: ConnectionOption::Default,
            edits: None,
            lines: b"",
        }
    }
}

/// Writes the head; returns its length.
///
/// # Errors
/// [`Reason::Internal`] if it does not fit `out`.
pub fn write_answer(out: &mut [u8], answer: &Answer<'_>) -> Result<usize, Reason> {
    let mut writer = HeadWriter::new(out);
    writer.status_line(answer.status, reason_phrase(answer.status).as_bytes());
    if !answer.date.is_empty() {
        writer.field("Date", &[answer.date]);
    }
    if !answer.content_type.is_empty() {
        writer.field("Content-Type", &[answer.content_type.as_bytes()]);
    }
    // RFC 9110, section 8.6: a 204 has no Content-Length.
    if answer.status != 204 {
        writer.put(b"Content-Length: ");
        writer.put_number(answer.body_len);
        writer.put(b"\r\n");
    }
    for (name, value) in answer.fields {
        if !answer.edits.is_some_and(|edits| edits.is_removed(name.as_bytes())) {
            writer.field(name, &[value]);
        }
    }
    if let Some(edits) = answer.edits {
        writer.put(edits.answer_lines());
    }
    writer.put(answer.lines);
    write_connection_option(&mut writer, answer.connection);
    writer.end().map_err(|_| Reason::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_whole_head() {
        let mut out = [0; 512];
        let answer = Answer {
            status: 405,
            fields: &[("Allow", b"GET")],
            body_len: 17,
            content_type: "text/plain",
            date: b"today",
            connection: ConnectionOption::Close,
            ..Answer::default()
        };
        let len = write_answer(&mut out, &answer).unwrap();
        assert_eq!(
            std::str::from_utf8(&out[..len]).unwrap(),
            "HTTP/1.1 405 Method Not Allowed\r\nDate: today\r\nContent-Type: text/plain\r\nContent-Length: 17\r\n\
             Allow: GET\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(write_answer(&mut out[..len - 1], &answer), Err(Reason::Internal));
    }

    #[test]
    fn changes_leave_the_content_type_as_it_is() {
        let mut edits = FieldEdits::new();
        for name in ["X-Old", "Retry-After", "Content-Type"] {
            edits.remove(name);
        }
        edits.add("Content-Type", "text/html");
        edits.add("Retry-After", "9");
        let answer = Answer {
            fields: &[("x-old", b"1"), ("Retry-After", b"1"), ("X-Kept", b"1")],
            content_type: "text/plain",
            edits: Some(&edits),
            lines: b"Vary: Origin\r\n",
            ..Answer::default()
        };
        let mut out = [0; 512];
        let len = write_answer(&mut out, &answer).unwrap();
        assert_eq!(
            std::str::from_utf8(&out[..len]).unwrap(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\nX-Kept: 1\r\nRetry-After: 9\r\n\
             Vary: Origin\r\n\r\n"
        );
    }
}
