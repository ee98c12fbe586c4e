//! One connection of a status client: request heads in, whole answers out, one at a time.
//!
//! Every transfer ends by its own or because [`crate::status`] aborts the overdue stream; nothing here is raced. A
//! request with a body, and one that is refused, is the last of its connection.

use super::pages::{Page, Pages};
use crate::limits::{STATUS_HEAD_BYTES, STATUS_IDLE, STATUS_TRANSFER};
use std::{cell::Cell, io, time::Duration};
use tollgate_http::{
    Answer, BodyLength, ConnectionOption, HeadLimits, Method, Parsed, Reason, RequestIndex, Version, http_date,
    write_answer,
};
use tollgate_io::{Buffer, Half, Instant, Io, SendList, Stream};

const LIMITS: HeadLimits = HeadLimits { head_bytes: STATUS_HEAD_BYTES, ..HeadLimits::DEFAULT };

/// Room for the head of any answer of ours, in bytes.
const ANSWER_HEAD_BYTES: usize = 512;

pub(super) struct Connection<I: Io> {
    io: I,
    pub(super) stream: I::Stream,
    deadline: Cell<Instant>,
}

/// How to answer one request.
struct Reply {
    page: Page,
    /// HEAD: the answer has no content.
    is_head: bool,
    connection: ConnectionOption,
}

impl<I: Io> Connection<I> {
    pub(super) fn new(io: I, stream: I::Stream) -> Self {
        let deadline = Cell::new(io.now() + STATUS_TRANSFER);
        Self { io, stream, deadline }
    }

    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.deadline.get() <= now
    }

    /// Serves until the client is done, refused or broken.
    pub(super) async fn serve(&self, pages: &Pages) {
        let mut left = None;
        while let Ok(Some((reply, rest))) = self.receive(left, pages).await {
            self.allow(STATUS_TRANSFER);
            if self.send(&reply).await.is_err() {
                return;
            }
            if reply.connection == ConnectionOption::Close {
                return self.linger().await;
            }
            self.allow(STATUS_IDLE);
            left = rest;
        }
    }

    fn allow(&self, time: Duration) {
        self.deadline.set(self.io.now() + time);
    }

    /// The next request's answer and what came behind the request; `None` at the client's end.
    async fn receive(&self, left: Option<Buffer>, pages: &Pages) -> io::Result<Option<(Reply, Option<Buffer>)>> {
        let mut index = RequestIndex::new();
        let mut buffer = match left {
            Some(buffer) => buffer,
            None => self.stream.recv(None).await?,
        };
        self.allow(STATUS_TRANSFER);
        let mut seen = 0;
        while buffer.len() > seen {
            seen = buffer.len();
            match index.parse(buffer.bytes_mut(), &LIMITS) {
                Parsed::Complete { head_len } => {
                    let reply = reply(&index, buffer.bytes(), pages);
                    buffer.consume(head_len);
                    return Ok(Some((reply, (!buffer.is_empty()).then_some(buffer))));
                }
                Parsed::Refused(reason) => return Ok(Some((refusal(reason), None))),
                Parsed::Partial => {
                    // A head is far smaller than a buffer, so that there is room behind it now.
                    buffer.compact();
                    buffer = self.stream.recv(Some(buffer)).await?;
                }
            }
        }
        Ok(None)
    }

    /// Sends the whole answer, a buffer at a time.
    async fn send(&self, reply: &Reply) -> io::Result<()> {
        let date = http_date(self.io.wall(self.io.now()).0 / 1_000_000_000);
        let mut head = [0; ANSWER_HEAD_BYTES];
        let head_len = write_answer(&mut head, &reply.answer(&date)).map_err(io::Error::other)?;
        let content = if reply.is_head { &[][..] } else { &reply.page.content };
        let answer = [&head[..head_len], content].concat();
        let mut left = answer.as_slice();
        while !left.is_empty() {
            let mut buffer = self.io.buffers().take();
            let (now, later) = left.split_at(left.len().min(buffer.spare_len()));
            buffer.append(now);
            left = later;
            let mut list = SendList::whole(buffer);
            while !list.is_empty() {
                let (result, rest) = self.stream.send(list).await;
                result?;
                list = rest;
            }
        }
        Ok(())
    }

    /// Reads on until the client has finished too: closing with bytes unread would reset the connection, and the client
    /// might never see the answer.
    async fn linger(&self) {
        self.stream.shutdown(Half::Write);
        while let Ok(buffer) = self.stream.recv(None).await {
            if buffer.is_empty() {
                return;
            }
        }
    }
}

fn reply(index: &RequestIndex, bytes: &[u8], pages: &Pages) -> Reply {
    let head = index.head(bytes);
    let connection = match (head.keep_alive() && head.body() == BodyLength::None, head.version()) {
        (false, _) => ConnectionOption::Close,
        (true, Version::Http10) => ConnectionOption::KeepAlive,
        (true, _) => ConnectionOption::Default,
    };
    Reply { page: pages.page(head.method(), head.path()), is_head: head.method() == Method::Head, connection }
}

fn refusal(reason: Reason) -> Reply {
    Reply { page: Page::problem(reason, None), is_head: false, connection: ConnectionOption::Close }
}

impl Reply {
    fn answer<'a>(&'a self, date: &'a [u8]) -> Answer<'a> {
        Answer {
            status: self.page.status,
            fields: self.page.fields,
            body_len: self.page.content.len() as u64,
            content_type: self.page.content_type,
            date,
            connection: self.connection,
            ..Answer::default()
        }
    }
}
