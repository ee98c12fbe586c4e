//! The heads that go on: a request's to an endpoint, a response's to the client.
//!
//! Both are copies of what came, in runs as long as possible, without the fields that concern one connection only (RFC
//! 9110, section 7.6.1) and with the few that a proxy adds: Via, the client's address and request identifier, and the
//! framing of the new connection. The body's bytes and length never change here.

use crate::{
    BodyLength, FieldEdits, ForwardedStyle, HeadWriter, Name, NameSet, Reason, RequestHead, ResponseHead, TraceContext,
    Version,
    forwarded::Client,
    h1::{Fields, tokens},
    trace_id,
};
use std::net::IpAddr;

/// Fields of one connection. Transfer-Encoding, Upgrade, TE and Trailer are written again where they hold for the next
/// one.
const HOP_BY_HOP: NameSet = NameSet::of(&[
    Name::Connection,
    Name::KeepAlive,
    Name::ProxyConnection,
    Name::Te,
    Name::Trailer,
    Name::TransferEncoding,
    Name::Upgrade,
    Name::ProxyAuthenticate,
    Name::ProxyAuthorization,
    Name::Http2Settings,
]);

/// What this node calls itself in Via (RFC 9110, section 7.6.3).
const VIA: [&[u8; 19]; 2] = [b"Via: 1.0 tollgate\r\n", b"Via: 1.1 tollgate\r\n"];

const fn via(received: Version) -> &'static [u8; 19] {
    VIA[received as usize]
}

/// What a forwarded request says beyond what came.
#[derive(Clone, Copy, Debug)]
pub struct ForwardRequest<'a> {
    /// The peer's address.
    pub client: IpAddr,
    /// `http` or `https`: how the request came.
    pub scheme: &'static str,
    /// Whether the peer is a trusted proxy, whose word about the client counts.
    pub trusted: bool,
    /// How the next hop is told about the client.
    pub style: ForwardedStyle,
    /// Value of X-Request-Id; none if empty. What came under that name is never copied.
    pub request_id: &'a [u8],
    /// Whether to ask the endpoint for the protocols of [`RequestHead::upgrade`].
    pub upgrade: bool,
    /// Value of Host when the request came with none.
    pub default_host: &'a [u8],
    /// What becomes of `traceparent` and `tracestate`.
    pub trace: TraceContext<'a>,
    /// `path?query` to ask for in place of the request's own; that one if empty.
    pub target: &'a [u8],
    /// What else its fields lose and gain.
    pub edits: Option<&'a FieldEdits>,
    /// Who calls, if that is known. What came under names that begin with `X-Consumer-` is never copied.
    pub consumer: Option<Consumer<'a>>,
}

/// Who calls, as an endpoint is told: names without line breaks; of one that is empty there is no field.
#[derive(Clone, Copy, Debug, Default)]
pub struct Consumer<'a> {
    /// `X-Consumer-Application`.
    pub application: &'a str,
    /// `X-Consumer-Tenant`.
    pub tenant: &'a str,
    /// `X-Consumer-Plan`.
    pub plan: &'a str,
    /// `X-Consumer-Credential-Id`.
    pub credential: &'a str,
    /// `X-Consumer-Subject`: for whom the application acts.
    pub subject: &'a str,
}

impl Consumer<'_> {
    fn write(&self, writer: &mut HeadWriter<'_>) {
        let Self { application, tenant, plan, credential, subject } = *self;
        let fields: [(&[u8], &str); 5] = [
            (b"X-Consumer-Application: ", application),
            (b"X-Consumer-Tenant: ", tenant),
            (b"X-Consumer-Plan: ", plan),
            (b"X-Consumer-Credential-Id: ", credential),
            (b"X-Consumer-Subject: ", subject),
        ];
        for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
            writer.line(name, value.as_bytes());
        }
    }
}

/// Writes the head of the request to an endpoint, always as HTTP/1.1; returns its length.
///
/// # Errors
/// [`Reason::HeadTooLarge`] if it does not fit `out`.
pub fn write_request(out: &mut [u8], head: RequestHead<'_>, with: &ForwardRequest<'_>) -> Result<usize, Reason> {
    let client = Client { address: with.client, scheme: with.scheme, trusted: with.trusted, style: with.style };
    let fields = head.fields_index();
    let mut writer = HeadWriter::new(out);
    writer.request_line(head.method_bytes(), if with.target.is_empty() { head.target() } else { with.target });
    let other_host = with.edits.map_or(&[][..], FieldEdits::host);
    let replaces_host = head.is_absolute_form() || head.authority().is_empty() || !other_host.is_empty();
    if replaces_host {
        let host = if head.authority().is_empty() { with.default_host } else { head.authority() };
        writer.line(b"Host: ", if other_host.is_empty() { host } else { other_host });
    }
    let removed = removed_from_request(&head, &client, with.trace, replaces_host);
    copy_kept(&mut writer, fields, head.bytes(), removed, with.edits);
    if let Some(edits) = with.edits {
        writer.put(edits.lines());
    }
    write_connection_fields(&mut writer, &head, with.upgrade);
    if let Some(hops) = head.max_forwards() {
        writer.put(b"Max-Forwards: ");
        writer.put_number(hops.saturating_sub(1));
        writer.put(b"\r\n");
    }
    client.write(&mut writer, &head);
    if let Some(consumer) = &with.consumer {
        consumer.write(&mut writer);
    }
    if !with.request_id.is_empty() {
        writer.line(b"X-Request-Id: ", with.request_id);
    }
    if let TraceContext::Replaced(parent) = with.trace {
        writer.line(b"traceparent: ", parent.text());
    }
    writer.put(via(head.version()));
    writer.end().map_err(|_| Reason::HeadTooLarge)
}

fn removed_from_request(
    head: &RequestHead<'_>,
    client: &Client,
    trace: TraceContext<'_>,
    replaces_host: bool,
) -> NameSet {
    let fields = head.fields_index();
    let mut removed = HOP_BY_HOP
        .with(Name::XRequestId)
        .with(Name::Underscored)
        .with(Name::XConsumer)
        .union(client.removed())
        .union(fields.connection.nominated);
    if replaces_host {
        removed = removed.with(Name::Host);
    }
    let has_trace = fields.contains(Name::Traceparent) || fields.contains(Name::Tracestate);
    if has_trace && !(matches!(trace, TraceContext::AsReceived) && trace_id(head).is_some()) {
        removed = removed.with(Name::Traceparent).with(Name::Tracestate);
    }
    if head.max_forwards().is_some() {
        removed = removed.with(Name::MaxForwards);
    }
    // RFC 9110, section 10.1.1: HTTP/1.0 has no expectations, and its client could not take the 100 that answers one.
    if head.version() == Version::Http10 {
        removed = removed.with(Name::Expect);
    }
    removed
}

fn write_connection_fields(writer: &mut HeadWriter<'_>, head: &RequestHead<'_>, upgrade: bool) {
    let protocols = if upgrade { head.upgrade() } else { None };
    let te = head.accepts_trailers();
    match (protocols, te) {
        (None, false) => {}
        (None, true) => writer.put(b"Connection: TE\r\n"),
        (Some(_), false) => writer.put(b"Connection: Upgrade\r\n"),
        (Some(_), true) => writer.put(b"Connection: Upgrade, TE\r\n"),
    }
    if let Some(protocols) = protocols {
        writer.line(b"Upgrade: ", protocols);
    }
    if te {
        writer.put(b"TE: trailers\r\n");
    }
    if head.body() == BodyLength::Chunked {
        writer.put(b"Transfer-Encoding: chunked\r\n");
        for names in head.field_values(Name::Trailer) {
            writer.line(b"Trailer: ", names);
        }
    }
}

/// How the client finds the end of a forwarded response's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseFraming {
    /// There is no body, or Content-Length says it.
    #[default]
    AsReceived,
    /// In chunks, with the Trailer field if there was one.
    Chunked,
    /// The connection closes. Give [`ConnectionOption::Close`] with it.
    Close,
}

/// What the Connection field of a forwarded response says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionOption {
    /// Nothing: HTTP/1.1 stays open by itself.
    #[default]
    Default,
    /// `close`
    Close,
    /// `keep-alive`, for an HTTP/1.0 client that asked for it.
    KeepAlive,
    /// `Upgrade`, with the Upgrade field of a 101 or 426.
    Upgrade,
}

/// What a forwarded response says beyond what came.
#[derive(Clone, Copy, Debug, Default)]
pub struct ForwardResponse<'a> {
    /// Value of X-Request-Id, in place of the endpoint's; if empty, the endpoint's stays.
    pub request_id: &'a [u8],
    /// Date (RFC 9110, section 6.6.1) for a response that came without; none if empty.
    pub date: &'a [u8],
    /// How the body is framed.
    pub framing: ResponseFraming,
    /// What becomes of the connection.
    pub connection: ConnectionOption,
    /// What else its fields lose and gain.
    pub edits: Option<&'a FieldEdits>,
    /// Whole field lines, written behind all others.
    pub lines: &'a [u8],
}

/// Writes the head of a final response, or of a 101, to the client; returns its length.
///
/// # Errors
/// [`Reason::UpstreamHeadTooLarge`] if it does not fit `out`.
pub fn write_response(out: &mut [u8], head: ResponseHead<'_>, with: &ForwardResponse<'_>) -> Result<usize, Reason> {
    let fields = head.fields_index();
    let mut writer = HeadWriter::new(out);
    writer.status_line(head.status(), head.phrase());
    let mut removed = HOP_BY_HOP.union(fields.connection.nominated);
    if !with.request_id.is_empty() {
        removed = removed.with(Name::XRequestId);
    }
    // RFC 9110, section 8.6: no Content-Length in 1xx and 204; RFC 9112, section 6.2: none beside Transfer-Encoding.
    if with.framing != ResponseFraming::AsReceived || matches!(head.status(), 100..200 | 204) {
        removed = removed.with(Name::ContentLength);
    }
    copy_kept(&mut writer, fields, head.bytes(), removed, with.edits);
    if let Some(edits) = with.edits {
        writer.put(edits.lines());
    }
    writer.put(with.lines);
    if with.framing == ResponseFraming::Chunked {
        writer.put(b"Transfer-Encoding: chunked\r\n");
        for names in head.field_values(Name::Trailer) {
            writer.line(b"Trailer: ", names);
        }
    }
    write_connection_option(&mut writer, with.connection);
    if let (ConnectionOption::Upgrade, Some(protocol)) = (with.connection, head.field(Name::Upgrade)) {
        writer.line(b"Upgrade: ", protocol);
    }
    if !with.date.is_empty() && !fields.contains(Name::Date) {
        writer.line(b"Date: ", with.date);
    }
    if !with.request_id.is_empty() {
        writer.line(b"X-Request-Id: ", with.request_id);
    }
    writer.put(via(head.version()));
    writer.end().map_err(|_| Reason::UpstreamHeadTooLarge)
}

/// Writes an interim response (RFC 9110, section 15.2) to the client; returns its length. Not for HTTP/1.0 clients.
///
/// # Errors
/// [`Reason::UpstreamHeadTooLarge`] if it does not fit `out`.
pub fn write_interim(out: &mut [u8], head: ResponseHead<'_>) -> Result<usize, Reason> {
    write_response(out, head, &ForwardResponse::default())
}

pub(crate) fn write_connection_option(writer: &mut HeadWriter<'_>, option: ConnectionOption) {
    match option {
        ConnectionOption::Default => {}
        ConnectionOption::Close => writer.put(b"Connection: close\r\n"),
        ConnectionOption::KeepAlive => writer.put(b"Connection: keep-alive\r\n"),
        ConnectionOption::Upgrade => writer.put(b"Connection: Upgrade\r\n"),
    }
}

/// Copies the field lines that are neither in `removed` nor removed by `edits` nor unknown ones that Connection nominates.
fn copy_kept(writer: &mut HeadWriter<'_>, fields: &Fields, bytes: &[u8], removed: NameSet, edits: Option<&FieldEdits>) {
    // Fields that have a `Name` are in `removed` if they are nominated and may be.
    let is_nominated = |name: &[u8]| {
        let mut options = fields.values(bytes, Name::Connection).flat_map(tokens);
        Name::from_bytes(name) == Name::Other && options.any(|option| option.eq_ignore_ascii_case(name))
    };
    let Some(edits) = edits else {
        let removes_other = fields.connection.nominates_other.then_some(&is_nominated);
        return fields.for_each_kept_run(bytes, removed, removes_other, |run| writer.put(run));
    };
    let nominates = fields.connection.nominates_other;
    let is_removed = |name: &[u8]| edits.is_removed_other(name) || (nominates && is_nominated(name));
    let removes_other = (nominates || edits.removes_other()).then_some(&is_removed);
    fields.for_each_kept_run(bytes, removed.union(edits.removed()), removes_other, |run| writer.put(run));
}
