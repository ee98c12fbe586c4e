//! A scripted client: sends requests over one connection, in pieces and ahead of the answers, and reads the replies.
//!
//! It stops at the first failure, so the replies it returns are those of the first requests. What they ought to say is
//! the test's to judge.

use crate::{Endpoint, Failure, Framing, Head, Pace, Reader, SimMailbox, SimSender, World, message, payload};
use std::{
    cell::RefCell,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
};
use tollgate_io::Mailbox;

/// A request and the token that makes it and its body unlike any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// GET, HEAD, POST and the like.
    pub method: &'static str,
    /// What stands in the request line.
    pub target: String,
    /// Sent as `X-Token`.
    pub token: u64,
    /// [`payload`] of the token, in this form.
    pub body: Body,
    /// More fields, each with its line end.
    pub fields: String,
}

/// Form of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// None, and no field about one.
    None,
    /// So many bytes by Content-Length.
    Length(usize),
    /// So many bytes in chunks of at most `chunk_max`.
    Chunked {
        /// Bytes in all.
        len: usize,
        /// Most in one chunk.
        chunk_max: usize,
    },
}

/// An answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Statuses of the 1xx responses before it.
    pub interim: Vec<u16>,
    /// The final head.
    pub head: Head,
    /// Its body.
    pub body: Vec<u8>,
    /// The connection ends with it.
    pub last: bool,
}

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct Client {
    /// Where it connects from.
    pub from: IpAddr,
    /// `Host` of its requests.
    pub host: &'static str,
    /// Requests sent before the first of them is answered.
    pub depth: usize,
    /// Segments per batch of requests.
    pub pieces: usize,
    /// Longest pause between segments, in nanoseconds.
    pub pause_nanos_max: u64,
    /// Breaks the link after this many bytes of a batch.
    pub cut_at: Option<usize>,
    /// How fast it reads.
    pub pace: Pace,
    /// Finishes sending when there is nothing more to send, and reads on.
    pub finishes: bool,
}

/// A client's connection.
#[derive(Debug)]
pub struct Talk {
    reader: Reader<Rc<Endpoint>>,
    /// Bytes to be sent, beside the reading: else both sides could wait for each other. One batch after the other, since an
    /// early answer may come while its request is still being sent.
    batches: Option<SimSender<Vec<u8>>>,
    /// A body that waits for a 100 (Continue).
    kept: Rc<RefCell<Option<Vec<u8>>>>,
}

impl Default for Client {
    fn default() -> Self {
        let from = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        Self {
            from,
            host: "api.example.com",
            depth: 1,
            pieces: 1,
            pause_nanos_max: 0,
            cut_at: None,
            pace: Pace::default(),
            finishes: false,
        }
    }
}

impl Body {
    /// Bytes of the body itself.
    #[must_use]
    pub const fn len(self) -> usize {
        match self {
            Self::None => 0,
            Self::Length(len) | Self::Chunked { len, .. } => len,
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl Request {
    /// Appends the request as it goes over the wire.
    pub fn encode(&self, to: &mut Vec<u8>, host: &str, world: &World) {
        let Self { method, target, token, fields, .. } = self;
        to.extend(format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nX-Token: {token}\r\n{fields}").bytes());
        let body = payload(self.token, self.body.len());
        match self.body {
            Body::None => to.extend(b"\r\n"),
            Body::Length(len) => {
                to.extend(format!("Content-Length: {len}\r\n\r\n").bytes());
                to.extend(body);
            }
            Body::Chunked { chunk_max, .. } => {
                to.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                message::encode_chunks(to, &body, chunk_max, world.random());
            }
        }
    }
}

impl Client {
    /// Sends `requests` to `to` over one connection and returns the replies, ending with the first failure.
    pub async fn run(&self, world: &World, to: SocketAddr, requests: &[Request]) -> Vec<Result<Reply, Failure>> {
        let Ok(mut talk) = self.open(world, to).await else {
            return vec![Err(Failure::Refused)];
        };
        let mut replies = Vec::new();
        for batch in requests.chunks(self.depth.max(1)) {
            let mut bytes = Vec::new();
            batch.iter().for_each(|request| request.encode(&mut bytes, self.host, world));
            talk.send(bytes);
            for request in batch {
                let reply = talk.reply(request.method).await;
                let last = reply.as_ref().map_or(true, |reply| reply.last);
                replies.push(reply);
                if last {
                    return replies;
                }
            }
        }
        replies
    }

    /// Connects to `to`.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn open(&self, world: &World, to: SocketAddr) -> Result<Talk, Failure> {
        let end = Rc::new(world.dial(self.from, to).await.map_err(|_| Failure::Refused)?);
        let reader = Reader::with_pace(end.clone(), self.pace);
        let (batches, outbox) = world.mailbox();
        world.spawn(self.clone().send(end.clone(), outbox));
        Ok(Talk { reader, batches: Some(batches), kept: Rc::default() })
    }

    async fn send(self, end: Rc<Endpoint>, batches: SimMailbox<Vec<u8>>) {
        while let Some(bytes) = batches.receive().await {
            let cut_at = self.cut_at.map_or(bytes.len(), |cut_at| cut_at.min(bytes.len()));
            let sent = message::send_in_pieces(&end, &bytes[..cut_at], self.pieces, self.pause_nanos_max).await;
            if sent.is_ok() && self.cut_at.is_some() {
                end.reset();
            }
            // A server may answer early and close; what counts is what the reader finds.
            if sent.is_err() || self.cut_at.is_some() {
                return;
            }
        }
        if self.finishes {
            end.finish();
        }
    }
}

impl Talk {
    /// Whether the connection was closed by the other side without a look at it.
    pub(crate) fn was_turned_away(&self) -> bool {
        let end = self.reader.end();
        end.world().downstream().was_turned_away(end.number())
    }

    /// Sends `bytes` behind what was sent before.
    pub fn send(&self, bytes: impl Into<Vec<u8>>) {
        if let Some(batches) = &self.batches {
            batches.send(bytes.into());
        }
    }

    /// Finishes sending behind what was sent before.
    pub fn finish(&mut self) {
        self.batches = None;
    }

    /// Sends `body` when a 100 (Continue) has been read or so many nanoseconds have passed, unless a final reply is read
    /// before that.
    pub fn send_when_asked(&self, body: Vec<u8>, patience_nanos: u64) {
        self.kept.replace(Some(body));
        let (kept, batches, world) = (self.kept.clone(), self.batches.clone(), self.reader.end().world().clone());
        world.clone().spawn(async move {
            world.sleep(patience_nanos).await;
            if let (Some(body), Some(batches)) = (kept.take(), batches) {
                batches.send(body);
            }
        });
    }

    /// Whether there is a body that nobody asked for yet.
    #[must_use]
    pub fn keeps_body(&self) -> bool {
        self.kept.borrow().is_some()
    }

    /// Reads the reply to a request of this method.
    ///
    /// # Errors
    /// There is none that is whole.
    pub async fn reply(&mut self, method: &str) -> Result<Reply, Failure> {
        let mut interim = Vec::new();
        loop {
            let head = self.reader.head().await?.ok_or(Failure::Truncated)?;
            match head.status() {
                status @ 100..=199 => {
                    interim.push(status);
                    if status == 100
                        && let Some(body) = self.kept.take()
                    {
                        self.send(body);
                    }
                }
                status => {
                    let bare = method == "HEAD" || status == 204 || status == 304;
                    let framing = if bare { Framing::Length(0) } else { head.framing().unwrap_or(Framing::UntilClose) };
                    let body = self.reader.body(framing).await?;
                    let last = head.closes() || framing == Framing::UntilClose;
                    return Ok(Reply { interim, head, body, last });
                }
            }
        }
    }
}
