//! Runs one origin until interrupted: `cargo run --release -p tollgate-loadtest --example origin -- 127.0.0.1:9001`.
//!
//! Without an address it takes any free loopback port. The paths it answers are in the header of `origin`.

use std::{error::Error, net::SocketAddr};
use tollgate_loadtest::{Origin, OriginConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let mut config = OriginConfig::default();
    if let Some(address) = std::env::args().nth(1) {
        config.bind = address.parse::<SocketAddr>()?;
    }
    let origin = Origin::start(config)?;
    println!("origin on http://{}", origin.address());
    Ok(origin.run()?)
}
