//! TLS: whom to trust, full handshakes, and what is said when it fails.

use crate::{assert_all, plan, quiet, servers, servers::Server};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::aws_lc_rs};
use std::{io::Write as _, sync::Arc};
use tollgate_loadtest::load::{End, ErrorKind, Plan, Tls};

/// A server with a certificate for localhost; the certificate as PEM.
fn server() -> (Server, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], signing_key.serialize_der().try_into().unwrap())
        .unwrap();
    let config = Arc::new(config);
    let server = Server::start(move |stream| {
        let session = ServerConnection::new(config.clone()).map_err(std::io::Error::other)?;
        let mut stream = StreamOwned::new(session, stream);
        let body = vec![b'x'; 50_000];
        loop {
            servers::request(&mut stream)?;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n")?;
            stream.write_all(&body)?;
            stream.flush()?;
        }
    });
    (server, cert.pem())
}

fn secure(server: &Server, tls: Tls) -> Plan {
    let mut plan = plan(&format!("https://localhost:{}/", server.address.port()));
    plan.target.addresses = vec![server.address];
    Plan { tls: Some(tls), ..plan }
}

#[test]
fn a_certificate_is_trusted_by_its_authority_or_by_none() {
    let (server, ca) = server();
    let recording = quiet(&secure(&server, Tls { ca: Some(ca.clone()), ..Tls::default() }));
    assert_all(&recording, 200, 200);
    assert_eq!((recording.connections, recording.handshake.count()), (4, 4));
    let any = Tls { insecure: true, server_name: Some("other.example".to_owned()), ..Tls::default() };
    let recording = quiet(&Plan { fresh: true, requests: Some(20), ..secure(&server, any) });
    assert_all(&recording, 200, 20);
    assert_eq!(recording.handshake.count(), 20);
}

#[test]
fn a_certificate_that_is_not_trusted_is_told_apart() {
    let (server, ca) = server();
    for tls in [Tls::default(), Tls { ca: Some(ca), insecure: false, server_name: Some("other.example".to_owned()) }] {
        let recording = quiet(&secure(&server, tls));
        assert_eq!(recording.end, End::Unreachable);
        assert_eq!(recording.errors.keys().collect::<Vec<_>>(), [&ErrorKind::Certificate], "{:?}", recording.errors);
    }
}

#[test]
fn a_target_without_tls_is_told_apart() {
    let server = Server::start(|mut stream| {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")?;
        servers::wait_for_end(&mut stream)
    });
    let recording = quiet(&secure(&server, Tls { insecure: true, ..Tls::default() }));
    assert_eq!((recording.end, recording.answered), (End::Unreachable, 0));
    assert!(recording.errors[&ErrorKind::Tls].example.contains("does not speak TLS"), "{:?}", recording.errors);
}

#[test]
fn what_is_no_certificate_is_refused_before_anything_is_sent() {
    let (server, _) = server();
    for tls in [
        Tls { ca: Some("nothing".to_owned()), ..Tls::default() },
        Tls { server_name: Some("no name".to_owned()), ..Tls::default() },
    ] {
        let plan = secure(&server, tls);
        assert!(tollgate_loadtest::load::run(&plan, &|_| {}, &Default::default()).is_err());
    }
}
