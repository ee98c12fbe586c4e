//! `tollgate signing-keys`: the keys that access tokens are signed with.

use super::Admin;
use crate::exit::{Exit, help};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

/// Lists and rotates the keys that access tokens are signed with
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate signing-keys\n  tollgate signing-keys rotate\n  tollgate signing-keys rotate --algorithm es256\n\n"
))]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    admin: Admin,
}

#[derive(Subcommand)]
enum Verb {
    /// Lets the next key sign; gateways go on taking tokens of the one before until those have ended
    Rotate {
        /// How the key that is made will sign; left out: as the one that was made last
        #[arg(long, value_enum)]
        algorithm: Option<Algorithm>,
    },
}

/// How tokens are signed.
#[derive(Clone, Copy, ValueEnum)]
enum Algorithm {
    /// Ed25519
    Eddsa,
    /// P-256 with SHA-256
    Es256,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let Arguments { verb, admin } = arguments;
    admin.run(|client| {
        let answer = match verb {
            None => client.get("/signing-keys"),
            Some(Verb::Rotate { algorithm }) => {
                let algorithm = algorithm.map(|algorithm| match algorithm {
                    Algorithm::Eddsa => "EdDSA",
                    Algorithm::Es256 => "ES256",
                });
                client.send("POST", "/signing-keys/rotate", &json!({ "algorithm": algorithm }))
            }
        };
        answer.map(|answer| shown(&answer))
    })
}

/// One line for each key, with what it does.
fn shown(answer: &Value) -> Value {
    let mut signs = Some("signs");
    let line = |key: &Value| {
        let does = if key["retired_s"].is_null() { signs.take().unwrap_or("next") } else { "retired" };
        json!({
            "kid": key["jwk"]["kid"], "algorithm": key["jwk"]["alg"], "does": does, "made_s": key["made_s"],
            "retired_s": key["retired_s"],
        })
    };
    answer["keys"].as_array().into_iter().flatten().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_shown_with_what_it_does() {
        let key = |kid: &str, retired_s: Option<u64>| json!({ "jwk": { "kid": kid }, "retired_s": retired_s });
        let shown = shown(&json!({ "keys": [key("a", Some(5)), key("b", None), key("c", None)] }));
        let does: Vec<_> = shown.as_array().unwrap().iter().map(|key| key["does"].clone()).collect();
        assert_eq!(does, ["retired", "signs", "next"]);
    }
}
