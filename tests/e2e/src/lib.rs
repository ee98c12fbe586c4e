//! The real binary over loopback, driven as a user would.
//!
//! [`Node`] is a running gateway, [`Site`] one whose configuration changes, [`Connection`] a plain client of its own that
//! shares no parser with the product, `loadtest`'s origin stands behind. Ports are the system's choice and are read from
//! what the binary prints. What a test starts ends with it, also when it panics. Every wait is for something that can be
//! seen, and has a deadline.

mod binary;
mod browser;
mod client;
mod edge;
mod machine;
mod node;
mod origin;
mod platform;
mod redis;
mod site;
mod wait;

pub use binary::{run, tollgate};
pub use browser::Chromium;
pub use client::{Connection, Response, ask, get};
pub use edge::{Edge, edge_file};
pub use machine::{cpu, cpus};
pub use node::{Node, Process, gone};
pub use origin::origin;
pub use platform::{Crashed, ORDERS, Platform};
pub use redis::Redis;
pub use site::{Folder, Site, TOKEN};
pub use wait::{DEADLINE, until};
