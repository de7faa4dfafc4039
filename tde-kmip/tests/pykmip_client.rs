//! PyKMIP's client against the embedded server: every operation that both have, in every version that it speaks.
#![cfg(all(feature = "client", feature = "server"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests are tests, too.

#[path = "common/certificates.rs"]
#[allow(dead_code)]
mod certificates;

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    thread,
};

use certificates::Authority;
use tde_kmip::{
    server::{
        Limits, Server,
        engine::{Engine, EngineOptions},
        store::MemoryStore,
    },
    tls::{Identity, ServerTls},
};

/// Python that finds what `scripts/test.sh` installs, if PyKMIP is there.
fn python() -> Option<Command> {
    let mut path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/python").display().to_string();
    if let Ok(given) = std::env::var("PYTHONPATH") {
        path = format!("{given}:{path}");
    }
    let command = || {
        let mut command = Command::new("python3");
        command.args(["-W", "ignore"]).env("PYTHONPATH", &path);
        command
    };
    match command().args(["-c", "import kmip.pie.client"]).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => Some(command()),
        outcome => {
            eprintln!("SKIPPED: no PyKMIP here ({outcome:?}); scripts/test.sh installs it");
            None
        }
    }
}

#[test]
fn pykmips_client_is_served_in_every_version() {
    let Some(mut python) = python() else { return };
    let authority = Authority::new("Test CA");
    let issued = authority.server(&["127.0.0.1"]);
    let identity = Identity::from_pem(issued.chain.as_bytes(), issued.key.as_bytes(), None).unwrap();
    let tls = ServerTls::new(identity).client_authorities_pem(authority.pem().as_bytes()).unwrap();
    let engine = Engine::new(Arc::new(MemoryStore::new()), EngineOptions::default());
    let server = Server::bind("127.0.0.1:0", &tls.build().unwrap(), engine, Limits::default()).unwrap();
    let (port, handle) = (server.local_addr().unwrap().port(), server.handle());
    let running = thread::spawn(|| server.run());

    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (alice, bob) = (authority.client("alice"), authority.client("bob"));
    python
        // No configuration of whoever runs this.
        .env("HOME", folder.path())
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/pykmip_client.py"))
        .args(["--port", &port.to_string()])
        .arg("--ca")
        .arg(file("ca.pem", &authority.pem()))
        .arg("--certificate")
        .arg(file("alice.pem", &alice.chain))
        .arg("--key")
        .arg(file("alice.key", &alice.key))
        .arg("--other-certificate")
        .arg(file("bob.pem", &bob.chain))
        .arg("--other-key")
        .arg(file("bob.key", &bob.key));
    let outcome = python.output().unwrap();
    handle.shutdown();
    running.join().unwrap().unwrap();

    let said = String::from_utf8_lossy(&outcome.stdout);
    println!("{said}");
    assert!(outcome.status.success(), "{said}{}", String::from_utf8_lossy(&outcome.stderr));
    assert_eq!(said.lines().count(), 6, "1.0 to 1.4, and 2.0");
}
