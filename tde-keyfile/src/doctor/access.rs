//! Who may read and write key files, keyrings, certificates, private keys and tokens.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::providers::{keyrings, title};
use super::server::Server;
use super::{Check, Status, pass_unless_told};
use crate::cluster::{Cluster, OpenOptions, Provider};
use crate::format::names;
use crate::format::provider_options::ProviderOptions;

pub(super) fn check(checks: &mut Vec<Check>, cluster: &Cluster, keys: &OpenOptions, server: Server) {
    let directory = cluster.directory();
    let Ok(data) = fs::metadata(directory) else { return };
    let data = Access::of(&data);
    data_directory(checks, directory, data, server);
    key_files(checks, directory, data);
    keyring_files(checks, cluster, keys, data);
    credentials(checks, cluster, data);
}

/// Owner and permission bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Access {
    owner: u32,
    mode: u32,
}

impl Access {
    fn of(metadata: &Metadata) -> Self {
        Self { owner: metadata.uid(), mode: metadata.mode() & 0o7777 }
    }
}

/// How bad it is, and why.
type Fault = (Status, String);

/// A file that holds a secret in clear, and that the server has to read.
fn of_secret(file: Access, server: u32) -> Option<Fault> {
    let Access { owner, mode } = file;
    if mode & 0o007 != 0 {
        return Some((Status::Failure, format!("every user has access to it (mode {mode:04o})")));
    }
    if mode & 0o030 != 0 || (mode & 0o040 != 0 && owner != 0) {
        return Some((Status::Warning, format!("its group has access to it (mode {mode:04o})")));
    }
    of_owner(file, server)
}

/// A file that anybody may know but not change.
fn of_public(file: Access, server: u32) -> Option<Fault> {
    let mode = file.mode;
    if mode & 0o022 != 0 {
        return Some((Status::Failure, format!("others than its owner may change it (mode {mode:04o})")));
    }
    of_owner(file, server)
}

/// A file below `pg_tde/`, whose keys are wrapped. PostgreSQL lets the group read if it may read the data directory.
fn of_key_file(file: Access, data: Access) -> Option<Fault> {
    let Access { owner, mode } = file;
    if owner != data.owner {
        let text = format!("it belongs to user {owner}, the data directory to user {}", data.owner);
        return Some((Status::Failure, text));
    }
    if mode & 0o022 != 0 {
        return Some((Status::Failure, format!("others than its owner may change it (mode {mode:04o})")));
    }
    if mode & 0o007 != 0 || (mode & 0o040 != 0 && data.mode & 0o040 == 0) {
        return Some((Status::Warning, format!("others than its owner may read it (mode {mode:04o})")));
    }
    None
}

fn of_owner(file: Access, server: u32) -> Option<Fault> {
    (file.owner != server && file.owner != 0).then(|| {
        (Status::Warning, format!("it belongs to user {}, the server runs as user {server}", file.owner))
    })
}

/// What the server itself demands of the data directory when it starts (`checkDataDir` of PostgreSQL).
fn of_data_directory(data: Access, server: Server) -> Option<Fault> {
    let mode = data.mode;
    (mode & 0o027 != 0).then(|| {
        let text = format!("mode {mode:04o}, with which no server starts: it may be at most 0750");
        (if server == Server::Stopped { Status::Warning } else { Status::Failure }, text)
    })
}

fn data_directory(checks: &mut Vec<Check>, directory: &Path, data: Access, server: Server) {
    const ID: &str = "data-directory-mode";
    checks.push(match of_data_directory(data, server) {
        Some(fault) => report(ID, fault, "set it to 0700").about(directory.display()),
        None => Check::pass(ID, format!("mode {:04o}", data.mode)),
    });
}

fn key_files(checks: &mut Vec<Check>, directory: &Path, data: Access) {
    const ID: &str = "key-file-modes";
    let before = checks.len();
    let home = directory.join(names::DIRECTORY);
    let mut paths = Vec::from([home.clone()]);
    match fs::read_dir(&home) {
        Ok(entries) => paths.extend(entries.flatten().map(|entry| entry.path())),
        Err(error) => {
            checks.push(
                Check::failure(ID, error.to_string(), "check its owner and mode").about(home.display()),
            );
        }
    }
    paths.sort();
    for path in &paths {
        let Ok(metadata) = fs::symlink_metadata(path) else { continue };
        let shown = path.strip_prefix(directory).unwrap_or(path).display();
        if metadata.is_symlink() {
            let text = "a symbolic link, which the tools that change key files refuse";
            checks.push(Check::warning(ID, text, "put the file itself in its place").about(shown));
            continue;
        }
        if let Some(fault) = of_key_file(Access::of(&metadata), data) {
            let mode = if metadata.is_dir() { "0700" } else { "0600" };
            let advice = format!("give it to the data directory's owner with mode {mode}");
            checks.push(report(ID, fault, &advice).about(shown));
        }
    }
    let text = format!("{}/ and its files are the owner's alone", names::DIRECTORY);
    pass_unless_told(checks, before, Check::pass(ID, text));
}

fn keyring_files(checks: &mut Vec<Check>, cluster: &Cluster, keys: &OpenOptions, data: Access) {
    const ID: &str = "keyring-modes";
    let before = checks.len();
    let mut any = false;
    let home = fs::canonicalize(cluster.directory()).ok();
    for keyring in keyrings(cluster, keys) {
        let path = keyring.path();
        // That it is missing is the providers' check.
        let Ok(metadata) = fs::metadata(path) else { continue };
        any = true;
        if let Some(fault) = of_secret(Access::of(&metadata), data.owner) {
            let advice = "give it to the server's user with mode 0600: it holds principal keys in clear";
            checks.push(report(ID, fault, advice).about(path.display()));
        }
        if let Some(fault) = of_parent(path) {
            checks.push(
                report(ID, fault, "take that right away: they could put another in its place")
                    .about(path.display()),
            );
        }
        let inside =
            home.as_ref().zip(fs::canonicalize(path).ok()).is_some_and(|(home, file)| file.starts_with(home));
        if inside {
            let text = "it lies in the data directory: every backup has the keys beside what they protect";
            checks.push(
                Check::warning(ID, text, "move it elsewhere, then `tde provider change`")
                    .about(path.display()),
            );
        }
    }
    let pass = match any {
        true => Check::pass(ID, "keyrings are the server's alone"),
        false => Check::skipped(ID, "there is no keyring here"),
    };
    pass_unless_told(checks, before, pass);
}

/// A directory in which others may replace the file.
fn of_parent(path: &Path) -> Option<Fault> {
    let parent = fs::metadata(path.parent()?).ok()?;
    let mode = Access::of(&parent).mode;
    // With the sticky bit, as in /tmp, only owners remove and rename.
    (mode & 0o002 != 0 && mode & 0o1000 == 0)
        .then(|| (Status::Warning, format!("every user may write to its directory (mode {mode:04o})")))
}

fn credentials(checks: &mut Vec<Check>, cluster: &Cluster, data: Access) {
    const ID: &str = "credential-modes";
    let before = checks.len();
    let mut any = false;
    let providers = cluster.providers().flat_map(|file| file.records());
    for provider in providers.filter_map(|record| record.provider().ok().flatten()) {
        for (field, path, secret) in files_of(provider) {
            any = true;
            // The server's working directory is its data directory.
            let path = cluster.directory().join(path);
            let about = format!("{}, {field} {}", title(provider), path.display());
            let fault = match fs::metadata(&path) {
                Ok(metadata) if !metadata.is_file() => Some((Status::Failure, "it is no file".to_string())),
                Ok(metadata) if secret => of_secret(Access::of(&metadata), data.owner),
                Ok(metadata) => of_public(Access::of(&metadata), data.owner),
                Err(error) => Some((Status::Failure, error.to_string())),
            };
            if let Some(fault) = fault {
                let advice = if secret {
                    "give it to the server's user with mode 0600"
                } else {
                    "set its mode to 0644"
                };
                checks.push(report(ID, fault, advice).about(about));
            }
        }
    }
    let pass = match any {
        true => Check::pass(
            ID,
            "certificates, private keys and tokens are there, and secrets are the server's alone",
        ),
        false => Check::skipped(ID, "no provider needs certificates, private keys or tokens"),
    };
    pass_unless_told(checks, before, pass);
}

/// The files that a provider's options name, and whether they are secret.
fn files_of(provider: &Provider) -> Vec<(&'static str, PathBuf, bool)> {
    let mut files = Vec::new();
    match provider.options() {
        ProviderOptions::File { .. } => {}
        ProviderOptions::VaultV2 { token_path, ca_path, .. } => {
            files.push(("token", token_path, true));
            files.extend(ca_path.as_ref().map(|path| ("CA certificate", path, false)));
        }
        ProviderOptions::Kmip { ca_path, cert_path, key_path, .. } => {
            files.push(("CA certificate", ca_path, false));
            files.push(("certificate", cert_path, false));
            files.push(("private key", key_path, true));
        }
    }
    files.into_iter().map(|(field, path, secret)| (field, PathBuf::from(path), secret)).collect()
}

fn report(id: &'static str, (status, text): Fault, advice: &str) -> Check {
    match status {
        Status::Failure => Check::failure(id, text, advice),
        _ => Check::warning(id, text, advice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(fault: Option<Fault>) -> Status {
        fault.map_or(Status::Pass, |(status, _)| status)
    }

    #[test]
    fn a_secret_is_the_servers_alone() {
        let secret = |owner, mode| status(of_secret(Access { owner, mode }, 26));
        assert_eq!(secret(26, 0o600), Status::Pass);
        assert_eq!(secret(26, 0o400), Status::Pass);
        assert_eq!(secret(0, 0o640), Status::Pass, "as for the server's own TLS key");
        assert_eq!(secret(26, 0o640), Status::Warning);
        assert_eq!(secret(0, 0o660), Status::Warning);
        assert_eq!(secret(27, 0o600), Status::Warning);
        assert_eq!(secret(26, 0o604), Status::Failure);
        assert_eq!(secret(26, 0o644), Status::Failure);
    }

    #[test]
    fn a_certificate_may_be_read_but_not_changed() {
        let public = |owner, mode| status(of_public(Access { owner, mode }, 26));
        assert_eq!(public(26, 0o644), Status::Pass);
        assert_eq!(public(0, 0o444), Status::Pass);
        assert_eq!(public(27, 0o644), Status::Warning);
        assert_eq!(public(26, 0o664), Status::Failure);
        assert_eq!(public(26, 0o646), Status::Failure);
    }

    #[test]
    fn key_files_follow_the_data_directory() {
        let key_file =
            |owner, mode, data| status(of_key_file(Access { owner, mode }, Access { owner: 26, mode: data }));
        assert_eq!(key_file(26, 0o600, 0o700), Status::Pass);
        assert_eq!(key_file(26, 0o640, 0o750), Status::Pass);
        assert_eq!(key_file(26, 0o640, 0o700), Status::Warning);
        assert_eq!(key_file(26, 0o644, 0o750), Status::Warning);
        assert_eq!(key_file(26, 0o660, 0o750), Status::Failure);
        assert_eq!(key_file(0, 0o600, 0o700), Status::Failure, "the server could not read it");
    }

    #[test]
    fn a_server_does_not_start_in_a_directory_open_to_others() {
        let data = |mode, server| status(of_data_directory(Access { owner: 26, mode }, server));
        assert_eq!(data(0o700, Server::Running(1)), Status::Pass);
        assert_eq!(data(0o750, Server::Running(1)), Status::Pass);
        assert_eq!(data(0o755, Server::Running(1)), Status::Failure);
        assert_eq!(data(0o755, Server::Stopped), Status::Warning, "a copy");
    }
}
