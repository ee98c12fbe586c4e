//! The admin API as the stage uses it: before the load, after it, and outside of its figures.
//!
//! Each error is a text for people: what was asked, what came back, and what to do.

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use std::{error::Error, time::Duration};

/// How long an answer is waited for.
const WAIT: Duration = Duration::from_secs(30);

/// Who asks a control plane.
pub(crate) struct Admin {
    client: Client,
    /// Up to the version of the API.
    url: String,
    pub(crate) token: String,
}

impl Admin {
    pub(crate) fn new(url: &str, token: &str) -> Result<Self, String> {
        let client = Client::builder().timeout(WAIT).build().map_err(|error| because(&error))?;
        Ok(Self { client, url: format!("{}/api/v1", url.trim_end_matches('/')), token: token.to_owned() })
    }

    /// The URL of a path.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Status and body of an answer.
    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, Value), String> {
        let mut request = self.client.request(method, self.at(path)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let away =
            |error: reqwest::Error| format!("the control plane does not answer at {}: {}", self.url, because(&error));
        let answer = request.send().await.map_err(away)?;
        let status = answer.status();
        let text = answer.text().await.map_err(away)?;
        Ok((status, serde_json::from_str(&text).unwrap_or_default()))
    }

    /// What it answers.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let (status, answer) = self.send(method.clone(), path, body).await?;
        if status.is_success() {
            return Ok(answer);
        }
        Err(refusal(&method, path, status, &answer))
    }

    /// Takes something away. What is not there is well.
    pub(crate) async fn remove(&self, path: &str) -> Result<(), String> {
        let (status, answer) = self.send(Method::DELETE, path, None).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(()),
            _ if status.is_success() => Ok(()),
            _ => Err(refusal(&Method::DELETE, path, status, &answer)),
        }
    }
}

fn refusal(method: &Method, path: &str, status: StatusCode, answer: &Value) -> String {
    let detail = answer["detail"].as_str().unwrap_or("it is no control plane of Tollgate");
    let remedy = match status {
        StatusCode::UNAUTHORIZED => {
            "; the token file has no token that holds: make one in the console or with `tollgate login`"
        }
        StatusCode::FORBIDDEN => "; the member of the token must be allowed to publish and to own applications",
        _ => "",
    };
    format!("the control plane refuses {method} {path} with {}: {detail}{remedy}", status.as_u16())
}

/// An error with what lies under it: a client says little on its top.
pub(crate) fn because(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut under = error.source();
    while let Some(error) = under {
        text = format!("{text}: {error}");
        under = error.source();
    }
    text
}
