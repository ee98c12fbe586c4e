//! Side-by-side comparison of Tollgate with other gateways on loopback.
