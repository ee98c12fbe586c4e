//! A patch as written: what changes against which configuration.
//!
//! Part of the reference manual, as all of `raw` is.

use serde::Deserialize;

use super::{File, Text};

/// The whole text of a patch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    /// The generation or the digest of the configuration that it was made for. Required.
    pub base: Option<Text>,
    /// Items that come or take the place of those of their name, and settings as whole values. The keys are those of a
    /// file without `include`.
    #[serde(default)]
    pub changed: File,
    /// What goes.
    #[serde(default)]
    pub removed: Removed,
}

/// `removed` of a patch.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removed {
    /// Names of listeners.
    #[serde(default)]
    pub listeners: Vec<Text>,
    /// Names of upstreams that no route uses any more.
    #[serde(default)]
    pub upstreams: Vec<Text>,
    /// Names of routes.
    #[serde(default)]
    pub routes: Vec<Text>,
    /// Names of plans that no subscription has any more.
    #[serde(default)]
    pub plans: Vec<Text>,
    /// Names of applications.
    #[serde(default)]
    pub applications: Vec<Text>,
    /// Keys that get their default again, like `timeouts`.
    #[serde(default)]
    pub settings: Vec<Text>,
}
