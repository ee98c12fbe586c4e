//! `tollgate schema`: the JSON Schema of files for `tollgate apply`, for editors.
//!
//! It is that of this binary: no control plane is asked.

use crate::{
    exit::{Exit, help},
    terminal,
};
use clap::Args;

/// Prints the JSON Schema of files for `tollgate apply`
///
/// Editors complete and check files by it. YAML editors that know the YAML language server take it from the first line of a
/// file: `# yaml-language-server: $schema=tollgate.schema.json`.
#[derive(Args)]
#[command(after_long_help = help!("Examples:\n  tollgate schema > tollgate.schema.json\n\n"))]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments) -> Exit {
    terminal::answer(format_args!("{:#}", tollgate_server::file_schema()));
    Exit::Done
}
