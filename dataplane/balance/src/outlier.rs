//! Passive ejection: an endpoint whose exchanges fail is left alone for a time.
//!
//! ```text
//! in use --failures in a row, or their share of a window--> ejected --its time is over--> in use, slow start
//! ```
//!
//! Each ejection in a row lasts twice as long as the one before, up to a bound; an endpoint that stayed in use for as
//! long as that bound begins anew. So many endpoints at one time may be ejected as the rules say, one in any case, and
//! never the last that is available: what is left always takes the requests.

use crate::{Endpoint, Endpoints};
use std::time::Duration;
use tollgate_model::Outliers;

/// Whether a failure, the one just noted, is one too many.
pub(crate) fn is_outlier(rules: &Outliers, in_a_row: u32, window: (u32, u32)) -> bool {
    let (exchanges, failures) = window;
    let too_many_in_a_row = rules.consecutive.is_some_and(|most| in_a_row >= most);
    let too_large_a_share = rules.failures.is_some_and(|percent| {
        exchanges >= rules.requests_min && u64::from(failures) * 100 >= u64::from(exchanges) * u64::from(percent)
    });
    too_many_in_a_row || too_large_a_share
}

/// Whether one more may be ejected, of a list in which `endpoint` is still in use.
pub(crate) fn has_room(rules: &Outliers, list: &Endpoints, endpoint: &Endpoint, now: u64) -> bool {
    let members = list.members();
    let ejected = members.iter().filter(|member| member.endpoint.is_ejected(now)).count();
    let most = (members.len() * rules.ejected_max as usize / 100).max(1);
    let is_other = |other: &Endpoint| other.id() != endpoint.id();
    ejected < most && members.iter().any(|member| is_other(&member.endpoint) && member.endpoint.is_available(now))
}

/// Ejects it.
pub(crate) fn eject(rules: &Outliers, endpoint: &Endpoint, now: u64) {
    let (before, until) = endpoint.ejections();
    let begins_anew = now.saturating_sub(until) >= nanos(rules.ejection_max);
    let ejections = if begins_anew { 0 } else { before };
    let time = rules.ejection.saturating_mul(1_u32.checked_shl(ejections).unwrap_or(u32::MAX)).min(rules.ejection_max);
    endpoint.eject(now.saturating_add(nanos(time)), ejections.saturating_add(1));
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
