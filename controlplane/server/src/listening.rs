//! The listener of the control plane: connections taken in, bounded in number and in time.
//!
//! ```text
//! accept (at most CONNECTIONS_MAX) -> head within HEAD_WAIT -> router, which reads a body within BODY_WAIT -> answer
//! ended: no more of them; what has begun has DRAIN_WAIT to end
//! ```
//!
//! Nobody who is not known yet can hold the control plane up: not by silence, by slowness, or by coming often; nor can they
//! keep it from ending. An answer may take its time: nodes wait for news in theirs.

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use std::{
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::{Sleep, sleep, timeout},
};
use tower::Service as _;

/// Connections at one time; more wait to be accepted.
const CONNECTIONS_MAX: usize = 1024;
/// Within which a head must have come, the first as those behind it: so long a connection may be idle, too.
const HEAD_WAIT: Duration = Duration::from_secs(20);
/// Within which a body must have come.
const BODY_WAIT: Duration = Duration::from_secs(60);
/// How long requests that have begun may take once the end is near.
const DRAIN_WAIT: Duration = Duration::from_secs(5);
/// Before another is accepted when the system has no room for one.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves until `ended` is told or dropped.
pub(crate) async fn serve(listener: TcpListener, router: Router, ended: oneshot::Receiver<()>) {
    let turns = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let accepting = async {
        loop {
            let Ok(turn) = turns.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => talk(stream, peer, router.clone(), turn, &graceful),
                Err(error) => {
                    eprintln!("tollgate: the admin API cannot accept: {error}");
                    sleep(PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        _ = ended => {}
    }
    drop(listener);
    // Who is not done by then is cut off with the runtime.
    let _ = timeout(DRAIN_WAIT, graceful.shutdown()).await;
}

fn talk(stream: TcpStream, peer: SocketAddr, router: Router, turn: OwnedSemaphorePermit, graceful: &GracefulShutdown) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(|body| Body::new(Timely { body, due: None }));
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().call(request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT);
    let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
    tokio::spawn(async move {
        // What went wrong is the client's, which knows it.
        let _ = connection.await;
        drop(turn);
    });
}

/// A body that has to come in time.
struct Timely {
    body: Incoming,
    /// Since it was first asked for.
    due: Option<Pin<Box<Sleep>>>,
}

impl http_body::Body for Timely {
    type Data = <Incoming as http_body::Body>::Data;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        if let Poll::Ready(frame) = pin!(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)));
        }
        let due = self.due.get_or_insert_with(|| Box::pin(sleep(BODY_WAIT)));
        due.as_mut().poll(context).map(|()| Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::Bytes, routing};
    use std::net::Ipv4Addr;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        runtime, spawn,
        task::JoinHandle,
        time::Instant,
    };

    /// Runs with a clock that moves on when there is nothing else to do.
    fn run(test: impl Future<Output = ()>) {
        runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(test);
    }

    /// A listener that answers with how long a body was, where it is, what ends it, and its end.
    async fn start() -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", routing::post(|body: Bytes| async move { body.len().to_string() }));
        let (end, ended) = oneshot::channel();
        (address, end, spawn(serve(listener, router, ended)))
    }

    /// What is answered to `bytes`, and after how long the connection was closed.
    async fn ask(address: SocketAddr, bytes: &str) -> (String, Duration) {
        let (began, mut stream) = (Instant::now(), TcpStream::connect(address).await.unwrap());
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        (answer, began.elapsed())
    }

    #[test]
    fn who_is_silent_is_not_waited_for_for_ever() {
        run(async {
            let (address, end, ended) = start().await;
            for (bytes, status, wait) in [
                ("", "", HEAD_WAIT),
                ("POST / HTTP/1.1\r\nHost: a\r\n", "", HEAD_WAIT),
                ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab", "HTTP/1.1 400", BODY_WAIT),
                ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 200", HEAD_WAIT),
            ] {
                let (answer, time) = ask(address, bytes).await;
                assert!(answer.starts_with(status) && answer.is_empty() == status.is_empty(), "{bytes:?}: {answer}");
                assert!((wait..wait + HEAD_WAIT / 10).contains(&time), "{bytes:?}: {time:?}");
            }
            drop(end);
            ended.await.unwrap();
        });
    }

    #[test]
    fn who_is_slow_does_not_keep_it_from_ending() {
        run(async {
            let (address, end, ended) = start().await;
            let mut slow = TcpStream::connect(address).await.unwrap();
            slow.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab").await.unwrap();
            let (answer, _) = ask(address, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
            assert!(answer.ends_with("\r\n\r\n0"), "{answer}");
            let began = Instant::now();
            drop(end);
            ended.await.unwrap();
            assert!(began.elapsed() <= DRAIN_WAIT + PAUSE, "{:?}", began.elapsed());
            assert!(TcpStream::connect(address).await.is_err());
        });
    }
}
