//! Moves a body from its source to its sink, one part at a time.

use crate::body::{Sink, Source};
use tollgate_http::Reason;

/// Relays until the end of the body. What is queued at the sink leaves before waiting for more.
pub(crate) async fn relay(source: &mut impl Source, sink: &mut impl Sink) -> Result<(), Reason> {
    loop {
        let part = match source.ready()? {
            Some(part) => part,
            None => {
                sink.flush().await?;
                source.next().await?
            }
        };
        let is_last = part.is_last;
        let (sent, buffer) = sink.send(part).await;
        source.give_back(buffer);
        sent?;
        if is_last {
            return Ok(());
        }
    }
}

/// Reads a body to its end and throws it away; gives up after `bytes_max`. Says whether the end was reached.
pub(crate) async fn discard(source: &mut impl Source, bytes_max: u64) -> bool {
    let mut left = bytes_max;
    loop {
        let Ok(part) = source.next().await else { return false };
        let (is_last, len) = (part.is_last, part.len());
        source.give_back(part.buffer);
        if is_last {
            return true;
        }
        match left.checked_sub(len) {
            Some(rest) => left = rest,
            None => return false,
        }
    }
}
