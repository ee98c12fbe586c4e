//! Receives one direction of an HTTP/1.1 connection: heads for whoever parses them, bodies as parts.
//!
//! It owns at most one buffer. What is behind the current message (a pipelined request) stays in it.

use crate::{
    body::{Part, Source},
    limits::RECEIVE_ROOM_BYTES,
    link::Link,
    wire::Arrival,
};
use tollgate_http::{BodyLength, Chunk, ChunkedDecoder, Reason, Side};
use tollgate_io::{Buffer, Io, Stream};

/// How the rest of the current body is delimited.
enum Framing {
    /// It is over.
    Done,
    /// This many bytes, at least 1, are to come.
    Length(u64),
    Chunked(ChunkedDecoder),
    /// It ends with the stream.
    UntilClose,
}

/// The receiving half.
pub(crate) struct Reader<'a, I: Io> {
    pub(crate) link: &'a Link<'a, I>,
    /// `None` while a part is out, and while there is nothing received.
    pub(crate) buffer: Option<Buffer>,
    framing: Framing,
}

impl<'a, I: Io> Reader<'a, I> {
    pub(crate) const fn new(link: &'a Link<'a, I>) -> Self {
        Self { link, buffer: None, framing: Framing::Done }
    }

    /// What was received and not consumed.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.as_ref().map_or(&[], Buffer::bytes)
    }

    /// Drops the head in front and begins the body behind it.
    pub(crate) fn begin_body(&mut self, head_len: usize, body: BodyLength) {
        if let Some(buffer) = &mut self.buffer {
            buffer.consume(head_len);
        }
        self.framing = match body {
            BodyLength::None | BodyLength::Length(0) => Framing::Done,
            BodyLength::Length(length) => Framing::Length(length),
            BodyLength::Chunked => Framing::Chunked(ChunkedDecoder::new(self.link.side)),
            BodyLength::UntilClose => Framing::UntilClose,
        };
    }

    /// Whether the body was read to its end.
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self.framing, Framing::Done)
    }

    /// Receives more behind what is there. Says whether anything came, which need not make another byte to be read yet;
    /// false at the end of the stream.
    pub(crate) async fn fill(&mut self) -> Result<bool, Reason> {
        // An empty buffer goes back: while the peer is silent others can use it, and the one used last is in the cache.
        let mut held = self.buffer.take().filter(|buffer| !buffer.is_empty());
        if let Some(buffer) = &mut held {
            if buffer.spare_len() < RECEIVE_ROOM_BYTES {
                buffer.compact();
            }
            if buffer.spare_len() == 0 {
                // Unreachable while every limit on what must be whole in a buffer is below its size.
                return Err(Reason::Internal);
            }
        }
        let before = held.as_ref().map_or(0, Buffer::len);
        self.link.begin_receive();
        // As `Wire::receive`, without its future: a receive waits nearly always, and each future on the way to it costs.
        let wire = &self.link.stream;
        let result = match wire.layer() {
            None => wire.stream().recv(held).await.map(|buffer| Arrival::plain(buffer, before)),
            Some(layer) => layer.receive(wire.stream(), held).await,
        };
        let arrival = self.link.end_receive(result, before)?;
        self.buffer = arrival.buffer;
        Ok(!arrival.is_end)
    }

    /// Whether nothing that was received is left, here or below.
    pub(crate) fn is_drained(&self) -> bool {
        self.bytes().is_empty() && !self.link.stream.holds_bytes()
    }
}

fn decode_chunks(decoder: &mut ChunkedDecoder, buffer: &mut Buffer, part: &mut Part) -> Result<(), Reason> {
    while !part.is_full() {
        let start = buffer.start();
        let (consumed, chunk) = decoder.next(buffer.bytes())?;
        buffer.consume(consumed);
        match chunk {
            Chunk::Data(data) => part.push(start + data.start, start + data.end),
            Chunk::Need => break,
            Chunk::Trailers(lines) => {
                part.trailers = ((start + lines.start) as u16, (start + lines.end) as u16);
                part.is_last = true;
                break;
            }
        }
    }
    Ok(())
}

impl<I: Io> Source for Reader<'_, I> {
    fn ready(&mut self) -> Result<Option<Part>, Reason> {
        if self.is_done() {
            return Ok(Some(Part::end()));
        }
        let Some(buffer) = self.buffer.as_mut().filter(|buffer| !buffer.is_empty()) else { return Ok(None) };
        let mut part = Part::default();
        let (start, len) = (buffer.start(), buffer.len());
        match &mut self.framing {
            Framing::Done => {}
            Framing::Length(left) => {
                let taken = len.min(usize::try_from(*left).unwrap_or(usize::MAX));
                part.push(start, start + taken);
                buffer.consume(taken);
                *left -= taken as u64;
                part.is_last = *left == 0;
            }
            Framing::UntilClose => {
                part.push(start, start + len);
                buffer.consume(len);
            }
            Framing::Chunked(decoder) => decode_chunks(decoder, buffer, &mut part)?,
        }
        if part.is_last {
            self.framing = Framing::Done;
        } else if part.is_empty() {
            return Ok(None);
        }
        part.buffer = self.buffer.take();
        Ok(Some(part))
    }

    async fn next(&mut self) -> Result<Part, Reason> {
        loop {
            if let Some(part) = self.ready()? {
                return Ok(part);
            }
            match self.fill().await {
                Ok(true) => continue,
                Ok(false) => {}
                // Broken off in the middle is cut short, too.
                Err(Reason::UpstreamClosed) => return Err(Reason::ResponseIncomplete),
                Err(reason) => return Err(reason),
            }
            return match (&self.framing, self.link.side) {
                (Framing::UntilClose, _) if self.link.stream.has_ended_well() => {
                    self.framing = Framing::Done;
                    Ok(Part::end())
                }
                (_, Side::Downstream) => Err(Reason::RequestIncomplete),
                _ => Err(Reason::ResponseIncomplete),
            };
        }
    }

    fn give_back(&mut self, buffer: Option<Buffer>) {
        if buffer.is_some() {
            self.buffer = buffer;
        }
    }
}
