//! Tells the service manager that the node is alive, as often as that wants to hear it (WATCHDOG_USEC).
//!
//! Alive means that every worker has answered a ping since the last time. One that hangs, or has panicked, ends the
//! messages, and the service manager ends the node; so there is never more than one ping on its way to a worker. A node
//! that drains is left alone: its workers end one by one.

use crate::{publish::Publisher, service};
use crossbeam::{
    channel::{self, Receiver, Sender},
    select,
};
use std::{
    io,
    sync::Arc,
    thread::{Builder, JoinHandle},
    time::Duration,
};

/// The running thread.
pub(crate) struct Watchdog {
    thread: JoinHandle<()>,
    /// Nothing is sent here: that it is gone ends the thread.
    end: Sender<()>,
}

impl Watchdog {
    /// Starts the thread, if the service manager asks for it.
    pub(crate) fn start(publisher: Arc<Publisher>) -> io::Result<Option<Self>> {
        let Some(interval) = service::watchdog_interval() else { return Ok(None) };
        let (end, ended) = channel::bounded(0);
        let thread = Builder::new().name("tollgate-alive".to_owned()).spawn(move || {
            // Twice as often as needed, as sd_watchdog_enabled(3) advises.
            run(&publisher, interval / 2, &ended);
        })?;
        Ok(Some(Self { thread, end }))
    }

    /// Ends the thread.
    pub(crate) fn end(self) {
        drop(self.end);
        if self.thread.join().is_err() {
            eprintln!("tollgate: the thread of the watchdog panicked");
        }
    }
}

fn run(publisher: &Publisher, pause: Duration, ended: &Receiver<()>) {
    // One that has handed over is not looked at any more.
    while are_alive(publisher, pause, ended) && !publisher.has_handed_over() {
        service::alive();
        if ended.recv_timeout(pause) == Err(channel::RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

/// Waits until every worker has answered, however long that takes; `false` at the end.
fn are_alive(publisher: &Publisher, pause: Duration, ended: &Receiver<()>) -> bool {
    let answers = publisher.ping().unwrap_or_else(|| {
        if !publisher.is_draining() {
            eprintln!("tollgate: a worker has ended: the service manager is not told any more that the node is alive");
        }
        channel::never()
    });
    loop {
        select! {
            // Answers are not sent: when all workers have dropped what they were given, there is nothing more to come.
            recv(answers) -> _ => return true,
            recv(ended) -> _ => return false,
            default(pause) => if publisher.is_draining() {
                return true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_model::{Configuration, NoSource};

    const PAUSE: Duration = Duration::from_millis(1);

    #[test]
    fn a_node_is_alive_while_every_worker_answers() {
        let text = "version: 1\nlisteners: [ { name: l, bind: 127.0.0.1:0 } ]\n";
        let configuration = Configuration::parse("gateway.yaml", text, &NoSource).unwrap();
        let (publisher, inbox) = Publisher::of_one_mailbox(configuration.snapshot());
        let (end, ended) = channel::bounded(0);
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                while inbox.take().is_none() {
                    std::thread::yield_now();
                }
                inbox
            });
            assert!(are_alive(&publisher, PAUSE, &ended), "the ping was taken and dropped");
            drop(worker.join().unwrap());
        });
        drop(end);
        assert!(!are_alive(&publisher, PAUSE, &ended), "the worker has ended, and with it its mailbox");
        publisher.drain();
        let (_end, never) = channel::bounded(0);
        assert!(are_alive(&publisher, PAUSE, &never), "a node that drains is left alone");
    }
}
