//! Counters and latency arrays of one worker, the scrape that merges them, and access records.
