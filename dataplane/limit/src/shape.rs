//! The shape of a table. `tests/loom` puts a smaller one in its place, to explore what can be explored.

/// Entries of a cache line.
pub(crate) const LINE_ENTRIES: usize = 4;

/// Lines of a group, all of which a look-up may have to read.
pub(crate) const GROUP_LINES: usize = 4;
