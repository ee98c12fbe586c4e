//! The unchanged worker on a virtual clock and network, replayable from a seed.
