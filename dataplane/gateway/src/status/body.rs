//! The body of a change: received whole, since a configuration is judged whole.
//!
//! The bodies of all connections together hold at most [`CHANGE_BYTES_MAX`] bytes, from their first byte until the change
//! is published or refused; what is beyond is refused, with 413 if it alone is too large. Deadlines are the connection's.

use super::pages::Page;
use crate::limits::CHANGE_BYTES_MAX;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tollgate_http::{BodyLength, Chunk, ChunkedDecoder, Reason};
use tollgate_io::{Buffer, Stream};

/// Bytes of bodies that are held now.
#[derive(Clone, Debug, Default)]
pub(super) struct Budget(Arc<AtomicUsize>);

/// A body in memory. Dropping it makes room for others, from whatever thread.
#[derive(Debug)]
pub(crate) struct Body {
    bytes: Vec<u8>,
    budget: Budget,
}

/// Why there is no body.
pub(super) enum Failure {
    /// What to answer.
    Refused(Box<Page>),
    /// There is nobody to answer.
    Broken(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self::Refused(Box::new(Page::problem(reason, None)))
    }
}

impl Body {
    fn new(budget: &Budget) -> Self {
        Self { bytes: Vec::new(), budget: budget.clone() }
    }

    /// What was received.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let held = self.budget.0.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len();
        if held > CHANGE_BYTES_MAX {
            self.budget.0.fetch_sub(bytes.len(), Ordering::Relaxed);
            let alone = self.bytes.len() + bytes.len() > CHANGE_BYTES_MAX;
            return Err(if alone { Reason::BodyTooLarge } else { Reason::Overloaded }.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

/// Receives a body; `left` came behind the head. Returns it with what came behind it.
pub(super) async fn receive(
    stream: &impl Stream,
    left: Option<Buffer>,
    length: BodyLength,
    budget: &Budget,
) -> Result<(Body, Option<Buffer>), Failure> {
    let mut body = Body::new(budget);
    let left = match length {
        BodyLength::None | BodyLength::UntilClose => left,
        BodyLength::Length(length) => counted(stream, left, length, &mut body).await?,
        BodyLength::Chunked => chunked(stream, left, &mut body).await?,
    };
    Ok((body, left.filter(|buffer| !buffer.is_empty())))
}

async fn counted(
    stream: &impl Stream,
    mut left: Option<Buffer>,
    length: u64,
    body: &mut Body,
) -> Result<Option<Buffer>, Failure> {
    let length =
        usize::try_from(length).ok().filter(|length| *length <= CHANGE_BYTES_MAX).ok_or(Reason::BodyTooLarge)?;
    while body.bytes.len() < length {
        let mut buffer = match left.take().filter(|buffer| !buffer.is_empty()) {
            Some(buffer) => buffer,
            None => more(stream, None).await?,
        };
        let taken = buffer.len().min(length - body.bytes.len());
        body.push(&buffer.bytes()[..taken])?;
        buffer.consume(taken);
        left = Some(buffer);
    }
    Ok(left)
}

async fn chunked(stream: &impl Stream, mut left: Option<Buffer>, body: &mut Body) -> Result<Option<Buffer>, Failure> {
    let mut decoder = ChunkedDecoder::default();
    loop {
        let mut buffer = match left.take() {
            Some(buffer) => buffer,
            None => more(stream, None).await?,
        };
        let (consumed, chunk) = decoder.next(buffer.bytes())?;
        if let Chunk::Data(range) = &chunk {
            body.push(&buffer.bytes()[range.clone()])?;
        }
        buffer.consume(consumed);
        left = match chunk {
            Chunk::Data(_) => Some(buffer),
            Chunk::Trailers(_) => return Ok(Some(buffer)),
            // What is left is a part of a line, far smaller than a buffer.
            Chunk::Need if buffer.is_empty() => None,
            Chunk::Need => {
                buffer.compact();
                Some(more(stream, Some(buffer)).await?)
            }
        };
    }
}

/// At least one more byte behind those of `held`.
async fn more(stream: &impl Stream, held: Option<Buffer>) -> Result<Buffer, Failure> {
    let before = held.as_ref().map_or(0, Buffer::len);
    let buffer = stream.recv(held).await?;
    if buffer.len() == before { Err(Reason::RequestIncomplete.into()) } else { Ok(buffer) }
}
