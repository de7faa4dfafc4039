//! A stand-in for the key-value store, version 2, of HashiCorp Vault and OpenBao.
//!
//! Built from what `pg_tde` expects of such a server (`docs/key-providers.md`), not from the product: no real server takes
//! part in the tests. It speaks as much HTTP as that needs, one request a connection.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The token that is accepted.
pub const TOKEN: &str = "hvs.stand-in";

/// The mount that there is.
pub const MOUNT: &str = "tde/keys";

/// An answer: status, headers, body.
pub type Answer = (u16, Vec<(String, String)>, Vec<u8>);

/// How the server behaves.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// A namespace that requests must name.
    pub namespace: Option<String>,
    /// Answers everything with this.
    pub always: Option<Answer>,
    /// What `sys/mounts` says: the type and the version; a refusal unless given.
    pub mount: Option<(String, Option<String>)>,
    /// Waits this long before each byte of an answer.
    pub delay: Duration,
    /// Redirects data requests to this prefix once.
    pub redirect: Option<String>,
}

/// A running server.
#[derive(Debug)]
pub struct VaultStandIn {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    behaviour: Behaviour,
    /// Versions of each secret: the base64 text of `key`, or nothing for a deleted version.
    secrets: BTreeMap<String, Vec<Option<String>>>,
    requests: Vec<String>,
}

struct Request {
    line: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl VaultStandIn {
    /// Listens on a free port; `wrap` makes a stream of each connection, with TLS or without.
    pub fn start<S: Read + Write>(
        behaviour: Behaviour,
        wrap: impl Fn(std::net::TcpStream) -> Option<S> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let state = Arc::new(Mutex::new(State { behaviour, ..State::default() }));
        let shared = Arc::clone(&state);
        // Ends with the process: the tests that use it are short.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                if let Some(mut stream) = wrap(stream) {
                    // A client that goes away is its own affair.
                    let _ = serve(&mut stream, &shared);
                }
            }
        });
        Self { address, state }
    }

    /// Listens without TLS.
    pub fn plain(behaviour: Behaviour) -> Self {
        Self::start(behaviour, Some)
    }

    /// The base address for plain HTTP.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes how it behaves.
    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.lock().behaviour);
    }

    /// Adds a version to a secret, as another client would.
    pub fn put(&self, name: &str, key: Option<&str>) {
        self.lock().secrets.entry(name.into()).or_default().push(key.map(Into::into));
    }

    /// The versions of a secret.
    pub fn versions(&self, name: &str) -> Vec<Option<String>> {
        self.lock().secrets.get(name).cloned().unwrap_or_default()
    }

    /// The first lines of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.lock().requests.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(stream: &mut (impl Read + Write), state: &Mutex<State>) -> io::Result<()> {
    let request = read_request(stream)?;
    let (status, headers, body, delay) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.requests.push(request.line.clone());
        let (status, headers, body) = answer(&request, &mut state);
        (status, headers, body, state.behaviour.delay)
    };
    let mut head = format!("HTTP/1.1 {status} Status\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !head.contains("Content-Length") {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let bytes = [head.into_bytes(), body].concat();
    if delay.is_zero() {
        stream.write_all(&bytes)?;
    } else {
        for byte in bytes {
            thread::sleep(delay);
            stream.write_all(&[byte])?;
            stream.flush()?;
        }
    }
    stream.flush()
}

fn read_request(stream: &mut impl Read) -> io::Result<Request> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
        if head.len() > 64 << 10 {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    let text = String::from_utf8_lossy(&head);
    let mut lines = text.lines();
    let line = lines.next().unwrap_or_default().to_owned();
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Request { line, headers, body })
}

fn errors(status: u16, text: &str) -> Answer {
    json(status, &serde_json::json!({ "errors": [text] }))
}

fn json(status: u16, value: &serde_json::Value) -> Answer {
    (status, vec![("Content-Type".into(), "application/json".into())], value.to_string().into_bytes())
}

fn answer(request: &Request, state: &mut State) -> Answer {
    if let Some(always) = &state.behaviour.always {
        return always.clone();
    }
    let mut words = request.line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if request.headers.get("x-vault-token").map(String::as_str) != Some(TOKEN) {
        return errors(403, "permission denied");
    }
    if state.behaviour.namespace.as_ref() != request.headers.get("x-vault-namespace") {
        return errors(404, "no handler for route: other namespace");
    }
    let Some(path) = target.strip_prefix("/v1/") else { return errors(404, "not found") };
    if path == format!("sys/mounts/{MOUNT}") {
        return match &state.behaviour.mount {
            Some((kind, version)) => {
                let options = version.as_ref().map(|version| serde_json::json!({ "version": version }));
                json(200, &serde_json::json!({"data": {"type": kind, "options": options}, "type": kind}))
            }
            None => errors(403, "permission denied"),
        };
    }
    let Some(path) = path.strip_prefix(&format!("{MOUNT}/")) else {
        return errors(404, "no handler for route");
    };
    if let Some(folder) = path.strip_prefix("metadata/").and_then(|path| path.strip_suffix("?list=true")) {
        return list(&decoded(folder), state);
    }
    let Some(name) = path.strip_prefix("data/") else { return errors(404, "no handler for route") };
    if let Some(prefix) = state.behaviour.redirect.take() {
        return (307, vec![("Location".into(), format!("{prefix}{target}"))], Vec::new());
    }
    let name = decoded(name);
    match method {
        "GET" => match state.secrets.get(&name).and_then(|versions| versions.last()) {
            Some(Some(key)) => json(
                200,
                &serde_json::json!({"request_id": "r", "lease_id": "", "renewable": false, "data": {
                    "data": {"key": key}, "metadata": {"destroyed": false, "version": 1}}}),
            ),
            // A deleted version has metadata, and the status of a secret that is not there.
            Some(None) => json(404, &serde_json::json!({"data": {"data": null, "metadata": {"version": 1}}})),
            None => json(404, &serde_json::json!({ "errors": [] })),
        },
        "POST" | "PUT" => {
            let Ok(body) = serde_json::from_slice::<serde_json::Value>(&request.body) else {
                return errors(400, "failed to parse JSON input");
            };
            let Some(key) = body["data"]["key"].as_str() else { return errors(400, "no data provided") };
            let versions = state.secrets.entry(name).or_default();
            let cas = body["options"]["cas"].as_u64();
            if cas.is_some_and(|cas| cas != versions.len() as u64) {
                return errors(400, "check-and-set parameter did not match the current version");
            }
            versions.push(Some(key.to_owned()));
            json(200, &serde_json::json!({"data": {"version": versions.len(), "destroyed": false}}))
        }
        _ => errors(405, "unsupported operation"),
    }
}

fn list(folder: &str, state: &State) -> Answer {
    let below = state.secrets.keys().filter_map(|name| name.strip_prefix(folder));
    let mut entries: Vec<_> = below
        .map(|rest| match rest.split_once('/') {
            Some((folder, _)) => format!("{folder}/"),
            None => rest.to_owned(),
        })
        .collect();
    entries.dedup();
    if entries.is_empty() {
        return json(404, &serde_json::json!({ "errors": [] }));
    }
    json(200, &serde_json::json!({ "data": { "keys": entries } }))
}

/// Percent-decoded.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
