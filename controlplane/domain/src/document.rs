//! OpenAPI documents as they were imported. Named by their digest, so that revisions share them and none changes.

use crate::digest::Digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A document as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Of the bytes of `text`; its name.
    pub digest: Digest,
    /// JSON or YAML.
    pub text: String,
}

impl Document {
    /// Of `text`.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self { digest: Digest::of_bytes(text.as_bytes()), text }
    }
}
