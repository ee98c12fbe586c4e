//! Whether a gateway could run what a change leads to: asked before the change is made, so that who makes it is told.
//!
//! Most of what is wrong is found by the domain. Policies and options are in the contract's words, and only a compilation
//! knows whether it takes them; whoever starts the admin API has one.

use tollgate_domain::Refusals;
use tollgate_store::{Result, Rows};

/// A record that a change has written or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// Whose; empty for the installation.
    pub tenant: String,
    /// The kind of its row.
    pub kind: String,
    /// The key of its row.
    pub key: String,
}

/// Says whether a gateway could run what a change leads to.
pub trait Judge: Send + Sync {
    /// `rows` is what there would be after the change of what is `touched`.
    ///
    /// # Errors
    /// The store cannot be read. What the gateway would refuse is the inner error.
    fn judge(&self, rows: &dyn Rows, touched: &[Touched]) -> Result<std::result::Result<(), Refusals>>;
}
