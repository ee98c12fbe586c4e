//! Sends one direction of an HTTP/1.1 connection.
//!
//! A head is queued and leaves with the first bytes of its body: in front of them in their own buffer where there is room,
//! else as a piece of its own. Body bytes are never copied. At most one head is queued.

use crate::{
    body::{Part, Sink},
    limits::FRAME_ROOM_BYTES,
    link::Link,
};
use std::io::Write;
use tollgate_http::{Reason, write_trailers};
use tollgate_io::{Buffer, Io, SendList};

/// The sending half.
pub(crate) struct Writer<'a, I: Io> {
    pub(crate) link: &'a Link<'a, I>,
    /// A head that has not left.
    queued: Option<Buffer>,
    /// Whether the body is framed in chunks.
    is_chunked: bool,
}

impl<'a, I: Io> Writer<'a, I> {
    pub(crate) const fn new(link: &'a Link<'a, I>) -> Self {
        Self { link, queued: None, is_chunked: false }
    }

    /// Queues the head that `write` puts into an empty buffer.
    pub(crate) fn queue(
        &mut self,
        is_chunked: bool,
        write: impl FnOnce(&mut [u8]) -> Result<usize, Reason>,
    ) -> Result<(), Reason> {
        let mut head = self.link.take_buffer();
        let len = write(head.spare_mut())?;
        head.grow(len);
        self.queued = Some(head);
        self.is_chunked = is_chunked;
        Ok(())
    }

    /// Takes back a head that has not left.
    pub(crate) fn unqueue(&mut self) {
        self.queued = None;
    }

    /// Whether a head has not left.
    pub(crate) const fn has_queued(&self) -> bool {
        self.queued.is_some()
    }

    /// A head that has not left.
    pub(crate) fn queued(&self) -> &[u8] {
        self.queued.as_ref().map_or(&[], |head| head.bytes())
    }

    /// From now on a body goes out as it is.
    pub(crate) const fn begin_raw(&mut self) {
        self.is_chunked = false;
    }

    /// Sends what is queued, and `part` behind it. The part's buffer comes back.
    async fn transmit(&mut self, mut part: Option<Part>) -> (Result<(), Reason>, Option<Buffer>) {
        let mut is_head_alone = part.is_none() || self.is_crowded();
        loop {
            let mut list = match part.take_if(|_| !is_head_alone) {
                Some(part) if self.is_chunked => match self.chunked(part) {
                    Ok(list) => list,
                    Err(reason) => return (Err(reason), None),
                },
                Some(part) => self.raw(part),
                None => self.queued.take().map_or_else(|| SendList::new(None, None), SendList::whole),
            };
            let mut result = self.send_at_once(&mut list);
            if result.is_ok() && !list.is_empty() {
                (result, list) = self.send_rest(list).await;
            }
            match part {
                None => return (result, list.into_buffers().1),
                Some(part) if result.is_err() => return (result, part.buffer),
                Some(_) => is_head_alone = false,
            }
        }
    }

    /// Sends what the stream takes without waiting, which is nearly always all. The list is not moved: a future would keep
    /// a place for it.
    fn send_at_once(&self, list: &mut SendList) -> Result<(), Reason> {
        while !list.is_empty()
            && let Some(sent) = self.link.stream.try_send(list)
        {
            self.link.note_sent(&sent)?;
        }
        Ok(())
    }

    /// Sends what is left of a list, which is not empty.
    async fn send_rest(&self, mut list: SendList) -> (Result<(), Reason>, SendList) {
        self.link.begin_send();
        let result = loop {
            let sent;
            (sent, list) = self.link.stream.send(list).await;
            let noted = self.link.note_sent(&sent);
            if noted.is_err() || list.is_empty() {
                break noted;
            }
        };
        self.link.end_send();
        (result, list)
    }

    /// Whether the queued head leaves too little room behind it for the framing of chunks.
    fn is_crowded(&self) -> bool {
        self.is_chunked && self.queued.as_ref().is_some_and(|head| head.spare_len() < FRAME_ROOM_BYTES)
    }

    fn raw(&mut self, part: Part) -> SendList {
        let slices = part.slices();
        let mut body = part.buffer;
        let mut head = self.queued.take();
        let mut first = slices[0].0 as usize;
        if let (Some(queued), Some(body)) = (&head, &mut body)
            && slices[0].1 > slices[0].0
            && let Some(start) = body.put_before(first, queued.bytes())
        {
            first = start;
            head = None;
        }
        let frame = head.as_ref().map(|head| (head.start(), head.start() + head.len()));
        let mut list = SendList::new(head, body);
        if let Some((start, end)) = frame {
            list.push_frame(start, end);
        }
        for (index, (start, end)) in slices.into_iter().enumerate() {
            if start < end {
                list.push_body(if index == 0 { first } else { start as usize }, end as usize);
            }
        }
        list
    }

    fn chunked(&mut self, part: Part) -> Result<SendList, Reason> {
        let mut frame = self.queued.take().unwrap_or_else(|| self.link.take_buffer());
        let (start, len) = (frame.start(), part.len());
        if len > 0 {
            put_size(&mut frame, len);
        }
        let middle = start + frame.len();
        if len > 0 {
            frame.append(b"\r\n");
        }
        if part.is_last {
            frame.append(b"0\r\n");
            if let Some(body) = &part.buffer {
                let lines = &body.storage()[part.trailers.0 as usize..part.trailers.1 as usize];
                let written = write_trailers(frame.spare_mut(), lines)?;
                frame.grow(written);
            }
            frame.append(b"\r\n");
        }
        let end = start + frame.len();
        let slices = part.slices();
        let mut list = SendList::new(Some(frame), part.buffer);
        list.push_frame(start, middle);
        for (start, end) in slices.into_iter().filter(|(start, end)| start < end) {
            list.push_body(start as usize, end as usize);
        }
        list.push_frame(middle, end);
        Ok(list)
    }
}

/// Appends a chunk size line (RFC 9112, section 7.1).
fn put_size(frame: &mut Buffer, size: u64) {
    let mut line = [0; 18];
    let mut rest = &mut line[..];
    // 16 digits and a line break always fit 18 bytes.
    let _ = write!(rest, "{size:x}\r\n");
    let len = 18 - rest.len();
    frame.append(&line[..len]);
}

impl<I: Io> Sink for Writer<'_, I> {
    fn send(&mut self, part: Part) -> impl Future<Output = (Result<(), Reason>, Option<Buffer>)> {
        self.transmit(Some(part))
    }

    async fn flush(&mut self) -> Result<(), Reason> {
        if self.queued.is_some() { self.transmit(None).await.0 } else { Ok(()) }
    }
}
