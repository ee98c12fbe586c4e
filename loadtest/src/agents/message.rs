//! What controller and agents say to each other, and how it lies on the wire: four bytes of length, then JSON.
//!
//! A frame has a bound that is judged before a byte of it is kept. Pure but for the stream it reads from and writes to.

use crate::load::{Interval, Phase, Plan, Progress, Recording};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    io::{self, Read, Write},
    time::Duration,
};

/// Of the messages: both sides must have the same.
pub(super) const FORMAT: u32 = 1;
/// A message of somebody who has not shown the token yet, in bytes.
pub(super) const HELLO_BYTES_MAX: usize = 4 << 10;
/// Any other message: a plan with its bodies, or a recording.
pub(super) const MESSAGE_BYTES_MAX: usize = 256 << 20;

/// What a controller says.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Order {
    Hello { format: u32, token: Option<String> },
    Prepare(Box<Plan>),
    Begin { in_ms: u64 },
    Stop,
}

/// What an agent says.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum News {
    Welcome,
    Ready,
    Tick(Box<Tick>),
    Done(Box<Recording>),
    /// Why there is no more to come.
    Failed(String),
}

/// A [`Progress`] on its way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Tick {
    /// 0 opening, 1 warm-up, 2 measuring, 3 draining.
    phase: u8,
    elapsed: Duration,
    planned: Duration,
    sent: u64,
    answered: u64,
    errors: u64,
    in_flight: u64,
    waiting: u64,
    connections: u64,
    interval: Interval,
}

const PHASES: [Phase; 4] = [Phase::Opening, Phase::WarmUp, Phase::Measuring, Phase::Draining];

impl From<&Progress> for Tick {
    fn from(progress: &Progress) -> Self {
        let phase = PHASES.iter().position(|phase| *phase == progress.phase).unwrap_or_default();
        Self {
            phase: phase as u8,
            elapsed: progress.elapsed,
            planned: progress.planned,
            sent: progress.sent,
            answered: progress.answered,
            errors: progress.errors,
            in_flight: progress.in_flight,
            waiting: progress.waiting,
            connections: progress.connections,
            interval: progress.interval.clone(),
        }
    }
}

impl Tick {
    /// Adds this agent's state to that of others; takes what happened since the last time.
    pub(super) fn add_to(&mut self, progress: &mut Progress) {
        let phase = PHASES.get(usize::from(self.phase)).copied().unwrap_or_default();
        progress.phase = progress.phase.max(phase);
        progress.elapsed = progress.elapsed.max(self.elapsed);
        progress.planned = progress.planned.max(self.planned);
        progress.sent += self.sent;
        progress.answered += self.answered;
        progress.errors += self.errors;
        progress.in_flight += self.in_flight;
        progress.waiting += self.waiting;
        progress.connections += self.connections;
        progress.interval.merge(&std::mem::take(&mut self.interval));
    }

    /// The newest state, with what happened since the last time that it was taken.
    pub(super) fn update(&mut self, mut newer: Self) {
        newer.interval.merge(&self.interval);
        *self = newer;
    }

    pub(super) fn answered(&self) -> u64 {
        self.answered
    }
}

/// Sends a message.
pub(super) fn send(mut stream: impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message)?;
    let length = u32::try_from(frame.len() - 4).map_err(|_| io::Error::other("a message is larger than 4 GiB"))?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    stream.write_all(&frame)
}

/// Receives a message of at most `bytes_max`.
pub(super) fn receive<T: DeserializeOwned>(mut stream: impl Read, bytes_max: usize) -> io::Result<T> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > bytes_max {
        let what = format!("a message of {length} bytes, where {bytes_max} are allowed");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    let mut text = Vec::new();
    // Grows with what comes, not with what is announced.
    stream.take(length as u64).read_to_end(&mut text)?;
    if text.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_slice(&text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_wire_and_are_bounded() {
        let mut wire = Vec::new();
        let hello = Order::Hello { format: FORMAT, token: Some("t".to_owned()) };
        send(&mut wire, &hello).unwrap();
        send(&mut wire, &Order::Begin { in_ms: 5 }).unwrap();
        let mut rest = &wire[..];
        assert_eq!(receive::<Order>(&mut rest, HELLO_BYTES_MAX).unwrap(), hello);
        assert_eq!(receive::<Order>(&mut rest, HELLO_BYTES_MAX).unwrap(), Order::Begin { in_ms: 5 });
        assert!(receive::<Order>(&wire[..], 10).unwrap_err().to_string().contains("where 10 are allowed"));
        let cut = receive::<Order>(&wire[..9], HELLO_BYTES_MAX).unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
        assert!(receive::<Order>(&b"GET / HTTP/1.1\r\n"[..], HELLO_BYTES_MAX).is_err(), "another protocol");
    }

    #[test]
    fn ticks_of_several_agents_add_up() {
        let mut progress = Progress { phase: Phase::Measuring, answered: 5, ..Progress::default() };
        progress.interval.answered = 2;
        let mut tick = Tick::from(&progress);
        tick.update(Tick::from(&progress));
        let mut all = Progress::default();
        tick.add_to(&mut all);
        Tick::from(&progress).add_to(&mut all);
        assert_eq!((all.phase, all.answered, all.interval.answered), (Phase::Measuring, 10, 6));
        let mut again = Progress::default();
        tick.add_to(&mut again);
        assert_eq!((again.answered, again.interval.answered), (5, 0), "what happened is told once");
    }
}
