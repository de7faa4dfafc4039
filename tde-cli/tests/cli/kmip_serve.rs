//! `tde kmip init` and `tde kmip serve`: a server of its own process, driven by our client.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tde_kmip::client::{Client, ClientBuilder, Error, Password, ServerAddress};
use tde_kmip::pki::Pki;
use tde_kmip::tls::{ClientTls, Identity};
use tde_kmip_codec::spec::enumeration::{CryptographicAlgorithm, ResultReason};
use tde_kmip_codec::spec::mask::CryptographicUsageMask;
use zeroize::Zeroizing;

use crate::tde::{Run, can_be_interrupted, tde_in};

const USAGE: CryptographicUsageMask = CryptographicUsageMask::ENCRYPT.union(CryptographicUsageMask::DECRYPT);

/// A directory with certificates, a passphrase and a master key.
struct Place(tempfile::TempDir);

/// A running server. Dropping it kills it.
struct Served {
    child: Child,
    address: SocketAddr,
    pki: Pki,
    stderr: Option<thread::JoinHandle<String>>,
}

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.run(&["kmip", "init", "pki", "--client", "one", "--client", "two"]).expect(0);
        for (name, text) in [("pass", "a good passphrase\n"), ("wrong", "another passphrase\n")] {
            fs::write(place.path(name), text).unwrap();
            fs::set_permissions(place.path(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        for name in ["master.key", "other.key"] {
            let cheap = ["--argon2-memory", "8", "--argon2-passes", "1"];
            let init = ["master-key", "init", name, "--passphrase-file", "pass"];
            place.run(&[&init[..], &cheap].concat()).expect(0);
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Run {
        tde_in(self.0.path(), arguments, b"")
    }

    /// `tde kmip serve` with these options that fails.
    fn fails(&self, options: &[&str]) -> Run {
        let serve = ["kmip", "serve", "--listen", "127.0.0.1:0", "--dir", "pki", "--passphrase-file", "pass"];
        self.run(&[&serve[..], options].concat())
    }

    fn serve(&self, options: &[&str]) -> Served {
        self.serve_by(Command::new(env!("CARGO_BIN_EXE_tde")), options)
    }

    fn serve_by(&self, mut command: Command, options: &[&str]) -> Served {
        let serve = ["kmip", "serve", "--listen", "127.0.0.1:0", "--dir", "pki", "--stdin-eof"];
        command.args(serve).args(options).current_dir(self.0.path()).env_remove("RUST_LOG");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(address) = line.trim().strip_prefix("READY ") else {
            let _ = child.kill();
            panic!("{line:?}: {}", stderr.join().unwrap());
        };
        let address = address.parse().unwrap();
        Served { child, address, pki: Pki::at(&self.path("pki")), stderr: Some(stderr) }
    }

    fn durable(&self) -> [&'static str; 6] {
        ["--store", "keys.store", "--master-key", "master.key", "--passphrase-file", "pass"]
    }
}

impl Served {
    fn client(&self, name: &str) -> Client {
        self.builder(name).build().unwrap()
    }

    fn builder(&self, name: &str) -> ClientBuilder {
        let certificate = self.pki.client_certificate(name);
        let identity = Identity::from_pem_files(certificate, self.pki.client_key(name), None).unwrap();
        let tls = ClientTls::new().authorities_file(self.pki.authority_certificate()).unwrap();
        Client::builder(tls.identity(identity).build().unwrap())
            .server(ServerAddress::new("127.0.0.1", self.address.port()))
            .retries(0)
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// How it ended, and what it said.
    fn wait(mut self) -> (Option<i32>, String) {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), self.stderr.take().unwrap().join().unwrap());
            }
            assert!(since.elapsed() < Duration::from_secs(20), "the server does not end");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn register(client: &Client, name: &str, key: &[u8]) -> Result<String, Error> {
    client.register_symmetric_key(name, key, CryptographicAlgorithm::AES, USAGE)
}

fn key_of(client: &Client, id: &str) -> Result<Vec<u8>, Error> {
    client.get(id).map(|found| found.key_material().unwrap().to_vec())
}

#[test]
fn init_makes_certificates_once_and_adds_clients() {
    let place = Place::new();
    for name in ["ca", "server", "one", "two"] {
        assert_eq!(fs::metadata(place.path(&format!("pki/{name}.key"))).unwrap().mode() & 0o777, 0o600);
    }
    let again = place.run(&["kmip", "init", "pki", "--host", "localhost"]).expect(2);
    assert!(again.stderr.contains("ca.key exists already"), "{again}");
    let added = place.run(&["kmip", "init", "pki", "--client", "three", "--json"]).expect(0);
    let report: serde_json::Value = serde_json::from_slice(&added.stdout).unwrap();
    assert_eq!(report["schema"], "tde.kmip-init/1");
    assert_eq!((&report["authority_made"], &report["files"][0]["name"]), (&false.into(), &"three".into()));
    let served = place.serve(&["--store", "memory"]);
    served.client("three").discover_versions().unwrap();
    place.run(&["kmip", "init", "pki", "--client", "../x"]).expect(2);
    place.run(&["kmip", "init", "other", "--host", "not a host"]).expect(2);
}

#[test]
fn keys_live_in_the_store_and_the_audit_log_knows_who_did_what_and_no_secret() {
    let place = Place::new();
    let options = [&place.durable()[..], &["--audit-log", "audit.log", "--log-format", "json"]].concat();
    let served = place.serve(&options);
    let key = *b"KeyMaterialThatNobodyMayEverSee!";
    let (one, two) = (served.client("one"), served.client("two"));
    let id = register(&one, "table key", &key).unwrap();
    assert_eq!(key_of(&one, &id).unwrap(), key);
    assert!(key_of(&two, &id).unwrap_err().is_not_found());
    let second = place.fails(&["--store", "keys.store", "--master-key", "master.key"]).expect(2);
    assert!(second.stderr.contains("in use by another key server"), "{second}");
    served.signal("-TERM");
    let (status, said) = served.wait();
    assert_eq!(status, Some(0), "{said}");

    let audit = fs::read_to_string(place.path("audit.log")).unwrap();
    assert_eq!(fs::metadata(place.path("audit.log")).unwrap().mode() & 0o777, 0o600);
    let events: Vec<serde_json::Value> =
        audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let find = |client: &str, operation: &str| {
        events.iter().find(|event| event["client"] == client && event["operation"] == operation).unwrap()
    };
    assert_eq!(find("one", "Register")["objects"], *id);
    assert_eq!(find("one", "Get")["result"], "Success");
    let refused = find("two", "Get");
    assert_eq!((&refused["objects"], &refused["level"]), (&serde_json::json!(id), &"WARN".into()));
    assert_ne!(refused["result"], "Success");
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    for log in [&audit, &said] {
        assert!(!log.contains("KeyMaterial") && !log.to_lowercase().contains(&hex));
        assert!(!log.contains("good passphrase"));
    }
    assert!(!said.contains("tde_kmip::audit"), "audit events are in their file: {said}");

    // Another passphrase, another master key, and the right ones.
    let wrong = ["kmip", "serve", "--dir", "pki", "--store", "keys.store", "--listen", "127.0.0.1:0"];
    place
        .run(&[&wrong[..], &["--master-key", "master.key", "--passphrase-file", "wrong"]].concat())
        .expect(1);
    let other = place.fails(&["--store", "keys.store", "--master-key", "other.key"]).expect(1);
    assert!(other.stderr.contains("sealed under another master key"), "{other}");
    let mut served = place.serve(&place.durable());
    assert_eq!(key_of(&served.client("one"), &id).unwrap(), key);
    // The end of what started it is its own.
    drop(served.child.stdin.take());
    assert_eq!(served.wait().0, Some(0));
}

#[test]
fn options_come_from_a_file_too_and_mistakes_are_named() {
    let place = Place::new();
    fs::write(place.path("serve.toml"), "store = \"memory\"\nlog-format = \"json\"\nmax-connections = 7\n")
        .unwrap();
    let served = place.serve(&["--config", "serve.toml"]);
    served.client("one").discover_versions().unwrap();
    served.signal(if can_be_interrupted() { "-INT" } else { "-TERM" });
    assert_eq!(served.wait().0, Some(0));

    // Somebody may have put the password there itself.
    fs::write(place.path("wrong.toml"), "store = \"memory\"\npasswrod = \"hunter2\"\n").unwrap();
    let wrong = place.fails(&["--config", "wrong.toml"]).expect(2);
    assert!(wrong.stderr.contains("wrong.toml: line 2, column 1: unknown field `passwrod`"), "{wrong}");
    assert!(!wrong.stderr.contains("hunter2"), "{wrong}");
    let without = place.fails(&[]).expect(2);
    assert!(without.stderr.contains("--store is not given"), "{without}");
    let without = place.fails(&["--store", "keys.store"]).expect(2);
    assert!(without.stderr.contains("--master-key is not given"), "{without}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let serve = ["kmip", "serve", "--dir", "pki", "--store", "memory", "--listen", &address];
    let run = place.run(&serve).expect(2);
    assert!(run.stderr.contains(&format!("cannot listen on {address}")), "{run}");
}

#[test]
fn the_passphrase_of_the_key_is_the_first_line_as_for_clients() {
    let place = Place::new();
    let mut openssl = Command::new("openssl");
    openssl.args(["pkcs8", "-topk8", "-in", "pki/server.key", "-out", "server.encrypted"]);
    match openssl.args(["-passout", "pass:correct horse"]).current_dir(place.0.path()).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => return eprintln!("SKIPPED: no openssl here: {error}"),
    }
    fs::write(place.path("key-pass"), "correct horse\r\nand a remark\n").unwrap();
    let key = ["--key", "server.encrypted", "--key-passphrase-file", "key-pass"];
    let served = place.serve(&[&["--store", "memory"], &key[..]].concat());
    served.client("one").discover_versions().unwrap();
    drop(served);
    let absent = ["--store", "memory", "--key", "server.encrypted", "--key-passphrase-file", "absent"];
    let absent = place.fails(&absent).expect(2);
    assert!(absent.stderr.contains("absent: "), "{absent}");
}

#[test]
fn killed_while_it_writes_it_loses_nothing_acknowledged_and_serves_nothing_half() {
    let place = Place::new();
    let acknowledged = Mutex::new(Vec::new());
    let mut names = 0_usize;
    for round in 0..4_u8 {
        let served = place.serve(&place.durable());
        let killed = AtomicBool::new(false);
        thread::scope(|scope| {
            for writer in 0..3_u8 {
                let (served, acknowledged, killed) = (&served, &acknowledged, &killed);
                scope.spawn(move || {
                    let client = served.client("one");
                    for number in 0..=u16::MAX {
                        let [high, low] = number.to_be_bytes();
                        let key: [u8; 32] = core::array::from_fn(|at| [round, writer, high, low][at % 4]);
                        match register(&client, &format!("key {round} {writer} {number}"), &key) {
                            Ok(id) => acknowledged.lock().unwrap().push((id, key)),
                            Err(error) => {
                                assert!(killed.load(Ordering::SeqCst), "{error}");
                                break;
                            }
                        }
                    }
                });
            }
            let before = acknowledged.lock().unwrap().len();
            let since = Instant::now();
            while acknowledged.lock().unwrap().len() < before + 10 + usize::from(round) * 7 {
                assert!(since.elapsed() < Duration::from_secs(60));
                thread::sleep(Duration::from_millis(1));
            }
            killed.store(true, Ordering::SeqCst);
            served.signal("-KILL");
        });
        assert_eq!(served.wait().0, None);

        let served = place.serve(&place.durable());
        let client = served.client("one");
        for (id, key) in &*acknowledged.lock().unwrap() {
            assert_eq!(key_of(&client, id).unwrap(), key, "{id}");
        }
        let located = client.locate(&[], None).unwrap().unique_identifiers;
        for id in &located {
            let key = key_of(&client, id).unwrap();
            assert!(key.len() == 32 && key.chunks(4).all(|part| part == &key[..4]), "{id}");
        }
        // At most one key of each writer was on its way.
        names = located.len();
        let known = acknowledged.lock().unwrap().len();
        assert!(names >= known && names <= known + 3 * (usize::from(round) + 1), "{names} of {known}");
        served.signal("-TERM");
        assert_eq!(served.wait().0, Some(0));
    }
    assert!(names > 40);
}

#[test]
fn a_full_disk_refuses_changes_and_loses_nothing() {
    let place = Place::new();
    // Made first, so that it is there to grow.
    let served = place.serve(&place.durable());
    served.signal("-TERM");
    assert_eq!(served.wait().0, Some(0));
    let blocks = fs::metadata(place.path("keys.store")).unwrap().len().div_ceil(1024) + 512;
    let mut limited = Command::new("bash");
    // A file that may not grow: the system says so instead of ending the process.
    limited.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
    limited.arg(env!("CARGO_BIN_EXE_tde"));
    let served = place.serve_by(limited, &place.durable());
    let client = served.client("one");
    let key = [7; 4096];
    let mut kept = Vec::new();
    let refused = loop {
        match register(&client, &format!("key {}", kept.len()), &key) {
            Ok(id) => kept.push(id),
            Err(error) => break error,
        }
        assert!(kept.len() < 10_000);
    };
    assert!(refused.refusal().is_some(), "an answer, not a broken connection: {refused}");
    assert!(!kept.is_empty());
    // Reading may have to wait for room too, but then says so; a wrong answer is never given.
    for id in &kept {
        match key_of(&client, id) {
            Ok(found) => assert_eq!(found, key),
            Err(error) => assert!(error.refusal().is_some() && !error.is_not_found(), "{error}"),
        }
    }
    assert!(register(&client, "one more", &key).is_err());
    served.signal("-TERM");
    assert_eq!(served.wait().0, Some(0));
    let served = place.serve(&place.durable());
    let client = served.client("one");
    for id in &kept {
        assert_eq!(key_of(&client, id).unwrap(), key);
    }
    register(&client, "one more", &key).unwrap();
}

#[test]
fn a_store_that_others_may_read_is_refused() {
    let place = Place::new();
    let served = place.serve(&place.durable());
    drop(served);
    fs::set_permissions(place.path("keys.store"), fs::Permissions::from_mode(0o644)).unwrap();
    let run = place.fails(&["--store", "keys.store", "--master-key", "master.key"]).expect(2);
    assert!(run.stderr.contains("mode 644"), "{run}");
    assert!(Path::new(&place.path("keys.store")).exists());
}

/// A file with one user who has an owner and one who has none, and the same password.
fn passwords(place: &Place) -> PathBuf {
    let line = |name: &str, rest: &[&str]| {
        let arguments = [&["kmip", "password", name, "--password-file", "pass"][..], rest].concat();
        place.run(&arguments).expect(0).stdout_text()
    };
    let lines = format!("# Users\n{}{}", line("alice", &["--owner", "orders"]), line("bob", &[]));
    assert!(lines.contains("\nalice:orders:$argon2id$") && lines.contains("\nbob::$argon2id$"), "{lines}");
    assert!(!lines.contains("good passphrase"), "{lines}");
    let path = place.path("passwords");
    fs::write(&path, &lines).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[test]
fn a_server_with_passwords_asks_each_request_for_one() {
    let place = Place::new();
    passwords(&place);
    fs::write(place.path("serve.toml"), "store = \"memory\"\npasswords = \"passwords\"\n").unwrap();
    let options: [&[&str]; 2] =
        [&["--store", "memory", "--passwords", "passwords"], &["--config", "serve.toml"]];
    for options in options {
        let served = place.serve(options);
        let with = |name: &str, user: &str, password: &str| {
            let password = Password::new(user, Zeroizing::new(password.to_owned()));
            served.builder(name).password(password).build().unwrap()
        };
        // Two certificates, one owner.
        let good = "a good passphrase";
        let id = register(&with("one", "alice", good), "key", &[1; 32]).unwrap();
        assert_eq!(key_of(&with("two", "alice", good), &id).unwrap(), [1; 32]);
        // Without an owner, whoever the certificate names.
        let one = register(&with("one", "bob", good), "key of one", &[2; 32]).unwrap();
        assert!(key_of(&with("one", "bob", good), &id).unwrap_err().is_not_found());
        assert!(key_of(&with("two", "bob", good), &one).unwrap_err().is_not_found());
        let with_none = served.client("two");
        for client in [with_none, with("two", "alice", "another passphrase"), with("one", "carol", good)] {
            let error = key_of(&client, &id).unwrap_err();
            let reason = error.refusal().and_then(|refusal| refusal.reason);
            assert_eq!(reason, Some(ResultReason::AUTHENTICATION_NOT_SUCCESSFUL), "{error}");
        }
        served.signal("-TERM");
        let (status, said) = served.wait();
        assert_eq!(status, Some(0), "{said}");
        for password in ["good passphrase", "another passphrase"] {
            assert!(!said.contains(password), "{said}");
        }
    }
}

#[test]
fn a_client_of_the_command_gives_the_password_of_the_same_file() {
    let place = Place::new();
    passwords(&place);
    let served = place.serve(&["--store", "memory", "--passwords", "passwords"]);
    let server = served.address.to_string();
    // As editors on Windows end lines.
    fs::write(place.path("pass"), "a good passphrase\r\n").unwrap();
    let again = ["kmip", "password", "bob", "--password-file", "pass"];
    let line = place.run(&again).expect(0).stdout_text();
    let query = |password: &str| {
        let tls = ["--ca", "pki/ca.pem", "--cert", "pki/one.pem", "--key", "pki/one.key"];
        let user = ["--server", &server, "--username", "bob", "--password-file", password];
        place.run(&[&["kmip", "query"][..], &tls, &user].concat())
    };
    query("pass").expect(0);
    // The server answered, and did not do it.
    let refused = query("wrong").expect(1);
    assert!(refused.stderr.contains("Authentication Not Successful"), "{refused}");
    drop(served);
    fs::write(place.path("passwords"), line).unwrap();
    let served = place.serve(&["--store", "memory", "--passwords", "passwords"]);
    let password = Password::new("bob", Zeroizing::new("a good passphrase".to_owned()));
    register(&served.builder("one").password(password).build().unwrap(), "key", &[1; 32]).unwrap();
}

#[test]
fn a_file_of_passwords_that_cannot_be_used_is_named_with_its_line() {
    let place = Place::new();
    let path = passwords(&place);
    let serve = ["--store", "memory", "--passwords", "passwords"];
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let run = place.fails(&serve).expect(2);
    assert!(run.stderr.contains("passwords has mode 644") && run.stderr.contains("chmod 600"), "{run}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();

    let good = fs::read_to_string(&path).unwrap();
    for (line, reason) in [
        ("carol", "is not NAME:OWNER:HASH"),
        (":owner:$argon2id$", "names no user"),
        ("carol::a good passphrase", "has no hash of the form"),
        ("bob:other:$argon2id$", "names a user that a line before names"),
    ] {
        fs::write(&path, format!("{good}{line}\n")).unwrap();
        let run = place.fails(&serve).expect(2);
        assert!(run.stderr.contains(&format!("passwords: line 4 {reason}")), "{run}");
        assert!(run.stderr.contains("`tde kmip password NAME`"), "{run}");
        assert!(!run.stderr.contains("good passphrase"), "{run}");
    }
    fs::write(&path, "# Nobody\n").unwrap();
    let run = place.fails(&serve).expect(2);
    assert!(run.stderr.contains("passwords: there is no user"), "{run}");
    fs::remove_file(&path).unwrap();
    let run = place.fails(&serve).expect(2);
    assert!(run.stderr.contains("cannot read passwords"), "{run}");
}

#[test]
fn a_password_comes_from_a_file_or_a_descriptor_and_never_from_an_argument() {
    let place = Place::new();
    let password = ["kmip", "password", "alice"];
    let run = |rest: &[&str]| place.run(&[&password[..], rest].concat());
    let typed = tde_in(
        place.0.path(),
        ["kmip", "password", "alice", "--password-fd", "0"],
        b"a good passphrase\nnot read",
    );
    assert!(typed.expect(0).stdout_text().starts_with("alice::$argon2id$v=19$m=19456,t=2,p=1$"));
    for argument in [&["a good passphrase"][..], &["--password", "a good passphrase"]] {
        assert!(run(argument).expect(2).stdout.is_empty());
    }

    fs::write(place.path("pass"), "short\n").unwrap();
    let short = run(&["--password-file", "pass"]).expect(2);
    assert!(short.stderr.contains("5 characters; at least 12"), "{short}");
    assert!(short.stderr.contains("several random words") && short.stdout.is_empty(), "{short}");
    fs::write(place.path("pass"), b"a good passphras\xe9\n").unwrap();
    let latin = run(&["--password-file", "pass"]).expect(2);
    assert!(latin.stderr.contains("not UTF-8 text") && latin.stdout.is_empty(), "{latin}");
    fs::set_permissions(place.path("pass"), fs::Permissions::from_mode(0o644)).unwrap();
    let open = run(&["--password-file", "pass"]).expect(2);
    assert!(open.stderr.contains("chmod 600"), "{open}");
    let missing = run(&["--password-file", "nowhere"]).expect(2);
    assert!(missing.stderr.contains("nowhere") && missing.stderr.contains("--password-fd N"), "{missing}");
    for name in ["", "a:b", "#a", " a"] {
        let named = place.run(&["kmip", "password", name, "--password-file", "wrong"]).expect(2);
        assert!(named.stderr.contains("a name has no colon") && named.stdout.is_empty(), "{named}");
    }
}
