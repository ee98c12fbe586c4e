//! `tls` of listeners and upstreams: the files it names, read and judged.
//!
//! Both go through the [`Source`](crate::Source): what a certificate means is known there and not here. A mistake is told
//! at the file that has it; of two certificates for one name, at the second. At most `CERTIFICATES_MAX` to a listener.

use std::path::PathBuf;

use ahash::AHashMap;

use super::report::Report;
use crate::{
    limits,
    raw::{self, Spanned, Text},
    snapshot::Listener,
    tls::{ClientAuth, Flaw, Identity, ListenerTls, Pem, ServerName, TlsVersion, UpstreamTls},
    upstream::{Address, Endpoint, Upstream},
};
use tollgate_pattern::HOST_BYTES_MAX;

/// Resolves `tls` of a listener.
pub(super) fn listener(report: &mut Report<'_>, raw: &Spanned<raw::ListenerTls>) -> Option<ListenerTls> {
    let certificates = certificates(report, raw);
    let min_version = min_version(report, raw.value.min_version.as_ref());
    let client_auth = match &raw.value.client_auth {
        None => ClientAuth::None,
        Some(raw) => client_auth(report, raw)?,
    };
    Some(ListenerTls { certificates: certificates?, min_version, client_auth })
}

fn certificates(report: &mut Report<'_>, raw: &Spanned<raw::ListenerTls>) -> Option<Vec<Identity>> {
    let list = report.required(raw.value.certificates.as_ref(), "certificates", raw.referenced)?;
    if list.value.is_empty() || list.value.len() > limits::CERTIFICATES_MAX {
        let message = format!("there must be 1 to {} certificates", limits::CERTIFICATES_MAX);
        report.error(list.referenced, message, None);
        return None;
    }
    let mut names: AHashMap<String, PathBuf> = AHashMap::new();
    let mut identities = Vec::with_capacity(list.value.len());
    for item in &list.value {
        let Some((identity, served)) = identity(report, item) else { continue };
        // One kind of key twice for a name: the second would never be served.
        if let Some((name, other)) = served.iter().find_map(|name| Some((name, names.get(name)?))) {
            let message = format!("two certificates are for `{}`", name.split(' ').next().unwrap_or(name));
            let help = format!(
                "the other is in `{}`; only certificates with keys of another kind may share a name",
                other.display()
            );
            report.error(item.referenced, message, Some(help));
        }
        names.extend(served.into_iter().map(|name| (name, identity.chain.path.clone())));
        identities.push(identity);
    }
    Some(identities)
}

/// A certificate and its key, and the names it is for, each with the kind of its key.
fn identity(report: &mut Report<'_>, raw: &Spanned<raw::Identity>) -> Option<(Identity, Vec<String>)> {
    let cert_file = report.required(raw.value.cert_file.as_ref(), "cert_file", raw.referenced);
    let key_file = report.required(raw.value.key_file.as_ref(), "key_file", raw.referenced);
    let (cert_file, key_file) = (cert_file?, key_file?);
    let (chain, key) = (pem(report, cert_file), pem(report, key_file));
    let identity = Identity { chain: chain?, key: key? };
    match report.source.judge_identity(&identity) {
        Ok(names) => Some((identity, names)),
        Err(flaw) => {
            let at = if flaw.in_key { key_file } else { cert_file };
            tell(report, at, flaw);
            None
        }
    }
}

fn authorities(report: &mut Report<'_>, raw: &Text) -> Option<Pem> {
    let bundle = pem(report, raw)?;
    match report.source.judge_authorities(&bundle) {
        Ok(()) => Some(bundle),
        Err(flaw) => {
            tell(report, raw, flaw);
            None
        }
    }
}

fn tell(report: &mut Report<'_>, at: &Text, flaw: Flaw) {
    report.error(at.referenced, format!("`{}`: {}", at.value, flaw.message), Some(flaw.remedy));
}

/// The text of a file.
fn pem(report: &mut Report<'_>, raw: &Text) -> Option<Pem> {
    let path = report.parse(raw, "a path of a file", |text| match text {
        "" => Err(("the path is empty".to_owned(), None)),
        _ => Ok(PathBuf::from(text)),
    })?;
    match report.source.read(&path) {
        Ok(text) => Some(Pem { path, text: text.into_bytes().into() }),
        Err(error) => {
            let help = match error.kind() {
                std::io::ErrorKind::PermissionDenied => "let the user that runs the node read it, and nobody else",
                std::io::ErrorKind::InvalidData => "give a PEM file, which is text",
                _ => "a relative path starts at the working directory of the node",
            };
            report.error(raw.referenced, format!("`{}` cannot be read: {error}", raw.value), Some(help.to_owned()));
            None
        }
    }
}

fn min_version(report: &mut Report<'_>, raw: Option<&Text>) -> TlsVersion {
    let words = [("1.2", TlsVersion::Tls12), ("1.3", TlsVersion::Tls13)];
    report.word(raw, "min_version", &words, TlsVersion::Tls12)
}

fn client_auth(report: &mut Report<'_>, raw: &Spanned<raw::ClientAuth>) -> Option<ClientAuth> {
    let is_required = report.word(raw.value.mode.as_ref(), "mode", &[("required", true), ("optional", false)], true);
    let ca_file = report.required(raw.value.ca_file.as_ref(), "ca_file", raw.referenced)?;
    let bundle = authorities(report, ca_file)?;
    Some(if is_required { ClientAuth::Required(bundle) } else { ClientAuth::Optional(bundle) })
}

/// Resolves `tls` of an upstream with these endpoints.
pub(super) fn upstream(
    report: &mut Report<'_>,
    raw: &Spanned<raw::UpstreamTls>,
    endpoints: &[Endpoint],
) -> Option<UpstreamTls> {
    let written = &raw.value;
    let server_name = match &written.server_name {
        Some(name) => report.parse(name, "a host name or an address", server_name).map(ServerName::Name),
        None => name_of(report, raw, endpoints),
    };
    let verify = report.word(written.verify.as_ref(), "verify", &[("true", true), ("false", false)], true);
    let min_version = min_version(report, written.min_version.as_ref());
    let bundle = match &written.ca_file {
        None => None,
        Some(raw) if !verify => {
            let help = "leave out `ca_file`, or `verify: false`".to_owned();
            report.error(raw.referenced, "`ca_file` is of no use with `verify: false`".to_owned(), Some(help));
            return None;
        }
        Some(raw) => Some(authorities(report, raw)?),
    };
    let certificate = match &written.client_certificate {
        None => None,
        Some(raw) => Some(identity(report, raw)?.0),
    };
    Some(UpstreamTls { server_name: server_name?, verify, authorities: bundle, certificate, min_version })
}

fn server_name(text: &str) -> Result<String, tollgate_pattern::Refusal> {
    let is_address = text.parse::<std::net::IpAddr>().is_ok();
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if is_address || (!text.is_empty() && text.len() <= HOST_BYTES_MAX && text.bytes().all(valid)) {
        return Ok(text.to_ascii_lowercase());
    }
    Err((format!("`{text}` is not a host name or an address"), Some("write it without scheme and port".to_owned())))
}

/// The one name the endpoints are addressed by.
fn name_of(report: &mut Report<'_>, raw: &Spanned<raw::UpstreamTls>, endpoints: &[Endpoint]) -> Option<ServerName> {
    let mut names = Vec::new();
    for endpoint in endpoints {
        let name = match &endpoint.address {
            Address::Name { host, .. } => Some(host),
            Address::Socket(_) => None,
            Address::Unix(_) => {
                let message = "a socket in the file system has no name that a certificate could be for";
                report.error(raw.referenced, message.to_owned(), Some("write `server_name`".to_owned()));
                return None;
            }
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match names[..] {
        [Some(name)] => Some(ServerName::Name(name.clone())),
        [] | [None] => Some(ServerName::Address),
        _ => {
            let message = "the endpoints have several names, so it is not known which one certificates are for";
            let help = "write `server_name`, or give each name an upstream of its own".to_owned();
            report.error(raw.referenced, message.to_owned(), Some(help));
            None
        }
    }
}

/// The files that a listener names.
pub(super) fn files(listener: &Listener) -> Vec<&Pem> {
    let Some(tls) = &listener.tls else { return Vec::new() };
    let own = tls.certificates.iter().flat_map(|identity| [&identity.chain, &identity.key]);
    own.chain(match &tls.client_auth {
        ClientAuth::None => None,
        ClientAuth::Optional(bundle) | ClientAuth::Required(bundle) => Some(bundle),
    })
    .collect()
}

/// The files that an upstream names.
pub(super) fn files_to(upstream: &Upstream) -> Vec<&Pem> {
    let Some(tls) = &upstream.tls else { return Vec::new() };
    let own = tls.certificate.iter().flat_map(|identity| [&identity.chain, &identity.key]);
    own.chain(&tls.authorities).collect()
}
