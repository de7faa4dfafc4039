use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use super::TlsError;

/// The cipher suites that a peer must have one of: TLS 1.3, then TLS 1.2.
///
/// All have forward secrecy and authenticated encryption. A peer that offers only suites with RSA key exchange or CBC
/// cannot be talked to; `PyKMIP` as it comes is one.
pub const CIPHER_SUITES: &[&str] = &[
    "TLS_AES_256_GCM_SHA384",
    "TLS_AES_128_GCM_SHA256",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

/// The cryptography that TLS uses unless another is given: `ring` if that feature is on, else `aws-lc-rs`.
///
/// # Errors
/// [`TlsError::NoCryptoProvider`] if neither feature is on.
pub fn default_crypto_provider() -> Result<Arc<CryptoProvider>, TlsError> {
    #[cfg(feature = "ring")]
    return Ok(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
    return Ok(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    #[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
    Err(TlsError::NoCryptoProvider)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_suites_are_those_of_every_provider() {
        let names = |provider: &CryptoProvider| {
            let mut names: Vec<_> = (provider.cipher_suites.iter())
                .map(|suite| suite.suite().as_str().unwrap_or_default().replace("TLS13_", "TLS_"))
                .collect();
            names.sort();
            names
        };
        let mut documented: Vec<_> = CIPHER_SUITES.iter().map(|name| (*name).to_owned()).collect();
        documented.sort();
        assert_eq!(names(&default_crypto_provider().unwrap()), documented);
        #[cfg(feature = "aws-lc-rs")]
        assert_eq!(names(&rustls::crypto::aws_lc_rs::default_provider()), documented);
    }
}
