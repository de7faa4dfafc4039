use std::{path::Path, sync::Arc};

use rustls::{RootCertStore, ServerConfig, crypto::CryptoProvider, server::WebPkiClientVerifier};
use rustls_pki_types::CertificateDer;

use super::{Identity, TlsError, default_crypto_provider, pem};

/// Whether a client must show a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[allow(clippy::exhaustive_enums)] // It must, or it may.
pub enum ClientCertificates {
    /// No certificate, no connection.
    #[default]
    Required,
    /// A client without one gets through; what it may do then is for the server to say.
    Optional,
}

/// Makes the TLS configuration of a server: its identity, the authorities of its clients, TLS 1.2 and 1.3.
#[derive(Debug)]
pub struct ServerTls {
    identity: Identity,
    authorities: Vec<(String, CertificateDer<'static>)>,
    certificates: ClientCertificates,
    provider: Option<Arc<CryptoProvider>>,
}

impl ServerTls {
    /// Shows this identity, and lets in the clients of the authorities to come.
    #[must_use]
    pub const fn new(identity: Identity) -> Self {
        let certificates = ClientCertificates::Required;
        Self { identity, authorities: Vec::new(), certificates, provider: None }
    }

    /// Trusts clients of the authorities in a PEM file, besides those trusted already.
    ///
    /// # Errors
    /// [`TlsError::File`], [`TlsError::NoSection`], [`TlsError::BadSection`] and [`TlsError::BadCertificate`].
    pub fn client_authorities_file(self, path: impl AsRef<Path>) -> Result<Self, TlsError> {
        let path = path.as_ref();
        self.authorities(&pem::read(path)?, path.display().to_string())
    }

    /// Trusts clients of the authorities in PEM text, besides those trusted already.
    ///
    /// # Errors
    /// [`TlsError::NoSection`], [`TlsError::BadSection`] and [`TlsError::BadCertificate`].
    pub fn client_authorities_pem(self, text: &[u8]) -> Result<Self, TlsError> {
        self.authorities(text, "the given PEM text".to_owned())
    }

    fn authorities(mut self, text: &[u8], origin: String) -> Result<Self, TlsError> {
        let certificates = pem::certificates(text, &origin)?;
        self.authorities.extend(certificates.into_iter().map(|certificate| (origin.clone(), certificate)));
        Ok(self)
    }

    /// Whether clients must show a certificate; they must unless this says otherwise.
    #[must_use]
    pub const fn client_certificates(mut self, certificates: ClientCertificates) -> Self {
        self.certificates = certificates;
        self
    }

    /// Uses this cryptography instead of [`default_crypto_provider`].
    #[must_use]
    pub fn crypto_provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// The configuration.
    ///
    /// # Errors
    /// [`TlsError::NoAuthorities`], [`TlsError::BadCertificate`], [`TlsError::UnsupportedKey`],
    /// [`TlsError::KeyMismatch`], [`TlsError::NoCryptoProvider`] and [`TlsError::Configuration`].
    pub fn build(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let refused = |detail: String| TlsError::Configuration { detail };
        let provider = match &self.provider {
            Some(provider) => Arc::clone(provider),
            None => default_crypto_provider()?,
        };
        if self.authorities.is_empty() {
            return Err(TlsError::NoAuthorities);
        }
        let mut roots = RootCertStore::empty();
        for (origin, certificate) in &self.authorities {
            pem::add_root(&mut roots, origin, certificate)?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let verifier = match self.certificates {
            ClientCertificates::Required => verifier,
            ClientCertificates::Optional => verifier.allow_unauthenticated(),
        };
        let verifier = verifier.build().map_err(|error| refused(error.to_string()))?;
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .map_err(|error| refused(error.to_string()))?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(self.identity.resolver(&provider)?);
        Ok(Arc::new(config))
    }
}
