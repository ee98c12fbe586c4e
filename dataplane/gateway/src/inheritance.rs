//! The listening sockets that the process was started with: by systemd, or by the process that it takes over from.
//!
//! Both tell of them by LISTEN_FDS and LISTEN_FDNAMES (sd_listen_fds(3)): one name for each descriptor from number 3 on, that of
//! a listener, `@status` or `@admin`. A predecessor cannot name the process in LISTEN_PID before it is there; it names a pipe
//! instead, at which it waits to hear that this process is ready. A socket that no listener asks for is closed.

use crate::limits::INHERITED_MAX;
use std::{
    env, fmt,
    fs::File,
    io::{self, Write as _},
    net::SocketAddr,
};
use tollgate_model::Listener;
use tollgate_ring::{BoundListener, FIRST_INHERITED, inherited};

/// How many there are.
pub(crate) const COUNT: &str = "LISTEN_FDS";
/// Their names, between colons.
pub(crate) const NAMES: &str = "LISTEN_FDNAMES";
/// The process that they are for, if systemd has started it.
pub(crate) const PROCESS: &str = "LISTEN_PID";
/// The number of the pipe at which the predecessor waits; it follows the sockets.
pub(crate) const READY: &str = "TOLLGATE_READY_FD";

/// The status on the network. No name of a listener has an `@`.
pub(crate) const STATUS: &str = "@status";
/// The status at its Unix socket.
pub(crate) const ADMIN: &str = "@admin";

/// What a predecessor is told.
pub(crate) const WORD: &[u8] = b"ready\n";

/// Sockets that somebody else has opened.
#[derive(Debug, Default)]
pub struct Inherited {
    sockets: Vec<(String, BoundListener)>,
    /// Where the process waits that this one takes over from.
    predecessor: Option<File>,
}

/// What the environment says.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    names: Vec<String>,
    has_predecessor: bool,
}

impl Inherited {
    /// Takes what this process was started with. To be called once.
    ///
    /// # Errors
    /// The environment speaks of descriptors that are not there, or that are no listening sockets.
    pub fn take() -> io::Result<Self> {
        let variable = |name: &str| env::var(name).ok();
        let Some(told) = Told::read(std::process::id(), variable).map_err(invalid)? else { return Ok(Self::default()) };
        let count = told.names.len();
        let all = inherited(count + usize::from(told.has_predecessor));
        let mut all = all.map_err(|error| invalid(format!("{COUNT} is {count}, and they are not there: {error}")))?;
        let predecessor = told.has_predecessor.then(|| all.pop()).flatten().map(File::from);
        let sockets = all.into_iter().zip(told.names).zip(FIRST_INHERITED..).map(|((descriptor, name), number)| {
            match BoundListener::adopt(descriptor) {
                Ok(socket) => Ok((name, socket)),
                Err(error) => Err(invalid(format!("descriptor {number}, {name}: {error}"))),
            }
        });
        Ok(Self { sockets: sockets.collect::<io::Result<_>>()?, predecessor })
    }

    /// Whether there is a process that this one takes over from.
    pub(crate) const fn has_predecessor(&self) -> bool {
        self.predecessor.is_some()
    }

    /// The sockets for a listener: those of its name at its address, or else any at its address.
    pub(crate) fn of(&self, listener: &Listener) -> Vec<BoundListener> {
        let named = self.find(|name, address| name == listener.name && is_at(listener.bind, address));
        if named.is_empty() { self.find(|_, address| address == listener.bind) } else { named }
    }

    /// The socket for the status on the network.
    pub(crate) fn status(&self, bind: SocketAddr) -> Option<BoundListener> {
        self.find(|name, address| name == STATUS && is_at(bind, address)).pop()
    }

    /// The Unix socket for the status.
    pub(crate) fn admin(&self) -> Option<BoundListener> {
        self.find(|name, _| name == ADMIN).pop()
    }

    fn find(&self, which: impl Fn(&str, SocketAddr) -> bool) -> Vec<BoundListener> {
        let found = self.sockets.iter().filter(|(name, socket)| which(name, socket.local()));
        found.map(|(_, socket)| socket.clone()).collect()
    }

    /// Closes what nobody has asked for, and tells the predecessor that this process serves.
    pub(crate) fn settle(self) {
        for (name, socket) in self.sockets.iter().filter(|(_, socket)| socket.owners() == 1) {
            let address = socket.local();
            eprintln!(
                "tollgate: WARNING: the socket {name} on {address} is of no listener of the configuration: closed"
            );
        }
        // One that had given up would have ended this process: it is gone, and this one serves alone.
        if let Some(Err(error)) = self.predecessor.map(|mut pipe| pipe.write_all(WORD)) {
            eprintln!("tollgate: the process before this one has ended already: {error}");
        }
    }
}

/// Whether an open socket's address is the one that is asked for.
pub(crate) fn is_at(bind: SocketAddr, open: SocketAddr) -> bool {
    bind == open || (bind.port() == 0 && bind.ip() == open.ip())
}

impl Told {
    /// `None`: nothing is for process number `process`.
    fn read(process: u32, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let number = |name: &str| match variable(name) {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| format!("{name} is `{text}`, and not a number")),
        };
        let ready: Option<u32> = number(READY)?;
        let is_ours = ready.is_some() || number(PROCESS)? == Some(process);
        let Some(count) = number(COUNT)?.filter(|_| is_ours) else { return Ok(None) };
        let count = count as usize;
        if count > INHERITED_MAX {
            return Err(format!("{COUNT} is {count}, and more than {INHERITED_MAX} are not taken"));
        }
        if ready.is_some_and(|ready| ready as usize != FIRST_INHERITED as usize + count) {
            return Err(format!("{READY} does not follow the {count} sockets of {COUNT}"));
        }
        let names = variable(NAMES).unwrap_or_default();
        let mut names: Vec<_> = names.split(':').map(str::to_owned).collect();
        names.resize(count, String::new());
        Ok(Some(Self { names, has_predecessor: ready.is_some() }))
    }
}

fn invalid(why: impl fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("the sockets this process was started with: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<(Vec<String>, bool)>, String> {
        let find =
            |name: &str| variables.iter().find(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned());
        Told::read(7, find).map(|told| told.map(|told| (told.names, told.has_predecessor)))
    }

    fn names(names: &[&str], has_predecessor: bool) -> Option<(Vec<String>, bool)> {
        Some((names.iter().map(|name| (*name).to_owned()).collect(), has_predecessor))
    }

    #[test]
    fn descriptors_are_ours_if_they_name_this_process_or_a_predecessor() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[(COUNT, "1")]), Ok(None));
        assert_eq!(read(&[(COUNT, "1"), (PROCESS, "8")]), Ok(None), "they were for our parent");
        assert_eq!(read(&[(COUNT, "1"), (PROCESS, "7"), (NAMES, "public")]), Ok(names(&["public"], false)));
        let told = read(&[(COUNT, "2"), (READY, "5"), (NAMES, "public:@status")]);
        assert_eq!(told, Ok(names(&["public", "@status"], true)));
        assert_eq!(read(&[(COUNT, "2"), (PROCESS, "7")]), Ok(names(&["", ""], false)), "names may be missing");
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        assert!(read(&[(COUNT, "x"), (PROCESS, "7")]).unwrap_err().contains(COUNT));
        assert!(read(&[(COUNT, "99999"), (PROCESS, "7")]).unwrap_err().contains("99999"));
        assert!(read(&[(COUNT, "2"), (READY, "4")]).unwrap_err().contains(READY));
    }
}
