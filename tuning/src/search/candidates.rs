//! What a search tries: each key by itself at plausible values, and a few together.
//!
//! Only what a short run on loopback can show at all, and what the objective may gain from: the queue of a listener or the
//! keeping of memory does nothing to a steady load, so they are no candidates.

use super::Objective;

/// Keys of `tuning` with their values, as they would be written.
pub type Keys = Vec<(&'static str, &'static str)>;

/// The candidates for an objective, the likeliest first; for a gateway of `workers` workers with or without TLS. What is in
/// force already may be among them.
#[must_use]
pub fn candidates(objective: &Objective, workers: usize, has_tls: bool) -> Vec<Keys> {
    let mut all: Vec<Keys> = vec![
        vec![("turn_budget", "128")],
        vec![("turn_budget", "2048")],
        vec![("task_budget", "8")],
        vec![("task_budget", "128")],
        vec![("busy_connections", "8192")],
        vec![("buffer_bytes", "24KiB")],
        vec![("buffer_bytes", "32KiB")],
        vec![("buffer_bytes", "63KiB")],
        vec![("huge_pages", "off")],
        vec![("ring_entries", "256")],
        vec![("ring_entries", "4096")],
        vec![("busy_connections", "8192"), ("turn_budget", "2048"), ("task_budget", "128")],
        vec![("turn_budget", "64"), ("task_budget", "8")],
        vec![("busy_connections", "0")],
    ];
    // A worker that spins has its CPU busy whatever comes: that is no candidate for little CPU.
    if *objective != Objective::MinCpu {
        let spins: [Keys; 3] = [
            vec![("idle", "{ spin_us: 50 }")],
            vec![("idle", "{ spin_us: 200 }")],
            vec![("idle", "{ spin_us: 50 }"), ("turn_budget", "128"), ("task_budget", "16")],
        ];
        all.splice(0..0, spins);
    }
    if workers > 1 {
        all.extend([vec![("park_after", "10ms")], vec![("park_after", "500ms")]]);
    }
    if has_tls {
        all.extend([vec![("handshakes_per_turn", "1")], vec![("handshakes_per_turn", "8")]]);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_candidate_is_there_twice_and_none_is_nothing() {
        let latency = "min p99 at rate 100".parse().unwrap();
        for (objective, workers, has_tls) in [(Objective::MinCpu, 1, false), (latency, 4, true)] {
            let all = candidates(&objective, workers, has_tls);
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
            assert!(all.iter().all(|keys| !keys.is_empty()));
            assert_eq!(all.iter().flatten().any(|(key, _)| *key == "idle"), objective != Objective::MinCpu);
            assert_eq!(all.iter().flatten().any(|(key, _)| *key == "park_after"), workers > 1);
        }
    }
}
