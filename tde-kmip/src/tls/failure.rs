//! What went wrong between a client and a server that should have spoken TLS.

use std::{fmt, io};

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

use super::{CIPHER_SUITES, CertificateFacts, UtcTime, verifier::take_refused};

/// Why TLS did not come about, or ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum HandshakeFailure {
    /// The server's certificate is not of an authority that we trust.
    UnknownAuthority {
        /// The subject and the issuer of the certificate, if it could be read.
        certificate: Option<(String, String)>,
    },
    /// The server's certificate is no longer valid.
    Expired {
        /// Until when it was.
        not_after: Option<UtcTime>,
    },
    /// The server's certificate is not valid yet.
    NotYetValid {
        /// From when it is.
        not_before: Option<UtcTime>,
    },
    /// The server's certificate is for other names.
    WrongName {
        /// The host that was dialled.
        expected: String,
        /// The names in the certificate.
        names: Vec<String>,
        /// Its common name, which does not count.
        common_name: Option<String>,
    },
    /// The server's certificate may not be shown by a server.
    WrongPurpose,
    /// The server's certificate is refused for another reason.
    BadCertificate {
        /// Which.
        detail: String,
    },
    /// The two sides have no cipher suite, key exchange or signature in common.
    NothingInCommon {
        /// What the TLS library or the server said.
        detail: String,
    },
    /// The server has neither TLS 1.2 nor 1.3, or not the one that is asked for.
    NoCommonVersion,
    /// The peer does not speak TLS.
    NotTls,
    /// The server wants a client certificate.
    CertificateRequired,
    /// The server does not accept our certificate.
    CertificateRefused {
        /// The TLS alert that it sent.
        alert: String,
    },
    /// The server closed the connection.
    Closed,
    /// The time was up.
    TimedOut,
    /// Anything else.
    Other {
        /// What the TLS library or the system said.
        detail: String,
    },
}

impl HandshakeFailure {
    /// What an error of a TLS stream means. Call it on the thread that had the error.
    #[must_use]
    pub fn from_io(error: &io::Error) -> Self {
        let refused = take_refused();
        if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            return Self::from_tls(error, refused);
        }
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::TimedOut,
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Other { detail: error.to_string() },
        }
    }

    fn from_tls(error: &Error, refused: Option<CertificateFacts>) -> Self {
        match error {
            Error::InvalidCertificate(error) => Self::from_certificate(error, refused),
            Error::NoCertificatesPresented => {
                Self::BadCertificate { detail: "the server showed no certificate".to_owned() }
            }
            Error::AlertReceived(alert) => Self::from_alert(*alert),
            Error::InvalidMessage(
                InvalidMessage::InvalidContentType
                | InvalidMessage::UnknownProtocolVersion
                | InvalidMessage::MessageTooLarge
                | InvalidMessage::InvalidEmptyPayload,
            ) => Self::NotTls,
            Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ) => Self::NoCommonVersion,
            Error::PeerIncompatible(why) => Self::NothingInCommon { detail: format!("{why:?}") },
            error => Self::Other { detail: error.to_string() },
        }
    }

    fn from_alert(alert: AlertDescription) -> Self {
        match alert {
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
                Self::NothingInCommon { detail: format!("the server said {alert:?}") }
            }
            AlertDescription::ProtocolVersion => Self::NoCommonVersion,
            AlertDescription::CertificateRequired => Self::CertificateRequired,
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::NoCertificate
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError => Self::CertificateRefused { alert: format!("{alert:?}") },
            alert => Self::Other { detail: format!("the server ended TLS with the alert {alert:?}") },
        }
    }

    fn from_certificate(error: &CertificateError, refused: Option<CertificateFacts>) -> Self {
        let time = |seconds: u64| i64::try_from(seconds).ok().map(UtcTime);
        match error {
            CertificateError::UnknownIssuer => {
                Self::UnknownAuthority { certificate: refused.map(|facts| (facts.subject, facts.issuer)) }
            }
            CertificateError::Expired => Self::Expired { not_after: refused.map(|facts| facts.not_after) },
            CertificateError::ExpiredContext { not_after, .. } => {
                Self::Expired { not_after: time(not_after.as_secs()) }
            }
            CertificateError::NotValidYet => {
                Self::NotYetValid { not_before: refused.map(|facts| facts.not_before) }
            }
            CertificateError::NotValidYetContext { not_before, .. } => {
                Self::NotYetValid { not_before: time(not_before.as_secs()) }
            }
            CertificateError::NotValidForNameContext { expected, presented } => {
                let (names, common_name) = match refused {
                    Some(facts) => (facts.names, facts.common_name),
                    None => (presented.clone(), None),
                };
                Self::WrongName { expected: expected.to_str().into_owned(), names, common_name }
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Self::WrongPurpose
            }
            error => Self::BadCertificate { detail: error.to_string() },
        }
    }

    /// What to try, in a sentence or two.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::UnknownAuthority { .. } => {
                "Give the certificate of the authority that issued the server's certificate as the CA file.".to_owned()
            }
            Self::Expired { .. } => "Renew the server's certificate, or set this machine's clock.".to_owned(),
            Self::NotYetValid { .. } => "Compare the clocks of this machine and of the authority.".to_owned(),
            Self::WrongName { names, .. } if names.is_empty() => {
                "The certificate has no subject alternative name, and the common name does not count: \
                 issue one with the server's host name or address as subject alternative name."
                    .to_owned()
            }
            Self::WrongName { names, .. } => format!(
                "Dial one of the names that the certificate is for ({}), or issue one for this name.",
                names.join(", ")
            ),
            Self::WrongPurpose => {
                "Issue a server certificate with the extended key usage serverAuth, or without that extension.".to_owned()
            }
            Self::BadCertificate { .. } => "Look at the server's certificate with `openssl s_client`.".to_owned(),
            Self::NothingInCommon { .. } => {
                format!("The server must offer one of these cipher suites: {}.", CIPHER_SUITES.join(", "))
            }
            Self::NoCommonVersion => "Enable TLS 1.2 or 1.3 on the server.".to_owned(),
            Self::NotTls => "Check host and port: KMIP over TLS is usually on 5696.".to_owned(),
            Self::CertificateRequired => "Give a client certificate and its private key.".to_owned(),
            Self::CertificateRefused { .. } => {
                "Use a client certificate of an authority that the server trusts, valid now and with the extended \
                 key usage clientAuth."
                    .to_owned()
            }
            Self::Closed => {
                "Servers that refuse a client certificate often close without a word: check that it is of an \
                 authority that the server trusts, and read the server's log."
                    .to_owned()
            }
            Self::TimedOut => "Check that the server is reachable and not overloaded.".to_owned(),
            Self::Other { .. } => "Read the server's log.".to_owned(),
        }
    }
}

impl fmt::Display for HandshakeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAuthority { certificate: Some((subject, issuer)) } => {
                write!(
                    f,
                    "the server's certificate ({subject}) is of an authority that is not trusted ({issuer})"
                )
            }
            Self::UnknownAuthority { certificate: None } => {
                f.write_str("the server's certificate is of an authority that is not trusted")
            }
            Self::Expired { not_after: Some(time) } => {
                write!(f, "the server's certificate expired at {time}")
            }
            Self::Expired { not_after: None } => f.write_str("the server's certificate has expired"),
            Self::NotYetValid { not_before: Some(time) } => {
                write!(f, "the server's certificate is not valid before {time}")
            }
            Self::NotYetValid { not_before: None } => {
                f.write_str("the server's certificate is not valid yet")
            }
            Self::WrongName { expected, names, common_name } => {
                write!(f, "the server's certificate is not for {expected}; it is for ")?;
                match (names.as_slice(), common_name) {
                    ([], Some(name)) => write!(f, "no name (its common name is {name})"),
                    ([], None) => f.write_str("no name"),
                    (names, _) => f.write_str(&names.join(", ")),
                }
            }
            Self::WrongPurpose => f.write_str("the server's certificate may not be used by a server"),
            Self::BadCertificate { detail } => write!(f, "the server's certificate is refused: {detail}"),
            Self::NothingInCommon { detail } => {
                write!(f, "the server and this client have no way to encrypt in common ({detail})")
            }
            Self::NoCommonVersion => {
                f.write_str("the server and this client have no version of TLS in common")
            }
            Self::NotTls => f.write_str("the server does not speak TLS on this port"),
            Self::CertificateRequired => f.write_str("the server wants a client certificate"),
            Self::CertificateRefused { alert } => {
                write!(f, "the server does not accept the client certificate ({alert})")
            }
            Self::Closed => f.write_str("the server closed the connection"),
            Self::TimedOut => f.write_str("the time was up"),
            Self::Other { detail } => f.write_str(detail),
        }
    }
}

impl std::error::Error for HandshakeFailure {}
