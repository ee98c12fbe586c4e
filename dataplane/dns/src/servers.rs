//! The servers of `/etc/resolv.conf` (resolv.conf(5)).

use resolv_conf::{Config, ScopedIp};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};

const PORT: u16 = 53;

/// The servers `text` names, in their order; without any, the one of this machine.
#[must_use]
pub fn servers(text: &[u8]) -> Vec<SocketAddr> {
    let named = Config::parse(text).map(|config| config.nameservers).unwrap_or_default();
    let servers: Vec<SocketAddr> = named
        .into_iter()
        .map(|server| match server {
            ScopedIp::V4(ip) => SocketAddr::new(ip.into(), PORT),
            // A scope by its name would need the system: a number is taken.
            ScopedIp::V6(ip, scope) => {
                SocketAddrV6::new(ip, PORT, 0, scope.and_then(|scope| scope.parse().ok()).unwrap_or(0)).into()
            }
        })
        .collect();
    if servers.is_empty() { vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT)] } else { servers }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_in_order_and_one_is_always_there() {
        let shown = |text: &str| servers(text.as_bytes()).iter().map(ToString::to_string).collect::<Vec<_>>();
        let text = "# ours\nsearch a.test\nnameserver 10.0.0.2\noptions ndots:5\nnameserver fe80::1%3\n";
        assert_eq!(shown(text), ["10.0.0.2:53", "[fe80::1%3]:53"]);
        for none in ["", "search a.test\n", "nameserver nonsense\n"] {
            assert_eq!(shown(none), ["127.0.0.1:53"]);
        }
    }
}
