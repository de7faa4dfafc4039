//! An authority, and what it signs.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use zeroize::Zeroizing;

use super::files::io_error;
use super::{Host, KeyKind, Options, PkiError};

const DAY: Duration = Duration::from_secs(86_400);
/// Clocks that are behind by less accept a new certificate.
const BACKDATED: Duration = Duration::from_secs(3600);

pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    not_after: SystemTime,
}

/// A certificate and its private key, PEM.
pub(super) struct Issued {
    pub(super) pem: String,
    pub(super) key: Zeroizing<String>,
}

impl Authority {
    pub(super) fn new(options: &Options) -> Result<Self, PkiError> {
        let not_after = options.now + validity(options.authority_days)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "tde key server authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = (options.now - BACKDATED).into();
        params.not_after = not_after.into();
        let key = new_key(options.keys)?;
        let pem = params.self_signed(&key).map_err(certificate)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem, not_after })
    }

    pub(super) fn open(certificate_path: &Path, key_path: &Path) -> Result<Self, PkiError> {
        let pem = fs::read_to_string(certificate_path).map_err(io_error("read", certificate_path))?;
        let key = fs::read_to_string(key_path).map(Zeroizing::new).map_err(io_error("read", key_path))?;
        let fault = |path: &Path, reason: String| PkiError::Authority { path: path.to_path_buf(), reason };
        let key = KeyPair::from_pem(&key)
            .map_err(|error| fault(key_path, format!("is no private key that can sign: {error}")))?;
        let der = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| fault(certificate_path, format!("is no certificate: {error}")))?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&der)
            .map_err(|error| fault(certificate_path, format!("is no certificate: {error}")))?;
        if *parsed.public_key().subject_public_key.data != *key.public_key_raw() {
            return Err(fault(key_path, "does not belong to the certificate beside it".into()));
        }
        let until = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0);
        let not_after = SystemTime::UNIX_EPOCH + Duration::from_secs(until);
        let issuer = Issuer::from_ca_cert_pem(&pem, key)
            .map_err(|error| fault(certificate_path, format!("is no authority: {error}")))?;
        Ok(Self { issuer, pem, not_after })
    }

    pub(super) fn pem(&self) -> String {
        self.pem.clone()
    }

    pub(super) fn key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.issuer.key().serialize_pem())
    }

    pub(super) fn server(&self, hosts: &[Host], options: &Options) -> Result<Issued, PkiError> {
        let name = hosts.first().map(ToString::to_string).unwrap_or_default();
        let mut params = CertificateParams::default();
        for host in hosts {
            params.subject_alt_names.push(match host {
                Host::Address(address) => SanType::IpAddress(*address),
                Host::Name(name) => {
                    SanType::DnsName(Ia5String::try_from(name.as_str()).map_err(certificate)?)
                }
            });
        }
        // Longer host names than a common name holds are in the alternative names all the same.
        if name.len() <= 64 {
            params.distinguished_name.push(DnType::CommonName, name);
        } else {
            params.distinguished_name.push(DnType::CommonName, "tde key server");
        }
        self.issue(params, ExtendedKeyUsagePurpose::ServerAuth, options)
    }

    pub(super) fn client(&self, name: &str, options: &Options) -> Result<Issued, PkiError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        self.issue(params, ExtendedKeyUsagePurpose::ClientAuth, options)
    }

    fn issue(
        &self,
        mut params: CertificateParams,
        usage: ExtendedKeyUsagePurpose,
        options: &Options,
    ) -> Result<Issued, PkiError> {
        if self.not_after <= options.now {
            let reason = "has expired".to_owned();
            return Err(PkiError::Authority { path: "ca.pem".into(), reason });
        }
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.not_before = (options.now - BACKDATED).into();
        params.not_after = (options.now + validity(options.days)?).min(self.not_after).into();
        let key = new_key(options.keys)?;
        let signed = params.signed_by(&key, &self.issuer).map_err(certificate)?;
        Ok(Issued { pem: signed.pem(), key: Zeroizing::new(key.serialize_pem()) })
    }
}

fn new_key(kind: KeyKind) -> Result<KeyPair, PkiError> {
    match kind {
        KeyKind::EcdsaP256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
        KeyKind::EcdsaP384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
        #[cfg(feature = "aws-lc-rs")]
        KeyKind::Rsa3072 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_3072),
    }
    .map_err(certificate)
}

fn validity(days: u32) -> Result<Duration, PkiError> {
    match days {
        // A hundred years: beyond that, calendars of other programs end.
        1..=36525 => Ok(DAY * days),
        _ => Err(PkiError::Days { days }),
    }
}

fn certificate(error: rcgen::Error) -> PkiError {
    PkiError::Certificate(error.to_string())
}
