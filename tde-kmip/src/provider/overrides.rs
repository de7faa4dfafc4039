//! What is to be said in the place of a provider's record.

use std::{path::PathBuf, str::FromStr, time::Duration};

use tde_keyfile::{NameError, ProviderName};
use tde_kmip_codec::spec::ProtocolVersion;

use super::settings::{KmipSettings, parse_port};
use crate::client::ServerAddress;

/// One setting of a provider, by its name in the record (or one that records do not have), with another value.
///
/// As text `PROVIDER:SETTING=VALUE`. For KMIP: `host`, `port`, `caPath`, `certPath`, `keyPath`, `keyPassphrasePath`,
/// `serverName`, `username`, `passwordPath`, `version`, `timeout`; for Vault: `url`, `mountPath`, `tokenPath`, `caPath`,
/// `namespace`, `timeout`. Times are in seconds. Relative paths are the caller's, not the data directory's.
///
/// ```
/// use tde_kmip::provider::ProviderOverride;
///
/// let given: ProviderOverride = "kms:host=kms.example".parse()?;
/// assert_eq!((given.setting(), given.value()), ("host", "kms.example"));
/// # Ok::<(), tde_kmip::provider::OverrideError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProviderOverride {
    provider: ProviderName,
    setting: String,
    value: String,
}

/// An override that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OverrideError {
    /// Not in the form that is expected.
    #[error("expected PROVIDER:SETTING=VALUE")]
    Form,
    /// The name of the provider cannot be one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Providers of this kind have no such setting.
    #[error("there is no setting {setting:?} of such a provider: it has {known}")]
    Unknown {
        /// The setting.
        setting: String,
        /// Those that there are.
        known: &'static str,
    },
    /// The value does not fit the setting.
    #[error("{setting}: {problem}")]
    Value {
        /// The setting.
        setting: String,
        /// What is wrong.
        problem: String,
    },
}

impl ProviderOverride {
    /// The provider that it is for; names match without regard to ASCII case, as the server looks them up.
    #[must_use]
    pub const fn provider(&self) -> &ProviderName {
        &self.provider
    }

    /// The setting.
    #[must_use]
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    pub(super) fn unknown(&self, known: &'static str) -> OverrideError {
        OverrideError::Unknown { setting: self.setting.clone(), known }
    }

    pub(super) fn bad_value(&self, problem: impl ToString) -> OverrideError {
        OverrideError::Value { setting: self.setting.clone(), problem: problem.to_string() }
    }

    pub(super) fn seconds(&self) -> Result<Duration, OverrideError> {
        match self.value.parse() {
            Ok(seconds @ 1..=3600_u64) => Ok(Duration::from_secs(seconds)),
            _ => Err(self.bad_value("expected a number of seconds from 1 to 3600")),
        }
    }
}

impl FromStr for ProviderOverride {
    type Err = OverrideError;

    fn from_str(text: &str) -> Result<Self, OverrideError> {
        let (before, value) = text.split_once('=').ok_or(OverrideError::Form)?;
        // Names of settings have no colon; names of providers may.
        let (provider, setting) = before.rsplit_once(':').ok_or(OverrideError::Form)?;
        if setting.is_empty() || value.is_empty() {
            return Err(OverrideError::Form);
        }
        Ok(Self { provider: provider.parse()?, setting: setting.into(), value: value.into() })
    }
}

/// The settings of a KMIP provider, for messages.
const KMIP_SETTINGS: &str = "host, port, caPath, certPath, keyPath, keyPassphrasePath, serverName, username, \
                             passwordPath, version, timeout";

impl KmipSettings {
    /// Takes one setting from an override.
    ///
    /// # Errors
    /// [`OverrideError::Unknown`], [`OverrideError::Value`].
    pub fn set(&mut self, given: &ProviderOverride) -> Result<(), OverrideError> {
        let value = given.value();
        let path = || PathBuf::from(value);
        let server = self.servers.first().cloned();
        let (host, port) = server.map_or((String::new(), crate::client::DEFAULT_PORT), |server| {
            (server.host().to_owned(), server.port())
        });
        match given.setting() {
            "host" => self.servers = vec![ServerAddress::new(value, port)],
            "port" => {
                let port = parse_port(value).map_err(|error| given.bad_value(error))?;
                self.servers = vec![ServerAddress::new(host, port)];
            }
            "caPath" => self.ca_path = path(),
            "certPath" => self.cert_path = Some(path()),
            "keyPath" => self.key_path = Some(path()),
            "keyPassphrasePath" => self.key_passphrase_path = Some(path()),
            "serverName" => self.server_name = Some(value.into()),
            "username" => self.username = Some(value.into()),
            "passwordPath" => self.password_path = Some(path()),
            "version" => {
                self.versions = vec![
                    parse_version(value)
                        .ok_or_else(|| given.bad_value("expected a version of KMIP from 1.0 to 2.1"))?,
                ]
            }
            "timeout" => {
                self.request_timeout = given.seconds()?;
                self.connect_timeout = self.connect_timeout.min(self.request_timeout);
            }
            _ => return Err(given.unknown(KMIP_SETTINGS)),
        }
        Ok(())
    }
}

/// `1.4`, as a version that there is.
fn parse_version(text: &str) -> Option<ProtocolVersion> {
    ProtocolVersion::ALL.iter().copied().find(|version| version.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_names_provider_setting_and_value() {
        let read = |text: &str| text.parse::<ProviderOverride>();
        let given = read("a:b:caPath=x=y").unwrap();
        assert_eq!(given.provider().to_string(), "a:b");
        assert_eq!((given.setting(), given.value()), ("caPath", "x=y"));
        for text in ["", "a", "a:b", "a=b", ":host=x", "a:=x", "a:host="] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_setting_of_a_kmip_provider_can_be_overridden() {
        let mut settings = KmipSettings::new([ServerAddress::new("old", 1)], "old");
        for setting in KMIP_SETTINGS.split(", ") {
            let value = match setting {
                "port" => "1234",
                "version" => "1.4",
                "timeout" => "3",
                _ => "new",
            };
            settings.set(&format!("p:{setting}={value}").parse().unwrap()).unwrap();
        }
        assert_eq!(settings.servers_text(), "new:1234");
        assert_eq!(settings.versions, [ProtocolVersion::V1_4]);
        assert_eq!(settings.request_timeout, Duration::from_secs(3));
        for bad in ["p:port=0", "p:port=x", "p:version=3.0", "p:timeout=0", "p:url=x"] {
            assert!(settings.set(&bad.parse().unwrap()).is_err(), "{bad}");
        }
    }
}
