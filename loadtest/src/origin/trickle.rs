//! Answers that take their time: bodies that trickle, and server-sent events.
//!
//! What is sent when is a schedule from the first byte on, so that a slow reader does not slow what follows: it gets that
//! at once. Every piece is one send. Pieces are bounded by `limits`; nothing but one of them is stored.

use super::{
    connection::{Connection, Exchange, Next},
    plan::Framing,
    wire::Head,
};
use std::{
    io,
    io::Write as _,
    time::{Duration, Instant, SystemTime},
};

impl Connection {
    /// `length` bytes of the pattern, `piece` at a time: the first with the head, the others `every` after the one before.
    pub(super) async fn slow(
        &mut self,
        exchange: &Exchange,
        length: u64,
        piece: u64,
        every: Duration,
    ) -> io::Result<()> {
        Head::of(exchange, length, Framing::Sized).append(&self.site, &mut self.out);
        if exchange.head_only {
            return Ok(());
        }
        let (mut at, mut due) = (0, Instant::now());
        loop {
            self.out.extend((at..length.min(at + piece)).map(super::body_byte));
            self.flush().await?;
            at += piece;
            if at >= length {
                return Ok(());
            }
            due += every;
            self.site.alarm.sleep_until(due).await;
        }
    }

    /// `count` events (WHATWG HTML section 9.2), the first with the head. Each says its number, and when it was sent.
    pub(super) async fn events(&mut self, exchange: &Exchange, count: u64, every: Duration) -> io::Result<Next> {
        let framing = if exchange.http_1_0 { Framing::UntilClose } else { Framing::Chunked { trailers: false } };
        let head = Head { content_type: "text/event-stream", length: None, ..Head::of(exchange, 0, framing) };
        head.append(&self.site, &mut self.out);
        let chunked = framing != Framing::UntilClose;
        let mut due = Instant::now();
        for number in (0..count).take_while(|_| !exchange.head_only) {
            if number > 0 {
                due += every;
                self.site.alarm.sleep_until(due).await;
            }
            self.event(number, chunked)?;
            self.flush().await?;
        }
        if chunked && !exchange.head_only {
            self.out.extend_from_slice(b"0\r\n\r\n");
        }
        Ok(if exchange.plan.close || !chunked { Next::Close } else { Next::Request })
    }

    fn event(&mut self, number: u64, chunked: bool) -> io::Result<()> {
        let sent = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros();
        let event = format!("id: {number}\ndata: {{\"event\":{number},\"sent_us\":{sent}}}\n\n");
        match chunked {
            true => write!(self.out, "{:x}\r\n{event}\r\n", event.len()),
            false => write!(self.out, "{event}"),
        }
    }
}
