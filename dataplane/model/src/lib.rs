//! The contract: configuration as written, resolved into an immutable snapshot.
