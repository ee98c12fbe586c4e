//! Starts the workers, publishes snapshots to them and serves the node's status.
