//! Patterns asked about what requests say.

use crate::{Step, step::InTurn};
use std::{hint::black_box, net::IpAddr};
use tollgate_pattern::{Expression, HostPattern, IpSet, PathPattern};

/// Three paths that a pattern with a parameter and an open end takes, and one that it does not.
pub(crate) fn path() -> Step {
    const PATHS: [&str; 4] =
        ["/shops/7/orders/1/lines/2", "/shops/berlin/orders/48151623", "/shops/7/orders/", "/shops"];
    let pattern = PathPattern::parse("/shops/{shop}/orders/{rest*}").expect("the pattern is well formed");
    let mut paths = InTurn::<&str, 4>::new(|at| PATHS[at]);
    Step::new(move || pattern.takes(black_box(paths.next().as_bytes())))
}

/// The address of a client against 512 networks.
pub(crate) fn addresses() -> Step {
    let networks = (0..512_u32).map(|number| format!("10.{}.{}.0/24", number / 256, number % 256 / 2 * 2));
    let set = IpSet::new(networks.map(|network| network.parse().expect("it is a network")));
    let mut clients = InTurn::<IpAddr, 16>::new(|at| [10, 1, at as u8 * 5, 7].into());
    Step::new(move || set.contains(black_box(*clients.next())))
}

/// A path against an expression.
pub(crate) fn expression() -> Step {
    let expression = Expression::parse("/v[0-9]+/(orders|invoices)/[0-9]{4}-[0-9]{2}").expect("it is an expression");
    Step::new(move || assert!(expression.is_match(black_box(b"/v12/invoices/2026-11"))))
}

/// Reads the pattern of a host, as each route of a configuration has one.
pub(crate) fn host() -> Step {
    Step::new(move || HostPattern::parse(black_box("*.Shops.example.com")).expect("it is a pattern"))
}
