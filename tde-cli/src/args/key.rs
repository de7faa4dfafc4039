//! `--keyring` and `--principal-key`: where principal keys come from.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use tde_kmip::provider::ProviderOverride;

const HEADING: &str = "Principal keys";

/// Overrides of what the data directory says about its principal keys.
#[derive(Args, Debug)]
pub(crate) struct KeyArgs {
    /// Read this keyring file instead of the path recorded for PROVIDER; repeatable
    ///
    /// Without PROVIDER the file stands in for every file provider; several are searched in the order
    /// given. A text with a `/` before its first `=` is a path as a whole; a relative path that contains
    /// `=` is written after a leading `=` or `./`.
    #[arg(
        long = "keyring",
        help_heading = HEADING,
        value_name = "[PROVIDER=]FILE",
        value_parser = OsStringValueParser::new().try_map(KeyringArg::parse)
    )]
    pub(crate) keyrings: Vec<KeyringArg>,

    /// Read the principal key NAME from FILE: raw bytes or hexadecimal digits; repeatable
    ///
    /// The file holds 16 or 32 bytes, or 32 or 64 digits. It takes the place of every provider for this
    /// name, and opens keys whose key server is not at hand.
    #[arg(
        long = "principal-key",
        help_heading = HEADING,
        value_name = "NAME=FILE",
        value_parser = OsStringValueParser::new().try_map(PrincipalKeyArg::parse)
    )]
    pub(crate) principal_keys: Vec<PrincipalKeyArg>,

    /// Read the principal key NAME from the master key FILE, which a passphrase protects; repeatable
    #[arg(
        long = "protected-key",
        help_heading = HEADING,
        value_name = "NAME=FILE",
        value_parser = OsStringValueParser::new().try_map(PrincipalKeyArg::parse)
    )]
    pub(crate) protected_keys: Vec<PrincipalKeyArg>,

    /// Read the passphrase of `--protected-key` from FILE instead of asking for it
    #[arg(long, help_heading = HEADING, value_name = "FILE", requires = "protected_keys")]
    pub(crate) passphrase_file: Option<PathBuf>,

    /// Reach a key server in another way than its record says; repeatable
    ///
    /// Settings of a KMIP provider are host, port, caPath, certPath, keyPath, keyPassphrasePath, serverName,
    /// username, passwordPath, version, timeout; of a Vault provider url, mountPath, tokenPath, caPath,
    /// namespace, timeout.
    #[arg(long = "provider-option", help_heading = HEADING, value_name = "PROVIDER:SETTING=VALUE")]
    pub(crate) provider_options: Vec<ProviderOverride>,

    /// Ask no key server: principal keys come from files alone
    #[arg(long, help_heading = HEADING, conflicts_with = "provider_options")]
    pub(crate) offline: bool,
}

/// The same for the cluster that the output is for.
#[derive(Args, Debug)]
pub(crate) struct TargetKeyArgs {
    /// As `--keyring`, for the target's keys; repeatable
    #[arg(
        long = "to-keyring",
        help_heading = HEADING,
        value_name = "[PROVIDER=]FILE",
        value_parser = OsStringValueParser::new().try_map(KeyringArg::parse)
    )]
    to_keyrings: Vec<KeyringArg>,

    /// As `--principal-key`, for the target's keys; repeatable
    #[arg(
        long = "to-principal-key",
        help_heading = HEADING,
        value_name = "NAME=FILE",
        value_parser = OsStringValueParser::new().try_map(PrincipalKeyArg::parse)
    )]
    to_principal_keys: Vec<PrincipalKeyArg>,

    /// As `--provider-option`, for the target's key servers; repeatable
    #[arg(long = "to-provider-option", help_heading = HEADING, value_name = "PROVIDER:SETTING=VALUE")]
    to_provider_options: Vec<ProviderOverride>,

    /// As `--offline`, for the target's keys
    #[arg(long, help_heading = HEADING, conflicts_with = "to_provider_options")]
    to_offline: bool,
}

impl TargetKeyArgs {
    /// These in the place of the others.
    pub(crate) fn as_keys(&self) -> KeyArgs {
        KeyArgs {
            keyrings: self.to_keyrings.clone(),
            principal_keys: self.to_principal_keys.clone(),
            protected_keys: Vec::new(),
            passphrase_file: None,
            provider_options: self.to_provider_options.clone(),
            offline: self.to_offline,
        }
    }
}

/// One `--keyring`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyringArg {
    /// The provider it stands in for; `None` is every file provider.
    pub(crate) provider: Option<String>,
    pub(crate) file: PathBuf,
}

/// One `--principal-key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrincipalKeyArg {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
}

impl KeyringArg {
    fn parse(argument: OsString) -> Result<Self, String> {
        let (provider, file) = match split(&argument) {
            Some((before, after)) if !before.contains(&b'/') => (utf8(before)?, path(after)),
            _ => (String::new(), PathBuf::from(argument)),
        };
        if file.as_os_str().is_empty() {
            return Err("a file is missing behind `=`".into());
        }
        Ok(Self { provider: (!provider.is_empty()).then_some(provider), file })
    }
}

impl PrincipalKeyArg {
    fn parse(argument: OsString) -> Result<Self, String> {
        match split(&argument) {
            Some((name, file)) if !name.is_empty() && !file.is_empty() => {
                Ok(Self { name: utf8(name)?, file: path(file) })
            }
            _ => Err("expected NAME=FILE".into()),
        }
    }
}

fn split(argument: &OsString) -> Option<(&[u8], &[u8])> {
    let bytes = argument.as_bytes();
    let at = bytes.iter().position(|&byte| byte == b'=')?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

fn utf8(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "the name before `=` is not UTF-8".into())
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyring_is_a_file_with_or_without_a_provider() {
        for (argument, provider, file) in [
            ("keys.per", None, "keys.per"),
            ("/etc/tde/keys.per", None, "/etc/tde/keys.per"),
            ("vault=/etc/tde/keys.per", Some("vault"), "/etc/tde/keys.per"),
            ("vault=a=b", Some("vault"), "a=b"),
            ("=a=b", None, "a=b"),
            ("./a=b", None, "./a=b"),
            ("/srv/a=b/keys.per", None, "/srv/a=b/keys.per"),
        ] {
            let expected = KeyringArg { provider: provider.map(str::to_owned), file: file.into() };
            assert_eq!(KeyringArg::parse(argument.into()), Ok(expected), "{argument}");
        }
        for argument in ["", "=", "vault="] {
            assert!(KeyringArg::parse(argument.into()).is_err(), "{argument}");
        }
    }

    #[test]
    fn a_principal_key_needs_both_name_and_file() {
        assert_eq!(
            PrincipalKeyArg::parse("db-key=/run/key=1".into()),
            Ok(PrincipalKeyArg { name: "db-key".into(), file: "/run/key=1".into() })
        );
        for argument in ["", "db-key", "db-key=", "=file"] {
            assert!(PrincipalKeyArg::parse(argument.into()).is_err(), "{argument}");
        }
    }
}
