//! HTTP over TLS: one request, one answer of bounded size in bounded time.

use std::{io, sync::Arc};

use ureq::{
    Agent,
    http::{HeaderValue, Response, Uri},
    tls::{Certificate, RootCerts, TlsConfig, TlsProvider},
};
use zeroize::Zeroizing;

use super::{VaultError, VaultSettings, answer};
use crate::{
    framing::Deadline,
    tls::{authorities_from_pem_file, default_crypto_provider},
};

/// The largest answer: room for a list of ten thousand names.
const MAX_ANSWER: u64 = 4 << 20;

/// How often a server may redirect within itself.
const MAX_REDIRECTS: usize = 3;

/// The way to one server.
#[derive(Debug)]
pub(super) struct Transport {
    agent: Agent,
    settings: VaultSettings,
}

/// What a server answered. The body may hold a key.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// What a status that is no success means.
    pub(super) fn failure(&self) -> VaultError {
        VaultError::Status { status: self.status, messages: answer::errors(&self.body) }
    }

    /// Whether a write failed because the secret is there: status 400, told apart by its text alone.
    pub(super) fn is_check_and_set_failure(&self) -> bool {
        self.status == 400 && answer::errors(&self.body).contains("check-and-set")
    }
}

impl Transport {
    pub(super) fn new(settings: &VaultSettings) -> Result<Self, VaultError> {
        let bad = || VaultError::Address { url: settings.url.clone() };
        let url: Uri = settings.url.parse().map_err(|_| bad())?;
        let authority = url.authority().ok_or_else(bad)?;
        if url.query().is_some() || authority.as_str().contains('@') || settings.url.contains('#') {
            return Err(bad());
        }
        let tls = match url.scheme_str() {
            Some("http") => None,
            Some("https") => Some(tls(settings)?),
            _ => return Err(bad()),
        };
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // Redirects are looked at here, for the sake of the token.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A key server is not behind what the environment names for the web.
            .proxy(None)
            .timeout_resolve(Some(settings.connect_timeout))
            .timeout_connect(Some(settings.connect_timeout))
            .user_agent(concat!("tde-kmip/", env!("CARGO_PKG_VERSION")));
        if let Some(tls) = tls {
            config = config.tls_config(tls);
        }
        Ok(Self { agent: config.build().new_agent(), settings: settings.clone() })
    }

    /// Gets a path of the interface, or posts a body of JSON to it. Each request takes no longer than the settings
    /// allow, and none goes on beyond the deadline.
    pub(super) fn call(
        &self,
        path: &str,
        body: Option<&[u8]>,
        deadline: Deadline,
    ) -> Result<Answer, VaultError> {
        let mut url = self.settings.url_of(path);
        for _ in 0..=MAX_REDIRECTS {
            let mut response = self.send(&url, body, deadline)?;
            let status = response.status().as_u16();
            if !matches!(status, 301 | 302 | 303 | 307 | 308) {
                return Ok(Answer { status, body: read(&mut response, body.is_some())? });
            }
            let location = response.headers().get("location").and_then(|value| value.to_str().ok());
            let location = location.unwrap_or_default();
            // Other statuses would make a POST a GET.
            let kept = body.is_none() || matches!(status, 307 | 308);
            url = match within(&url, location) {
                Some(next) if kept => next,
                _ => return Err(VaultError::Redirect { location: answer::printable(location) }),
            };
        }
        Err(VaultError::Redirect { location: answer::printable(&url) })
    }

    fn send(
        &self,
        url: &str,
        body: Option<&[u8]>,
        deadline: Deadline,
    ) -> Result<Response<ureq::Body>, VaultError> {
        let longest = self.settings.request_timeout;
        let time = deadline.remaining().map_or(longest, |left| left.min(longest));
        let token = self.settings.token()?;
        let header =
            |bytes: &[u8], what| HeaderValue::from_bytes(bytes).map_err(|_| VaultError::Header { what });
        let mut token = header(&token, "token")?;
        token.set_sensitive(true);
        let namespace = self.settings.namespace.as_ref();
        let namespace = namespace.map(|namespace| header(namespace.as_bytes(), "namespace")).transpose()?;
        let sent = match body {
            None => {
                let request = self.agent.get(url).config().timeout_global(Some(time)).build();
                let request = request.header("X-Vault-Token", token);
                match namespace {
                    Some(namespace) => request.header("X-Vault-Namespace", namespace).call(),
                    None => request.call(),
                }
            }
            Some(body) => {
                let request = self.agent.post(url).config().timeout_global(Some(time)).build();
                let request = request.header("X-Vault-Token", token);
                let request = request.header("Content-Type", "application/json");
                match namespace {
                    Some(namespace) => request.header("X-Vault-Namespace", namespace).send(body),
                    None => request.send(body),
                }
            }
        };
        sent.map_err(|error| failure(&error, body.is_some()))
    }
}

fn read(response: &mut Response<ureq::Body>, changing: bool) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let body = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
    body.map(Zeroizing::new).map_err(|error| match error {
        ureq::Error::BodyExceedsLimit(_) => VaultError::TooLarge { limit: MAX_ANSWER },
        // The request is long done, whatever the error says of TLS or the connection.
        error => VaultError::Connection { detail: detail(&error), changing },
    })
}

/// The address of a redirect, if it leads to the same server by the same protocol.
fn within(from: &str, location: &str) -> Option<String> {
    let base: Uri = from.parse().ok()?;
    if location.starts_with('/') && !location.starts_with("//") {
        return Some(format!("{}://{}{location}", base.scheme_str()?, base.authority()?));
    }
    let next: Uri = location.parse().ok()?;
    let same = next.scheme() == base.scheme() && next.authority() == base.authority();
    same.then(|| location.to_owned())
}

fn detail(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => format!("no answer in time ({error})"),
        ureq::Error::HostNotFound => "the host has no address".to_owned(),
        error => error.to_string(),
    }
}

fn failure(error: &ureq::Error, changing: bool) -> VaultError {
    let detail = detail(error);
    let before_request = matches!(
        error,
        ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::Tls(_)
            | ureq::Error::Rustls(_)
            | ureq::Error::BadUri(_)
            | ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect)
    );
    // A refused connection comes as an error of the system's, and so does all that TLS says: a certificate that is not
    // right ends the handshake, other things may also follow the request.
    let refused = match error {
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::HostUnreachable => true,
            io::ErrorKind::InvalidData => !changing || is_certificate_error(error),
            _ => false,
        },
        _ => false,
    };
    if before_request || refused {
        VaultError::Connect { detail }
    } else {
        VaultError::Connection { detail, changing }
    }
}

fn is_certificate_error(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    matches!(error, Some(rustls::Error::InvalidCertificate(_)))
}

fn tls(settings: &VaultSettings) -> Result<TlsConfig, VaultError> {
    let authorities = match &settings.ca_path {
        Some(path) => authorities_from_pem_file(path)?,
        None => {
            let found = rustls_native_certs::load_native_certs();
            if found.certs.is_empty() {
                let problem = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
                return Err(VaultError::NoSystemAuthorities { problem });
            }
            found.certs
        }
    };
    let authorities = authorities.iter().map(|found| Certificate::from_der(found).to_owned());
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::Specific(Arc::new(authorities.collect())))
        .unversioned_rustls_crypto_provider(default_crypto_provider()?)
        .build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_stay_with_the_server_and_its_protocol() {
        let from = "https://vault.example:8200/v1/secret/data/a";
        assert_eq!(within(from, "/v1/x").as_deref(), Some("https://vault.example:8200/v1/x"));
        let same = "https://vault.example:8200/v1/x";
        assert_eq!(within(from, same).as_deref(), Some(same));
        for other in [
            "http://vault.example:8200/v1/x",
            "https://vault.example/v1/x",
            "https://vault.example:8200@evil.example/",
            "//evil.example/v1/x",
            "x",
            "",
        ] {
            assert_eq!(within(from, other), None, "{other}");
        }
    }
}
