//! How nodes get what the control plane has compiled, and tell what they run: both ends of one exchange.
//!
//! ```text
//! control plane: compiler -> Feed { Log, Roster } <- router <==== POST: has, refused, health ==== Node -> Target: a gateway
//!                                                          ===== head, delta, or everything ====>  `-> Keeper: a file
//! ```
//!
//! A node asks for what it lacks and says what it has, so the control plane keeps nothing for a single node, and what comes
//! next is always right for who asks: deltas in their order, all at once after an absence, everything where the history is
//! not known. Beside that the control plane lends nodes their shares of limits (`shares`). Nothing here knows records, the store or the contract: items are names and texts. Bounds are in `limits`.

mod client;
mod control;
mod feed;
mod keeper;
mod kept;
mod limits;
mod log;
mod message;
mod node;
mod patch;
mod position;
mod roster;
mod shares;
mod token_endpoint;
mod usage;

pub use client::Access;
pub use control::{Source, router};
pub use feed::{Feed, Report};
pub use keeper::Keeper;
pub use limits::WAIT;
pub use log::{Behind, Lack};
pub use message::{Answer, Delta, Health, PATH, PROTOCOL, Poll, Refused};
pub use node::{Node, NotTaken, Target, apply, fetch};
pub use patch::{Items, Names, Patch};
pub use position::Position;
pub use roster::Seen;
pub use shares::{SHARES_PATH, ShareAnswer, ShareAsk, ShareClient, ShareOf, ShareRefusal, ShareRequest, Shares};
pub use token_endpoint::token_endpoint;
pub use usage::{BatchId, Count, Reporter, UsageBatch};
