use std::{fmt, net::IpAddr};

use rustls_pki_types::CertificateDer;
use x509_parser::{
    extensions::{GeneralName, ParsedExtension},
    prelude::{FromDer, X509Certificate},
};

/// What a certificate says of itself, for people: whether it is true is for the verifier to find out.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CertificateFacts {
    /// The subject, such as `CN=kms.example, O=Example`.
    pub subject: String,
    /// The first common name of the subject.
    pub common_name: Option<String>,
    /// Who issued it.
    pub issuer: String,
    /// The serial number, as hexadecimal bytes with colons.
    pub serial_number: String,
    /// The DNS names and IP addresses among its subject alternative names: the names that a server is checked against.
    pub names: Vec<String>,
    /// From when it is valid.
    pub not_before: UtcTime,
    /// Until when it is valid.
    pub not_after: UtcTime,
    /// Whether it may issue others.
    pub is_authority: bool,
    /// Whether it may be shown by a client. Without the extension Extended Key Usage that is left open, and TLS
    /// libraries allow it; some key servers insist on the extension.
    pub client_auth: Option<bool>,
    /// Whether it may be shown by a server; as above.
    pub server_auth: Option<bool>,
}

/// A certificate that cannot be read.
#[derive(Debug)]
pub(super) struct Unreadable(pub(super) String);

impl CertificateFacts {
    /// Reads them from a certificate in DER; `None` if it cannot be read.
    #[must_use]
    pub fn from_der(certificate: &CertificateDer<'_>) -> Option<Self> {
        Self::of(certificate).ok()
    }

    pub(super) fn of(certificate: &CertificateDer<'_>) -> Result<Self, Unreadable> {
        let (rest, parsed) =
            X509Certificate::from_der(certificate).map_err(|error| Unreadable(error.to_string()))?;
        if !rest.is_empty() {
            return Err(Unreadable(format!("{} bytes follow it", rest.len())));
        }
        let common_name = parsed.subject().iter_common_name().next();
        let usage = parsed.extended_key_usage().ok().flatten();
        Ok(Self {
            subject: printable(&parsed.subject().to_string()),
            common_name: common_name.and_then(|name| name.as_str().ok()).map(printable),
            issuer: printable(&parsed.issuer().to_string()),
            serial_number: parsed.raw_serial_as_string(),
            names: names(&parsed),
            not_before: UtcTime(parsed.validity().not_before.timestamp()),
            not_after: UtcTime(parsed.validity().not_after.timestamp()),
            is_authority: parsed.is_ca(),
            client_auth: usage.as_ref().map(|usage| usage.value.client_auth || usage.value.any),
            server_auth: usage.as_ref().map(|usage| usage.value.server_auth || usage.value.any),
        })
    }

    /// Whether that time, in seconds since 1970, is within its validity.
    #[must_use]
    pub const fn is_valid_at(&self, seconds: i64) -> bool {
        self.not_before.0 <= seconds && seconds <= self.not_after.0
    }
}

/// The subject alternative names; read one extension at a time, so that a broken other one does not hide them.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for extension in certificate.extensions() {
        let ParsedExtension::SubjectAlternativeName(alternative) = extension.parsed_extension() else {
            continue;
        };
        names.extend(alternative.general_names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(printable(name)),
            GeneralName::IPAddress(bytes) => ip_address(bytes).map(|address| address.to_string()),
            _ => None,
        }));
    }
    names
}

fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    v4.or_else(|| <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from))
}

/// Certificates come from strangers, and these texts go to terminals.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).take(1024).collect()
}

/// A time in seconds since 1970-01-01T00:00:00Z; shown as in `2026-11-23T21:57:23Z`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(clippy::exhaustive_structs)] // It is that number.
pub struct UtcTime(pub i64);

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Days in eras of 400 years that begin in March, so that the leap day comes last.
        let days = self.0.div_euclid(86_400) + 719_468;
        let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, year) = if month < 10 { (month + 3, year) } else { (month - 9, year + 1) };
        let second = self.0.rem_euclid(86_400);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let year = year + era * 400;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_dates() {
        // `date -u -d @N +%FT%TZ`
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (1_795_471_043, "2026-11-23T21:57:23Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(UtcTime(seconds).to_string(), text);
        }
    }

    #[test]
    fn no_bytes_panic() {
        for bytes in [&b""[..], b"\x30", b"\x30\x82\xFF\xFF\x00", &[0x30; 64]] {
            assert!(CertificateFacts::from_der(&CertificateDer::from(bytes)).is_none());
        }
    }
}
