//! The one binary: arguments, signals, wiring. No logic of its own.

mod demo;
mod doctor;
mod exit;
mod gateway;
mod run;
mod terminal;
mod validate;

use clap::{Parser, Subcommand};
use exit::Exit;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An API gateway: one binary, one pinned io_uring worker per CPU, one configuration file.
///
/// New here? `tollgate demo` runs a gateway in front of two built-in origins and prints requests to try.
#[derive(Parser)]
#[command(name = "tollgate", version, arg_required_else_help = true, after_long_help = exit::help!())]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Gateway(gateway::Arguments),
    Validate(validate::Arguments),
    Demo(demo::Arguments),
    Doctor(doctor::Arguments),
}

fn main() -> Exit {
    match Arguments::parse().verb {
        Verb::Gateway(arguments) => gateway::run(&arguments),
        Verb::Validate(arguments) => validate::run(&arguments),
        Verb::Demo(arguments) => demo::run(&arguments),
        Verb::Doctor(arguments) => doctor::run(&arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
