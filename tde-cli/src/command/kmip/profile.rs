//! Profiles: connections in a TOML file, by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tde_kmip::client::ServerAddress;
use tde_kmip::provider::KmipSettings;

use super::{connection, toml_error};
use crate::failure::Failure;

/// The largest file of profiles.
const MAX_SIZE: u64 = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Profiles {
    #[serde(default)]
    kmip: BTreeMap<String, Profile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Profile {
    servers: Vec<String>,
    ca: PathBuf,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    key_passphrase_file: Option<PathBuf>,
    server_name: Option<String>,
    username: Option<String>,
    password_file: Option<PathBuf>,
    kmip_version: Option<String>,
    timeout: Option<u64>,
}

/// The connection of this name. Paths in a profile are relative to the directory of its file.
///
/// # Errors
/// If the file cannot be read, or has no such profile.
pub(super) fn read(file: Option<&Path>, name: &str) -> Result<KmipSettings, Failure> {
    let path = match file {
        Some(file) => file.to_path_buf(),
        None => default_file()?,
    };
    let shown = path.display().to_string();
    let size = std::fs::metadata(&path).map(|found| found.len());
    let text = size.and_then(|size| match size {
        0..=MAX_SIZE => std::fs::read_to_string(&path),
        _ => Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "too large for a file of profiles")),
    });
    let text = text.map_err(|error| {
        let advice = "name the file with `--profile-file FILE` or in TDE_PROFILES";
        Failure::new(error).context(format!("profiles in {shown}")).advise(advice)
    })?;
    let directory = path.parent().unwrap_or(Path::new("."));
    parse(&text, name, directory).map_err(|failure| failure.context(shown))
}

fn parse(text: &str, name: &str, directory: &Path) -> Result<KmipSettings, Failure> {
    let mut profiles: Profiles = toml::from_str(text).map_err(|error| toml_error::failure(text, &error))?;
    let Some(profile) = profiles.kmip.remove(name) else {
        let known: Vec<_> = profiles.kmip.into_keys().collect();
        return Err(Failure::message(format!(
            "there is no profile [kmip.{name}], only: {}",
            known.join(", ")
        )));
    };
    let servers = profile.servers.iter().map(|server| server.parse::<ServerAddress>());
    let inside = |path: Option<PathBuf>| path.map(|path| directory.join(path));
    let mut settings = KmipSettings::new(servers.collect::<Result<Vec<_>, _>>()?, directory.join(profile.ca));
    settings.cert_path = inside(profile.cert);
    settings.key_path = inside(profile.key);
    settings.key_passphrase_path = inside(profile.key_passphrase_file);
    settings.server_name = profile.server_name;
    settings.username = profile.username;
    settings.password_path = inside(profile.password_file);
    if let Some(version) = profile.kmip_version {
        settings.versions = vec![connection::version(&version)?];
    }
    match profile.timeout {
        Some(seconds @ 1..=3600) => connection::set_timeout(&mut settings, seconds),
        Some(_) => return Err(Failure::message("timeout: expected a number of seconds from 1 to 3600")),
        None => {}
    }
    Ok(settings)
}

fn default_file() -> Result<PathBuf, Failure> {
    if let Some(file) = std::env::var_os("TDE_PROFILES").filter(|file| !file.is_empty()) {
        return Ok(file.into());
    }
    let directory = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let directory = directory.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")));
    let directory = directory.ok_or_else(|| {
        Failure::message("there is no home directory to look for profiles in")
            .advise("name the file with `--profile-file FILE`")
    })?;
    Ok(directory.join("tde/profiles.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        [kmip.prod]
        servers = ["kms1.example", "kms2.example:1234"]
        ca = "ca.pem"
        cert = "/etc/client.pem"
        key-passphrase-file = "pass"
        kmip-version = "1.4"
        timeout = 3

        [kmip.other]
        servers = ["a:0"]
        ca = "x"
    "#;

    #[test]
    fn a_profile_has_servers_in_order_and_paths_beside_its_file() {
        let settings = parse(TEXT, "prod", Path::new("/etc/tde")).unwrap();
        assert_eq!(settings.servers_text(), "kms1.example:5696, kms2.example:1234");
        assert_eq!(settings.ca_path, Path::new("/etc/tde/ca.pem"));
        assert_eq!(settings.cert_path.as_deref(), Some(Path::new("/etc/client.pem")));
        assert_eq!(settings.key_passphrase_path.as_deref(), Some(Path::new("/etc/tde/pass")));
        assert_eq!(settings.versions.len(), 1);
        assert_eq!(settings.connect_timeout.as_secs(), 3);
    }

    #[test]
    fn what_is_wrong_with_a_profile_is_said() {
        let failed = |text: &str, name: &str| parse(text, name, Path::new("/")).unwrap_err().to_string();
        assert!(failed(TEXT, "absent").contains("only: other, prod"));
        assert!(failed(TEXT, "other").contains("a:0"));
        let secret = failed("[kmip.a]\nservers=[]\nca=\"x\"\npassword=\"hunter2\"", "a");
        assert!(secret.contains("line 4, column 1: unknown field `password`"), "{secret}");
        assert!(!secret.contains("hunter2"), "{secret}");
        assert!(failed("[kmip.a]\nservers=[]\nca=\"x\"\ntimeout=0", "a").contains("seconds"));
        assert!(failed("[kmip.a]\nservers=[]\nca=\"x\"\nkmip-version=\"3.0\"", "a").contains("3.0"));
    }
}
