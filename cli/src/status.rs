//! Verbs that talk to one running node: where its status is, the client of it, and what went wrong.
//!
//! ```text
//! --node 127.0.0.1:9901        TCP, with the token of `status.token` where that is asked for
//! --node /run/tollgate.sock    the Unix socket of `status.socket`: who can open it needs no token
//! ```
//!
//! The token is in the environment or in a file, never among the arguments, which everybody on the machine may see.

pub(crate) mod limits;
mod sample;
mod socket;
pub(crate) mod top;
mod view;

use crate::{exit::Exit, terminal};
use serde_json::Value;
use socket::Socket;
use std::{env, fmt, fs, path::PathBuf, time::Duration};
use ureq::{
    Agent,
    http::Request,
    unversioned::{resolver::DefaultResolver, transport::DefaultConnector},
};

/// The environment variable that may have the token.
const TOKEN: &str = "TOLLGATE_STATUS_TOKEN";
/// How long an answer is waited for.
const WAIT: Duration = Duration::from_secs(10);
/// Bytes of an answer: the scrape of a node with as many routes as it shows is a tenth of it.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// Which node, and what lets one in.
#[derive(clap::Args)]
pub(crate) struct Node {
    /// Where its status is served: `status.bind` as ADDRESS:PORT, or the path of `status.socket`
    #[arg(long, value_name = "ADDRESS|PATH", env = "TOLLGATE_NODE", default_value = "127.0.0.1:9901", global = true)]
    node: String,
    /// Read the token of `status.token` from FILE; else it is read from the variable TOLLGATE_STATUS_TOKEN
    #[arg(long, value_name = "FILE", global = true)]
    status_token_file: Option<PathBuf>,
}

/// Asks the status of a node.
pub(crate) struct Client {
    agent: Agent,
    /// As it was given, for messages.
    node: String,
    url: String,
    token: Option<String>,
}

/// Why a verb did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something here: a file.
    Local(String),
    /// The node does not answer.
    Unreachable(String),
    /// It refuses: its problem document.
    Refused(Value),
}

impl Node {
    /// Runs `work` with a client that waits so long for an answer.
    pub(crate) fn run(&self, wait: Duration, work: impl FnOnce(&Client) -> Result<(), Failure>) -> Exit {
        match self.patient(wait).and_then(|client| work(&client)) {
            Ok(()) => Exit::Done,
            Err(failure) => failure.end(),
        }
    }

    fn client(&self) -> Result<Client, Failure> {
        self.patient(WAIT)
    }

    fn patient(&self, wait: Duration) -> Result<Client, Failure> {
        let token = match &self.status_token_file {
            Some(file) => Some(
                fs::read_to_string(file)
                    .map_err(|error| Failure::Local(format!("{}: {error}", file.display())))?
                    .trim()
                    .to_owned(),
            ),
            None => env::var(TOKEN).ok(),
        };
        let configuration =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(wait)).max_redirects(0).proxy(None);
        let node = self.node.strip_prefix("unix:").unwrap_or(&self.node);
        let is_socket = node.contains('/');
        let agent = if is_socket {
            Agent::with_parts(configuration.build(), Socket::at(node), DefaultResolver::default())
        } else {
            Agent::with_parts(configuration.build(), DefaultConnector::default(), DefaultResolver::default())
        };
        // The name of the host means nothing on a socket; an address needs no look-up.
        let url = if is_socket { "http://127.0.0.1".to_owned() } else { format!("http://{node}") };
        Ok(Client { agent, node: self.node.clone(), url, token })
    }
}

impl Client {
    fn get(&self, path: &str) -> Result<String, Failure> {
        self.ask("GET", path, String::new())
    }

    /// The JSON of the answer to a POST.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let text = self.ask("POST", path, body.to_string())?;
        serde_json::from_str(&text).map_err(|_| self.no_answer())
    }

    fn no_answer(&self) -> Failure {
        Failure::Unreachable(format!("{}: this is no answer of a node", self.node))
    }

    /// The content of an answer.
    fn ask(&self, method: &str, path: &str, body: String) -> Result<String, Failure> {
        let unreachable = |error: &dyn fmt::Display| Failure::Unreachable(format!("{}: {error}", self.node));
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let request = request.body(body).map_err(|error| Failure::Local(format!("--node {}: {error}", self.node)))?;
        let mut response = self.agent.run(request).map_err(|error| unreachable(&error))?;
        let content = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let content = content.map_err(|error| unreachable(&error))?;
        if response.status().is_success() {
            return Ok(content);
        }
        match serde_json::from_str::<Value>(&content) {
            Ok(problem) if problem.is_object() => Err(Failure::Refused(problem)),
            _ => Err(unreachable(&format_args!("status {}, which no node gives", response.status()))),
        }
    }
}

impl Failure {
    fn end(&self) -> Exit {
        terminal::note(format_args!("error: {self}"));
        if matches!(self, Self::Unreachable(_)) { Exit::NotStarted } else { Exit::Refused }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remedy = format_args!(
            "\n  --node takes the address of `status.bind` or the path of `status.socket` of the node's configuration"
        );
        match self {
            Self::Local(what) => f.write_str(what),
            Self::Unreachable(what) => write!(f, "no node answers at {what}{remedy}"),
            Self::Refused(problem) => {
                let text = |key: &str| problem[key].as_str().unwrap_or_default();
                write!(f, "{} ({})", text("detail"), text("code"))?;
                if problem["status"] == 403 {
                    write!(
                        f,
                        "\n  give --node the path of the socket, or the token in {TOKEN} or --status-token-file"
                    )?;
                }
                Ok(())
            }
        }
    }
}
