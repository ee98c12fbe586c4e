//! A scripted origin: reads requests off its connections and answers each as a script says.
//!
//! It writes down every request it saw to the end, so that a test can tell what reached it and how often.

use crate::{Backlog, Endpoint, Failure, Framing, Head, Reader, World, message};
use std::{
    cell::RefCell,
    fmt,
    net::SocketAddr,
    rc::{Rc, Weak},
};

/// An answer and the way it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Statuses of 1xx responses sent first.
    pub interim: Vec<u16>,
    /// Final status. After 101 the origin reads to the end of the stream and then sends all of it back.
    pub status: u16,
    /// More fields, each with its line end.
    pub fields: String,
    /// The body.
    pub body: Vec<u8>,
    /// How its end is shown; [`Framing::Length`] with a larger number than the body has is a promise not kept.
    pub framing: Framing,
    /// Most bytes in one chunk.
    pub chunk_max: usize,
    /// Answer before the request's body is read.
    pub early: bool,
    /// Close after it.
    pub close: bool,
    /// Close so long after it without having said so, in nanoseconds.
    pub hang_up_nanos: Option<u64>,
    /// Send only this many bytes of all, then break the link.
    pub cut_at: Option<usize>,
    /// Wait before answering, in nanoseconds.
    pub delay_nanos: u64,
    /// Segments it is sent in.
    pub pieces: usize,
    /// Longest pause between segments, in nanoseconds.
    pub pause_nanos_max: u64,
    /// Sent in place of all that the fields above describe.
    pub raw: Option<Vec<u8>>,
    /// Bytes behind it that nobody asked for; in the same segment, if it is one.
    pub unasked: Vec<u8>,
    /// Whether a client that waits for a 100 (Continue) is sent one before its body is read.
    pub continues: bool,
}

impl Answer {
    /// 200 with `body` by Content-Length, at once and in one segment.
    #[must_use]
    pub fn new(body: Vec<u8>) -> Self {
        Self {
            interim: Vec::new(),
            status: 200,
            fields: String::new(),
            framing: Framing::Length(body.len()),
            body,
            chunk_max: usize::MAX,
            early: false,
            close: false,
            hang_up_nanos: None,
            cut_at: None,
            delay_nanos: 0,
            pieces: 1,
            pause_nanos_max: 0,
            raw: None,
            unasked: Vec::new(),
            continues: false,
        }
    }

    fn encode(&self, head_only: bool, world: &World) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let interim = self.interim.iter().map(|status| format!("HTTP/1.1 {status} Interim\r\n\r\n"));
        let mut bytes = interim.collect::<String>().into_bytes();
        bytes.extend(format!("HTTP/1.1 {} Scripted\r\n{}", self.status, self.fields).bytes());
        if self.close {
            bytes.extend(b"Connection: close\r\n");
        }
        match self.framing {
            _ if matches!(self.status, 101 | 204) => bytes.extend(b"\r\n"),
            Framing::Length(len) => bytes.extend(format!("Content-Length: {len}\r\n\r\n").bytes()),
            Framing::Chunked => bytes.extend(b"Transfer-Encoding: chunked\r\n\r\n"),
            Framing::UntilClose => bytes.extend(b"\r\n"),
        }
        match self.framing {
            _ if head_only || matches!(self.status, 101 | 204) => {}
            Framing::Chunked => message::encode_chunks(&mut bytes, &self.body, self.chunk_max, world.random()),
            _ => bytes.extend(&self.body),
        }
        bytes.extend(&self.unasked);
        bytes
    }

    fn ends_connection(&self, head_only: bool) -> bool {
        let by_framing = self.framing == Framing::UntilClose && !head_only && self.status != 204;
        self.close || self.early || self.hang_up_nanos.is_some() || by_framing
    }
}

/// A request that reached an origin whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its head, with what the gateway made of it.
    pub head: Head,
    /// Its body.
    pub body: Vec<u8>,
}

/// What an origin does with requests. A closure answers each by its head.
pub trait Script: 'static {
    /// The answer to a request, of which the head has come. It is number `nth` of its connection, from 0 on.
    fn answer(&self, head: &Head, nth: usize) -> Answer;

    /// Takes a request that has come whole; what is given back is what [`Origin::seen`] tells.
    fn take(&self, seen: Seen) -> Option<Seen> {
        Some(seen)
    }
}

impl<F: Fn(&Head) -> Answer + 'static> Script for F {
    fn answer(&self, head: &Head, _: usize) -> Answer {
        self(head)
    }
}

/// A running origin.
pub struct Origin {
    world: World,
    local: SocketAddr,
    script: Box<dyn Script>,
    /// Where its connections wait, unless it is down.
    backlog: RefCell<Option<Rc<Backlog>>>,
    links: RefCell<Vec<Weak<Endpoint>>>,
    seen: RefCell<Vec<Seen>>,
    broken: RefCell<Vec<Failure>>,
}

impl Origin {
    /// Starts an origin that listens at `local` and answers by `script` until the simulation ends.
    #[must_use]
    pub fn start(world: &World, local: SocketAddr, script: impl Fn(&Head) -> Answer + 'static) -> Rc<Self> {
        Self::scripted(world, local, script)
    }

    /// The same with a script that is more than a closure.
    #[must_use]
    pub fn scripted(world: &World, local: SocketAddr, script: impl Script) -> Rc<Self> {
        let origin = Rc::new(Self {
            world: world.clone(),
            local,
            script: Box::new(script),
            backlog: RefCell::default(),
            links: RefCell::default(),
            seen: RefCell::default(),
            broken: RefCell::default(),
        });
        origin.clone().listen();
        origin
    }

    fn listen(self: Rc<Self>) {
        let backlog = self.world.serve(self.local);
        self.backlog.replace(Some(backlog.clone()));
        self.world.clone().spawn(async move {
            while let Some(end) = backlog.accept().await {
                let (origin, end) = (self.clone(), Rc::new(end));
                self.links.borrow_mut().retain(|link| link.strong_count() > 0);
                self.links.borrow_mut().push(Rc::downgrade(&end));
                self.world.spawn(async move {
                    if let Err(failure) = origin.serve(&end).await {
                        origin.broken.borrow_mut().push(failure);
                    }
                });
            }
        });
    }

    /// Breaks every connection and refuses new ones for `nanos` nanoseconds, unless it is down already.
    pub fn fail(self: &Rc<Self>, nanos: u64) {
        let Some(backlog) = self.backlog.take() else { return };
        backlog.close();
        self.links.take().iter().filter_map(Weak::upgrade).for_each(|end| end.reset());
        let origin = self.clone();
        self.world.call_at(self.world.now().nanos() + nanos, move || origin.listen());
    }

    /// Requests that arrived whole, in order.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    /// Why connections ended other than between messages.
    #[must_use]
    pub fn broken(&self) -> Vec<Failure> {
        self.broken.borrow().clone()
    }

    async fn serve(&self, end: &Endpoint) -> Result<(), Failure> {
        let mut reader = Reader::new(end);
        let (mut nth, mut is_dirty) = (0, false);
        while let Some(head) = reader.head().await? {
            assert!(!is_dirty, "a request on a connection with an answer in it that nobody asked for: {head:?}");
            let answer = self.script.answer(&head, nth);
            nth += 1;
            if answer.continues && head.field("expect").is_some() {
                end.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
            }
            if !answer.early {
                let body = reader.body(head.framing().unwrap_or(Framing::Length(0))).await?;
                self.seen.borrow_mut().extend(self.script.take(Seen { head: head.clone(), body }));
            }
            end.world().sleep(answer.delay_nanos).await;
            is_dirty = !answer.unasked.is_empty();
            if !answer.send(end, &mut reader, &head).await? {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Answer {
    /// Sends it over a connection; whether another request may follow.
    async fn send(&self, end: &Endpoint, reader: &mut Reader<&Endpoint>, head: &Head) -> Result<bool, Failure> {
        let head_only = head.word(0) == "HEAD";
        let bytes = self.encode(head_only, end.world());
        let cut_at = self.cut_at.map_or(bytes.len(), |cut_at| cut_at.min(bytes.len()));
        message::send_in_pieces(end, &bytes[..cut_at], self.pieces, self.pause_nanos_max).await?;
        if self.cut_at.is_some() {
            end.reset();
            return Ok(false);
        }
        if self.status == 101 {
            end.write_all(&reader.body(Framing::UntilClose).await?).await?;
            end.finish();
            return Ok(false);
        }
        if let Some(nanos) = self.hang_up_nanos {
            end.world().sleep(nanos).await;
        }
        let is_over = self.ends_connection(head_only) || head.closes();
        if is_over {
            end.finish();
            // To the end of the stream, so that closing does not reset what was just sent.
            reader.body(Framing::UntilClose).await?;
        }
        Ok(!is_over)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({})", self.local)
    }
}
