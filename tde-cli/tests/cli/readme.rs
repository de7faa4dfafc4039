//! The commands that the README has newcomers paste are run, on the recorded cluster that they name.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use tde_testkit::workspace_root;

const PASSPHRASE: &str = "correct horse battery staple";

/// The fenced blocks of shell commands, in order.
fn commands() -> String {
    let readme = fs::read_to_string(workspace_root().join("README.md")).unwrap();
    let blocks = readme.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let lines = blocks.flat_map(str::lines);
    // The command under test is built already.
    lines.filter(|line| !line.starts_with("cargo ")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_rotation_and_the_passphrase_set_up_of_the_readme_work() {
    if !Path::new("/dev/shm").is_dir() {
        return eprintln!("SKIPPED: the README's commands need /dev/shm");
    }
    let directory = tempfile::tempdir().unwrap();
    symlink(workspace_root().join("test-data"), directory.path().join("test-data")).unwrap();
    let script = directory.path().join("readme.sh");
    let commands = commands();
    for what in ["tde rotate", "tde relation rekey", "tde master-key init", "tde master-key lock"] {
        assert!(commands.contains(what), "{what}");
    }
    fs::write(&script, format!("set -euo pipefail\n{commands}")).unwrap();
    let tde = Path::new(env!("CARGO_BIN_EXE_tde")).parent().unwrap();
    let child = Command::new("script")
        .args(["-qec", &format!("bash {}", script.display()), "/dev/null"])
        .env("PATH", format!("{}:{}", tde.display(), std::env::var("PATH").unwrap_or_default()))
        .current_dir(directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else { return eprintln!("SKIPPED: script(1) is not here") };
    let mut stdin = child.stdin.take().unwrap();
    // Twice for `init`, once for `unlock`.
    stdin.write_all(format!("{PASSPHRASE}\n").repeat(3).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}");
    assert_eq!(shown.matches("all good").count(), 2, "{shown}");
    assert!(shown.contains("dry run, would"), "{shown}");
}
