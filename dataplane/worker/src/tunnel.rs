//! An upgraded connection (RFC 9110, section 7.8): bytes both ways until both sides have finished, each end passed on
//! as such. The route's `timeouts.tunnel` ends one that is silent in both directions, a drain's deadline any.

use crate::{
    bell,
    connection::Connection,
    h1::{H1Downstream, H1Upstream, Reader, Writer},
    relay::relay,
    watch::Phase,
};
use std::{pin::pin, time::Duration};
use tollgate_http::BodyLength;
use tollgate_io::Io;

/// Relays until both directions have ended, beginning with what was received behind the two heads. `idle` without a byte
/// ends both.
pub(crate) async fn run<I: Io>(
    connection: &Connection<I>,
    down: &mut H1Downstream<'_, I>,
    up: &mut H1Upstream<'_, I>,
    idle: Duration,
) {
    let Connection { worker, watch, .. } = connection;
    worker.enter(watch, connection.timer, Phase::Tunnel, worker.io.now() + idle);
    watch.extend_by_progress(idle);
    let (up_reader, up_writer) = up.parts();
    let inward = pin!(copy(&mut down.reader, up_writer));
    let outward = pin!(copy(up_reader, &mut down.writer));
    bell::both(inward, outward).await;
}

/// One direction. A failure ends both, so that the other does not wait for ever.
async fn copy<I: Io>(from: &mut Reader<'_, I>, to: &mut Writer<'_, I>) {
    from.begin_body(0, BodyLength::UntilClose);
    to.begin_raw();
    if relay(from, to).await.is_ok() {
        to.link.stream.finish().await;
    } else {
        from.link.stream.abort();
        to.link.stream.abort();
    }
}
