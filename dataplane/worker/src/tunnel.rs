//! An upgraded connection (RFC 9110, section 7.8): bytes both ways until both sides have finished, each end passed on
//! as such. No deadline but a drain's: WebSockets may be silent for hours.

use crate::{connection::Connection, h1::Reader, link::Link, watch::Phase};
use std::rc::Rc;
use tollgate_io::{Buffer, Half, Instant, Io, SendList, Stream};

/// Relays until both directions have ended. `rest` is what the endpoint sent behind its 101.
pub(crate) async fn run<I: Io>(
    connection: &Connection<I>,
    down: &mut Reader<I>,
    up: &Rc<Link<I>>,
    rest: Option<Buffer>,
) {
    connection.worker.enter(&connection.watch, connection.timer, Phase::Tunnel, Instant::NEVER);
    let received = down.buffer.take().filter(|buffer| !buffer.is_empty());
    crate::bell::both(copy(&down.link, up, received), copy(up, &down.link, rest)).await;
}

/// One direction. A failure ends both, so that the other does not wait for ever.
async fn copy<I: Io>(from: &Link<I>, to: &Link<I>, first: Option<Buffer>) {
    let mut buffer = first;
    loop {
        let filled = match buffer.take().filter(|buffer| !buffer.is_empty()) {
            Some(filled) => filled,
            None => match from.recv(from.io.buffers().take()).await {
                Ok((_, 0)) => {
                    to.stream.shutdown(Half::Write);
                    return;
                }
                Ok((filled, _)) => filled,
                Err(_) => break,
            },
        };
        let (sent, list) = to.send(SendList::whole(filled)).await;
        if sent.is_err() {
            break;
        }
        buffer = list.into_buffers().1.map(|mut buffer| {
            buffer.clear();
            buffer
        });
    }
    from.stream.abort();
    to.stream.abort();
}
