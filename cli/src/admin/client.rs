//! The client of the admin API, and what `tollgate login` keeps for it.
//!
//! The token is in the environment (`TOLLGATE_TOKEN`) or in a file for its owner alone, never among the arguments, which
//! everybody on the machine may see. HTTP, or HTTPS where a proxy in front of the control plane speaks it.

use crate::exit::Exit;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    env, fmt,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
    time::Duration,
};
use ureq::{Agent, http::Request};

/// The environment variable that may have the token.
pub(super) const TOKEN: &str = "TOLLGATE_TOKEN";
/// How long an answer is waited for.
const WAIT: Duration = Duration::from_secs(60);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// What is kept of a login.
#[derive(Serialize, Deserialize)]
pub(super) struct Login {
    pub(super) url: String,
    pub(super) tenant: String,
    pub(super) token: String,
}

/// Why a verb did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something here: a file, the login.
    Local(String),
    /// The control plane does not answer.
    Unreachable(String),
    /// It refuses: its problem document.
    Refused(Value),
}

/// Talks to the admin API as somebody.
pub(crate) struct Client {
    agent: Agent,
    url: String,
    token: String,
    tenant: String,
}

impl Failure {
    pub(super) const fn exit(&self) -> Exit {
        match self {
            Self::Unreachable(_) => Exit::NotStarted,
            Self::Local(_) | Self::Refused(_) => Exit::Refused,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(what) => f.write_str(what),
            Self::Unreachable(what) => write!(f, "the control plane does not answer: {what}"),
            Self::Refused(problem) => {
                let text = |key: &str| problem[key].as_str().unwrap_or_default();
                write!(f, "{} ({})", text("detail"), text("code"))?;
                let id = text("request_id");
                if problem["status"].as_u64().is_some_and(|status| status >= 500) && !id.is_empty() {
                    write!(f, "\n  request {id}")?;
                }
                Ok(())
            }
        }
    }
}

/// A path of the admin API. Whatever somebody wrote, it is one segment of it.
pub(crate) fn path_of<'p>(segments: impl IntoIterator<Item = &'p str>) -> String {
    segments.into_iter().map(|text| format!("/{}", utf8_percent_encode(text, NON_ALPHANUMERIC))).collect()
}

/// `path` with a query.
pub(crate) fn with_query<'p>(path: &str, parameters: impl IntoIterator<Item = (&'p str, &'p str)>) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{path}?{query}")
}

/// The file that a login is kept in.
pub(super) fn login_file() -> Result<PathBuf, Failure> {
    let folder = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let folder = folder.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".config")));
    let missing = || Failure::Local("there is no HOME to keep a login in".to_owned());
    Ok(folder.ok_or_else(missing)?.join("tollgate/login.json"))
}

impl Login {
    fn read() -> Result<Option<Self>, Failure> {
        let path = login_file()?;
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|error| Failure::Local(format!("{}: {error}; run `tollgate login` again", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::Local(format!("{}: {error}", path.display()))),
        }
    }

    /// Keeps it, for its owner alone.
    pub(super) fn keep(&self) -> Result<PathBuf, Failure> {
        let path = login_file()?;
        let write = || {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            // A file that is there already may be for others, too.
            let _ = fs::remove_file(&path);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(serde_json::to_string(self)?.as_bytes())
        };
        write().map_err(|error: io::Error| Failure::Local(format!("{}: {error}", path.display())))?;
        Ok(path)
    }
}

impl Client {
    /// A client for the login that is kept, or what the environment says.
    pub(super) fn open(url: Option<&str>, tenant: Option<&str>) -> Result<Self, Failure> {
        let kept = Login::read()?;
        let missing = || Failure::Local(format!("nobody is logged in: run `tollgate login`, or set {TOKEN} and --url"));
        let url =
            url.map(str::to_owned).or_else(|| kept.as_ref().map(|login| login.url.clone())).ok_or_else(missing)?;
        // A token is for the control plane that gave it, and is sent to no other.
        let own = kept.filter(|login| login.url.trim_end_matches('/') == url.trim_end_matches('/'));
        let token =
            env::var(TOKEN).ok().or_else(|| own.as_ref().map(|login| login.token.clone())).ok_or_else(missing)?;
        let known = tenant.map(str::to_owned).or_else(|| own.map(|login| login.tenant));
        let mut client = Self::with(&url, token);
        client.tenant = match known {
            Some(tenant) => tenant,
            None => client.get("/me")?["tenant"].as_str().unwrap_or_default().to_owned(),
        };
        Ok(client)
    }

    pub(crate) fn with(url: &str, token: String) -> Self {
        let configuration = Agent::config_builder().http_status_as_error(false).timeout_global(Some(WAIT)).build();
        let url = url.trim_end_matches('/').to_owned();
        Self { agent: configuration.into(), url, token, tenant: String::new() }
    }

    /// A path in the tenant.
    pub(crate) fn of_tenant(&self, segments: &[&str]) -> String {
        path_of(["tenants", &self.tenant].iter().chain(segments).copied())
    }

    pub(super) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.ask("GET", path, Vec::new())
    }

    pub(crate) fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value, Failure> {
        self.ask(method, path, body.to_string().into_bytes())
    }

    /// Every item of a list, page after page.
    pub(super) fn list(&self, path: &str) -> Result<Vec<Value>, Failure> {
        let mut items = Vec::new();
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut page = self.get(&format!("{path}{separator}limit=1000"))?;
        loop {
            if let Value::Array(found) = page["items"].take() {
                items.extend(found);
            }
            let Some(next) = page["next"].as_str() else { return Ok(items) };
            page = self.get(&format!("{path}{separator}limit=1000&cursor={next}"))?;
        }
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: Vec<u8>) -> Result<Value, Failure> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v1{path}", self.url))
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Content-Type", "application/json")
            .body(body)
            .map_err(|error| Failure::Local(format!("{}: {error}", self.url)))?;
        let unreachable = |error: ureq::Error| Failure::Unreachable(format!("{}: {error}", self.url));
        let mut response = self.agent.run(request).map_err(unreachable)?;
        let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string().map_err(unreachable)?;
        let value = if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text) };
        let value = value.map_err(|_| Failure::Unreachable(format!("{} is no control plane", self.url)))?;
        if response.status().is_success() { Ok(value) } else { Err(Failure::Refused(value)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_stays_what_it_is() {
        let client = Client { tenant: "ac/me".to_owned(), ..Client::with("http://localhost", String::new()) };
        let rows = [
            (vec!["apis", "orders@1.0"], "/tenants/ac%2Fme/apis/orders%401%2E0"),
            (vec!["members", "../../me?x#y", "tokens"], "/tenants/ac%2Fme/members/%2E%2E%2F%2E%2E%2Fme%3Fx%23y/tokens"),
            (vec!["plans", "a%2Fb"], "/tenants/ac%2Fme/plans/a%252Fb"),
        ];
        for (segments, path) in rows {
            assert_eq!(client.of_tenant(&segments), path);
        }
        assert_eq!(
            with_query("/apis", [("name", "a&dry_run=false"), ("plan", "b c")]),
            "/apis?name=a%26dry_run%3Dfalse&plan=b+c"
        );
    }
}
