//! The one binary: arguments, signals, wiring. No logic of its own.

mod admin;
mod backup;
mod control;
mod debug;
mod demo;
mod doctor;
mod exit;
mod gateway;
mod load;
mod node;
mod origin;
mod run;
mod schema;
mod serve;
mod status;
mod terminal;
mod time;
mod tune;
mod validate;

use clap::{Parser, Subcommand};
use exit::Exit;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// API management in one binary: a gateway with a pinned io_uring worker per CPU, and a control plane with a store of its own.
///
/// New here? `tollgate demo` runs both planes in front of two built-in origins and prints requests to try.
#[derive(Parser)]
#[command(name = "tollgate", version, arg_required_else_help = true, after_long_help = exit::help!())]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Serve(serve::Arguments),
    Control(control::Arguments),
    Gateway(gateway::Arguments),
    Validate(validate::Arguments),
    Demo(demo::Arguments),
    Doctor(doctor::Arguments),
    Tune(tune::Arguments),
    Backup(backup::Arguments),
    Restore(backup::RestoreArguments),
    Login(admin::login::Arguments),
    Password(admin::password::Arguments),
    Apply(admin::apply::Arguments),
    Diff(admin::apply::DiffArguments),
    Export(admin::apply::ExportArguments),
    Schema(schema::Arguments),
    Import(admin::import::Arguments),
    Publish(admin::publish::Arguments),
    Rollback(admin::publish::RollbackArguments),
    Approve(admin::approve::Arguments),
    Keys(admin::keys::Arguments),
    SigningKeys(admin::signing_keys::Arguments),
    Audit(admin::audit::Arguments),
    Nodes(admin::nodes::Arguments),
    Usage(admin::usage::Arguments),
    Debug(debug::Arguments),
    Origin(origin::Arguments),
    Limits(status::limits::Arguments),
    Top(status::top::Arguments),
    Load(Box<load::Arguments>),
}

fn main() -> Exit {
    tollgate_gateway::provide_tls_by_default();
    match Arguments::parse().verb {
        Verb::Serve(arguments) => serve::run(&arguments),
        Verb::Control(arguments) => control::run(&arguments),
        Verb::Gateway(arguments) => gateway::run(&arguments),
        Verb::Validate(arguments) => validate::run(&arguments),
        Verb::Demo(arguments) => demo::run(&arguments),
        Verb::Doctor(arguments) => doctor::run(&arguments),
        Verb::Tune(arguments) => tune::run(&arguments),
        Verb::Backup(arguments) => backup::run(&arguments),
        Verb::Restore(arguments) => backup::restore(&arguments),
        Verb::Login(arguments) => admin::login::run(&arguments),
        Verb::Password(arguments) => admin::password::run(&arguments),
        Verb::Apply(arguments) => admin::apply::run(&arguments),
        Verb::Diff(arguments) => admin::apply::diff(&arguments),
        Verb::Export(arguments) => admin::apply::export(&arguments),
        Verb::Schema(arguments) => schema::run(&arguments),
        Verb::Import(arguments) => admin::import::run(&arguments),
        Verb::Publish(arguments) => admin::publish::run(&arguments),
        Verb::Rollback(arguments) => admin::publish::rollback(&arguments),
        Verb::Approve(arguments) => admin::approve::run(&arguments),
        Verb::Keys(arguments) => admin::keys::run(&arguments),
        Verb::SigningKeys(arguments) => admin::signing_keys::run(&arguments),
        Verb::Audit(arguments) => admin::audit::run(&arguments),
        Verb::Nodes(arguments) => admin::nodes::run(&arguments),
        Verb::Usage(arguments) => admin::usage::run(&arguments),
        Verb::Debug(arguments) => debug::run(&arguments),
        Verb::Origin(arguments) => origin::run(&arguments),
        Verb::Limits(arguments) => status::limits::run(&arguments),
        Verb::Top(arguments) => status::top::run(&arguments),
        Verb::Load(arguments) => load::run(&arguments),
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
