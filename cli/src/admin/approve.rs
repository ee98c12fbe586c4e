//! `tollgate approve`: decides on subscriptions.

use super::{Admin, client::with_query};
use crate::exit::{Exit, help};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

/// Approves, rejects or blocks a subscription; without one, lists those that wait
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate approve\n  tollgate approve shop orders@1.0\n  tollgate approve shop orders@1.0 --state blocked\n\n"
))]
pub(crate) struct Arguments {
    /// The application
    #[arg(value_name = "APPLICATION", requires = "target")]
    application: Option<String>,
    /// The API or product
    #[arg(value_name = "TARGET")]
    target: Option<String>,
    /// What becomes of it
    #[arg(long, value_enum, default_value_t = State::Approved)]
    state: State,
    /// Why
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    admin: Admin,
}

/// What becomes of a subscription.
#[derive(Clone, Copy, ValueEnum)]
enum State {
    /// Lets calls through
    Approved,
    /// Is not granted
    Rejected,
    /// Holds no more
    Blocked,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let Arguments { application, target, state, note, admin } = arguments;
    let state = match state {
        State::Approved => "approved",
        State::Rejected => "rejected",
        State::Blocked => "blocked",
    };
    admin.run(|client| {
        let (Some(application), Some(target)) = (application, target) else {
            let all = client.of_tenant(&["subscriptions"]);
            return client.list(&with_query(&all, [("state", "pending")])).map(Value::Array);
        };
        let path = client.of_tenant(&["applications", application, "subscriptions", target, "decision"]);
        client.send("POST", &path, &json!({ "state": state, "note": note }))
    })
}
