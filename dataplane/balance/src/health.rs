//! The verdict over one endpoint out of active checks: thresholds against flapping.
//!
//! ```text
//! unknown --first check--> healthy --`unhealthy` failures in a row--> unhealthy --`healthy` successes in a row--> healthy
//! ```

/// What the checks of one endpoint have shown so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// `None` before the first check.
    is_healthy: Option<bool>,
    /// Checks in a row that say otherwise.
    against: u32,
}

impl Verdict {
    /// Takes a check; says whether the endpoint is healthy now, if that has changed. The first check decides alone: an
    /// endpoint that is down when a node starts shall not get `unhealthy` requests first.
    pub fn note(&mut self, succeeded: bool, healthy: u32, unhealthy: u32) -> Option<bool> {
        let needed = match self.is_healthy {
            None => 1,
            Some(is_healthy) if is_healthy == succeeded => {
                self.against = 0;
                return None;
            }
            Some(true) => unhealthy,
            Some(false) => healthy,
        };
        self.against += 1;
        if self.against < needed {
            return None;
        }
        *self = Self { is_healthy: Some(succeeded), against: 0 };
        Some(succeeded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_changes_at_its_threshold_only() {
        let mut verdict = Verdict::default();
        let mut note = |succeeded| verdict.note(succeeded, 2, 3);
        assert_eq!(note(true), Some(true));
        assert_eq!([note(false), note(false), note(true), note(false), note(false)], [None; 5]);
        assert_eq!(note(false), Some(false));
        assert_eq!([note(true), note(false), note(true)], [None; 3]);
        assert_eq!(note(true), Some(true));
    }

    #[test]
    fn the_first_check_decides_alone() {
        assert_eq!(Verdict::default().note(false, 2, 3), Some(false));
    }
}
