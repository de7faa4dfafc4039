//! The key-value store, version 2, of HashiCorp Vault and OpenBao as a key provider.
//!
//! Source: `pg_tde` 2.2.0, `keyring_vault.c`: `GET` and `POST {url}/v1/{mount}/data/{name}`, the key as base64 in the
//! field `key`, the headers `X-Vault-Token` and `X-Vault-Namespace`, the token from the first line of a file.

mod answer;
mod error;
mod path;
mod settings;
mod transport;

use base64ct::{Base64, Encoding as _};
use tde_core::PrincipalKey;
use tde_keyfile::{
    PrincipalKeyName,
    provider::{KeyProvider, NamedKey, ProviderCheck, ProviderError},
};
use zeroize::{Zeroize as _, Zeroizing};

use self::transport::{Answer, Transport};
pub use self::{error::VaultError, settings::VaultSettings};
use crate::framing::Deadline;

/// How deep names with slashes are followed when keys are listed, and how many names at most.
const MAX_DEPTH: usize = 8;
const MAX_LISTED: usize = 10_000;

/// How many folders are looked into when keys are listed, each with a request; and the time for all of them together,
/// in times of what one request may take.
const MAX_FOLDERS: usize = 1_000;
const LISTING_TIME: u32 = 6;

/// `pg_tde` has no room for longer tokens.
const MAX_TOKEN_OF_SERVER: usize = 240;

/// A mount of a Vault or OpenBao server that holds principal keys.
///
/// The token is read from its file at each request, as `pg_tde` does. A key is the newest version of its secret. Redirects
/// are followed within the server only, so that the token goes nowhere else.
///
/// What the HTTP library and the parser of JSON keep of an answer in their buffers is not wiped.
#[derive(Debug)]
pub struct VaultProvider {
    settings: VaultSettings,
    transport: Transport,
}

impl VaultProvider {
    /// The store behind these settings. Certificates are read, nothing is connected.
    ///
    /// # Errors
    /// [`ProviderErrorKind::Options`](tde_keyfile::provider::ProviderErrorKind::Options).
    pub fn new(settings: VaultSettings) -> Result<Self, ProviderError> {
        match Transport::new(&settings) {
            Ok(transport) => Ok(Self { settings, transport }),
            Err(error) => {
                Err(ProviderError::new(place(&settings), error.kind()).with_source(error.to_string()))
            }
        }
    }

    fn error(&self, error: VaultError) -> ProviderError {
        let (kind, advice) = (error.kind(), error.advice());
        // Its text says its causes already, which a chain of sources would repeat.
        let failed = ProviderError::new(self.place(), kind).with_source(error.to_string());
        match advice {
            Some(advice) => failed.with_advice(advice),
            None => failed,
        }
    }

    fn get(&self, path: &str) -> Result<Answer, VaultError> {
        self.transport.call(path, None, Deadline::NEVER)
    }

    fn data_path(&self, name: &PrincipalKeyName) -> Result<String, VaultError> {
        let path = format!("{}/data/{}", self.settings.mount(), path::of_name(name)?);
        path::check_length(&self.settings.url_of(&path))?;
        Ok(path)
    }

    /// Adds the names below a folder of the mount.
    fn names_below(&self, folder: &str, depth: usize, listing: &mut Listing) -> Result<(), VaultError> {
        if listing.folders >= MAX_FOLDERS {
            return Err(VaultError::TooManyFolders { limit: MAX_FOLDERS });
        }
        listing.folders += 1;
        let path =
            format!("{}/metadata/{}?list=true", self.settings.mount(), path::encode(folder.as_bytes()));
        let answer = self.transport.call(&path, None, listing.deadline)?;
        let entries = match answer.status {
            // Nothing is there.
            404 => return Ok(()),
            200..=299 => answer::keys(&answer.body)?,
            _ => return Err(answer.failure()),
        };
        for entry in entries {
            if listing.names.len() >= MAX_LISTED {
                return Err(VaultError::TooMany { limit: MAX_LISTED });
            }
            let name = format!("{folder}{entry}");
            if !name.ends_with('/') {
                listing.names.extend(name.parse::<PrincipalKeyName>());
            } else if depth < MAX_DEPTH {
                self.names_below(&name, depth + 1, listing)?;
            }
        }
        Ok(())
    }
}

/// The names of keys, as far as they are known, and what it has cost.
struct Listing {
    names: Vec<PrincipalKeyName>,
    folders: usize,
    deadline: Deadline,
}

impl KeyProvider for VaultProvider {
    fn principal_key(&self, name: &PrincipalKeyName) -> Result<Option<NamedKey>, ProviderError> {
        let find = || {
            let answer = self.get(&self.data_path(name)?)?;
            match answer.status {
                404 => Ok(None),
                200..=299 => decode(&answer::key(&answer.body)?).map(Some),
                _ => Err(answer.failure()),
            }
        };
        let found: Result<Option<PrincipalKey>, VaultError> = find();
        let found = found.map_err(|error| self.error(error))?;
        Ok(found.map(|key| NamedKey { name: *name, key }))
    }

    fn place(&self) -> String {
        place(&self.settings)
    }

    /// With check-and-set: only if the secret has no version yet, deleted ones included.
    fn store(&self, name: &PrincipalKeyName, key: &PrincipalKey) -> Result<(), ProviderError> {
        let store = || {
            let path = self.data_path(name)?;
            let answer = self.transport.call(&path, Some(&body(key)), Deadline::NEVER)?;
            match answer.status {
                200..=299 => Ok(()),
                _ if answer.is_check_and_set_failure() => Err(VaultError::Exists),
                _ => Err(answer.failure()),
            }
        };
        store().map_err(|error| {
            let unknown = error.may_have_happened();
            let failed = self.error(error);
            if unknown {
                failed.with_advice("the server may have stored the key: look before it is done again")
            } else {
                failed
            }
        })
    }

    fn list(&self) -> Result<Vec<PrincipalKeyName>, ProviderError> {
        let deadline = Deadline::after(self.settings.request_timeout.saturating_mul(LISTING_TIME));
        let mut listing = Listing { names: Vec::new(), folders: 0, deadline };
        self.names_below("", 0, &mut listing).map_err(|error| self.error(error))?;
        Ok(listing.names)
    }

    /// As `pg_tde` validates a provider: the mount is of type `kv` and version 2, and may be listed.
    fn check(&self) -> Result<ProviderCheck, ProviderError> {
        let mut check = ProviderCheck::new();
        let token = self.settings.token().map_err(|error| self.error(error))?;
        if token.len() > MAX_TOKEN_OF_SERVER {
            let text = format!("{} bytes; pg_tde has room for {MAX_TOKEN_OF_SERVER}", token.len());
            check.warn("token", text);
        }
        #[cfg(unix)]
        if let Ok(metadata) = std::fs::metadata(&self.settings.token_path) {
            use std::os::unix::fs::MetadataExt as _;
            let mode = metadata.mode() & 0o777;
            if mode & 0o007 != 0 {
                check.warn(
                    "token",
                    format!("its file has mode {mode:03o}: every user of this machine can get at it"),
                );
            }
        }
        if self.settings.url.starts_with("http://") {
            check.warn("connection", "plain HTTP: token and keys cross the network in clear");
        }
        let mount = self.settings.mount();
        let answer = self.get(&format!("sys/mounts/{mount}")).map_err(|error| self.error(error))?;
        if answer.status == 200 {
            let found = answer::mount(&answer.body).map_err(|error| self.error(error))?;
            if !found.is_kv_2() {
                return Err(
                    self.error(VaultError::NotKeyValue2 { mount: mount.into(), found: found.to_string() })
                );
            }
            check.good("mount", format!("{mount}: {found}"));
        } else {
            check.warn("mount", format!("{mount}: what it is cannot be seen: {}", answer.failure()));
        }
        let answer = self.get(&format!("{mount}/metadata/?list=true")).map_err(|error| self.error(error))?;
        match answer.status {
            200 => {
                let keys = answer::keys(&answer.body).map_err(|error| self.error(error))?;
                check.good("keys", format!("{} names", keys.len()));
            }
            404 => check.good("keys", "none yet"),
            _ => return Err(self.error(answer.failure())),
        }
        Ok(check)
    }
}

fn place(settings: &VaultSettings) -> String {
    let namespace = settings.namespace.as_ref();
    let namespace = namespace.map_or_else(String::new, |namespace| format!(", namespace {namespace}"));
    format!("Vault {}, mount {}{namespace}", settings.url, settings.mount())
}

/// The key in base64 text, in time that does not depend on it.
fn decode(text: &str) -> Result<PrincipalKey, VaultError> {
    let mut buffer = Zeroizing::new([0; 64]);
    let key = Base64::decode(text, &mut *buffer).map_err(|_| VaultError::KeyText)?;
    PrincipalKey::from_slice(key).map_err(|_| VaultError::KeyLength { length: key.len() })
}

/// The request that stores a key.
fn body(key: &PrincipalKey) -> Zeroizing<Vec<u8>> {
    let mut buffer = Zeroizing::new([0; 64]);
    // 44 characters for 32 bytes.
    let text = Base64::encode(key.expose_bytes(), &mut *buffer).unwrap_or_default();
    let parts = [br#"{"options":{"cas":0},"data":{"key":""#, text.as_bytes(), br#""}}"#.as_slice()];
    let mut body = Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.len()).sum()));
    for part in parts {
        body.extend_from_slice(part);
    }
    buffer.zeroize();
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_base64_of_its_bytes() {
        let key = PrincipalKey::from_slice(&[0xfb; 16]).unwrap();
        let text = std::str::from_utf8(&body(&key)).unwrap().to_owned();
        assert_eq!(text, r#"{"options":{"cas":0},"data":{"key":"+/v7+/v7+/v7+/v7+/v7+w=="}}"#);
        assert!(decode("+/v7+/v7+/v7+/v7+/v7+w==").unwrap().ct_eq(&key));
        for (text, length) in [("", 0), ("AAAA", 3), (&*"AAAA".repeat(11), 33)] {
            assert!(matches!(decode(text), Err(VaultError::KeyLength { length: found }) if found == length));
        }
        for text in ["+/v7", "+_v7+/v7+/v7+/v7+/v7+w==", "not base64!", &*"AAAA".repeat(100)] {
            let refused = decode(text);
            assert!(refused.is_err(), "{text}");
        }
    }
}
