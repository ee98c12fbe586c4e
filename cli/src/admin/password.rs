//! `tollgate password`: sets the password for the pages of the console.
//!
//! Typed at a terminal it is not shown and asked for twice; otherwise it is a line of standard input. Never an argument, which
//! everybody on the machine may see.

use super::{
    Admin,
    client::{Client, Failure},
};
use crate::exit::{Exit, help};
use clap::Args;
use serde_json::{Value, json};
use std::io::{self, BufRead as _, IsTerminal as _};

/// Sets the password with which somebody signs in to the console
///
/// One's own, or with --member that of another member, which owners may. Typed at a terminal, or a line of standard input.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate password\n  tollgate password --member dev < first-password.txt\n\n"
))]
pub(crate) struct Arguments {
    /// Whose; left out: one's own
    #[arg(long, value_name = "NAME")]
    member: Option<String>,
    #[command(flatten)]
    admin: Admin,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    arguments.admin.run(|client| set(client, arguments.member.as_deref()))
}

fn set(client: &Client, member: Option<&str>) -> Result<Value, Failure> {
    let body = json!({ "password": password()? });
    let path = match member {
        Some(member) => client.of_tenant(&["members", member, "password"]),
        None => "/me/password".to_owned(),
    };
    client.send("PUT", &path, &body)
}

fn password() -> Result<String, Failure> {
    let failed = |error: io::Error| Failure::Local(format!("standard input: {error}"));
    if io::stdin().is_terminal() {
        let ask = |prompt| rpassword::prompt_password(prompt).map_err(failed);
        let (first, again) = (ask("new password: ")?, ask("again: ")?);
        return if first == again { Ok(first) } else { Err(Failure::Local("the two passwords differ".to_owned())) };
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(failed)?;
    let password = line.trim_end_matches(['\r', '\n']).to_owned();
    if password.is_empty() {
        return Err(Failure::Local("there is no password: write it to standard input".to_owned()));
    }
    Ok(password)
}
