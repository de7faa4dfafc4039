use std::{fmt, str::FromStr};

/// The port that KMIP over TLS has (IANA service `kmip`).
pub const DEFAULT_PORT: u16 = 5696;

/// Where a server is: a host name or address, and a port.
///
/// As text `kms.example`, `kms.example:5696`, `192.0.2.1:5696`, `[2001:db8::1]:5696`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ServerAddress {
    host: String,
    port: u16,
}

impl ServerAddress {
    /// A host name or an address without brackets, and a port.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// The host, which the server's certificate must be for.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

/// Text that is no server address.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text:?} is no server address: expected HOST, HOST:PORT or [IPv6]:PORT")]
pub struct BadAddress {
    text: String,
}

impl FromStr for ServerAddress {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let bad = || BadAddress { text: text.to_owned() };
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or_else(bad)?;
            let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or_else(bad)?) };
            (host, port)
        } else if text.matches(':').count() > 1 {
            (text, None)
        } else {
            match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            }
        };
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or_else(bad)?,
            None => DEFAULT_PORT,
        };
        if host.is_empty() || host.chars().any(|c| c.is_whitespace() || c.is_control() || "[]/".contains(c)) {
            return Err(bad());
        }
        Ok(Self::new(host, port))
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for (text, host, port) in [
            ("kms.example", "kms.example", 5696),
            ("kms.example:1234", "kms.example", 1234),
            ("192.0.2.1:5696", "192.0.2.1", 5696),
            ("[2001:db8::1]:1", "2001:db8::1", 1),
            ("[::1]", "::1", 5696),
            ("::1", "::1", 5696),
        ] {
            let address: ServerAddress = text.parse().unwrap();
            assert_eq!((address.host(), address.port()), (host, port), "{text}");
            assert_eq!(address.to_string().parse(), Ok(address));
        }
        for text in ["", ":", ":5696", "a:", "a:0", "a:65536", "[::1", "[::1]5", "a b", "kmip://a", "[]:1"] {
            assert!(text.parse::<ServerAddress>().is_err(), "{text}");
        }
    }
}
