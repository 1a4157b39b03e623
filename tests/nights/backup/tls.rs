//! Downloads over TLS: trusted certificates and redirects that are not followed.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use rcgen::generate_simple_self_signed;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::common::{Finished, bare_nocturne};
use crate::files::{Files, Served};

/// A server with a certificate for `localhost`, which is written to a file, and one answer.
fn serve(certificate: &Path, answer: String) -> u16 {
    let key = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(certificate, key.cert.pem()).unwrap();
    let private = PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind(("localhost", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, client);
            // A client that distrusts the server disconnects: that is the test.
            if stream.read(&mut [0; 4096]).is_ok() {
                let _ = stream.write_all(answer.as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    port
}

fn fetch(port: u16, trusted: &Path, folder: &Path) -> Finished {
    bare_nocturne()
        .arg("fetch-backup")
        .current_dir(folder)
        .env("SSL_CERT_FILE", trusted)
        .env("VERIFY_BACKUP", "false")
        .env("BACKUP_SOURCE", format!("https://localhost:{port}/b.tar.gz"))
        .run()
}

#[test]
fn server_with_a_system_trusted_certificate_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = (folder.path().join("own.pem"), folder.path().join("other.pem"));
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nbytes";
    let port = serve(&own, answer.to_owned());
    serve(&other, String::new());
    let distrusted = fetch(port, &other, folder.path()).expect_code(1);
    assert!(distrusted.stderr().contains("/b.tar.gz: cannot connect securely: "), "{distrusted}");
    assert!(distrusted.stderr().contains("certificate"), "{distrusted}");
    assert!(!distrusted.stderr().contains("retrying"), "{distrusted}");
    fetch(port, &own, folder.path()).expect_code(0);
    assert_eq!(std::fs::read(folder.path().join("b.tar.gz")).unwrap(), b"bytes");
}

#[test]
fn redirect_out_of_tls_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::serve(Served::new("bytes"));
    let location = files.url("/b.tar.gz");
    let own = folder.path().join("own.pem");
    let answer = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
    let port = serve(&own, answer);
    let finished = fetch(port, &own, folder.path()).expect_code(1);
    assert!(finished.stderr().contains("a redirect from https to http"), "{finished}");
    assert_eq!(files.asked().len(), 0);
}
