//! Tuning of a machine and of the gateway on it: what there is to turn, what to turn it to, and what that is worth.
//!
//! Two halves that know nothing of each other. The first is for the **machine**: [`knobs`] are data (`knobs/*.yaml`),
//! [`examine`] holds a machine against a [`Profile`], [`Plan`] says what would change, [`apply`], [`confirm`] and [`revert`]
//! change it and take that back exactly. Everything goes through [`System`], which has a root folder, so that no test
//! touches the machine it runs on. The second is for the **gateway's own** keys: [`search`] looks for better ones by
//! measuring, and is pure: who measures is a trait.
//!
//! Nothing of the two planes is used; the binary wires both together.

mod apply;
mod examine;
mod knob;
mod plan;
mod probe;
pub mod search;
mod state;
mod system;
mod value;

pub use apply::{Applied, ApplyError, Reverted, apply, confirm, pending, revert, revert_unconfirmed};
pub use examine::{Finding, Verdict, examine};
pub use knob::{Area, Knob, Place, Profile, Rule, knob, knobs, nearest};
pub use plan::{FileChange, Plan, ValueChange};
pub use state::{Pending, STATE_FOLDER};
pub use system::{Machine, System};
