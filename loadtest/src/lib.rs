//! Synthetic origin and load harness. Shares no parser with what it measures.
