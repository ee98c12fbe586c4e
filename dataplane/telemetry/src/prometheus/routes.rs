//! The section of the routes: requests and durations by route and status class.
//!
//! Both come from the same arrays, so that they agree. A route is shown with the classes it has answered with; at the most
//! [`crate::limits::ROUTES_MAX`] of them, `_other` and `_none`.

use super::{NONE, Scrape, Seconds, named};
use crate::{
    latency::LatencyCounts,
    names,
    quantile::{QUANTILES, Quantiles},
    worker::{ROUTE_NONE, STATUS_CLASSES, duration_place},
};

impl Scrape<'_> {
    /// Durations and counts by route: from the same arrays, so that they agree.
    pub(super) fn routes(&mut self) {
        let (mut counts, mut of_route, mut quantiles) = (LatencyCounts::new(), LatencyCounts::new(), Quantiles::new());
        let (mut totals, mut by_route) = (Vec::new(), Vec::new());
        self.header(&names::REQUEST_DURATION);
        for (slot, route) in named(self.registry.routes()).chain([(ROUTE_NONE, NONE)]) {
            of_route.clear();
            for (class, label) in STATUS_CLASSES.into_iter().enumerate() {
                counts.clear();
                let workers = self.registry.workers.iter();
                let arrays = workers.filter_map(|worker| worker.durations.get(duration_place(slot, class)));
                arrays.for_each(|array| counts.merge(array));
                if counts.count() != 0 {
                    self.histogram(&names::REQUEST_DURATION, &[route, label], &counts);
                    totals.push(([route, label], counts.count()));
                    of_route.add(&counts);
                }
            }
            if of_route.count() != 0 {
                by_route.push((route, quantiles.of(&of_route)));
            }
        }
        self.header(&names::REQUEST_DURATION_QUANTILE);
        for (route, values) in by_route {
            for ((_, quantile), ns) in QUANTILES.into_iter().zip(values) {
                let labels = [route, quantile];
                self.sample(&names::REQUEST_DURATION_QUANTILE, "", &labels, None, Seconds::from_ns(ns));
            }
        }
        self.header(&names::REQUESTS);
        for (labels, count) in totals {
            self.sample(&names::REQUESTS, "", &labels, None, count);
        }
    }
}
