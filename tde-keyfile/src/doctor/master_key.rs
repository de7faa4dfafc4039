//! The master key, where a keyring is made of one: unlocked, in memory, the server's alone?

use alloc::format;
use alloc::string::ToString as _;
use alloc::vec::Vec;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use super::{Check, DoctorOptions};
use crate::cluster::Cluster;
use crate::format::provider_options::ProviderOptions;
use crate::master_key::{MasterKeyFile, Unlocked, UnlockedKey};
use crate::storage::{DiskStorage, FileStat};

const ID: &str = "master-key";
const FILE_ID: &str = "master-key-file";

pub(super) fn check(checks: &mut Vec<Check>, cluster: &Cluster, options: &DoctorOptions) {
    let disk = DiskStorage::new();
    if let Some(path) = &options.master_key_file {
        let program = "tde doctor";
        checks.push(file(&MasterKeyFile::new(&disk, path, program)).about(path.display()));
    }
    let owner = fs::metadata(cluster.directory()).map(|metadata| metadata.uid()).ok();
    let mut directories = directories(cluster);
    if let Some(directory) = &options.master_key_directory
        && !directories.contains(directory)
    {
        directories.push(directory.clone());
    }
    if directories.is_empty() {
        checks.push(Check::skipped(ID, "no provider uses the keyring of a master key"));
    }
    for directory in directories {
        let key = UnlockedKey::new(&disk, &directory);
        let check = match key.status() {
            Ok(found) => unlocked(&found, owner),
            Err(error) => Check::failure(ID, error.to_string(), "check the directory"),
        };
        checks.push(check.about(directory.display()));
    }
}

/// Where the providers expect the keyring of an unlocked master key.
fn directories(cluster: &Cluster) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let providers = cluster.providers().flat_map(|file| file.records());
    for provider in providers.filter_map(|record| record.provider().ok().flatten()) {
        let ProviderOptions::File { path } = provider.options() else { continue };
        let path = cluster.directory().join(path);
        let keyring = UnlockedKey::new(&DiskStorage::new(), path.parent().unwrap_or(&path)).keyring_path();
        if path.file_name() == keyring.file_name().map(OsStr::new)
            && let Some(directory) = path.parent()
            && !found.iter().any(|known| known == directory)
        {
            found.push(directory.to_path_buf());
        }
    }
    found
}

fn unlocked(found: &Unlocked, server: Option<u32>) -> Check {
    let files = [&found.keyring, &found.hex];
    if files.iter().all(|stat| stat.is_none()) {
        return Check::failure(
            ID,
            "the master key is locked",
            "unlock it with `tde master-key unlock` before the server starts",
        );
    }
    if !found.memory {
        return Check::failure(
            ID,
            "the unlocked master key lies on a disk",
            "`tde master-key lock` it, and unlock it on a memory file system such as /run",
        );
    }
    for stat in files.into_iter().chain([&found.directory]).flatten() {
        let (mode, owner) = (stat.access.mode, stat.access.owner);
        if mode & 0o077 != 0 {
            return Check::failure(
                ID,
                format!("others than its owner have access to the unlocked master key (mode {mode:04o})"),
                "set the directory to 0700 and the files in it to 0600",
            );
        }
        if server.is_some_and(|server| owner != server) {
            return Check::failure(
                ID,
                format!("the unlocked master key belongs to user {owner}, not to the server's"),
                "unlock it as the server's user, which cannot read it otherwise",
            );
        }
    }
    Check::pass(ID, "unlocked, in memory, the server's alone")
}

fn file(file: &MasterKeyFile<'_>) -> Check {
    let status = match file.status() {
        Ok(status) => status,
        Err(error) => return Check::failure(FILE_ID, error.to_string(), "check the path"),
    };
    match (&status.content, &status.stat) {
        (None, _) => Check::failure(FILE_ID, "there is no such file", "restore it from a backup"),
        (Some(Err(error)), _) => {
            Check::failure(FILE_ID, format!("it {error}"), "restore one of its dated copies, or a backup")
        }
        (Some(Ok(_)), Some(stat)) if is_open(stat) => Check::warning(
            FILE_ID,
            format!("others than its owner have access to it (mode {:04o})", stat.access.mode),
            "set it to 0600: only the passphrase protects it from whoever can read it",
        ),
        (Some(Ok(_)), _) if status.interrupted => Check::warning(
            FILE_ID,
            "a change of it was interrupted",
            "`tde master-key unlock` or `rotate` completes or undoes it",
        ),
        (Some(Ok(_)), _) if status.archived.is_empty() => Check::pass(FILE_ID, "whole"),
        (Some(Ok(_)), _) => {
            let count = status.archived.len();
            let copies = if count == 1 {
                "a dated copy of an earlier one".into()
            } else {
                format!("{count} dated copies of earlier ones")
            };
            Check::pass(FILE_ID, format!("whole, with {copies}"))
                .advise("keep these as long as a backup may need the key in them")
        }
    }
}

const fn is_open(stat: &FileStat) -> bool {
    stat.access.mode & 0o077 != 0
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;
    use crate::storage::{Access, FileKind};
    use std::os::unix::fs::PermissionsExt as _;

    fn stat(kind: FileKind, owner: u32, mode: u32) -> FileStat {
        let access = Access { owner, group: owner, mode };
        FileStat { kind, access, size: 292, device: 1, inode: 1, modified: (0, 0) }
    }

    fn found(owner: u32, mode: u32, directory: u32, memory: bool) -> Unlocked {
        Unlocked {
            hex: None,
            keyring: Some(stat(FileKind::Regular, owner, mode)),
            directory: Some(stat(FileKind::Directory, owner, directory)),
            memory,
        }
    }

    #[test]
    fn the_key_is_unlocked_in_memory_for_the_server_or_not() {
        let status = |found: Unlocked| unlocked(&found, Some(26)).status;
        assert_eq!(status(found(26, 0o600, 0o700, true)), Status::Pass);
        assert_eq!(status(found(26, 0o600, 0o700, false)), Status::Failure, "on a disk");
        assert_eq!(status(found(26, 0o640, 0o700, true)), Status::Failure);
        assert_eq!(status(found(26, 0o600, 0o755, true)), Status::Failure);
        assert_eq!(status(found(0, 0o600, 0o700, true)), Status::Failure, "the server cannot read it");
        assert_eq!(status(Unlocked { keyring: None, ..found(26, 0o600, 0o700, true) }), Status::Failure);
    }

    #[test]
    fn a_master_key_file_is_whole_and_private_or_not() {
        use crate::master_key::{Argon2Params, FileFormat, MasterKey, Passphrase, seal};
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        let disk = DiskStorage::new();
        let look = |bytes: Option<&[u8]>, mode| {
            let _ = fs::remove_file(&path);
            if let Some(bytes) = bytes {
                fs::write(&path, bytes).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            }
            file(&MasterKeyFile::new(&disk, &path, "test")).status
        };
        let passphrase = Passphrase::new(b"correct horse battery staple").unwrap();
        let format = FileFormat::Tde(Argon2Params::new(8 << 10, 1, 1).unwrap());
        let sealed = seal(&MasterKey::random().unwrap(), &passphrase, format, 1).unwrap();
        assert_eq!(look(Some(&sealed), 0o600), Status::Pass);
        assert_eq!(look(Some(&sealed), 0o644), Status::Warning);
        assert_eq!(look(Some(&sealed[..40]), 0o600), Status::Failure);
        assert_eq!(look(None, 0), Status::Failure);
    }
}
