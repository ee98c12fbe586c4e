//! Guards over the tree: allowed edges between crates, sizes, headers.
