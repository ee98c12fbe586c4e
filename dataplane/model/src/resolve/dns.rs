//! `dns`: which servers are asked for the names of endpoints, and how long an answer is good.
//!
//! Part of `resolve`. Nothing is asked here: names are resolved while the node runs.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::{report::Report, upstreams::ttl_bounds};
use crate::{
    limits,
    raw::{self, Spanned},
    snapshot::Dns,
};
use tollgate_pattern::Refusal;

const TIMEOUT: Duration = Duration::from_secs(2);
const PORT: u16 = 53;

pub(super) fn dns(report: &mut Report<'_>, raw: Option<&Spanned<raw::Dns>>) -> Dns {
    let raw = &raw.map(|raw| raw.value.clone()).unwrap_or_default();
    let (ttl_min, ttl_max) = ttl_bounds(report, raw);
    let mut servers = Vec::new();
    if let Some(raw) = &raw.servers {
        if raw.value.is_empty() || raw.value.len() > limits::DNS_SERVERS_MAX {
            let help = "leave `servers` out for those of the system".to_owned();
            let message = format!("there must be 1 to {} servers", limits::DNS_SERVERS_MAX);
            report.error(raw.referenced, message, Some(help));
        }
        servers = raw.value.iter().filter_map(|text| report.parse(text, "an address of a server", server)).collect();
    }
    let timeout = report.quantity_or(raw.timeout.as_ref(), &limits::DNS_TIMEOUT, TIMEOUT);
    Dns { servers, ttl_min, ttl_max, timeout }
}

fn server(text: &str) -> Result<SocketAddr, Refusal> {
    let address = text.parse::<SocketAddr>().ok();
    let address = address.or_else(|| text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, PORT)));
    address.filter(|address| address.port() != 0).ok_or_else(|| {
        let help = "write `ip` or `ip:port`, like `10.0.0.2` or `10.0.0.2:53`".to_owned();
        (format!("`{text}` is not the address of a server"), Some(help))
    })
}
