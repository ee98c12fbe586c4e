//! How often somebody may try to sign in: token buckets by account and by address, without I/O or clock.
//!
//! An attempt is counted before its password is looked at, whoever's it is, so that neither many at once nor names of nobody
//! are a way around. A good password empties the count of its account. Of more accounts and addresses than are remembered,
//! those go first that have waited longest.

use crate::limits::{ACCOUNT_ATTEMPTS, ADDRESS_ATTEMPTS, ATTEMPTS_MAX};
use std::{collections::HashMap, time::Duration};
use tollgate_domain::Name;

/// Whose attempts are counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Whose {
    Account(Name, Name),
    Address(String),
}

/// What is remembered of attempts: when each bucket will be full again.
#[derive(Debug, Default)]
pub(crate) struct Attempts(HashMap<Whose, Duration>);

impl Whose {
    /// Attempts at once, and the time after which there may be another.
    const fn rate(&self) -> (u32, Duration) {
        let (burst, every_s) = match self {
            Self::Account(..) => ACCOUNT_ATTEMPTS,
            Self::Address(_) => ADDRESS_ATTEMPTS,
        };
        (burst, Duration::from_secs(every_s as u64))
    }
}

impl Attempts {
    /// Counts an attempt for each of `all`.
    ///
    /// # Errors
    /// How long to wait, if one of them has had too many; then it counts for none.
    pub(crate) fn count(&mut self, all: &[Whose], now: Duration) -> Result<(), Duration> {
        let wait = all.iter().map(|whose| self.wait(whose, now)).max().unwrap_or_default();
        if !wait.is_zero() {
            return Err(wait);
        }
        for whose in all {
            self.make_room(now);
            let full = self.0.get(whose).copied().unwrap_or_default().max(now) + whose.rate().1;
            self.0.insert(whose.clone(), full);
        }
        Ok(())
    }

    /// Forgets the attempts of who has signed in.
    pub(crate) fn forget(&mut self, whose: &Whose) {
        self.0.remove(whose);
    }

    fn wait(&self, whose: &Whose, now: Duration) -> Duration {
        let (burst, every) = whose.rate();
        let full = self.0.get(whose).copied().unwrap_or_default().max(now) + every;
        full.saturating_sub(now + every * burst)
    }

    fn make_room(&mut self, now: Duration) {
        if self.0.len() < ATTEMPTS_MAX {
            return;
        }
        self.0.retain(|_, full| *full > now);
        if self.0.len() >= ATTEMPTS_MAX {
            // Half of them at a time, so that a flood of names does not sort them with each of its attempts.
            let mut times: Vec<_> = self.0.values().copied().collect();
            let middle = times.len() / 2;
            let (_, median, _) = times.select_nth_unstable(middle);
            let median = *median;
            self.0.retain(|_, full| *full > median);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> Whose {
        Whose::Account("acme".parse().unwrap(), name.parse().unwrap())
    }

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn attempts_come_back_with_time_or_a_good_password() {
        let (mut attempts, (burst, every_s)) = (Attempts::default(), ACCOUNT_ATTEMPTS);
        let ann = [account("ann")];
        let now = S * 1000;
        assert!((0..burst).all(|_| attempts.count(&ann, now).is_ok()));
        assert_eq!(attempts.count(&ann, now), Err(S * every_s));
        assert_eq!(attempts.count(&ann, now + S * (every_s - 1)), Err(S));
        assert_eq!(attempts.count(&ann, now + S * every_s), Ok(()));
        attempts.count(&ann, now + S * every_s).unwrap_err();
        attempts.count(&[account("bob")], now).unwrap();
        attempts.forget(&ann[0]);
        assert!((0..burst).all(|_| attempts.count(&ann, now).is_ok()));
    }

    #[test]
    fn an_address_that_has_had_too_many_costs_an_account_nothing() {
        let mut attempts = Attempts::default();
        let (address, now) = (Whose::Address("10.0.0.1".to_owned()), S);
        let names: Vec<_> = (0..ADDRESS_ATTEMPTS.0).map(|at| account(&format!("a{at}"))).collect();
        assert!(names.iter().all(|name| attempts.count(&[name.clone(), address.clone()], now).is_ok()));
        for _ in 0..ACCOUNT_ATTEMPTS.0 {
            attempts.count(&[account("ann"), address.clone()], now).unwrap_err();
        }
        attempts.count(&[account("ann"), Whose::Address("10.0.0.2".to_owned())], now).unwrap();
    }

    #[test]
    fn a_flood_of_names_is_not_remembered_without_end() {
        let mut attempts = Attempts::default();
        for at in 0..3 * ATTEMPTS_MAX {
            attempts.count(&[Whose::Address(at.to_string())], S).unwrap();
            assert!(attempts.0.len() <= ATTEMPTS_MAX);
        }
    }
}
