//! One connection of a status client: requests in, whole answers out, one at a time.
//!
//! Every transfer ends by its own or because [`crate::status`] aborts the overdue stream; nothing here is raced. A body
//! is received for a change only, and only from who may make one. A request that is refused, and any other with a body,
//! is the last of its connection.

use super::{
    access::Access,
    body::{self, Body, Failure},
    config::{self, Terms},
    debugging,
    desk::Desk,
    pages::{Asked, Page},
    quotas,
};
use crate::{
    changes::Change,
    limits::{CHANGE_ANSWER, CHANGE_BODY, STATUS_HEAD_BYTES, STATUS_IDLE, STATUS_TRANSFER},
};
use std::{cell::Cell, io, time::Duration};
use tollgate_http::{
    Answer, BodyLength, ConnectionOption, HeadLimits, Method, Parsed, Reason, RequestHead, RequestIndex, Version,
    http_date, write_answer,
};
use tollgate_io::{Buffer, Half, Instant, Io, Peek, SendList, Stream};

const LIMITS: HeadLimits = HeadLimits { head_bytes: STATUS_HEAD_BYTES, ..HeadLimits::DEFAULT };

/// What is copied into a buffer at a time, in bytes: a part of one.
const PIECE_BYTES: usize = 4096;

/// Room for the head of any answer of ours, in bytes.
const ANSWER_HEAD_BYTES: usize = 512;

pub(super) struct Connection<I: Io> {
    io: I,
    pub(super) stream: I::Stream,
    access: Access,
    deadline: Cell<Instant>,
    /// Between two requests.
    is_idle: Cell<bool>,
    /// Its next answer is the last.
    is_last: Cell<bool>,
}

/// A request without its body.
struct Request {
    asked: Asked,
    terms: Terms,
    body: BodyLength,
    expects_continue: bool,
    /// HEAD: the answer has no content.
    is_head: bool,
    /// What becomes of the connection, unless a body stands in the way.
    connection: ConnectionOption,
}

/// How to answer one request.
struct Reply {
    page: Page,
    is_head: bool,
    connection: ConnectionOption,
}

impl<I: Io> Connection<I> {
    pub(super) fn new(io: I, stream: I::Stream, access: Access) -> Self {
        let deadline = Cell::new(io.now() + STATUS_TRANSFER);
        Self { io, stream, access, deadline, is_idle: Cell::new(false), is_last: Cell::new(false) }
    }

    /// Ends it now if it is between two requests, else with its next answer.
    pub(super) fn be_last(&self) {
        self.is_last.set(true);
        if self.is_idle.get() && self.stream.peek() != Peek::Bytes {
            self.stream.abort();
        }
    }

    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.deadline.get() <= now
    }

    /// Serves until the client is done, refused or broken.
    pub(super) async fn serve(&self, desk: &Desk) {
        let mut left = None;
        while let Ok(Some((request, behind))) = self.receive(left, desk).await {
            let Ok((reply, rest)) = self.reply(request, behind, desk).await else { return };
            self.allow(STATUS_TRANSFER);
            if self.send(&reply).await.is_err() {
                return;
            }
            if reply.connection == ConnectionOption::Close {
                return self.linger().await;
            }
            self.allow(STATUS_IDLE);
            self.is_idle.set(true);
            left = rest;
        }
    }

    fn allow(&self, time: Duration) {
        self.deadline.set(self.io.now() + time);
    }

    /// The next request and what came behind its head; `None` at the client's end.
    async fn receive(&self, left: Option<Buffer>, desk: &Desk) -> io::Result<Option<(Request, Option<Buffer>)>> {
        let mut index = RequestIndex::new();
        let mut buffer = match left {
            Some(buffer) => buffer,
            None => self.stream.recv(None).await?,
        };
        self.is_idle.set(false);
        self.allow(STATUS_TRANSFER);
        let mut seen = 0;
        while buffer.len() > seen {
            seen = buffer.len();
            match index.parse(buffer.bytes_mut(), &LIMITS) {
                Parsed::Complete { head_len } => {
                    let request = self.request(&index.head(buffer.bytes()), desk);
                    buffer.consume(head_len);
                    return Ok(Some((request, (!buffer.is_empty()).then_some(buffer))));
                }
                Parsed::Refused(reason) => return Ok(Some((Request::refused(reason), None))),
                Parsed::Partial => {
                    // A head is far smaller than a buffer, so that there is room behind it now.
                    buffer.compact();
                    buffer = self.stream.recv(Some(buffer)).await?;
                }
            }
        }
        Ok(None)
    }

    fn request(&self, head: &RequestHead<'_>, desk: &Desk) -> Request {
        let mut request = Request {
            asked: desk.pages.asked(head.method(), head.path()),
            terms: Terms::default(),
            body: head.body(),
            expects_continue: head.expects_continue(),
            is_head: head.method() == Method::Head,
            connection: match (head.keep_alive() && !self.is_last.get(), head.version()) {
                (false, _) => ConnectionOption::Close,
                (true, Version::Http10) => ConnectionOption::KeepAlive,
                (true, _) => ConnectionOption::Default,
            },
        };
        if !matches!(request.asked, Asked::Page(_) | Asked::Report) {
            let shown = head.field_named(b"authorization");
            match (self.access.allows(desk.live.token().as_ref(), shown), &request.asked) {
                (false, _) => request.asked = Asked::Page(config::forbidden()),
                (true, Asked::Quotas) => {
                    request.asked = Asked::Page(quotas::show(&desk.pages.publisher, head.query().unwrap_or_default()));
                }
                (true, Asked::Operate | Asked::Debug) => {}
                (true, _) => match Terms::of(head) {
                    Ok(terms) => request.terms = terms,
                    Err(page) => request.asked = Asked::Page(page),
                },
            }
        }
        request
    }

    /// The answer, and what came behind the request.
    async fn reply(
        &self,
        request: Request,
        behind: Option<Buffer>,
        desk: &Desk,
    ) -> io::Result<(Reply, Option<Buffer>)> {
        let (is_head, connection) = (request.is_head, request.connection);
        // What needs no body does not receive it, so nothing can follow one.
        let is_last = !request.body.is_empty();
        let reply = |page, is_last| match is_last {
            true => Reply { page, is_head, connection: ConnectionOption::Close },
            false => Reply { page, is_head, connection },
        };
        let make: fn(Body) -> Change = match request.asked {
            Asked::Page(page) => return Ok((reply(page, is_last), behind)),
            Asked::Report => {
                self.allow(CHANGE_ANSWER);
                let page = desk.waiting.answer(|answering| desk.reporter.begin(answering)).await;
                return Ok((reply(page, is_last), behind));
            }
            Asked::Debug => {
                return match self.body(request.body, request.expects_continue, behind, desk).await {
                    Ok((body, rest)) => {
                        self.allow(CHANGE_ANSWER);
                        let publisher = desk.pages.publisher.clone();
                        let begin = |answering| debugging::begin(publisher, body.bytes(), answering);
                        Ok((reply(desk.waiting.answer(begin).await, false), rest))
                    }
                    Err(Failure::Refused(page)) => Ok((reply(*page, true), None)),
                    Err(Failure::Broken(error)) => Err(error),
                };
            }
            Asked::Quotas | Asked::Operate => {
                let received = self.body(request.body, request.expects_continue, behind, desk).await;
                return match received {
                    Ok((body, rest)) => {
                        let page = quotas::operate(&desk.pages.publisher, &desk.grants, &self.io, body.bytes());
                        Ok((reply(page, false), rest))
                    }
                    Err(Failure::Refused(page)) => Ok((reply(*page, true), None)),
                    Err(Failure::Broken(error)) => Err(error),
                };
            }
            Asked::Put => |body| Change::Put(Box::new(body)),
            Asked::Patch => |body| Change::Patch(Box::new(body)),
        };
        match self.body(request.body, request.expects_continue, behind, desk).await {
            Ok((body, rest)) => {
                self.allow(CHANGE_ANSWER);
                let page = desk.waiting.answer(|answering| desk.submit(make(body), request.terms, answering)).await;
                Ok((reply(page, false), rest))
            }
            Err(Failure::Refused(page)) => Ok((reply(*page, true), None)),
            Err(Failure::Broken(error)) => Err(error),
        }
    }

    /// Receives a body, whole; a client that waits for it is told to go on (RFC 9110, section 10.1.1).
    async fn body(
        &self,
        length: BodyLength,
        expects_continue: bool,
        behind: Option<Buffer>,
        desk: &Desk,
    ) -> Result<(Body, Option<Buffer>), Failure> {
        self.allow(CHANGE_BODY);
        if expects_continue && behind.is_none() {
            self.send_bytes(&[b"HTTP/1.1 100 Continue\r\n\r\n"]).await?;
        }
        body::receive(&self.stream, behind, length, &desk.budget).await
    }

    async fn send(&self, reply: &Reply) -> io::Result<()> {
        let date = http_date(self.io.wall(self.io.now()).0 / 1_000_000_000);
        let mut head = [0; ANSWER_HEAD_BYTES];
        let head_len = reply.head(&mut head, &date).map_err(io::Error::other)?;
        let content = if reply.is_head { &[][..] } else { &reply.page.content };
        self.send_bytes(&[&head[..head_len], content]).await
    }

    /// Sends all of it, a buffer at a time; each lets the client have more time.
    async fn send_bytes(&self, pieces: &[&[u8]]) -> io::Result<()> {
        let mut left = pieces.iter().flat_map(|piece| piece.chunks(PIECE_BYTES)).peekable();
        while left.peek().is_some() {
            let mut buffer = self.io.buffers().take();
            while left.next_if(|piece| buffer.append(piece)).is_some() {}
            let mut list = SendList::whole(buffer);
            while !list.is_empty() {
                let (sent, rest) = self.stream.send(list).await;
                if sent? == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                list = rest;
            }
            self.allow(STATUS_TRANSFER);
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

impl Request {
    /// One that is not understood.
    fn refused(reason: Reason) -> Self {
        Self {
            asked: Asked::Page(Page::problem(reason, None)),
            terms: Terms::default(),
            body: BodyLength::None,
            expects_continue: false,
            is_head: false,
            connection: ConnectionOption::Close,
        }
    }
}

impl Reply {
    fn head(&self, out: &mut [u8], date: &[u8]) -> Result<usize, Reason> {
        let mut fields = self.page.fields.to_vec();
        if !self.page.etag.is_empty() {
            fields.push(("ETag", self.page.etag.as_bytes()));
        }
        let answer = Answer {
            status: self.page.status,
            fields: &fields,
            body_len: self.page.content.len() as u64,
            content_type: self.page.content_type,
            date,
            connection: self.connection,
            ..Answer::default()
        };
        write_answer(out, &answer)
    }
}
