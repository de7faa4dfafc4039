//! Certificates for tests, made when they are needed.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};

/// An authority that issues.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub(crate) struct Issued {
    pub(crate) chain: String,
    pub(crate) key: String,
}

/// What is out of the ordinary about a certificate.
#[derive(Clone, Copy, Default)]
pub(crate) struct Odd {
    pub(crate) days_from: i64,
    pub(crate) days_to: i64,
    pub(crate) no_usage: bool,
    pub(crate) wrong_usage: bool,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn server(&self, names: &[&str]) -> Issued {
        self.issue("server", names, true, Odd::default())
    }

    pub(crate) fn client(&self, name: &str) -> Issued {
        self.issue(name, &[], false, Odd::default())
    }

    pub(crate) fn issue(&self, common_name: &str, names: &[&str], server: bool, odd: Odd) -> Issued {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.subject_alt_names = (names.iter())
            .map(|name| match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName((*name).try_into().unwrap()),
            })
            .collect();
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if !odd.no_usage {
            params.extended_key_usages.push(if server != odd.wrong_usage {
                ExtendedKeyUsagePurpose::ServerAuth
            } else {
                ExtendedKeyUsagePurpose::ClientAuth
            });
        }
        let now = std::time::SystemTime::now();
        let day = |days: i64, otherwise: i64| {
            let seconds = if days == 0 { otherwise } else { days } * 86_400;
            let offset = std::time::Duration::from_secs(seconds.unsigned_abs());
            (if seconds < 0 { now - offset } else { now + offset }).into()
        };
        params.not_before = day(odd.days_from, -1);
        params.not_after = day(odd.days_to, 30);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Issued { chain: certificate.pem(), key: key.serialize_pem() }
    }
}
