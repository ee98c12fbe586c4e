//! `tls` of a listener and of an upstream, as written. See the manual at the head of [`super`].

use serde::{Deserialize, Serialize};

use super::{Spanned, Text};

/// `tls` of a listener.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerTls {
    /// Which to serve with, by the host name a client asks for. Required; 1 to 1024. The first is the default.
    pub certificates: Option<Spanned<Vec<Spanned<Identity>>>>,
    /// The oldest version to accept. `1.2` (default) or `1.3`.
    pub min_version: Option<Text>,
    /// Whether clients show a certificate. Left out: they are not asked.
    pub client_auth: Option<Spanned<ClientAuth>>,
}

/// A certificate and its key.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// PEM file of the certificate, those of its issuers behind it. Required.
    pub cert_file: Option<Text>,
    /// PEM file of the private key. Required.
    pub key_file: Option<Text>,
}

/// `client_auth`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ClientAuth {
    /// `required` (default): who shows none is refused. `optional`: who shows none passes, who shows a bad one is refused.
    pub mode: Option<Text>,
    /// PEM file of the authorities a client's certificate must lead to. Required.
    pub ca_file: Option<Text>,
}

/// `tls` of an upstream.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamTls {
    /// The name the certificates must be for, also sent as SNI. Default: what the endpoints are addressed by, if that is
    /// one name, or addresses only.
    pub server_name: Option<Text>,
    /// `true` (default), or `false`: whoever answers is trusted.
    pub verify: Option<Text>,
    /// PEM file of the authorities to trust. Default: those that browsers trust.
    pub ca_file: Option<Text>,
    /// Our own certificate, for endpoints that ask for one.
    pub client_certificate: Option<Spanned<Identity>>,
    /// The oldest version to accept. `1.2` (default) or `1.3`.
    pub min_version: Option<Text>,
}
