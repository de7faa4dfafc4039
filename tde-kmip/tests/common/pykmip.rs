//! A real PyKMIP server, started for a test and ended with it.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tde_kmip::{
    client::{Client, ClientBuilder, ServerAddress},
    tls::{ClientTls, Identity},
};
use tempfile::TempDir;

use crate::certificates::{Authority, Issued};

/// A server with its certificates and its database, which stays for the next start.
pub(crate) struct PyKmip {
    pub(crate) authority: Authority,
    folder: TempDir,
    arguments: Vec<&'static str>,
    child: Option<Child>,
    port: u16,
}

/// Where `scripts/test.sh` puts the Python peers, before those that this Python has.
fn python_path() -> String {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/python");
    let mut path = installed.display().to_string();
    if let Ok(given) = std::env::var("PYTHONPATH") {
        path = format!("{given}:{path}");
    }
    path
}

fn python() -> Command {
    let mut command = Command::new("python3");
    command.args(["-W", "ignore"]).env("PYTHONPATH", python_path());
    command
}

impl PyKmip {
    /// Starts one; `None`, said loudly, where there is no PyKMIP.
    pub(crate) fn start(arguments: &[&'static str]) -> Option<Self> {
        let module = ["-c", "import kmip.services.server.engine"];
        match python().args(module).stderr(Stdio::null()).status() {
            Ok(status) if status.success() => {}
            outcome => {
                eprintln!("SKIPPED: no PyKMIP here ({outcome:?}); scripts/test.sh installs it");
                return None;
            }
        }
        let authority = Authority::new("KMIP test authority");
        let folder = tempfile::tempdir().unwrap();
        let Issued { chain, key } = authority.server(&["localhost", "127.0.0.1"]);
        for (name, text) in [("server.pem", chain), ("server.key", key), ("ca.pem", authority.pem())] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let mut server = Self { authority, folder, arguments: arguments.to_vec(), child: None, port: 0 };
        server.restart();
        Some(server)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Ends it, and starts it again over the same database; it listens on another port then.
    pub(crate) fn restart(&mut self) {
        self.stop();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/pykmip_server.py");
        let mut child = python()
            .arg(script)
            .arg("--chain")
            .arg(self.file("server.pem"))
            .arg("--key")
            .arg(self.file("server.key"))
            .arg("--clients")
            .arg(self.file("ca.pem"))
            .arg("--database")
            .arg(self.file("objects.db"))
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.port = line.trim().strip_prefix("listening ").expect("PyKMIP did not start").parse().unwrap();
        self.child = Some(child);
    }

    /// Ends it by its standard input, so that helper processes of PyKMIP's own server end, too.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            child.wait().unwrap();
        }
    }

    pub(crate) fn address(&self) -> ServerAddress {
        ServerAddress::new("localhost", self.port)
    }

    /// A client with a good certificate of its own.
    pub(crate) fn client(&self, name: &str) -> ClientBuilder {
        self.client_as(Some(&self.authority.client(name)))
    }

    /// A client that shows that certificate, or none.
    pub(crate) fn client_as(&self, issued: Option<&Issued>) -> ClientBuilder {
        let mut tls = ClientTls::new().authorities_pem(self.authority.pem().as_bytes()).unwrap();
        if let Some(Issued { chain, key }) = issued {
            tls = tls.identity(Identity::from_pem(chain.as_bytes(), key.as_bytes(), None).unwrap());
        }
        Client::builder(tls.build().unwrap()).server(self.address())
    }
}

impl Drop for PyKmip {
    fn drop(&mut self) {
        self.stop();
    }
}
