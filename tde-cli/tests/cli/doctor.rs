//! `tde doctor`: what it prints and what it ends with. Each check by itself is tested in tde-keyfile.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use tde_testkit::copy_as_a_server_has_it;
use tempfile::TempDir;

use crate::corpus::Corpus;
use crate::tde::{Run, tde};

/// A recorded cluster as its server's host would have it, below one directory.
struct Host {
    root: TempDir,
}

impl Host {
    fn healthy() -> Self {
        let corpus = Corpus::first_of(&["B-excerpt"]);
        let root = tempfile::tempdir().unwrap();
        copy_as_a_server_has_it(&corpus.data_directory(), &root.path().join("data"));
        copy_as_a_server_has_it(&corpus.cluster.root.join("keyring"), &root.path().join("keyring"));
        let host = Self { root };
        host.write("data/postgresql.conf", "shared_preload_libraries = 'pg_tde'\npg_tde.wal_encrypt = on\n");
        host.write("proc/sys/kernel/core_pattern", "|/bin/false\n");
        host.write("proc/swaps", "Filename Type Size Used Priority\n");
        host
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn doctor(&self, options: &[&str]) -> Run {
        let root = self.root.path();
        let mut command: Vec<OsString> =
            vec!["doctor".into(), root.join("data").into(), "--host-root".into()];
        command.extend([root.into(), "--keyring".into(), root.join("keyring/global_file.per").into()]);
        command.extend(options.iter().map(Into::into));
        let mut run = tde(command);
        run.stdout = run.stdout_text().replace(root.to_str().unwrap(), "ROOT").into_bytes();
        run
    }

    fn json(&self, options: &[&str], status: i32) -> Value {
        let run = self.doctor(&[&["--json"], options].concat()).expect(status);
        serde_json::from_slice(&run.stdout).unwrap()
    }
}

#[test]
fn doctor_of_a_healthy_cluster() {
    let host = Host::healthy();
    insta::assert_snapshot!(host.doctor(&["--all", "--strict"]).expect(0).stdout_text());
}

#[test]
fn doctor_of_a_sick_cluster() {
    let host = Host::healthy();
    host.write("data/postgresql.conf", "pg_tde.wal_encrypt = off\n");
    host.write("data/pg_tde/wal_keys.bak", "copy");
    host.write("proc/swaps", "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n");
    host.write("sys/class/block/sda2/size", "1");
    let data = host.root.path().join("data");
    fs::set_permissions(data.join("pg_tde/wal_keys.bak"), Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(host.root.path().join("keyring/global_file.per"), Permissions::from_mode(0o644))
        .unwrap();
    insta::assert_snapshot!("doctor_sick_text", host.doctor(&[]).expect(1).stdout_text());
    insta::assert_snapshot!("doctor_sick_json", host.doctor(&["--json"]).expect(1).stdout_text());
}

#[test]
fn warnings_alone_end_with_0_and_strictly_with_1() {
    let host = Host::healthy();
    host.write("data/pg_tde/wal_keys.bak", "copy");
    let report = host.json(&[], 0);
    assert_eq!((&report["outcome"], &report["schema"]), (&"warning".into(), &"tde.doctor/1".into()));
    assert_eq!(host.json(&["--strict"], 1)["counts"]["failure"], 0);
}

#[test]
fn the_configuration_may_lie_elsewhere() {
    let host = Host::healthy();
    fs::rename(host.root.path().join("data/postgresql.conf"), host.root.path().join("main.conf")).unwrap();
    let preload = |report: &Value| {
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["id"] == "preload").unwrap()["status"].clone()
    };
    assert_eq!(preload(&host.json(&[], 0)), "skipped");
    let config = host.root.path().join("main.conf");
    assert_eq!(preload(&host.json(&["--config", config.to_str().unwrap()], 0)), "pass");
    let run = host.doctor(&["--config", "/nonexistent/postgresql.conf"]).expect(2);
    assert!(run.stderr.contains("/nonexistent/postgresql.conf"), "{run}");
}

#[test]
fn what_is_no_data_directory_cannot_be_examined() {
    let root = tempfile::tempdir().unwrap();
    let run = tde([OsString::from("doctor"), root.path().into()]).expect(2);
    assert!(run.stderr.contains("pg_tde"), "{run}");
}
