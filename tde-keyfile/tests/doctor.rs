//! Each check of the checklist passes, warns and fails where it should, on data directories made for it.

#![cfg(all(feature = "passphrase", unix))]
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail the test that called them")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use tde_keyfile::cluster::{Cluster, OpenOptions};
use tde_keyfile::doctor::{Check, DoctorOptions, Status, examine};
use tde_keyfile::format::header::ProviderId;
use tde_keyfile::format::providers::{ProviderKind, encode_record};
use tde_keyfile::storage::JOURNAL_NAME;
use tde_testkit::{RecordedCluster, copy_as_a_server_has_it, recorded_clusters};

const PAGE: usize = 8192;

/// A copy of a recorded cluster with everything as it should be on its host.
struct Patient {
    root: tempfile::TempDir,
    keys: OpenOptions,
    options: DoctorOptions,
}

impl Patient {
    /// The excerpt with one global file provider, whose keyring lies where its record says.
    fn healthy() -> Self {
        let recorded = recorded("B-excerpt");
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        copy_as_a_server_has_it(&recorded.data_dir(), &data);
        fs::create_dir(root.path().join("keys")).unwrap();
        fs::create_dir_all(root.path().join("proc/sys/kernel")).unwrap();
        let patient = Self { options: DoctorOptions::default(), keys: OpenOptions::new(), root };
        let keyring = patient.path("keys/global.per");
        fs::write(&keyring, fs::read(&recorded.keyrings()[0]).unwrap()).unwrap();
        patient.set_mode("keys/global.per", 0o600);
        patient.provider(ProviderKind::File, &format!("{{\"path\":\"{}\"}}", keyring.display()));
        patient
            .write("data/postgresql.conf", "shared_preload_libraries = 'pg_tde'\npg_tde.wal_encrypt = on\n");
        patient.write("proc/sys/kernel/core_pattern", "|/bin/false\n");
        patient.write("proc/swaps", "Filename Type Size Used Priority\n");
        let mut options = patient.options.clone();
        options.host = patient.root.path().to_path_buf();
        Self { options, ..patient }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }

    fn edit(&self, path: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.path(path)).unwrap();
        edit(&mut bytes);
        fs::write(self.path(path), bytes).unwrap();
    }

    fn set_mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.path(path), Permissions::from_mode(mode)).unwrap();
    }

    /// Replaces the only provider's record.
    fn provider(&self, kind: ProviderKind, options: &str) {
        let name = "global".parse().unwrap();
        self.write(
            "data/pg_tde/1664_providers",
            encode_record(ProviderId::new(-1), &name, kind, options).unwrap(),
        );
    }

    fn examine(&self) -> Vec<Check> {
        let cluster = Cluster::open(self.path("data"), &self.keys).unwrap();
        examine(&cluster, &self.keys, &self.options, &())
    }

    /// The worst of the checks with an id, and all that they say.
    #[track_caller]
    fn found(&self, id: &str) -> (Status, String) {
        let checks: Vec<_> = self.examine().into_iter().filter(|check| check.id == id).collect();
        let worst = checks.iter().map(|check| check.status).max();
        let said: Vec<_> = checks.iter().map(ToString::to_string).collect();
        (worst.unwrap_or_else(|| panic!("no check `{id}`")), said.join("\n"))
    }

    #[track_caller]
    fn expect(&self, id: &str, status: Status, part: &str) {
        let (found, said) = self.found(id);
        assert_eq!(found, status, "{said}");
        assert!(said.contains(part), "{said}");
    }
}

fn recorded(name: &str) -> RecordedCluster {
    recorded_clusters().into_iter().find(|cluster| cluster.name == name).unwrap()
}

#[test]
fn a_healthy_cluster_passes_every_check() {
    let mut patient = Patient::healthy();
    for every_page in [false, true] {
        patient.options.every_page = every_page;
        for check in patient.examine() {
            assert!(check.status <= Status::Pass, "{}: {check}", check.id);
        }
    }
}

#[test]
fn every_recorded_cluster_has_its_keys_and_its_ciphertext() {
    for recorded in recorded_clusters() {
        let scratch = tempfile::tempdir().unwrap();
        let mut keys = OpenOptions::new();
        for keyring in recorded.keyrings() {
            keys = keys.keyring(keyring);
        }
        for (number, (name, key)) in recorded.principal_keys().into_iter().enumerate() {
            let path = scratch.path().join(number.to_string());
            fs::write(&path, key).unwrap();
            keys = keys.principal_key(name.parse().unwrap(), path);
        }
        let cluster = Cluster::open(recorded.data_dir(), &keys).unwrap();
        let mut options = DoctorOptions::default();
        options.every_page = true;
        for check in examine(&cluster, &keys, &options, &()) {
            if ["scope-keys", "relation-ciphertext", "interrupted-work"].contains(&check.id) {
                assert_eq!(check.status, Status::Pass, "{}: {}: {check}", recorded.name, check.id);
            }
        }
    }
}

#[test]
fn wal_encryption_is_judged_by_setting_range_and_server() {
    let patient = Patient::healthy();
    patient.expect("wal-encryption", Status::Pass, "is on");
    patient.write("data/postgresql.conf", "shared_preload_libraries = 'pg_tde'\n");
    patient.expect("wal-encryption", Status::Warning, "the next start begins one in plaintext");
    fs::remove_file(patient.path("data/pg_tde/wal_keys")).unwrap();
    patient.expect("wal-encryption", Status::Warning, "is off");
    patient.write("data/postgresql.conf", "pg_tde.wal_encrypt = on\n");
    patient.expect("wal-encryption", Status::Warning, "the next start begins one that is");
    patient.write("data/postmaster.pid", "4711\n");
    fs::create_dir(patient.path("proc/4711")).unwrap();
    patient.expect("wal-encryption", Status::Failure, "writes plaintext");
    fs::remove_file(patient.path("data/pg_tde/1663_keys")).unwrap();
    patient.expect("wal-encryption", Status::Failure, "will not start");
}

#[test]
fn a_key_that_is_missing_or_wrong_fails_each_scope() {
    let patient = Patient::healthy();
    patient.expect("scope-keys", Status::Pass, "4 scopes");
    patient.edit("keys/global.per", |bytes| bytes[260] ^= 1);
    patient.expect("scope-keys", Status::Failure, "database 16477");
    fs::remove_file(patient.path("keys/global.per")).unwrap();
    patient.expect("scope-keys", Status::Failure, "without the key the data is lost");
    patient.expect("providers", Status::Failure, "global.per");
    patient.expect("keyring-modes", Status::Skipped, "no keyring");
}

#[test]
fn providers_that_are_damaged_absent_or_unused_are_told_apart() {
    let patient = Patient::healthy();
    patient.expect("providers", Status::Pass, "1 provider");
    let name = "other".parse().unwrap();
    let second =
        encode_record(ProviderId::new(-2), &name, ProviderKind::File, "{\"path\":\"/nonexistent/x\"}")
            .unwrap();
    patient.edit("data/pg_tde/1664_providers", |bytes| bytes.extend(second));
    patient.expect("providers", Status::Warning, "\"other\"");
    patient.edit("data/pg_tde/1664_providers", |bytes| bytes[132] = b'x');
    patient.expect("providers", Status::Failure, "cannot be used");
    fs::remove_file(patient.path("data/pg_tde/1664_providers")).unwrap();
    patient.expect("providers", Status::Failure, "no provider");
}

#[test]
fn key_files_that_a_server_would_stumble_over_fail() {
    let patient = Patient::healthy();
    patient.expect("key-files", Status::Pass, "4 key files");
    patient.edit("data/pg_tde/16477_keys", |bytes| bytes.extend([1; 40]));
    patient.expect("key-files", Status::Warning, "16477_keys");
    patient.edit("data/pg_tde/keys_version", |bytes| bytes[0] ^= 1);
    patient.expect("key-files", Status::Failure, "keys_version");
    patient.edit("data/pg_tde/16477_keys", |bytes| bytes.truncate(100));
    patient.expect("key-files", Status::Failure, "16477_keys");
}

#[test]
fn plaintext_where_ciphertext_belongs_is_found() {
    let patient = Patient::healthy();
    // A sane heap page.
    let mut page = vec![0; PAGE];
    page[12..20].copy_from_slice(&[24, 0, 0, 0x20, 0, 0x20, 4, 0x20]);
    patient.edit("data/base/16477/16667", |bytes| bytes[..PAGE].copy_from_slice(&page));
    patient.expect("relation-ciphertext", Status::Failure, "base/16477/16667: block 0 is plaintext");
    // Without the principal key, too.
    fs::remove_file(patient.path("keys/global.per")).unwrap();
    patient.expect("relation-ciphertext", Status::Failure, "block 0 is plaintext");
}

#[test]
fn a_sample_may_miss_what_all_pages_show() {
    let mut patient = Patient::healthy();
    let file = "data/base/16477/16667";
    let pages = fs::metadata(patient.path(file)).unwrap().len() as usize / PAGE;
    assert!(pages > 4, "{pages} pages");
    let mut page = vec![0; PAGE];
    page[12..20].copy_from_slice(&[24, 0, 0, 0x20, 0, 0x20, 4, 0x20]);
    patient.edit(file, |bytes| bytes[PAGE..2 * PAGE].copy_from_slice(&page));
    patient.expect("relation-ciphertext", Status::Pass, "--all");
    patient.options.every_page = true;
    patient.expect("relation-ciphertext", Status::Failure, "block 1 is plaintext");
}

#[test]
fn ciphertext_without_a_key_and_pages_that_do_not_decrypt_are_found() {
    let patient = Patient::healthy();
    let other = fs::read(patient.path("data/base/16477/16673")).unwrap();
    let own = fs::read(patient.path("data/base/16477/16667")).unwrap();
    patient.write("data/base/16477/16667", &other);
    patient.expect("relation-ciphertext", Status::Failure, "16667: block 0 does not make sense decrypted");
    patient.write("data/base/16477/16667", &own);
    patient.write("data/base/16477/99999", &own);
    patient.expect(
        "relation-ciphertext",
        Status::Failure,
        "99999: block 0 looks encrypted, but there is no key",
    );
    fs::remove_file(patient.path("data/base/16477/99999")).unwrap();
    patient.edit("data/base/16477/16667", |bytes| bytes[..4096].fill(0));
    patient.expect("relation-ciphertext", Status::Warning, "partly zero");
}

#[test]
fn plain_relations_are_counted_and_matter_where_encryption_is_enforced() {
    let patient = Patient::healthy();
    patient.expect("plain-relations", Status::Pass, "1663/16477/");
    patient.write(
        "data/postgresql.conf",
        "shared_preload_libraries = pg_tde\npg_tde.wal_encrypt = on\npg_tde.enforce_encryption = on\n",
    );
    patient.expect("plain-relations", Status::Warning, "enforce_encryption is on");
}

#[test]
fn modes_of_key_files_and_keyrings_are_looked_at() {
    let patient = Patient::healthy();
    patient.expect("key-file-modes", Status::Pass, "owner");
    patient.set_mode("data/pg_tde/wal_keys", 0o644);
    patient.expect("key-file-modes", Status::Warning, "may read pg_tde/wal_keys (mode 0644)");
    patient.set_mode("data/pg_tde/wal_keys", 0o666);
    patient.expect("key-file-modes", Status::Failure, "may change pg_tde/wal_keys");
    patient.set_mode("data/pg_tde/wal_keys", 0o600);
    fs::rename(patient.path("data/pg_tde/wal_keys"), patient.path("wal_keys")).unwrap();
    symlink(patient.path("wal_keys"), patient.path("data/pg_tde/wal_keys")).unwrap();
    patient.expect("key-file-modes", Status::Warning, "symbolic link");

    patient.expect("keyring-modes", Status::Pass, "server's alone");
    patient.set_mode("keys", 0o777);
    patient.expect("keyring-modes", Status::Warning, "its directory");
    patient.set_mode("keys", 0o1777);
    patient.expect("keyring-modes", Status::Pass, "");
    patient.set_mode("keys/global.per", 0o640);
    let (status, _) = patient.found("keyring-modes");
    // A file of root's may be read by its group, as the server's own TLS key may.
    let root =
        fs::metadata(patient.path("keys")).map(|data| std::os::unix::fs::MetadataExt::uid(&data)).unwrap()
            == 0;
    assert_eq!(status, if root { Status::Pass } else { Status::Warning });
    patient.set_mode("keys/global.per", 0o644);
    patient.expect("keyring-modes", Status::Failure, "in clear");

    patient.expect("data-directory-mode", Status::Pass, "0700");
    patient.set_mode("data", 0o755);
    patient.expect("data-directory-mode", Status::Warning, "0755");
}

#[test]
fn a_keyring_in_the_data_directory_is_a_warning() {
    let patient = Patient::healthy();
    fs::rename(patient.path("keys/global.per"), patient.path("data/global.per")).unwrap();
    patient.provider(ProviderKind::File, "{\"path\":\"global.per\"}");
    patient.expect("scope-keys", Status::Pass, "");
    patient.expect("keyring-modes", Status::Warning, "in the data directory");
}

#[test]
fn files_that_provider_records_name_are_looked_at() {
    let patient = Patient::healthy();
    patient.expect("credential-modes", Status::Skipped, "");
    patient.write("tls/ca.pem", "x");
    patient.write("tls/client.pem", "x");
    patient.write("tls/client.key", "x");
    let tls = patient.path("tls");
    let tls = tls.display();
    patient.provider(
        ProviderKind::Kmip,
        &format!(
            r#"{{"host":"127.0.0.1","port":"1","caPath":"{tls}/ca.pem","certPath":"{tls}/client.pem","keyPath":"{tls}/client.key"}}"#
        ),
    );
    patient.expect("credential-modes", Status::Pass, "");
    patient.set_mode("tls/client.key", 0o604);
    patient.expect("credential-modes", Status::Failure, "private key");
    patient.set_mode("tls/client.key", 0o600);
    patient.set_mode("tls/ca.pem", 0o646);
    patient.expect("credential-modes", Status::Failure, "CA certificate");
    fs::remove_file(patient.path("tls/ca.pem")).unwrap();
    patient.expect("credential-modes", Status::Failure, "ca.pem: No such file");

    patient.write("token", "x");
    let token = patient.path("token");
    let options = format!(r#"{{"url":"http://x","mountPath":"m","tokenPath":"{}"}}"#, token.display());
    patient.provider(ProviderKind::VaultV2, &options);
    patient.expect("credential-modes", Status::Pass, "");
    patient.set_mode("token", 0o660);
    patient.expect("credential-modes", Status::Warning, "token");
}

#[test]
fn a_master_key_named_by_a_provider_has_to_be_unlocked_in_memory() {
    let mut patient = Patient::healthy();
    patient.expect("master-key", Status::Skipped, "no provider");
    fs::create_dir(patient.path("run")).unwrap();
    patient.set_mode("run", 0o700);
    let keyring = patient.path("run/master-key.per");
    patient.provider(ProviderKind::File, &format!("{{\"path\":\"{}\"}}", keyring.display()));
    patient.expect("master-key", Status::Failure, "locked");
    fs::copy(patient.path("keys/global.per"), &keyring).unwrap();
    let memory = fs::read_to_string("/proc/mounts").unwrap_or_default();
    if !memory.lines().any(|line| line.contains(" /tmp tmpfs ")) {
        patient.expect("master-key", Status::Failure, "on a disk");
    }
    patient.options.master_key_file = Some(patient.path("absent.key"));
    patient.expect("master-key-file", Status::Failure, "no such file");
}

#[test]
fn leftovers_are_found() {
    let patient = Patient::healthy();
    patient.expect("interrupted-work", Status::Pass, "");
    patient.expect("foreign-files", Status::Pass, "");
    patient.write("data/pg_tde/16477_keys.r", "x");
    patient.expect("interrupted-work", Status::Warning, "16477_keys.r");
    patient.write("data/pg_tde/wal_keys.bak", "x");
    patient.expect("foreign-files", Status::Warning, "wal_keys.bak");
    patient.write(&format!("data/pg_tde/{JOURNAL_NAME}"), "x");
    patient.expect("interrupted-work", Status::Failure, JOURNAL_NAME);
}

#[test]
fn old_principal_keys_are_named_and_torn_keyrings_fail() {
    let patient = Patient::healthy();
    patient.expect("old-principal-keys", Status::Pass, "");
    let keyring = fs::read(patient.path("keys/global.per")).unwrap();
    patient.edit("keys/global.per", |bytes| {
        let mut old = keyring[..292].to_vec();
        old[..256].fill(0);
        old[..12].copy_from_slice(b"old-key-2019");
        bytes.extend(old);
    });
    patient.expect("old-principal-keys", Status::Pass, "old-key-2019");
    patient.expect("old-principal-keys", Status::Pass, "keep them");
    patient.edit("keys/global.per", |bytes| bytes.push(0));
    patient.expect("old-principal-keys", Status::Failure, "inside a record");
}

#[test]
fn the_layout_that_no_server_reads_is_told() {
    let patient = Patient::healthy();
    fs::remove_dir_all(patient.path("data/pg_tde")).unwrap();
    fs::create_dir_all(patient.path("data/pg_tde/16477")).unwrap();
    patient.write("data/pg_tde/16477/16667.key", "x");
    patient.expect("layout", Status::Failure, "no server reads");
    assert!(patient.examine().iter().all(|check| check.id != "relation-ciphertext"));
}
