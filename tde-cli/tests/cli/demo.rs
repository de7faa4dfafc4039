//! `tde demo`: runs, tells what it does, cleans up, and leaves what it is asked to leave.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::tde::{Run, can_be_interrupted, tde};

/// Runs the demonstration with its temporary directory below `scratch`.
fn demo(scratch: &Path, options: &[&str]) -> Run {
    Command::new(env!("CARGO_BIN_EXE_tde"))
        .args(["demo", "--size", "1"])
        .args(options)
        .env("TMPDIR", scratch)
        .stdin(Stdio::null())
        .output()
        .unwrap()
        .into()
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).unwrap().next().is_none()
}

#[test]
fn demo_runs_every_step_and_leaves_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let run = demo(scratch.path(), &[]).expect(0);
    let text = run.stdout_text();
    for part in [
        "key server",
        "over KMIP",
        "not a page was touched",
        "only whoever has the principal key",
        "all good",
    ] {
        assert!(text.contains(part), "{part}\n{run}");
    }
    assert!(is_empty(scratch.path()), "{run}");

    let run = demo(scratch.path(), &["--json"]).expect(0);
    let report: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!((&report["schema"], &report["kept"]), (&"tde.demo/1".into(), &Value::Null));
    let steps: Vec<_> =
        report["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(
        steps,
        [
            "key server",
            "cluster",
            "principal keys",
            "internal keys",
            "encrypt tables",
            "encrypt WAL",
            "verify",
            "rotate",
            "verify",
            "decrypt tables",
            "decrypt WAL",
            "clean up"
        ]
    );
    assert!(report["steps"][4]["bytes"].as_u64().unwrap() >= 1 << 20, "{report}");
    assert!(is_empty(scratch.path()));
}

#[test]
fn a_demonstration_that_is_kept_is_an_encrypted_cluster() {
    let scratch = tempfile::tempdir().unwrap();
    let place = scratch.path().join("demo");
    demo(scratch.path(), &["--keep", place.to_str().unwrap()]).expect(0);
    assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o700);
    let data = place.join("data");
    let mut keys = vec![OsString::from("--offline")];
    for key in fs::read_dir(place.join("keys")).unwrap() {
        let key = key.unwrap();
        keys.push("--principal-key".into());
        keys.push(format!("{}={}", key.file_name().into_string().unwrap(), key.path().display()).into());
    }
    let on_data = |words: &[&str]| {
        let mut command: Vec<OsString> = words.iter().map(Into::into).collect();
        command.insert(1, data.clone().into());
        tde(command.into_iter().chain(keys.iter().cloned()))
    };
    on_data(&["verify"]).expect(0);
    let run = on_data(&["doctor", "--json", "--all"]);
    let report: Value = serde_json::from_slice(&run.stdout).unwrap();
    let status = |id: &str| {
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["id"] == id).unwrap()["status"].clone()
    };
    for id in [
        "scope-keys",
        "relation-ciphertext",
        "certificates",
        "credential-modes",
        "key-file-modes",
        "foreign-files",
    ] {
        assert_eq!(status(id), "pass", "{id}: {run}");
    }
    // Nothing of the plaintext is in what is stored.
    for file in ["base/16384/16385", "base/16384/16388", "pg_wal/000000010000000000000001"] {
        let stored = fs::read(data.join(file)).unwrap();
        assert!(!stored.windows(12).any(|window| window == b"only whoever"), "{file}");
    }
    // What is there is not touched.
    let run = demo(scratch.path(), &["--keep", place.to_str().unwrap()]).expect(2);
    assert!(run.stderr.contains("exists"), "{run}");
    assert!(data.exists());
}

#[test]
fn a_table_that_needs_a_second_file_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let run =
        tde(["demo", "--size", "1025", "--keep", scratch.path().join("demo").to_str().unwrap()]).expect(2);
    assert!(run.stderr.contains("1025 is not in 1..=1024"), "{run}");
    assert!(is_empty(scratch.path()));
}

#[test]
fn an_interrupted_demonstration_leaves_nothing() {
    if !can_be_interrupted() {
        return;
    }
    for keep in [false, true] {
        let scratch = tempfile::tempdir().unwrap();
        let kept = scratch.path().join("kept");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tde"));
        command.args(["demo", "--size", "1024"]).env("TMPDIR", scratch.path());
        if keep {
            command.arg("--keep").arg(&kept);
        }
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let begun = || {
            let places = fs::read_dir(scratch.path()).unwrap();
            places.flatten().any(|place| place.path().join("data/pg_tde").exists())
        };
        while !begun() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        let process = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(2), "{status:?}");
        assert!(is_empty(scratch.path()), "keep: {keep}");
    }
}
