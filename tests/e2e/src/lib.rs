//! The real binary over loopback, driven as a user would.
