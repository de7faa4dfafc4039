//! Clusters whose principal keys are in key servers, and the commands that ask such servers: against the embedded KMIP
//! server over TLS, and the stand-in for Vault.

#[allow(dead_code)]
#[path = "../../../tde-kmip/tests/common/key_server.rs"]
mod key_server;

use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tde_kmip::framing::{Direction, MessageBuffer, read_message, write_message};
use tde_kmip::tls::{Identity, ServerTls};
use tde_kmip_codec::DateTime;
use tde_kmip_codec::attribute::UniqueIdentifier;
use tde_kmip_codec::message::{RequestMessage, ResponseBatchItem, ResponseHeader, ResponseMessage};
use tde_kmip_codec::operation::LocateResponse;
use tde_kmip_codec::spec::enumeration::{Operation, ResultReason, ResultStatus};
use tde_testkit::to_hex;
use tde_testkit::vault::{Behaviour, MOUNT, TOKEN, VaultStandIn};

use crate::corpus::Corpus;
use crate::tde::{Run, tde};
use crate::wal_rekey::reference_reader;
use key_server::KeyServer;

fn json(run: &Run) -> Value {
    serde_json::from_slice(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
}

/// The flags that reach a server.
fn flags(server: &KeyServer) -> Vec<OsString> {
    vec![
        "--server".into(),
        format!("127.0.0.1:{}", server.port).into(),
        "--ca".into(),
        server.file("ca.pem").into(),
        "--cert".into(),
        server.file("client.pem").into(),
        "--key".into(),
        server.file("client.key").into(),
    ]
}

/// `tde kmip WORDS...` with the flags of a connection.
fn kmip(words: &[&str], connection: &[OsString]) -> Run {
    let words = ["kmip"].iter().chain(words).map(OsString::from);
    tde(words.chain(connection.iter().cloned()))
}

#[test]
fn a_key_lives_and_dies_by_commands() {
    let server = KeyServer::start();
    let flags = flags(&server);
    let line = |words: &[&str]| kmip(words, &flags).expect(0).stdout_text().trim().to_owned();
    let id = line(&["create", "--name", "made", "--bits", "128"]);
    assert_eq!(line(&["locate", "--name", "made"]), id);
    assert_eq!(
        json(&kmip(&["locate", "--json"], &flags).expect(0))["unique_identifiers"],
        serde_json::json!([id])
    );
    kmip(&["locate", "--name", "absent"], &flags).expect(1);
    kmip(&["locate", "--state", "Active"], &flags).expect(1);
    let taken = kmip(&["create", "--name", "made"], &flags).expect(1);
    assert!(taken.stderr.contains("already") && taken.stderr.contains("--duplicate"), "{taken}");

    line(&["activate", &id]);
    line(&["locate", "--state", "Active", "--type", "SymmetricKey"]);
    let attributes = json(&kmip(&["attributes", "--name", "made", "--json"], &flags).expect(0));
    let value = |name: &str| {
        let all = attributes["attributes"].as_array().unwrap().iter();
        all.filter(|attribute| attribute["name"] == name).map(|attribute| attribute["value"].clone()).next()
    };
    assert_eq!(value("State"), Some("Active".into()), "{attributes}");
    assert_eq!(value("Cryptographic Length"), Some(128.into()));
    assert_eq!(value("Name"), Some("made".into()));
    let shown = line(&["attributes", &id]);
    assert!(shown.contains("Cryptographic Algorithm") && shown.contains("AES"), "{shown}");

    // An active key is not destroyed; a revoked one is.
    let refused = kmip(&["destroy", &id], &flags).expect(1);
    assert!(refused.stderr.contains("try:"), "{refused}");
    line(&["revoke", &id, "--reason", "key-compromise", "--message", "lost laptop"]);
    line(&["destroy", &id]);
    kmip(&["get", &id, "--stdout"], &flags).expect(1);
    kmip(&["get", "no-such-id", "--stdout"], &flags).expect(1);

    let query = json(&kmip(&["query", "--json"], &flags).expect(0));
    let operations = query["operations"].as_array().unwrap();
    assert!(["Locate", "Get", "Register"].iter().all(|wanted| operations.contains(&Value::from(*wanted))));
    assert!(line(&["query"]).contains("operations"));
}

#[test]
fn a_key_goes_in_by_a_file_and_comes_out_into_one() {
    let server = KeyServer::start();
    let flags = flags(&server);
    let folder = tempfile::tempdir().unwrap();
    let key = [0x5a_u8; 32];
    let (given, got) = (folder.path().join("given"), folder.path().join("got"));
    fs::write(&given, format!("{}\n", to_hex(&key))).unwrap();
    let id = kmip(&["register", given.to_str().unwrap(), "--name", "ours"], &flags).expect(0);
    let id = id.stdout_text().trim().to_owned();
    // Neither said nor written unless asked for.
    let usage = kmip(&["get", &id], &flags).expect(2);
    assert!(usage.stderr.contains("--output"), "{usage}");
    let out = kmip(&["get", "--name", "ours", "-o", got.to_str().unwrap(), "--json"], &flags).expect(0);
    assert!(!out.stdout_text().contains(&to_hex(&key)));
    assert_eq!(json(&out)["bits"], 256);
    assert_eq!(fs::read(&got).unwrap(), fs::read(&given).unwrap());
    assert_eq!(fs::metadata(&got).unwrap().permissions().mode() & 0o777, 0o600);
    kmip(&["get", &id, "-o", got.to_str().unwrap()], &flags).expect(2);
    let raw = kmip(&["get", &id, "--stdout", "--form", "raw"], &flags).expect(0);
    assert_eq!(raw.stdout, key);
    // A document and a key in one stream are neither.
    for to_stdout in [&["--stdout"][..], &["-o", "-"], &["--output=-"]] {
        let both = kmip(&[&["get", &id, "--json"], to_stdout].concat(), &flags).expect(2);
        assert!(both.stdout.is_empty() && both.stderr.contains("--json"), "{both}");
    }
    fs::write(&given, "too short").unwrap();
    kmip(&["register", given.to_str().unwrap(), "--name", "other"], &flags).expect(2);
    kmip(&["locate", "--name", "other"], &flags).expect(1);
}

/// A server in the place of another, which answers each request so, or hangs up on it; and its port.
fn stand_in(
    server: &KeyServer,
    answer: impl Fn(&RequestMessage<'_>) -> Option<Vec<u8>> + Send + 'static,
) -> u16 {
    let issued = server.authority.server(&["127.0.0.1"]);
    let identity = Identity::from_pem(issued.chain.as_bytes(), issued.key.as_bytes(), None).unwrap();
    let tls = ServerTls::new(identity).client_authorities_pem(server.authority.pem().as_bytes()).unwrap();
    let config = tls.build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let mut buffer = MessageBuffer::new(Direction::Request, 1 << 16);
            while let Ok(request) = read_message(&mut stream, &mut buffer) {
                let Some(answer) = answer(&RequestMessage::decode(request).unwrap()) else { break };
                write_message(&mut stream, &answer).unwrap();
            }
        }
    });
    port
}

/// Answers Locate with two identifiers, and nothing else.
fn oddly_located(request: &RequestMessage<'_>) -> Option<Vec<u8>> {
    let ids = ["1\u{1b}[2J", "2\ntde: note: all is well"].map(UniqueIdentifier::from);
    let payload = LocateResponse { unique_identifiers: (&ids).into(), ..LocateResponse::default() };
    let mut item = ResponseBatchItem::new(ResultStatus::SUCCESS);
    item.operation = Some(Operation::LOCATE);
    item.payload = Some(payload.into());
    let header = ResponseHeader::new(request.header.protocol_version, DateTime(0), 1);
    ResponseMessage { header, batch_items: (&[item]).into() }.encode_to_vec().ok()
}

/// Refuses whatever is asked.
fn refused(request: &RequestMessage<'_>) -> Option<Vec<u8>> {
    let mut item = ResponseBatchItem::new(ResultStatus::OPERATION_FAILED);
    item.result_reason = Some(ResultReason::PERMISSION_DENIED);
    let header = ResponseHeader::new(request.header.protocol_version, DateTime(0), 1);
    ResponseMessage { header, batch_items: (&[item]).into() }.encode_to_vec().ok()
}

#[test]
fn what_a_server_calls_its_objects_forges_no_line_of_an_error() {
    let server = KeyServer::start();
    let port = stand_in(&server, oddly_located);
    let mut flags = flags(&server);
    flags[1] = format!("127.0.0.1:{port}").into();
    flags.extend(["--kmip-version".into(), "1.4".into()]);
    for words in [&["create", "--name", "taken"][..], &["get", "--name", "taken", "--stdout"]] {
        let run = kmip(words, &flags).expect(1);
        assert!(run.stderr.contains(r"2\ntde: note"), "{run}");
        assert!(!run.stderr.contains('\u{1b}') && run.stderr.lines().count() == 2, "{run}");
    }
}

#[test]
fn ping_says_at_which_step_it_fails() {
    let server = KeyServer::start();
    let good = flags(&server);
    let report = json(&kmip(&["ping", "--json"], &good).expect(0));
    let first = &report["servers"][0];
    assert_eq!(first["good"], true, "{report}");
    let steps: Vec<_> =
        first["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["certificate", "TCP", "TLS", "KMIP", "access"]);
    assert_eq!(first["steps"][2]["facts"]["version"], "TLSv1_3");
    assert_eq!(first["steps"][3]["facts"]["version"], "2.1");
    let text = kmip(&["ping"], &good).expect(0).stdout_text();
    assert!(text.contains("CN=Key server CA") && text.contains("valid from"), "{text}");

    let failed = |change: &dyn Fn(&mut Vec<OsString>), status: i32| {
        let mut flags = good.clone();
        change(&mut flags);
        let run = kmip(&["ping", "--json", "--timeout", "2"], &flags).expect(status);
        let report = json(&run);
        (report["servers"][0]["failed_step"].as_str().unwrap().to_owned(), report.to_string())
    };
    // Nobody listens.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (step, _) = failed(&|flags| flags[1] = format!("127.0.0.1:{port}").into(), 2);
    assert_eq!(step, "TCP");
    // Another authority; a certificate of a stranger's; another name; a version that is not there.
    let other = KeyServer::start();
    let (step, text) = failed(&|flags| flags[3] = other.file("ca.pem").into(), 1);
    assert_eq!(step, "TLS", "{text}");
    let stranger = |flags: &mut Vec<OsString>| {
        flags[5] = other.file("client.pem").into();
        flags[7] = other.file("client.key").into();
    };
    let (step, text) = failed(&stranger, 1);
    assert_eq!(step, "TLS", "{text}");
    // So it is when a version is given, and the connection stands before anything was said.
    let pinned = |flags: &mut Vec<OsString>| flags.extend(["--kmip-version".into(), "1.4".into()]);
    let (step, text) = failed(
        &|flags| {
            stranger(flags);
            pinned(flags);
        },
        1,
    );
    assert_eq!(step, "TLS", "{text}");
    let rude = stand_in(&server, |_| None);
    let (step, text) = failed(
        &|flags| {
            flags[1] = format!("127.0.0.1:{rude}").into();
            pinned(flags);
        },
        1,
    );
    assert_eq!(step, "KMIP", "{text}");
    assert!(text.contains("TLSv1_3"), "what was negotiated is told all the same: {text}");
    // One that refuses: to say its versions, or what comes first when it is not asked for them.
    let odd = stand_in(&server, refused);
    let (step, text) = failed(&|flags| flags[1] = format!("127.0.0.1:{odd}").into(), 1);
    assert_eq!(step, "KMIP", "{text}");
    let (step, text) = failed(
        &|flags| {
            flags[1] = format!("127.0.0.1:{odd}").into();
            pinned(flags);
        },
        1,
    );
    assert_eq!(step, "access", "{text}");
    let (step, text) = failed(&|flags| flags.extend(["--server-name".into(), "kms.example".into()]), 1);
    assert_eq!(step, "TLS");
    assert!(text.contains("kms.example"), "{text}");
    // Something that is no key server, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let begin = Instant::now();
    let (step, _) = failed(&|flags| flags[1] = address.clone().into(), 1);
    assert_eq!(step, "TLS");
    assert!(begin.elapsed() < Duration::from_secs(10));
    // Files that are not there keep it from running.
    let mut flags = good.clone();
    flags[3] = "absent.pem".into();
    kmip(&["ping"], &flags).expect(2);
    kmip(&["ping"], &[]).expect(2);
}

#[test]
fn a_connection_comes_from_a_profile_or_a_providers_record() {
    let server = KeyServer::start();
    kmip(&["create", "--name", "seen"], &flags(&server)).expect(0);
    let profiles = server.file("profiles.toml");
    let text = format!(
        "[kmip.test]\nservers = [\"127.0.0.1:{}\"]\nca = \"ca.pem\"\ncert = \"client.pem\"\nkey = \"client.key\"\n",
        server.port
    );
    fs::write(&profiles, text).unwrap();
    let profile =
        ["--profile-file".into(), profiles.into_os_string(), "--profile".into(), OsString::from("test")];
    kmip(&["locate", "--name", "seen"], &profile).expect(0);
    let absent = [&profile[..3], &["absent".into()]].concat();
    let unknown = kmip(&["locate"], &absent).expect(2);
    assert!(unknown.stderr.contains("test"), "{unknown}");

    // The record of a recorded cluster names another port, and files that are not here.
    let corpus = Corpus::first_of(&["G", "G-excerpt"]);
    let record =
        ["--datadir".into(), corpus.data_directory().into_os_string(), "--provider".into(), "KMIP_db".into()];
    let begin = Instant::now();
    kmip(&["locate", "--name", "seen"], &record).expect(2);
    assert!(begin.elapsed() < Duration::from_secs(10));
    let both = [&record[..], &flags(&server)].concat();
    kmip(&["locate", "--name", "seen"], &both).expect(0);
    let mut unknown = record;
    unknown[3] = "absent".into();
    kmip(&["locate"], &unknown).expect(2);
}

/// The options that lead the providers of corpus G to a server.
fn overrides(server: &KeyServer) -> Vec<OsString> {
    let mut options = Vec::new();
    for provider in ["kmip_db", "kmip_global"] {
        for (setting, value) in [
            ("port", server.port.to_string()),
            ("caPath", server.file("ca.pem").display().to_string()),
            ("certPath", server.file("client.pem").display().to_string()),
            ("keyPath", server.file("client.key").display().to_string()),
        ] {
            options.extend(["--provider-option".into(), format!("{provider}:{setting}={value}").into()]);
        }
    }
    options
}

#[test]
fn a_recorded_cluster_is_verified_with_its_keys_in_a_key_server() {
    let server = KeyServer::start();
    let corpus = Corpus::first_of(&["G", "G-excerpt"]);
    for (name, key) in corpus.cluster.principal_keys() {
        let file = server.file("principal-key");
        fs::write(&file, &key).unwrap();
        kmip(&["register", file.to_str().unwrap(), "--name", &name], &flags(&server)).expect(0);
    }
    let data = corpus.data_directory();
    let run = |command: &str, options: &[OsString]| {
        let words = [OsString::from(command), data.clone().into_os_string()];
        tde(words.into_iter().chain(options.iter().cloned()))
    };
    let verified = run("verify", &overrides(&server)).expect(0);
    assert!(verified.stdout_text().contains("all good"), "{verified}");
    let inspected = json(&run("inspect", &[overrides(&server), vec!["--json".into()]].concat()).expect(0));
    let places: Vec<_> = inspected["scopes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|scope| scope["principal_key"]["found_in"].clone())
        .collect();
    assert!(
        places.iter().all(|place| *place == format!("KMIP server 127.0.0.1:{}", server.port)),
        "{places:?}"
    );

    // Without the server: nobody is asked, or the one in the record, whose files are not here.
    let offline = run("verify", &["--offline".into()]).expect(2);
    assert!(offline.stderr.contains("--principal-key"), "{offline}");
    let inspected = run("inspect", &[]).expect(0);
    assert!(inspected.stderr.contains("kmip_db") || inspected.stderr.contains("KMIP"), "{inspected}");
    let unknown = run("inspect", &["--provider-option".into(), "absent:host=x".into()]).expect(0);
    assert!(unknown.stderr.contains("no provider of this name"), "{unknown}");
    // Files of a server that is not there: said once for both scopes, and at once.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gone: Vec<_> = overrides(&server)
        .iter()
        .map(|option| option.to_str().unwrap().replace(&server.port.to_string(), &port.to_string()).into())
        .collect();
    let inspected = run("inspect", &gone).expect(0);
    assert_eq!(inspected.stderr.matches("warning").count(), 1, "{inspected}");
    assert!(inspected.stderr.contains(&format!("127.0.0.1:{port}")), "{inspected}");
    run("verify", &gone).expect(2);
}

/// A copy of a recording that is rotated from provider to provider.
struct Journey<'a> {
    data: &'a Path,
    options: Vec<OsString>,
}

impl Journey<'_> {
    fn run(&self, words: &[&str]) -> Run {
        let at = usize::from(words[0] == "provider") + 1;
        let mut line: Vec<OsString> = words[..at].iter().map(OsString::from).collect();
        line.push(self.data.into());
        line.extend(words[at..].iter().map(OsString::from));
        line.extend(self.options.iter().cloned());
        let writes = !matches!(words, ["verify" | "inspect", ..]);
        if writes && !self.data.join("global/pg_control").exists() {
            line.push("--allow-unclean-shutdown".into());
        }
        tde(line)
    }

    fn add(&self, name: &str, kind: &str, settings: &[(&str, String)]) {
        let settings: Vec<_> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut words = vec!["provider", "add", name, "--type", kind];
        for setting in &settings {
            words.extend(["--option", setting]);
        }
        self.run(&words).expect(0);
    }

    fn scopes(&self) -> Vec<Value> {
        json(&self.run(&["inspect", "--json"]).expect(0))["scopes"].as_array().unwrap().clone()
    }

    /// Every scope gets a new key of this provider.
    fn rotate_to(&self, provider: &str) {
        for scope in self.scopes().into_iter().filter(|scope| !scope["principal_key"].is_null()) {
            let scope = match scope["oid"].as_u64().unwrap() {
                1664 => "server".to_owned(),
                1663 => "default".to_owned(),
                oid => format!("database:{oid}"),
            };
            let key = format!("{provider}-{}", scope.replace(':', "-"));
            let words = ["rotate", "--scope", &scope, "--to-provider", provider, "--key", &key, "--create"];
            self.run(&[&words[..], &["--dry-run"]].concat()).expect(0);
            let done = json(&self.run(&[&words[..], &["--json"]].concat()).expect(0));
            assert!(done["new_key_place"].is_string(), "{done}");
            let again = self.run(&words).expect(2);
            assert!(again.stderr.contains("already"), "{again}");
        }
        let names: Vec<_> =
            self.scopes().iter().map(|scope| scope["principal_key"]["provider_name"].clone()).collect();
        assert!(names.iter().all(|name| name.is_null() || name == provider), "{names:?}");
        self.run(&["verify"]).expect(0);
    }
}

#[test]
fn principal_keys_travel_from_keyrings_to_key_servers_and_back() {
    let server = KeyServer::start();
    let vault = VaultStandIn::plain(Behaviour::default());
    for corpus in [Corpus::first_of(&["A", "E-excerpt"]), Corpus::first_of(&["B", "B-excerpt"])] {
        let copy = corpus.cluster.copy_data();
        let mut journey = Journey { data: copy.path(), options: corpus.key_options() };
        let ring = copy.path().join("exported.per");
        fs::write(copy.path().join("token"), TOKEN).unwrap();
        fs::copy(server.file("ca.pem"), copy.path().join("kms-ca.pem")).unwrap();
        let kms = format!("kms-{}", corpus.name().to_lowercase());
        let vault_name = format!("vault-{}", corpus.name().to_lowercase());
        // A path relative to the data directory, where the server would run.
        journey.add(
            &kms,
            "kmip",
            &[
                ("host", "127.0.0.1".into()),
                ("port", server.port.to_string()),
                ("caPath", "kms-ca.pem".into()),
                ("certPath", server.file("client.pem").display().to_string()),
                ("keyPath", server.file("client.key").display().to_string()),
            ],
        );
        journey.add(
            &vault_name,
            "vault-v2",
            &[("url", vault.url()), ("mountPath", MOUNT.into()), ("tokenPath", "token".into())],
        );
        journey.add("exported", "file", &[("path", ring.display().to_string())]);
        journey.rotate_to(&kms);
        // The keyrings of the recording are needed no more, nor known to be where the records say.
        journey.options.clear();
        journey.run(&["verify"]).expect(0);
        journey.rotate_to(&vault_name);
        journey.rotate_to("exported");

        // A program that shares no code with this one reads it with the exported keyring.
        let Some(seen) = reference_reader(copy.path(), std::slice::from_ref(&ring)) else { continue };
        let mut compared = 0;
        for expected in corpus.relation_files() {
            let found = &seen[&expected.path];
            if found.is_null() {
                continue;
            }
            assert_eq!(found["plain_sha256"], expected.plain_sha256, "{}", expected.path);
            compared += 1;
        }
        assert!(compared > 0);
        for segment in corpus.wal_segments() {
            let found = &seen[format!("pg_wal/{}", segment.path)];
            if !found.is_null() {
                assert_eq!(found["plain_sha256"], segment.plain_sha256, "{}", segment.path);
            }
        }
    }
}

#[test]
fn nothing_is_lost_when_the_key_server_goes_away_during_a_rotation() {
    let corpus = Corpus::first_of(&["B", "B-excerpt"]);
    let copy = corpus.cluster.copy_data();
    let journey = Journey { data: copy.path(), options: corpus.key_options() };
    let server = KeyServer::start();
    journey.add(
        "kms",
        "kmip",
        &[
            ("host", "127.0.0.1".into()),
            ("port", server.port.to_string()),
            ("caPath", server.file("ca.pem").display().to_string()),
            ("certPath", server.file("client.pem").display().to_string()),
            ("keyPath", server.file("client.key").display().to_string()),
        ],
    );
    let read = |name: &str| fs::read(copy.path().join("pg_tde").join(name)).unwrap();
    let before = read("1663_keys");
    let port = server.port;
    // The certificates stay, the server goes.
    let files = tempfile::tempdir().unwrap();
    for name in ["ca.pem", "client.pem", "client.key"] {
        fs::copy(server.file(name), files.path().join(name)).unwrap();
    }
    drop(server);
    let mut away = journey.options.clone();
    for (setting, file) in [("caPath", "ca.pem"), ("certPath", "client.pem"), ("keyPath", "client.key")] {
        let value = files.path().join(file);
        away.extend(["--provider-option".into(), format!("kms:{setting}={}", value.display()).into()]);
    }
    let journey = Journey { data: copy.path(), options: away };
    let words = ["rotate", "--scope", "default", "--to-provider", "kms", "--key", "new", "--create"];
    let failed = journey.run(&words).expect(2);
    assert!(failed.stderr.contains(&format!("127.0.0.1:{port}")), "{failed}");
    assert_eq!(read("1663_keys"), before);
    journey.run(&["verify"]).expect(0);
}

#[test]
fn a_cluster_opens_with_a_key_that_a_passphrase_protects() {
    let corpus = Corpus::first_of(&["B", "B-excerpt"]);
    // Every scope of this one uses the default key, of 256 bits.
    let (name, key) = corpus.cluster.principal_keys().into_iter().next().unwrap();
    assert_eq!(key.len(), 32);
    let folder = tempfile::tempdir().unwrap();
    let (file, passphrase) = (folder.path().join("master.key"), folder.path().join("passphrase"));
    let text = b"correct horse battery staple";
    {
        use tde_keyfile::master_key::{Argon2Params, FileFormat, MasterKey, Passphrase, seal};
        let format = FileFormat::Tde(Argon2Params::new(8 << 10, 1, 1).unwrap());
        let key = MasterKey::from_bytes(&key.as_slice().try_into().unwrap());
        let sealed = seal(&key, &Passphrase::new(text).unwrap(), format, 1_700_000_000).unwrap();
        fs::write(&file, sealed).unwrap();
    }
    let verify = |secret: &[u8]| {
        fs::write(&passphrase, secret).unwrap();
        fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).unwrap();
        let line = [
            OsString::from("verify"),
            corpus.data_directory().into(),
            "--protected-key".into(),
            format!("{name}={}", file.display()).into(),
            "--passphrase-file".into(),
            passphrase.clone().into(),
        ];
        tde(line)
    };
    verify(text).expect(0);
    let wrong = verify(b"wrong horse").expect(2);
    assert!(wrong.stderr.contains("passphrase"), "{wrong}");
    assert!(!wrong.stderr.contains("wrong horse"), "{wrong}");
}
