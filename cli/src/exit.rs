//! How the process ends: the codes scripts rely on, the same for every verb.
//!
//! Code 2 is clap's, for arguments it does not understand; it never comes from here.

use std::process::{ExitCode, Termination};

/// What every `--help` ends with; the examples of a verb stand before it.
macro_rules! help {
    ($($example:literal)*) => {
        concat!($($example,)* "\
Exit codes:
  0  done as asked; a gateway has drained
  1  the configuration is not valid, (doctor) something required is missing, or control plane, store or node refuses
  2  the arguments are not understood
  3  could not start: an address is taken, a limit is too low, a driver is refused; or no control plane or node answers
  4  a worker panicked before the end: a fault of the gateway, worth a report")
    };
}

pub(crate) use help;

/// How a verb ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// As asked.
    Done = 0,
    /// What was judged is not good: a configuration, the machine, or a request in the eyes of the control plane.
    Refused = 1,
    /// The gateway could not start, or there is no control plane to ask.
    NotStarted = 3,
    /// A worker of the gateway panicked before the end.
    Broken = 4,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}
