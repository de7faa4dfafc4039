use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::CryptoProvider,
};
use rustls_pki_types::CertificateDer;

use super::{
    Identity, TlsError, default_crypto_provider, pem,
    verifier::{NoVerifier, Remembering},
};

/// Makes the TLS configuration of a client: private authorities, our identity, TLS 1.2 and 1.3.
///
/// The server's certificate is verified against the authorities, and its subject alternative names against the host
/// that was dialled.
#[derive(Debug)]
pub struct ClientTls {
    authorities: Vec<(String, CertificateDer<'static>)>,
    identity: Option<Identity>,
    provider: Option<Arc<CryptoProvider>>,
    only_tls13: bool,
    verify: bool,
}

impl Default for ClientTls {
    fn default() -> Self {
        Self::new()
    }
}

impl ClientTls {
    /// Trusts nobody and is nobody.
    #[must_use]
    pub const fn new() -> Self {
        Self { authorities: Vec::new(), identity: None, provider: None, only_tls13: false, verify: true }
    }

    /// Trusts the authorities in a PEM file, besides those trusted already.
    ///
    /// # Errors
    /// [`TlsError::File`], [`TlsError::NoSection`], [`TlsError::BadSection`] and [`TlsError::BadCertificate`].
    pub fn authorities_file(self, path: impl AsRef<Path>) -> Result<Self, TlsError> {
        let path = path.as_ref();
        self.authorities(&pem::read(path)?, path.display().to_string())
    }

    /// Trusts the authorities in PEM text, besides those trusted already.
    ///
    /// # Errors
    /// [`TlsError::NoSection`], [`TlsError::BadSection`] and [`TlsError::BadCertificate`].
    pub fn authorities_pem(self, text: &[u8]) -> Result<Self, TlsError> {
        self.authorities(text, "the given PEM text".to_owned())
    }

    fn authorities(mut self, text: &[u8], origin: String) -> Result<Self, TlsError> {
        let certificates = pem::certificates(text, &origin)?;
        self.authorities.extend(certificates.into_iter().map(|certificate| (origin.clone(), certificate)));
        Ok(self)
    }

    /// Shows this identity to the server.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Uses this cryptography instead of [`default_crypto_provider`].
    #[must_use]
    pub fn crypto_provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Refuses TLS 1.2.
    #[must_use]
    pub const fn only_tls13(mut self) -> Self {
        self.only_tls13 = true;
        self
    }

    /// What should not be done outside of a laboratory.
    #[must_use]
    pub const fn dangerous(self) -> DangerousClientTls {
        DangerousClientTls(self)
    }

    /// The configuration.
    ///
    /// # Errors
    /// [`TlsError::NoAuthorities`], [`TlsError::BadCertificate`], [`TlsError::UnsupportedKey`],
    /// [`TlsError::KeyMismatch`], [`TlsError::NoCryptoProvider`] and [`TlsError::Configuration`].
    pub fn build(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let provider = match &self.provider {
            Some(provider) => Arc::clone(provider),
            None => default_crypto_provider()?,
        };
        let verifier: Arc<dyn ServerCertVerifier> = if self.verify {
            Arc::new(Remembering(self.web_pki(&provider)?))
        } else {
            Arc::new(NoVerifier(provider.signature_verification_algorithms))
        };
        let versions = if self.only_tls13 { &[&rustls::version::TLS13] } else { rustls::ALL_VERSIONS };
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(|error| TlsError::Configuration { detail: error.to_string() })?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        Ok(Arc::new(match &self.identity {
            Some(identity) => config.with_client_cert_resolver(identity.resolver(&provider)?),
            None => config.with_no_client_auth(),
        }))
    }

    fn web_pki(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
        if self.authorities.is_empty() {
            return Err(TlsError::NoAuthorities);
        }
        let mut roots = RootCertStore::empty();
        for (origin, certificate) in &self.authorities {
            pem::add_root(&mut roots, origin, certificate)?;
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error| TlsError::Configuration { detail: error.to_string() })
    }
}

/// Switches that take security away.
#[derive(Debug)]
pub struct DangerousClientTls(ClientTls);

impl DangerousClientTls {
    /// Talks to whoever answers: **anyone on the way to the server can read and replace keys**. Signatures of the
    /// handshake are still checked, which proves only that the peer has the key of the certificate that it shows.
    #[must_use]
    pub fn without_server_verification(self) -> ClientTls {
        ClientTls { verify: false, ..self.0 }
    }
}
