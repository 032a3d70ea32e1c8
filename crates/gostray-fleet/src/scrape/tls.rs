//! `tls_config` → TLS of an HTTP client.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::{Certificate, Client, ClientBuilder, Identity};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use crate::target::Access;

/// Why no client could be made. No message holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {path:?} can't be used ({reason}): check tls_config")]
pub struct ClientError {
    what: &'static str,
    path: PathBuf,
    reason: String,
}

/// Makes a client that trusts whom it should, and shows who it is.
pub(super) fn configured(mut builder: ClientBuilder, access: &Access) -> Result<Client, ClientError> {
    if let Some(name) = access.server_name.as_ref().filter(|_| !access.insecure_skip_verify) {
        builder = builder.tls_backend_preconfigured(renamed(access, name)?);
    } else {
        if let Some(path) = &access.ca_file {
            let certificates = Certificate::from_pem_bundle(&read("ca_file", path)?)
                .map_err(|error| failed("ca_file", path, &error.to_string()))?;
            builder = builder.tls_certs_only(certificates);
        }
        if let Some((certificate, key)) = &access.client_certificate {
            let mut pem = read("cert_file", certificate)?;
            pem.push(b'\n');
            pem.extend(read("key_file", key)?);
            let identity =
                Identity::from_pem(&pem).map_err(|error| failed("cert_file", certificate, &error.to_string()))?;
            builder = builder.identity(identity);
        }
        if access.insecure_skip_verify {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
    }
    builder.build().map_err(|error| failed("the TLS setting", Path::new(""), &error.to_string()))
}

/// TLS with somebody whose certificate is for another name than the URL has.
fn renamed(access: &Access, name: &str) -> Result<ClientConfig, ClientError> {
    let other = |error: &dyn std::fmt::Display| failed("the TLS setting", Path::new(""), &error.to_string());
    let name = ServerName::try_from(name.to_owned()).map_err(|error| other(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let inner: Arc<dyn ServerCertVerifier> = match &access.ca_file {
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates("ca_file", path)? {
                roots.add(certificate).map_err(|error| failed("ca_file", path, &error.to_string()))?;
            }
            WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone())
                .build()
                .map_err(|error| failed("ca_file", path, &error.to_string()))?
        }
        None => Arc::new(Verifier::new(provider.clone()).map_err(|error| other(&error))?),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| other(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Renamed { inner, name }));
    let Some((certificate, key)) = &access.client_certificate else { return Ok(config.with_no_client_auth()) };
    let own = certificates("cert_file", certificate)?;
    let key_failed = |reason: &str| failed("key_file", key, reason);
    let own_key = PrivateKeyDer::from_pem_file(key).map_err(|error| key_failed(&error.to_string()))?;
    config.with_client_auth_cert(own, own_key).map_err(|error| key_failed(&error.to_string()))
}

/// Checks certificates as usual, for another name.
#[derive(Debug)]
struct Renamed {
    inner: Arc<dyn ServerCertVerifier>,
    name: ServerName<'static>,
}

impl ServerCertVerifier for Renamed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner.verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let all = CertificateDer::pem_file_iter(path).map_err(|error| failed(what, path, &error.to_string()))?;
    let all: Result<Vec<_>, _> = all.collect();
    match all {
        Ok(all) if all.is_empty() => Err(failed(what, path, "it has no certificate")),
        Ok(all) => Ok(all),
        Err(error) => Err(failed(what, path, &error.to_string())),
    }
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, ClientError> {
    std::fs::read(path).map_err(|error| failed(what, path, &error.to_string()))
}

fn failed(what: &'static str, path: &Path, reason: &str) -> ClientError {
    ClientError { what, path: path.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use rustls::{ServerConfig, ServerConnection, Stream};

    use super::*;

    /// A server whose certificate is for another name than its address.
    fn server(folder: &Path) -> u16 {
        let own = rcgen::generate_simple_self_signed(["alertmanager.internal".to_owned()]).expect("a certificate");
        std::fs::write(folder.join("ca.pem"), own.cert.pem()).expect("a file");
        gostray_endpoint::prepare_tls();
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("a key");
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![own.cert.der().clone()], key);
        let config = Arc::new(config.expect("a certificate"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let Ok(mut connection) = ServerConnection::new(config.clone()) else { return };
                let mut tls = Stream::new(&mut connection, &mut stream);
                // Who does not trust it hangs up.
                if tls.read(&mut [0; 1024]).is_ok() {
                    let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
                }
            }
        });
        port
    }

    #[tokio::test]
    async fn a_certificate_is_checked_for_the_name_that_is_given() {
        let folder = tempfile::tempdir().expect("a folder");
        let port = server(folder.path());
        let ask = async |access: Access| {
            let client = configured(Client::builder().no_proxy(), &access).map_err(|error| error.to_string())?;
            let answer = client.get(format!("https://127.0.0.1:{port}/")).send().await;
            answer.map(|answer| answer.status().as_u16()).map_err(|error| format!("{error:?}"))
        };
        let trusting = Access { ca_file: Some(folder.path().join("ca.pem")), ..Access::default() };
        let named = |name: &str| Access { server_name: Some(name.to_owned()), ..trusting.clone() };
        assert_eq!(ask(named("alertmanager.internal")).await, Ok(200));
        assert!(ask(named("other.internal")).await.is_err_and(|why| why.contains("NotValidForName")));
        assert!(ask(trusting.clone()).await.is_err(), "its address is not in it");
        let distrusting = Access { ca_file: None, ..named("alertmanager.internal") };
        assert!(ask(distrusting).await.is_err_and(|why| why.contains("UnknownIssuer")));
        assert_eq!(ask(Access { insecure_skip_verify: true, ..Access::default() }).await, Ok(200));
        let missing = Access { ca_file: Some(folder.path().join("missing.pem")), ..named("alertmanager.internal") };
        assert!(ask(missing).await.is_err_and(|why| why.contains("missing.pem") && why.contains("tls_config")));
    }
}
