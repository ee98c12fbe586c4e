//! A scripted origin: reads requests off its connections and answers each as a script says.
//!
//! It writes down every request it saw to the end, so that a test can tell what reached it and how often.

use crate::{Endpoint, Failure, Framing, Head, Owner, Reader, World, message};
use std::{cell::RefCell, net::SocketAddr, rc::Rc};

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
        }
    }

    fn encode(&self, head_only: bool, world: &World) -> Vec<u8> {
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

/// A running origin.
#[derive(Debug, Default)]
pub struct Origin {
    seen: RefCell<Vec<Seen>>,
    broken: RefCell<Vec<Failure>>,
}

type Script = Rc<dyn Fn(&Head) -> Answer>;

impl Origin {
    /// Starts an origin that listens at `local` and answers by `script` until the simulation ends.
    #[must_use]
    pub fn start(world: &World, local: SocketAddr, script: impl Fn(&Head) -> Answer + 'static) -> Rc<Self> {
        let (origin, script): (Rc<Self>, Script) = (Rc::default(), Rc::new(script));
        let (backlog, keeper, spawner) = (world.listen(Owner::Peer, local), origin.clone(), world.clone());
        world.spawn(async move {
            while let Some(end) = backlog.accept().await {
                let (origin, script) = (keeper.clone(), script.clone());
                spawner.spawn(async move {
                    if let Err(failure) = origin.serve(&end, &script).await {
                        origin.broken.borrow_mut().push(failure);
                    }
                });
            }
        });
        origin
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

    async fn serve(&self, end: &Endpoint, script: &Script) -> Result<(), Failure> {
        let mut reader = Reader::new(end);
        while let Some(head) = reader.head().await? {
            let answer = script(&head);
            if !answer.early {
                let body = reader.body(head.framing().unwrap_or(Framing::Length(0))).await?;
                self.seen.borrow_mut().push(Seen { head: head.clone(), body });
            }
            end.world().sleep(answer.delay_nanos).await;
            let head_only = head.word(0) == "HEAD";
            let bytes = answer.encode(head_only, end.world());
            let cut_at = answer.cut_at.map_or(bytes.len(), |cut_at| cut_at.min(bytes.len()));
            message::send_in_pieces(end, &bytes[..cut_at], answer.pieces, answer.pause_nanos_max).await?;
            if answer.cut_at.is_some() {
                end.reset();
                return Ok(());
            }
            if answer.status == 101 {
                end.write_all(&reader.body(Framing::UntilClose).await?).await?;
                end.finish();
                return Ok(());
            }
            if let Some(nanos) = answer.hang_up_nanos {
                end.world().sleep(nanos).await;
            }
            if answer.ends_connection(head_only) || head.closes() {
                end.finish();
                return Self::drain(&mut reader).await;
            }
        }
        Ok(())
    }

    /// Reads to the end of the stream, so that closing does not reset what was just sent.
    async fn drain(reader: &mut Reader<'_>) -> Result<(), Failure> {
        reader.body(Framing::UntilClose).await.map(drop)
    }
}
