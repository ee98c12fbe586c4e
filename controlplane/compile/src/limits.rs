//! The bounds of the contract that records may exceed; everything else the contract refuses by itself.

/// Credentials of an application.
pub(crate) const CREDENTIALS_MAX: usize = 64;
/// APIs and operations that an application has subscribed to.
pub(crate) const SUBSCRIPTIONS_MAX: usize = 1024;
