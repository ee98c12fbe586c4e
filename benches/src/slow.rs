//! An origin that answers every request with the same 1 KiB, after a pause: the slow one among fast endpoints.
//!
//! A thread for each connection, as many as a gateway opens (some hundreds at most). It reads heads only: requests have no body.

use crate::testbed::PATH_BYTES;
use anyhow::Result;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};
use tollgate_loadtest::body_byte;

/// Longest head it reads.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// It serves until the process ends.
pub(crate) struct SlowOrigin {
    address: SocketAddr,
    requests: Arc<AtomicU64>,
}

impl SlowOrigin {
    /// Listens on a free port of loopback.
    pub(crate) fn start(delay: Duration) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let (address, requests) = (listener.local_addr()?, Arc::new(AtomicU64::new(0)));
        let counter = requests.clone();
        thread::Builder::new().name("slow origin".to_owned()).spawn(move || {
            for stream in listener.incoming().flatten() {
                let counter = counter.clone();
                // A connection that breaks is the gateway's affair: it counts the request as failed.
                thread::spawn(move || serve(stream, delay, &counter));
            }
        })?;
        Ok(Self { address, requests })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests answered so far.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }
}

fn serve(mut stream: TcpStream, delay: Duration, requests: &AtomicU64) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {PATH_BYTES}\r\n\r\n").into_bytes();
    answer.extend((0..PATH_BYTES).map(body_byte));
    let mut received = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        let count = stream.read(&mut bytes)?;
        if count == 0 || received.len() > HEAD_BYTES_MAX {
            return Ok(());
        }
        received.extend_from_slice(&bytes[..count]);
        while let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") {
            received.drain(..end + 4);
            thread::sleep(delay);
            stream.write_all(&answer)?;
            requests.fetch_add(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;
    use std::time::Instant;

    #[test]
    fn answers_are_those_of_the_origin_and_late() {
        let origin = SlowOrigin::start(Duration::from_millis(20)).unwrap();
        let mut client = Client::connect(origin.address()).unwrap();
        let begun = Instant::now();
        for _ in 0..2 {
            client.download(PATH_BYTES, |_| {}).unwrap();
        }
        assert!(begun.elapsed() >= Duration::from_millis(40));
    }
}
