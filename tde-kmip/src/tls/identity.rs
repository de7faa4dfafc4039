use std::{fmt, path::Path, sync::Arc};

use rustls::{
    Error, InconsistentKeys,
    crypto::CryptoProvider,
    sign::{CertifiedKey, SingleCertAndKey},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroize;

use super::{CertificateFacts, TlsError, default_crypto_provider, pem};

/// What one side shows the other: a certificate, those between it and the authority, and the private key.
///
/// The key is wiped on drop. The TLS library keeps its own form of it for as long as a configuration lives.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    facts: CertificateFacts,
    /// Where they come from, for errors.
    chain_origin: String,
    key_origin: String,
}

impl Identity {
    /// Reads the certificate chain (our own first) and the private key from PEM files, which may be the same file.
    ///
    /// The key may be PKCS#1, PKCS#8 or SEC1, or PKCS#8 encrypted under `passphrase` (PBES2).
    ///
    /// # Errors
    /// Every [`TlsError`] about files, sections, keys and certificates; [`TlsError::KeyMismatch`] if the two do not
    /// belong together.
    pub fn from_pem_files(
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
        passphrase: Option<&[u8]>,
    ) -> Result<Self, TlsError> {
        let (chain, key) = (chain.as_ref(), key.as_ref());
        let origins = (chain.display().to_string(), key.display().to_string());
        Self::new(&pem::read(chain)?, &pem::read(key)?, passphrase, origins)
    }

    /// The same from PEM text in memory.
    ///
    /// # Errors
    /// As [`Identity::from_pem_files`].
    pub fn from_pem(chain: &[u8], key: &[u8], passphrase: Option<&[u8]>) -> Result<Self, TlsError> {
        Self::new(chain, key, passphrase, ("the given PEM text".into(), "the given PEM text".into()))
    }

    fn new(
        chain: &[u8],
        key: &[u8],
        passphrase: Option<&[u8]>,
        (chain_origin, key_origin): (String, String),
    ) -> Result<Self, TlsError> {
        let chain = pem::certificates(chain, &chain_origin)?;
        let facts =
            chain.first().map(CertificateFacts::of).and_then(Result::ok).ok_or(TlsError::NoIdentity)?;
        let key = pem::private_key(key, &key_origin, passphrase)?;
        let identity = Self { chain, key, facts, chain_origin, key_origin };
        identity.certified(&*default_crypto_provider()?)?;
        Ok(identity)
    }

    /// What our own certificate says.
    #[must_use]
    pub const fn certificate(&self) -> &CertificateFacts {
        &self.facts
    }

    /// The certificates, our own first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// In the form that configurations of the TLS library take.
    ///
    /// # Errors
    /// [`TlsError::UnsupportedKey`] and [`TlsError::KeyMismatch`].
    pub fn resolver(&self, provider: &CryptoProvider) -> Result<Arc<SingleCertAndKey>, TlsError> {
        self.certified(provider).map(|key| Arc::new(SingleCertAndKey::from(key)))
    }

    fn certified(&self, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
        CertifiedKey::from_der(self.chain.clone(), self.key.clone_key(), provider).map_err(
            |error| match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::KeyMismatch {
                    chain: self.chain_origin.clone(),
                    subject: self.facts.subject.clone(),
                    key: self.key_origin.clone(),
                },
                Error::InvalidCertificate(error) => TlsError::BadCertificate {
                    origin: self.chain_origin.clone(),
                    place: 1,
                    detail: error.to_string(),
                },
                error => {
                    TlsError::UnsupportedKey { origin: self.key_origin.clone(), detail: error.to_string() }
                }
            },
        )
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// Shows whose it is, not the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificate", &self.facts).finish_non_exhaustive()
    }
}
