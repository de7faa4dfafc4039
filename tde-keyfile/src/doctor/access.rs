//! Who may read and write key files, keyrings, certificates, private keys and tokens.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::providers::{keyrings, title};
use super::server::Server;
use super::{Check, Status, listed, pass_unless_told};
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

/// How bad it is, what is wrong, and how that shows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    status: Status,
    what: &'static str,
    detail: String,
}

impl Fault {
    const fn new(status: Status, what: &'static str, detail: String) -> Option<Self> {
        Some(Self { status, what, detail })
    }

    fn of_mode(status: Status, what: &'static str, mode: u32) -> Option<Self> {
        Self::new(status, what, format!("mode {mode:04o}"))
    }

    fn report(self, id: &'static str, advice: &str) -> Check {
        let text = format!("{} ({})", self.what, self.detail);
        match self.status {
            Status::Failure => Check::failure(id, text, advice),
            _ => Check::warning(id, text, advice),
        }
    }
}

/// A file that holds a secret in clear, and that the server has to read.
fn of_secret(file: Access, server: u32) -> Option<Fault> {
    let Access { owner, mode } = file;
    if mode & 0o007 != 0 {
        return Fault::of_mode(Status::Failure, "every user has access to it", mode);
    }
    // The server itself takes a private key that root owns and its group may read.
    if mode & 0o030 != 0 || (mode & 0o040 != 0 && owner != 0) {
        return Fault::of_mode(Status::Warning, "its group has access to it", mode);
    }
    of_owner(file, server)
}

/// A file that anybody may know but not change.
fn of_public(file: Access, server: u32) -> Option<Fault> {
    if file.mode & 0o022 != 0 {
        return Fault::of_mode(Status::Failure, "others than its owner may change it", file.mode);
    }
    of_owner(file, server)
}

/// A file below `pg_tde/`, whose keys are wrapped. PostgreSQL lets the group read if it may read the data directory.
fn of_key_file(file: Access, data: Access) -> Option<Fault> {
    let Access { owner, mode } = file;
    if owner != data.owner {
        let detail = format!("user {owner}");
        return Fault::new(Status::Failure, "the data directory's owner does not own", detail);
    }
    if mode & 0o022 != 0 {
        return Fault::of_mode(Status::Failure, "others than the owner may change", mode);
    }
    if mode & 0o007 != 0 || (mode & 0o040 != 0 && data.mode & 0o040 == 0) {
        return Fault::of_mode(Status::Warning, "others than the owner may read", mode);
    }
    None
}

fn of_owner(file: Access, server: u32) -> Option<Fault> {
    if file.owner == server || file.owner == 0 {
        return None;
    }
    let detail = format!("it belongs to user {}, the data directory to user {server}", file.owner);
    Fault::new(Status::Warning, "its owner is not the server's user", detail)
}

/// What the server itself demands of the data directory when it starts (`checkDataDir` of PostgreSQL).
fn of_data_directory(data: Access, server: Server) -> Option<Fault> {
    if data.mode & 0o027 == 0 {
        return None;
    }
    let status = if server == Server::Stopped { Status::Warning } else { Status::Failure };
    Fault::of_mode(
        status,
        "others have more access than a server that starts allows, which is 0750",
        data.mode,
    )
}

fn data_directory(checks: &mut Vec<Check>, directory: &Path, data: Access, server: Server) {
    const ID: &str = "data-directory-mode";
    checks.push(match of_data_directory(data, server) {
        Some(fault) => fault.report(ID, "set it to 0700").about(directory.display()),
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
            let advice = "check its owner and mode";
            checks.push(Check::failure(ID, error.to_string(), advice).about(home.display()));
        }
    }
    paths.sort();
    // One line for each thing that is wrong, as it usually is with all files alike.
    let mut faults: BTreeMap<(Status, &str), Vec<String>> = BTreeMap::new();
    for path in &paths {
        let Ok(metadata) = fs::symlink_metadata(path) else { continue };
        let shown = path.strip_prefix(directory).unwrap_or(path).display();
        if metadata.is_symlink() {
            let text = "a symbolic link, which the tools that change key files refuse";
            checks.push(Check::warning(ID, text, "put the file itself in its place").about(shown));
        } else if let Some(fault) = of_key_file(Access::of(&metadata), data) {
            let file = format!("{shown} ({})", fault.detail);
            faults.entry((fault.status, fault.what)).or_default().push(file);
        }
    }
    for ((status, what), files) in faults.into_iter().rev() {
        let fault = Fault { status, what, detail: String::new() };
        let mut check =
            fault.report(ID, "give it to the data directory's owner, directories 0700 and files 0600");
        check.text = format!("{what} {}", listed(files));
        checks.push(check);
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
        let shown = path.display();
        if let Some(fault) = of_secret(Access::of(&metadata), data.owner) {
            let advice = "give it to the server's user with mode 0600: it holds principal keys in clear";
            checks.push(fault.report(ID, advice).about(&shown));
        }
        if let Some(fault) = of_parent(path) {
            let advice = "take that right away: they could put another file in its place";
            checks.push(fault.report(ID, advice).about(&shown));
        }
        if home.as_ref().zip(fs::canonicalize(path).ok()).is_some_and(|(home, file)| file.starts_with(home)) {
            let text = "it lies in the data directory: every backup has the keys beside what they protect";
            checks.push(
                Check::warning(ID, text, "move it elsewhere, then `tde provider change`").about(&shown),
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
    if mode & 0o002 == 0 || mode & 0o1000 != 0 {
        return None;
    }
    Fault::of_mode(Status::Warning, "every user may write to its directory", mode)
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
            let metadata = match fs::metadata(&path) {
                Ok(metadata) if metadata.is_file() => metadata,
                Ok(_) => {
                    checks.push(Check::failure(ID, "it is no file", "put the file there").about(about));
                    continue;
                }
                Err(error) => {
                    let advice = "put the file there, or name another with `tde provider change`";
                    checks.push(Check::failure(ID, error.to_string(), advice).about(about));
                    continue;
                }
            };
            let access = Access::of(&metadata);
            let (fault, advice) = match secret {
                true => (of_secret(access, data.owner), "give it to the server's user with mode 0600"),
                false => {
                    (of_public(access, data.owner), "give it to root or the server's user with mode 0644")
                }
            };
            checks.extend(fault.map(|fault| fault.report(ID, advice).about(about)));
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
fn files_of(provider: &Provider) -> Vec<(&'static str, &Path, bool)> {
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
    files.into_iter().map(|(field, path, secret)| (field, Path::new(path), secret)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(fault: Option<Fault>) -> Status {
        fault.map_or(Status::Pass, |fault| fault.status)
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
