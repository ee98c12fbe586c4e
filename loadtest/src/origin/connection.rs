//! One connection: read a head, consume its body, answer, again.
//!
//! Answers collect in `out` and leave together before the connection waits for more input, so pipelined requests cost one
//! send. Stored bytes are bounded by `limits`: bodies are never kept, long answers leave from a static block.

use super::{
    body::{Decoder, Digest},
    head::{self, Refusal, Request},
    limits::{
        BLOCK_BYTES, BODY_INPUT_BYTES, CHUNK_BYTES, COPIED_BODY_BYTES_MAX, INPUT_BYTES, LINGER_BYTES_MAX,
        OUTPUT_BYTES_MAX,
    },
    plan::{Answer, Framing, Plan},
    site::{BLOCK, Site},
    wire::Head,
};
use monoio::{
    buf::IoBufMut,
    io::{AsyncReadRent, AsyncWriteRent, AsyncWriteRentExt},
    net::TcpStream,
};
use nix::sys::socket::{setsockopt, sockopt::Linger};
use std::{io, mem, os::fd::AsRawFd, rc::Rc, time::Duration};

/// How an exchange left the connection.
#[derive(PartialEq, Eq)]
pub(super) enum Next {
    Request,
    Close,
    /// Nothing more may be sent, not even what is in `out`.
    Gone,
}

/// What the answer must know of its request once the head's bytes are gone.
pub(super) struct Exchange {
    pub(super) plan: Plan,
    body: Decoder,
    expects_continue: bool,
    pub(super) head_only: bool,
    pub(super) http_1_0: bool,
}

pub(super) struct Connection {
    stream: TcpStream,
    pub(super) site: Rc<Site>,
    /// Received bytes; those before `at` are consumed.
    input: Vec<u8>,
    at: usize,
    /// Bytes to send.
    pub(super) out: Vec<u8>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, site: Rc<Site>) -> Self {
        Self { stream, site, input: Vec::with_capacity(INPUT_BYTES), at: 0, out: Vec::new() }
    }

    /// Serves until the peer leaves, an answer closes, or something breaks.
    pub(super) async fn serve(mut self) {
        let presence = self.site.enter(self.stream.as_raw_fd());
        // A broken connection is the peer's affair: there is nobody to tell.
        if let Ok(Next::Close) = self.exchanges().await {
            let _ = self.finish().await;
        }
        drop(presence);
    }

    async fn exchanges(&mut self) -> io::Result<Next> {
        loop {
            let length = match head::length(&self.input[self.at..]) {
                Ok(Some(length)) => length,
                Ok(None) if self.fill(INPUT_BYTES).await? > 0 => continue,
                Ok(None) => return Ok(Next::Close),
                Err(refusal) => return Ok(self.refuse(refusal)),
            };
            self.site.count_request();
            let exchange = match Request::parse(&self.input[self.at..self.at + length]) {
                Ok(request) => Exchange {
                    plan: Plan::new(&request, &self.site.name, &mut self.site.chance.borrow_mut()),
                    expects_continue: request.expects_continue,
                    head_only: request.method == "HEAD",
                    http_1_0: request.http_1_0,
                    body: request.body,
                },
                Err(refusal) => return Ok(self.refuse(refusal)),
            };
            self.at += length;
            let next = self.exchange(exchange).await?;
            if next != Next::Request {
                return Ok(next);
            }
        }
    }

    async fn exchange(&mut self, mut exchange: Exchange) -> io::Result<Next> {
        self.wait(exchange.plan.delay).await?;
        if exchange.plan.early_hints && !exchange.http_1_0 {
            self.out.extend_from_slice(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n");
            self.flush().await?;
        }
        let mut digest = Digest::default();
        if !exchange.plan.skip_body
            && !exchange.body.is_done()
            && let Err(refusal) = self.consume(&mut exchange, &mut digest).await?
        {
            return Ok(self.refuse(refusal));
        }
        self.answer(exchange, digest).await
    }

    /// Waits while the origin is stalled, and then for what the path asks for.
    async fn wait(&mut self, delay: Option<Duration>) -> io::Result<()> {
        let stalled = self.site.control.stalled();
        if stalled.is_some() || delay.is_some() {
            self.flush().await?;
        }
        if let Some(until) = stalled {
            self.site.alarm.sleep_until(until).await;
        }
        if let Some(delay) = delay {
            self.site.alarm.sleep(delay).await;
        }
        Ok(())
    }

    /// Takes the request's body off the input.
    async fn consume(&mut self, exchange: &mut Exchange, digest: &mut Digest) -> io::Result<Result<(), Refusal>> {
        if exchange.expects_continue && self.at == self.input.len() {
            self.out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        loop {
            match exchange.body.feed(&self.input[self.at..], digest) {
                Ok(taken) => self.at += taken,
                Err(refusal) => return Ok(Err(refusal)),
            }
            if exchange.body.is_done() {
                return Ok(Ok(()));
            }
            let room = if exchange.body.is_longer_than(INPUT_BYTES) { BODY_INPUT_BYTES } else { INPUT_BYTES };
            if self.fill(room).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn answer(&mut self, exchange: Exchange, digest: Digest) -> io::Result<Next> {
        match exchange.plan.answer {
            Answer::Bytes { length, framing } => return self.bytes(&exchange, length, framing).await,
            Answer::Slow { length, piece, every } => self.slow(&exchange, length, piece, every).await?,
            Answer::Events { count, every } => return self.events(&exchange, count, every).await,
            Answer::Stall { time } => {
                self.site.control.stall(time);
                self.text(&exchange, 200, "text/plain", "requests wait now\n");
            }
            Answer::Text { status, ref text } => self.text(&exchange, status, "text/plain", text),
            Answer::Upload => {
                let (bytes, crc32) = (digest.bytes, digest.crc32());
                let text = format!("{{\"bytes\":{bytes},\"crc32\":\"{crc32:08x}\"}}\n");
                self.text(&exchange, 200, "application/json", &text);
            }
            Answer::Upgrade { protocol } => return self.echo(&protocol).await,
            Answer::Reset => return self.reset(),
            Answer::Truncate { length } => {
                Head::of(&exchange, length, Framing::Sized).append(&self.site, &mut self.out);
                self.send_block(length / 2).await?;
                self.flush().await?;
                return self.reset();
            }
        }
        if self.out.len() > OUTPUT_BYTES_MAX {
            self.flush().await?;
        }
        Ok(if exchange.plan.close { Next::Close } else { Next::Request })
    }

    fn text(&mut self, exchange: &Exchange, status: u16, content_type: &'static str, text: &str) {
        // RFC 9110 section 8.6: no Content-Length with 204; RFC 9112 section 6.3: neither 204 nor 304 has a body.
        let length = (status != 204).then_some(text.len() as u64);
        let head = Head { status, content_type, length, ..Head::of(exchange, 0, Framing::Sized) };
        head.append(&self.site, &mut self.out);
        if !exchange.head_only && !matches!(status, 204 | 304) {
            self.out.extend_from_slice(text.as_bytes());
        }
    }

    async fn bytes(&mut self, exchange: &Exchange, length: u64, framing: Framing) -> io::Result<Next> {
        // HTTP/1.0 knows no chunks.
        let until_close = framing == Framing::UntilClose || (exchange.http_1_0 && framing != Framing::Sized);
        let framing = if until_close { Framing::UntilClose } else { framing };
        Head::of(exchange, length, framing).append(&self.site, &mut self.out);
        if !exchange.head_only {
            match framing {
                Framing::Chunked { trailers } => self.send_chunks(length, trailers).await?,
                Framing::Sized | Framing::UntilClose => self.send_block(length).await?,
            }
        }
        if self.out.len() > OUTPUT_BYTES_MAX {
            self.flush().await?;
        }
        Ok(if until_close || exchange.plan.close { Next::Close } else { Next::Request })
    }

    /// Sends `length` bytes of the pattern: short ones behind the head, long ones from the static block.
    async fn send_block(&mut self, length: u64) -> io::Result<()> {
        if length <= COPIED_BODY_BYTES_MAX {
            self.out.extend_from_slice(&BLOCK[..length as usize]);
            return Ok(());
        }
        self.flush().await?;
        let mut left = length;
        while left > 0 {
            let piece: &'static [u8] = &BLOCK[..left.min(BLOCK_BYTES as u64) as usize];
            let (sent, _) = self.stream.write_all(piece).await;
            left -= sent? as u64;
        }
        Ok(())
    }

    async fn send_chunks(&mut self, length: u64, trailers: bool) -> io::Result<()> {
        let mut left = length;
        while left > 0 {
            let size = left.min(CHUNK_BYTES as u64) as usize;
            self.out.extend_from_slice(format!("{size:x}\r\n").as_bytes());
            let from = (length - left) as usize % (BLOCK_BYTES / 2);
            self.out.extend_from_slice(&BLOCK[from..from + size]);
            self.out.extend_from_slice(b"\r\n");
            left -= size as u64;
            if self.out.len() > OUTPUT_BYTES_MAX {
                self.flush().await?;
            }
        }
        let trailer = if trailers { format!("Origin-Bytes: {length}\r\n") } else { String::new() };
        self.out.extend_from_slice(format!("0\r\n{trailer}\r\n").as_bytes());
        Ok(())
    }

    /// Switches protocols and sends every byte back until the peer finishes.
    async fn echo(&mut self, protocol: &str) -> io::Result<Next> {
        let head = format!("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n");
        self.out.extend_from_slice(head.as_bytes());
        loop {
            self.out.extend_from_slice(&self.input[self.at..]);
            self.at = self.input.len();
            if self.fill(INPUT_BYTES).await? == 0 {
                return Ok(Next::Close);
            }
        }
    }

    /// Makes closing send a TCP reset: what is in flight is lost, as when a process dies.
    fn reset(&mut self) -> io::Result<Next> {
        setsockopt(self.stream.as_raw_fd(), Linger, &nix::libc::linger { l_onoff: 1, l_linger: 0 })?;
        Ok(Next::Gone)
    }

    fn refuse(&mut self, Refusal { status, why }: Refusal) -> Next {
        let (length, framing) = (Some(why.len() as u64), Framing::Sized);
        let head = Head { status, content_type: "text/plain", length, framing, connection: Some("close") };
        head.append(&self.site, &mut self.out);
        self.out.extend_from_slice(why.as_bytes());
        Next::Close
    }

    /// Sends what is left, tells the peer so, and reads what it had under way: closing over unread bytes would reset the
    /// connection and take the answer with it.
    async fn finish(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.stream.shutdown().await?;
        let mut dropped = 0;
        while dropped < LINGER_BYTES_MAX {
            self.at = self.input.len();
            match self.fill(INPUT_BYTES).await? {
                0 => break,
                count => dropped += count,
            }
        }
        Ok(())
    }

    /// Sends what waits, then receives behind what is there, with room for at least one byte and about `room` in all.
    /// Says how many bytes came; 0 means that the peer has finished.
    async fn fill(&mut self, room: usize) -> io::Result<usize> {
        self.flush().await?;
        if self.at > 0 {
            self.input.drain(..self.at);
            self.at = 0;
        }
        // `room` is exceeded only by a head longer than it, which `head::length` bounds.
        let (held, room) = (self.input.len(), if self.input.len() < room { room } else { self.input.len() * 2 });
        if held == 0 && self.input.capacity() > room {
            self.input = Vec::with_capacity(room);
        } else {
            self.input.reserve_exact(room - held);
        }
        let received = mem::take(&mut self.input);
        let end = received.capacity();
        let (count, received) = self.stream.read(received.slice_mut(held..end)).await;
        self.input = received.into_inner();
        if !matches!(count, Ok(1..)) {
            self.input.truncate(held);
        }
        count
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let (sent, mut out) = self.stream.write_all(mem::take(&mut self.out)).await;
        out.clear();
        if out.capacity() <= OUTPUT_BYTES_MAX {
            self.out = out;
        }
        sent.map(drop)
    }
}

impl Head {
    /// The head of a 200 to this exchange.
    pub(super) fn of(exchange: &Exchange, length: u64, framing: Framing) -> Self {
        let connection = match exchange.plan.close || framing == Framing::UntilClose {
            true => Some("close"),
            false => exchange.http_1_0.then_some("keep-alive"),
        };
        Self { status: 200, content_type: "text/plain", length: Some(length), framing, connection }
    }
}
