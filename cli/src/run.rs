//! A gateway from its start to its end, with the signals in between. Shared by `gateway`, `serve` and `demo`.
//!
//! ```text
//! starting --started--> running --SIGTERM, SIGINT--> draining --drained--> Done
//!     |                 |    ^                           `--SIGTERM, SIGINT--> stopped --> Done
//!     |                 |----`--SIGHUP: reads the file again
//!     |                 `--SIGUSR2, and another process serves--> draining
//!     `--refused--> NotStarted
//! ```

use crate::{exit::Exit, terminal};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR2},
    iterator::{Signals, SignalsInfo},
};
use std::{
    sync::Arc,
    thread::{self, Scope},
    time::Duration,
};
use tollgate_gateway::{End, Gateway, Inherited, Startup};

/// After the start.
const GIVE_BACK: Duration = Duration::from_secs(2);

/// As [`until_stopped`], with the sockets that whoever started the process has opened for it.
pub(crate) fn as_service(startup: Startup, started: impl FnOnce(&Arc<Gateway>)) -> Exit {
    match Inherited::take() {
        Ok(inherited) => until_stopped(startup.inheriting(inherited), started),
        Err(error) => not_started(&error),
    }
}

/// Starts a gateway, says where it listens, calls `started`, and returns when it has stopped.
pub(crate) fn until_stopped(startup: impl Into<Startup>, started: impl FnOnce(&Arc<Gateway>)) -> Exit {
    // Before the gateway, so that a signal that comes early is not lost.
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR2]);
    match (signals, Gateway::start(startup)) {
        (Ok(signals), Ok(gateway)) => {
            let gateway = Arc::new(gateway);
            announce(&gateway);
            started(&gateway);
            give_back();
            match serve(&gateway, signals) {
                End::Orderly => Exit::Done,
                End::Panicked => Exit::Broken,
            }
        }
        (Err(error), _) => not_started(&error),
        (_, Err(error)) => not_started(&error),
    }
}

pub(crate) fn not_started(error: &dyn std::error::Error) -> Exit {
    terminal::note(format_args!("error: could not start: {error}"));
    Exit::NotStarted
}

/// Has the allocator give back what the start has taken: when a thread ends, it looks for what has been free for a while
/// (`mimalloc`, 1 s), and in a node that has nothing to do none does.
fn give_back() {
    // Without it memory is given back later.
    let _ = thread::Builder::new().name("tollgate-start".to_owned()).spawn(|| thread::sleep(GIVE_BACK));
}

fn announce(gateway: &Gateway) {
    for (name, address) in gateway.listeners() {
        terminal::note(format_args!("listener {name} on {address}"));
    }
    if let Some(address) = gateway.status_address() {
        terminal::note(format_args!("status on {address}"));
    }
    if let Some(path) = gateway.status_socket() {
        terminal::note(format_args!("status at {}", path.display()));
    }
}

fn serve(gateway: &Gateway, mut signals: Signals) -> End {
    let handle = signals.handle();
    thread::scope(|scope| {
        scope.spawn(|| obey(scope, gateway, &mut signals));
        let end = gateway.wait();
        handle.close();
        end
    })
}

/// Turns signals into calls until the handle is closed.
fn obey<'scope>(scope: &'scope Scope<'scope, '_>, gateway: &'scope Gateway, signals: &mut SignalsInfo) {
    let mut draining = false;
    for signal in signals.forever() {
        match signal {
            SIGHUP => gateway.reload(),
            // Beside the signals: it waits for the new process.
            SIGUSR2 => drop(scope.spawn(|| restart(gateway))),
            _ if draining => {
                terminal::note("stopping at once");
                gateway.stop();
            }
            _ => {
                draining = true;
                terminal::note("draining; signal again to stop at once");
                gateway.drain();
            }
        }
    }
}

/// Hands over to another process, or says why not.
fn restart(gateway: &Gateway) {
    match gateway.restart() {
        Ok(process) => terminal::note(format_args!("process {process} serves now; this one drains")),
        Err(error) => terminal::note(format_args!("error: not restarted, and running on as before: {error}")),
    }
}
