//! Addresses: of a bind (numbers only), of an endpoint (a name as well), and networks.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::report::Report;
use crate::{limits, raw::Text, upstream::Address};
use tollgate_pattern::{HostPattern, IpSet, Refusal, authority};

/// An address to listen at.
pub(super) fn bind(report: &mut Report<'_>, raw: &Text) -> Option<SocketAddr> {
    report.parse(raw, "an address like `0.0.0.0:8080`", |text| {
        text.parse().map_err(|_| {
            let help = match text.strip_prefix(':').or_else(|| text.strip_prefix("*:")) {
                Some(port) => format!("for all addresses write `0.0.0.0:{port}` or `[::]:{port}`"),
                None => "write `ip:port` or `[ipv6]:port`, like `127.0.0.1:8080`".to_owned(),
            };
            (format!("`{text}` is not an address to listen at"), Some(help))
        })
    })
}

/// Networks and single addresses.
pub(super) fn networks(report: &mut Report<'_>, raw: &[Text]) -> IpSet {
    let networks = raw.iter().filter_map(|text| report.parse(text, "a network like `10.0.0.0/8`", network));
    IpSet::new(networks.collect::<Vec<_>>())
}

fn network(text: &str) -> Result<IpNet, Refusal> {
    let address = || text.parse::<IpAddr>().map(IpNet::from).ok();
    let network = text.parse::<IpNet>().ok().or_else(address).ok_or_else(|| {
        let help = "write it like `10.0.0.0/8` or `::1`".to_owned();
        (format!("`{text}` is not a network or an address"), Some(help))
    })?;
    if network.addr() == network.network() {
        return Ok(network);
    }
    let help = format!("write `{}`", network.trunc());
    Err((format!("`{text}` has bits set behind its prefix"), Some(help)))
}

/// Where an endpoint is.
pub(super) fn endpoint(report: &mut Report<'_>, raw: &Text) -> Option<Address> {
    report.parse(raw, "an address like `127.0.0.1:9001`", target)
}

fn target(text: &str) -> Result<Address, Refusal> {
    let refusal = || {
        let help = "write `ip:port`, `[ipv6]:port`, `name:port` or `unix:/path`, like `127.0.0.1:9001`";
        (format!("`{text}` is not an address"), Some(help.to_owned()))
    };
    let no_port = || (format!("`{text}` has no port it could be reached at"), Some("from 1 to 65535".to_owned()));
    if let Some(path) = text.strip_prefix("unix:") {
        return unix(path);
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let help = format!("leave `{scheme}://` and the path out: `{}`", rest.split('/').next().unwrap_or(rest));
        return Err((format!("`{text}` is not an address"), Some(help)));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return if address.port() == 0 { Err(no_port()) } else { Ok(Address::Socket(address)) };
    }
    let Ok((HostPattern::Exact(host), Some(port))) = authority(text) else {
        return Err(if has_bad_port(text) { no_port() } else { refusal() });
    };
    // A name whose last label is a number is a mistyped address (RFC 1123, 2.1).
    let numeric = host.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    if numeric || host.starts_with('[') {
        return Err(refusal());
    }
    if port == 0 { Err(no_port()) } else { Ok(Address::Name { host, port }) }
}

/// Whether what stands before the last colon is a host, so that the port is what is wrong.
fn has_bad_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, _)| matches!(HostPattern::parse(host), Ok(HostPattern::Exact(_))))
}

fn unix(path: &str) -> Result<Address, Refusal> {
    if !path.starts_with('/') || path.contains('\0') || path.ends_with('/') {
        let help = "write it like `unix:/run/orders.sock`".to_owned();
        return Err((format!("`unix:{path}` does not name a socket by its whole path"), Some(help)));
    }
    if path.len() > limits::UNIX_PATH_BYTES_MAX {
        let message = format!("the path of a socket has at most {} bytes", limits::UNIX_PATH_BYTES_MAX);
        return Err((message, None));
    }
    Ok(Address::Unix(path.into()))
}
