//! The hash of an upstream and of how names are resolved.
//!
//! Every field of the content is in it: the structs are taken apart by name, so that a new field does not compile until
//! it is.

use super::Item;
use crate::{
    snapshot::Dns,
    upstream::{Balance, Connections, HashKey, HealthCheck, Outliers, Probe, Retries, RetryOn, Upstream},
};

impl Item {
    fn small(self, number: u32) -> Self {
        self.number(number.into())
    }

    fn balance(self, balance: &Balance) -> Self {
        match balance {
            Balance::RoundRobin => self.bytes(&[0]),
            Balance::LeastRequests => self.bytes(&[1]),
            Balance::PowerOfTwo => self.bytes(&[2]),
            Balance::ConsistentHash { key, load_max } => {
                let item = self.bytes(&[3]).optional(load_max.map(u64::from));
                match key {
                    HashKey::Header(name) => item.bytes(&[0]).text(name),
                    HashKey::Cookie(name) => item.bytes(&[1]).text(name),
                    HashKey::ClientIp => item.bytes(&[2]),
                    HashKey::Path => item.bytes(&[3]),
                }
            }
        }
    }

    fn health(self, health: Option<&HealthCheck>) -> Self {
        let Some(HealthCheck { probe, interval, timeout, healthy, unhealthy }) = health else {
            return self.bytes(&[0]);
        };
        let item = self.bytes(&[1]).duration(*interval).duration(*timeout).small(*healthy).small(*unhealthy);
        match probe {
            Probe::Tcp => item.bytes(&[0]),
            Probe::Http { path, host, status } => {
                let item = item.bytes(&[1]).text(path).text(host.as_deref().unwrap_or_default());
                let item = item.number(status.len() as u64);
                status.iter().fold(item, |item, &(first, last)| item.small(first.into()).small(last.into()))
            }
        }
    }

    fn outliers(self, outliers: Option<&Outliers>) -> Self {
        let Some(outliers) = outliers else { return self.bytes(&[0]) };
        let Outliers { consecutive, failures, requests_min, window, ejection, ejection_max, ejected_max } = outliers;
        let item = self.bytes(&[1]).optional(consecutive.map(u64::from)).optional(failures.map(u64::from));
        let item = item.small(*requests_min).duration(*window).duration(*ejection).duration(*ejection_max);
        item.small(*ejected_max)
    }

    fn retries(self, retries: &Retries) -> Self {
        let Retries { attempts, on, budget, budget_min, backoff, backoff_max } = retries;
        let RetryOn { connect, closed, timeout, bad_gateway, unavailable, gateway_timeout } = *on;
        let on = [connect, closed, timeout, bad_gateway, unavailable, gateway_timeout].map(u8::from);
        let item = self.small(*attempts).bytes(&on).small(*budget).small(*budget_min);
        item.duration(*backoff).duration(*backoff_max)
    }

    fn connections(self, connections: &Connections) -> Self {
        let Connections { idle_max, idle_timeout, age_max, max, requests_max } = *connections;
        let item = self.number(idle_max as u64).duration(idle_timeout);
        let item = item.optional(age_max.map(|age| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)));
        item.optional(max.map(|max| max as u64)).optional(requests_max)
    }
}

pub(super) fn upstream(upstream: &Upstream) -> u64 {
    let Upstream { name, endpoints, balance, slow_start, health, outliers, retries, connections } = upstream;
    let item = Item::new("upstream").text(name).number(endpoints.len() as u64);
    let item = endpoints.iter().fold(item, |item, endpoint| {
        item.text(&endpoint.address.to_string()).small(endpoint.weight).bytes(&[u8::from(endpoint.backup)])
    });
    let item =
        item.balance(balance).optional(slow_start.map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)));
    item.health(health.as_ref()).outliers(outliers.as_ref()).retries(retries).connections(connections).finish()
}

pub(super) fn dns(dns: &Dns) -> u64 {
    let Dns { servers, ttl_min, ttl_max, timeout } = dns;
    let item = Item::new("dns").number(servers.len() as u64);
    let item = servers.iter().fold(item, |item, server| item.text(&server.to_string()));
    item.duration(*ttl_min).duration(*ttl_max).duration(*timeout).finish()
}
