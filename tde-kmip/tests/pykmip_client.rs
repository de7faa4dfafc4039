//! PyKMIP's client against our server: each of its operations, in every version that it speaks.
// A helper of tests fails the test that called it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![cfg(feature = "server")]

#[path = "common/certificates.rs"]
#[allow(dead_code)]
mod certificates;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;

use certificates::{Authority, Issued};
use tde_kmip::server::engine::{Engine, EngineOptions};
use tde_kmip::server::store::MemoryStore;
use tde_kmip::server::{Limits, Passwords, Server, ServerHandle};
use tde_kmip::tls::{Identity, ServerTls};

fn python(arguments: &[&str]) -> Output {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/python");
    let path = match std::env::var("PYTHONPATH") {
        Ok(given) => format!("{given}:{}", installed.display()),
        Err(_) => installed.display().to_string(),
    };
    Command::new("python3").args(["-W", "ignore"]).args(arguments).env("PYTHONPATH", path).output().unwrap()
}

struct Served {
    folder: tempfile::TempDir,
    authority: Authority,
    port: String,
    handle: ServerHandle,
}

impl Served {
    /// `None`, said loudly, where there is no PyKMIP.
    fn start() -> Option<Self> {
        Self::start_with(EngineOptions::default())
    }

    fn start_with(options: EngineOptions) -> Option<Self> {
        let there = Command::new("python3").arg("--version").output().is_ok()
            && python(&["-c", "import kmip.pie.client"]).status.success();
        if !there {
            eprintln!("SKIPPED: no PyKMIP here; scripts/test.sh installs it");
            return None;
        }
        let authority = Authority::new("Test CA");
        let issued = authority.server(&["127.0.0.1"]);
        let identity = Identity::from_pem(issued.chain.as_bytes(), issued.key.as_bytes(), None).unwrap();
        let tls = ServerTls::new(identity).client_authorities_pem(authority.pem().as_bytes()).unwrap();
        let engine = Engine::new(Arc::new(MemoryStore::new()), options);
        let server = Server::bind("127.0.0.1:0", &tls.build().unwrap(), engine, Limits::default()).unwrap();
        let (address, handle) = (server.local_addr().unwrap(), server.handle());
        thread::spawn(|| server.run());
        let served = Self {
            folder: tempfile::tempdir().unwrap(),
            authority,
            port: address.port().to_string(),
            handle,
        };
        std::fs::write(served.file("ca.pem"), served.authority.pem()).unwrap();
        Some(served)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn client(&self, name: &str, issued: Issued) {
        std::fs::write(self.file(&format!("{name}.pem")), issued.chain).unwrap();
        std::fs::write(self.file(&format!("{name}.key")), issued.key).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/pykmip_client.py");
        let folder = self.folder.path().to_str().unwrap().to_owned();
        let mut all = vec![script.to_str().unwrap(), "--port", &self.port, "--folder", &folder];
        all.extend(arguments);
        python(&all)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

/// What PyKMIP's own client cannot do in that version, whatever the server answers.
fn cannot(version: &str, operation: &str) -> bool {
    // It sends the Template-Attribute of 1.x, which 2.0 does not have.
    (version, operation) == ("2.0", "rekey")
}

#[test]
fn every_operation_works_in_every_version() {
    let Some(served) = Served::start() else { return };
    for name in ["client", "other"] {
        served.client(name, served.authority.client(name));
    }
    let mut failures = Vec::new();
    for version in ["1.0", "1.1", "1.2", "1.3", "1.4", "2.0"] {
        let output = served.run(&["--version", version, "--other", "other"]);
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{version}: {printed}{}", String::from_utf8_lossy(&output.stderr));
        let mut done = 0;
        for line in printed.lines() {
            let (operation, result) = line.split_once(' ').unwrap();
            if result == "ok" {
                done += 1;
            } else if !cannot(version, operation) {
                failures.push(format!("{version} {operation}: {result}"));
            }
        }
        assert!(done >= 27, "{version}: {printed}");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn clients_without_a_good_certificate_get_no_answer() {
    let Some(served) = Served::start() else { return };
    served.client("rogue", Authority::new("Test CA").client("client"));
    served.client("wrong-usage", served.authority.server(&["127.0.0.1"]));
    for name in ["rogue", "wrong-usage"] {
        let output = served.run(&["--name", name]);
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(!printed.contains(" ok"), "{name}: {printed}");
    }
}

#[test]
fn passwords_are_checked_beside_the_certificate() {
    let lines = ["alice", "bob"].map(|name| Passwords::line(name, None, b"a good password").unwrap());
    let mut options = EngineOptions::default();
    options.authenticator = Some(Arc::new(Passwords::parse(&lines.join("\n")).unwrap()));
    let Some(served) = Served::start_with(options) else { return };
    for name in ["client", "other", "guesser"] {
        served.client(name, served.authority.client(name));
    }
    for version in ["1.0", "1.4", "2.0"] {
        let credential = ["--username", "alice", "--password", "a good password"];
        let output = served.run(&[&["--version", version, "--other", "other"][..], &credential].concat());
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.lines().filter(|line| line.ends_with(" ok")).count() >= 20, "{version}: {printed}");
    }
    for credential in [
        &[][..],
        &["--username", "alice", "--password", "a bad password"],
        &["--username", "nobody", "--password", "a good password"],
    ] {
        let output = served.run(&[&["--name", "guesser"][..], credential].concat());
        let printed = String::from_utf8(output.stdout).unwrap();
        // What must be refused is refused here, too.
        let created = printed.lines().find(|line| line.starts_with("create ")).unwrap();
        assert!(created.contains("AUTHENTICATION_NOT_SUCCESSFUL"), "{printed}");
        assert!(printed.contains("get KmipOperationFailure") || !printed.contains("get ok"), "{printed}");
    }
}
