//! A request that is tried out: made of a form and the document, sent to the gateway, its answer read within bounds.
//!
//! The form chooses values of the parameters of one documented operation and nothing else: method, host and the path it is below are
//! given. A value of the path cannot leave it: everything but letters, digits and `-_~` is encoded, and what a normalization
//! would take for `.` or `..` is refused. No redirect is followed.

use crate::{form::Form, limits::TRIED_BYTES_MAX, reference::Operation};
use serde_json::{Value, json};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};
use ureq::{
    Agent,
    http::{HeaderName, HeaderValue, Method, Request},
};
use zeroize::Zeroizing;

/// A request to the gateway.
#[derive(Debug)]
pub(crate) struct Wanted {
    method: String,
    /// Path and query.
    target: String,
    host: Option<String>,
    fields: Vec<(String, Zeroizing<String>)>,
    body: Option<String>,
}

/// What is wrong in the form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) place: String,
    pub(crate) what: String,
    pub(crate) remedy: &'static str,
}

/// What the gateway takes keys in.
const KEY_FIELD: &str = "x-api-key";
/// Fields that are the connection's, or ours.
const FIXED: [&str; 10] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "te",
    "trailer",
    "keep-alive",
    "expect",
    "proxy-connection",
];

impl Wanted {
    /// Reads a form for `operation`, served as `served` says.
    pub(crate) fn read(form: &Form, operation: &Operation, served: &Value) -> Result<Self, Mistake> {
        let mut path = operation.path.clone();
        let (mut query, mut fields, mut cookies) = (Vec::new(), Vec::new(), Vec::new());
        for parameter in &operation.parameters {
            let place = format!("p.{}.{}", parameter.place, parameter.name);
            let value = form.text(&place);
            if value.is_empty() {
                if parameter.is_required {
                    return Err(mistake(&place, "a value is needed", "fill it in"));
                }
                continue;
            }
            match parameter.place.as_str() {
                "path" if matches!(value, "." | "..") => {
                    return Err(mistake(&place, "this would be another path", "write another value"));
                }
                "path" => path = path.replace(&format!("{{{}}}", parameter.name), &encoded(value)),
                "query" => query.push(format!("{}={}", encoded(&parameter.name), encoded(value))),
                "cookie" => cookies.push(format!("{}={}", parameter.name, encoded(value))),
                _ => fields.push((parameter.name.clone(), Zeroizing::new(value.to_owned()))),
            }
        }
        let named = |key: &str| Some((served[key]["name"].as_str()?, served[key]["value"].as_str()?));
        fields.extend(named("header").map(|(name, value)| (name.to_owned(), Zeroizing::new(value.to_owned()))));
        query.extend(named("query").map(|(name, value)| format!("{}={}", encoded(name), encoded(value))));
        if let Some(stage) = served["stage"].as_str() {
            fields.push(("X-Stage".to_owned(), Zeroizing::new(stage.to_owned())));
        }
        if !cookies.is_empty() {
            fields.push(("Cookie".to_owned(), Zeroizing::new(cookies.join("; "))));
        }
        fields.extend(credential(form));
        let body = operation.body.as_ref().map(|_| form.raw("body").to_owned()).filter(|body| !body.is_empty());
        if body.is_some() {
            fields.push(("Content-Type".to_owned(), Zeroizing::new(media(form, operation))));
        }
        checked(&fields)?;
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        let target = format!("{}{path}{query}", served["path"].as_str().unwrap_or_default());
        if is_elsewhere(&target) {
            return Err(mistake("", "the document has a path that leads elsewhere", "ask its publisher to correct it"));
        }
        let host = served["hosts"].as_array().and_then(|hosts| hosts.first()?.as_str()).map(|host| {
            // Any host will do for a pattern.
            host.strip_prefix("*.").map_or_else(|| host.to_owned(), |rest| format!("try.{rest}"))
        });
        Ok(Self { method: operation.method.to_uppercase(), target, host, fields, body })
    }

    /// As the page shows it: without the value of the credential.
    pub(crate) fn shown(&self) -> Value {
        let is_secret = |name: &str| name.eq_ignore_ascii_case(KEY_FIELD) || name.eq_ignore_ascii_case("authorization");
        let fields: Vec<_> = self
            .fields
            .iter()
            .map(|(name, value)| (name, if is_secret(name) { "(hidden)" } else { value.as_str() }))
            .collect();
        json!({ "method": self.method, "target": self.target, "host": self.host, "fields": fields, "body": self.body })
    }
}

fn mistake(place: &str, what: &str, remedy: &'static str) -> Mistake {
    Mistake { place: place.to_owned(), what: what.to_owned(), remedy }
}

/// Whether a normalization would lead out of the path.
fn is_elsewhere(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    let is_plain = path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'#'));
    let dots = |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    !is_plain || path.split('/').any(dots)
}

/// Percent-encoded (RFC 3986), all but what is never anything else.
fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'~' | b'.');
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn credential(form: &Form) -> Option<(String, Zeroizing<String>)> {
    let text = form.some("credential")?;
    Some(if form.text("credential_as") == "token" {
        ("Authorization".to_owned(), Zeroizing::new(format!("Bearer {text}")))
    } else {
        ("X-API-Key".to_owned(), Zeroizing::new(text.to_owned()))
    })
}

/// One of the media types that the document has.
fn media(form: &Form, operation: &Operation) -> String {
    let known = operation.body.iter().flat_map(|body| &body.contents).map(|content| content.media.clone());
    let known: Vec<_> = known.collect();
    let wanted = form.text("media");
    let found = known.iter().find(|media| *media == wanted).or_else(|| known.first());
    found.cloned().unwrap_or_else(|| "application/json".to_owned())
}

fn checked(fields: &[(String, Zeroizing<String>)]) -> Result<(), Mistake> {
    for (name, value) in fields {
        let is_ours = FIXED.contains(&name.to_ascii_lowercase().as_str());
        if is_ours || HeaderName::try_from(name.as_str()).is_err() || HeaderValue::try_from(value.as_str()).is_err() {
            let place = format!("p.header.{name}");
            return Err(mistake(&place, "this field cannot be sent", "leave it empty, or write one line of ASCII"));
        }
    }
    Ok(())
}

/// Sends it; blocks. The error is for people.
pub(crate) fn send(wanted: &Wanted, gateway: SocketAddr, wait: Duration) -> Result<Value, String> {
    let mut address = gateway;
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .timeout_global(Some(wait))
        .user_agent("tollgate-console")
        .build()
        .into();
    let method = Method::from_bytes(wanted.method.as_bytes()).map_err(|_| "this method cannot be sent".to_owned())?;
    let mut request = Request::builder().method(method).uri(format!("http://{address}{}", wanted.target));
    if let Some(host) = &wanted.host {
        request = request.header("Host", host);
    }
    for (name, value) in &wanted.fields {
        request = request.header(name, value.as_str());
    }
    let began = Instant::now();
    let failed = |error: ureq::Error| format!("the gateway does not answer: {error}");
    let answered = match &wanted.body {
        Some(body) => agent.run(request.body(body.clone()).map_err(|error| error.to_string())?),
        None => agent.run(request.body(()).map_err(|error| error.to_string())?),
    };
    let mut response = answered.map_err(failed)?;
    let time = began.elapsed();
    let fields: Vec<_> = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let status = response.status();
    let (body, is_cut) = text(response.body_mut()).map_err(|error| failed(error.into()))?;
    Ok(json!({
        "status": status.as_u16(), "reason": status.canonical_reason().unwrap_or_default(), "fields": fields,
        "body": body, "is_cut": is_cut, "ms": u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
    }))
}

/// The beginning of a body as text, and whether there is more. JSON is laid out.
fn text(body: &mut ureq::Body) -> std::io::Result<(String, bool)> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    body.as_reader().take(TRIED_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    let most = usize::try_from(TRIED_BYTES_MAX).unwrap_or(usize::MAX);
    let is_cut = bytes.len() > most;
    bytes.truncate(most);
    let laid_out =
        serde_json::from_slice::<Value>(&bytes).ok().and_then(|value| serde_json::to_string_pretty(&value).ok());
    Ok((laid_out.unwrap_or_else(|| String::from_utf8_lossy(&bytes).into_owned()), is_cut))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Reference;

    const DOCUMENT: &str = "\
openapi: 3.0.0
info: { title: T, version: '1' }
paths:
  /items/{id}:
    put:
      parameters:
        - { name: id, in: path, required: true, schema: { type: string } }
        - { name: q, in: query, schema: { type: string } }
        - { name: X-Trace, in: header, schema: { type: string } }
        - { name: Host, in: header, schema: { type: string } }
      requestBody: { content: { application/xml: {}, application/json: {} } }
  /../admin: { get: {} }
";

    fn wanted(operation: &str, form: &str, served: &Value) -> Result<Wanted, Mistake> {
        let reference = Reference::read(DOCUMENT).unwrap();
        Wanted::read(&Form::read(form.as_bytes()), reference.operation(operation).unwrap(), served)
    }

    #[test]
    fn a_form_becomes_the_request_of_its_operation() {
        let served = json!({
            "path": "/shop/v1", "hosts": ["*.example.com"], "stage": "test",
            "query": { "name": "api-version", "value": "1" }, "header": null,
        });
        let form = "p.path.id=a/b%3F%20c&p.query.q=%26x&p.header.X-Trace=t&credential=tg_hidden&body=%7B%7D\
                    &media=application/json&p.query.other=1";
        let wanted = wanted("put /items/{id}", form, &served).unwrap();
        assert_eq!(wanted.target, "/shop/v1/items/a%2Fb%3F%20c?q=%26x&api-version=1");
        assert_eq!(wanted.host.as_deref(), Some("try.example.com"));
        let names: Vec<_> = wanted.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let fields =
            [("X-Trace", "t"), ("X-Stage", "test"), ("X-API-Key", "tg_hidden"), ("Content-Type", "application/json")];
        assert_eq!(names, fields);
        assert!(!wanted.shown().to_string().contains("tg_hidden"));
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        let served = json!({ "path": "/shop", "hosts": [] });
        for (operation, form, place) in [
            ("put /items/{id}", "", "p.path.id"),
            ("put /items/{id}", "p.path.id=..", "p.path.id"),
            ("put /items/{id}", "p.path.id=1&p.header.Host=internal", "p.header.Host"),
            ("put /items/{id}", "p.path.id=1&p.header.X-Trace=a%0d%0ab", "p.header.X-Trace"),
            ("get /../admin", "", ""),
        ] {
            assert_eq!(wanted(operation, form, &served).unwrap_err().place, place, "{operation} {form}");
        }
        assert_eq!(
            wanted("put /items/{id}", "p.path.id=%252e%252e", &served).unwrap().target,
            "/shop/items/%252e%252e"
        );
    }

    /// What a gateway is sent, and what comes of `answer`.
    fn sent(wanted: &Wanted, answer: &'static str) -> (String, Result<Value, String>) {
        use std::io::{Read as _, Write as _};
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, listener.local_addr().unwrap().port()));
        let gateway = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = Vec::new();
            while !bytes.ends_with(b"\r\n\r\n") && !bytes.ends_with(b"}") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                bytes.push(byte[0]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(bytes).unwrap()
        });
        let answer = send(wanted, address, Duration::from_secs(20));
        (gateway.join().unwrap(), answer)
    }

    #[test]
    fn it_goes_to_the_gateway_with_the_host_of_the_environment_and_no_further() {
        let served = json!({ "path": "/shop", "hosts": ["api.example.com"] });
        let wanted = wanted("put /items/{id}", "p.path.id=1&credential=tg_x", &served).unwrap();
        let answer = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
        let (request, answer) = sent(&wanted, answer);
        let request = request.to_lowercase();
        assert!(request.starts_with("put /shop/items/1 http/1.1\r\n"), "{request}");
        assert_eq!(request.matches("\r\nhost: ").count(), 1, "{request}");
        for field in ["host: api.example.com", "x-api-key: tg_x"] {
            assert!(request.contains(&format!("\r\n{field}\r\n")), "{request}");
        }
        let answer = answer.unwrap();
        assert_eq!((&answer["status"], &answer["body"]), (&json!(302), &json!("{\n  \"a\": 1\n}")));
        assert!(sent(&wanted, "no HTTP at all\r\n\r\n").1.is_err());
    }
}
