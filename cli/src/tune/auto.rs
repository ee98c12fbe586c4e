//! `tollgate tune auto`.

use crate::exit::Exit;
use clap::Args;

/// Searches the gateway's own keys by measuring
#[derive(Args)]
pub(super) struct Arguments {}

pub(super) fn run(_: &Arguments) -> Exit {
    Exit::Refused
}
