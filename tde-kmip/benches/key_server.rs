//! Get requests per second: our server beside PyKMIP's with our client, and our client beside PyKMIP's with PyKMIP's
//! server, turn by turn in one run on one machine.
//!
//! `cargo bench -p tde-kmip --all-features --bench key_server [-- SECONDS]` prints a table; SECONDS is the length of a
//! round, of which there are three for each row. Without PyKMIP (`scripts/test.sh` installs it) only our side is
//! measured. The exit status is 1 when a ratio is missed.
//!
//! PyKMIP's server is measured as it comes, which is what the ratios are asked of: only its cipher suites are today's. Beside
//! it, its engine and sessions run behind a listener that sends without delay and logs nothing.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a bench may panic")]

#[path = "../tests/common/certificates.rs"]
#[allow(dead_code)]
mod certificates;
#[path = "../tests/common/pykmip.rs"]
#[allow(dead_code)]
mod pykmip;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use certificates::{Authority, Issued};
use pykmip::PyKmip;
use tde_keyfile::master_key::MasterKey;
use tde_kmip::client::{Client, ServerAddress};
use tde_kmip::server::engine::{Engine, EngineOptions};
use tde_kmip::server::store::{DurableStore, MemoryStore, ObjectStore};
use tde_kmip::server::{Limits, Server};
use tde_kmip::tls::{ClientTls, Identity, ServerTls};
use tde_kmip_codec::spec::ProtocolVersion;
use tde_kmip_codec::spec::enumeration::CryptographicAlgorithm;
use tde_kmip_codec::spec::mask::CryptographicUsageMask;

const ROUNDS: usize = 3;
/// What is asked of the server, against PyKMIP's.
const KEPT: f64 = 100.0;
const ANEW: f64 = 50.0;

#[derive(Default)]
struct Times {
    latencies: Vec<f64>,
    rates: Vec<f64>,
}

impl Times {
    /// Calls for the length of a round.
    fn round(&mut self, length: Duration, mut call: impl FnMut()) {
        let start = Instant::now();
        let mut count = 0;
        while start.elapsed() < length {
            let one = Instant::now();
            call();
            self.latencies.push(one.elapsed().as_secs_f64());
            count += 1;
        }
        self.rates.push(f64::from(count) / start.elapsed().as_secs_f64());
    }

    fn rate(&self) -> f64 {
        let mut rates = self.rates.clone();
        rates.sort_by(f64::total_cmp);
        rates.get(rates.len() / 2).copied().unwrap_or(0.0)
    }

    fn quantile(&mut self, part: f64) -> f64 {
        self.latencies.sort_by(f64::total_cmp);
        let last = self.latencies.len().saturating_sub(1) as f64;
        self.latencies.get((last * part) as usize).copied().unwrap_or(0.0) * 1e3
    }

    fn print(&mut self, what: &str) {
        let (p50, p99) = (self.quantile(0.5), self.quantile(0.99));
        println!("| {what} | {:.0} | {p50:.3} | {p99:.3} |", self.rate());
    }
}

/// A server of ours in this process.
fn ours(authority: &Authority, store: Arc<dyn ObjectStore>) -> ServerAddress {
    let issued = authority.server(&["localhost"]);
    let identity = Identity::from_pem(issued.chain.as_bytes(), issued.key.as_bytes(), None).unwrap();
    let tls = ServerTls::new(identity).client_authorities_pem(authority.pem().as_bytes()).unwrap();
    let engine = Engine::new(store, EngineOptions::default());
    let server = Server::bind("127.0.0.1:0", &tls.build().unwrap(), engine, Limits::default()).unwrap();
    let port = server.local_addr().unwrap().port();
    thread::spawn(|| server.run());
    ServerAddress::new("localhost", port)
}

struct Target {
    client: Client,
    id: String,
    kept: Times,
    anew: Times,
}

impl Target {
    fn new(client: Client) -> Self {
        let usage = CryptographicUsageMask::ENCRYPT.union(CryptographicUsageMask::DECRYPT);
        let id =
            client.register_symmetric_key("bench", &[7; 32], CryptographicAlgorithm::AES, usage).unwrap();
        Self { client, id, kept: Times::default(), anew: Times::default() }
    }

    fn get(client: &Client, id: &str) {
        assert_eq!(client.get(id).unwrap().key_material().map(<[u8]>::len), Some(32));
    }

    fn round(&mut self, length: Duration) {
        Self::get(&self.client, &self.id);
        self.kept.round(length, || Self::get(&self.client, &self.id));
        self.anew.round(length, || {
            self.client.disconnect();
            Self::get(&self.client, &self.id);
        });
    }
}

fn main() -> ExitCode {
    let seconds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(3.0);
    let length = Duration::from_secs_f64(seconds);
    let pykmip = PyKmip::start(&["--own-listener"]);
    let behind = PyKmip::start(&[]);
    let authority = Authority::new("Bench CA");
    let issued = authority.client("client");
    let connect = |address: ServerAddress, authority: &Authority, issued: &Issued| {
        let identity = Identity::from_pem(issued.chain.as_bytes(), issued.key.as_bytes(), None).unwrap();
        let tls = ClientTls::new().authorities_pem(authority.pem().as_bytes()).unwrap().identity(identity);
        // One version: what negotiating costs is the same with every server.
        Client::builder(tls.build().unwrap())
            .server(address)
            .versions([ProtocolVersion::V1_2])
            .build()
            .unwrap()
    };
    let client = |address| connect(address, &authority, &issued);
    let theirs = |server: &PyKmip| {
        let issued = server.authority.client("client");
        Target::new(connect(server.address(), &server.authority, &issued))
    };
    let folder = tempfile::tempdir().unwrap();
    let master = MasterKey::from_bytes(&[1; 32]);
    let durable = DurableStore::create(&folder.path().join("keys.store"), &master).unwrap();
    let durable = ours(&authority, Arc::new(durable));
    let mut targets = vec![
        ("our server, store in a file", Target::new(client(durable.clone()))),
        ("our server, store in memory", Target::new(client(ours(&authority, Arc::new(MemoryStore::new()))))),
    ];
    targets.extend(pykmip.iter().map(|server| ("PyKMIP's server", theirs(server))));
    targets.extend(behind.iter().map(|server| ("PyKMIP's engine behind our listener", theirs(server))));
    let mut python = Times::default();
    for _ in 0..ROUNDS {
        for (_, target) in &mut targets {
            target.round(length);
        }
        if let (Some(behind), Some((_, target))) = (&behind, targets.last()) {
            let Issued { chain, key } = behind.authority.client("client");
            for (name, text) in [("ca.pem", behind.authority.pem()), ("c.pem", chain), ("c.key", key)] {
                std::fs::write(folder.path().join(name), text).unwrap();
            }
            python_client(folder.path(), behind.address().port(), &target.id, seconds, &mut python);
        }
    }
    let many = many_clients(&|| client(durable.clone()), &targets[0].1.id, length);

    println!("| one Get after the other | per second | p50 ms | p99 ms |");
    println!("|---|--:|--:|--:|");
    for (what, target) in &mut targets {
        target.kept.print(&format!("our client, {what}, one connection kept"));
        target.anew.print(&format!("our client, {what}, a connection for each"));
    }
    if !python.latencies.is_empty() {
        python.print("PyKMIP's client, PyKMIP's engine behind our listener, one connection kept");
    }
    println!("\nour server, store in a file, 8 kept connections at once: {many:.0} per second\n");
    let [(_, ours), _, (_, theirs), (_, behind)] = &targets[..] else { return ExitCode::SUCCESS };
    for (what, ours, behind) in [("kept", &ours.kept, &behind.kept), ("for each", &ours.anew, &behind.anew)] {
        let ratio = ours.rate() / behind.rate();
        println!("server, a connection {what}: {ratio:.1} times PyKMIP's engine behind our listener");
    }
    let ratios = [
        ("server, one connection kept", ours.kept.rate() / theirs.kept.rate(), KEPT),
        ("server, a connection for each", ours.anew.rate() / theirs.anew.rate(), ANEW),
        ("client, one connection kept", behind.kept.rate() / python.rate(), 1.0),
    ];
    let mut missed = false;
    for (what, ratio, least) in ratios {
        let verdict = if ratio < least { " MISSED" } else { "" };
        println!("{what}: {ratio:.1} times PyKMIP's (asked: {least}){verdict}");
        missed |= ratio < least;
    }
    ExitCode::from(u8::from(missed))
}

/// Gets per second of eight clients together.
fn many_clients(client: &(dyn Fn() -> Client + Sync), id: &str, length: Duration) -> f64 {
    thread::scope(|scope| {
        let one = || {
            let client = client();
            let mut times = Times::default();
            Target::get(&client, id);
            times.round(length, || Target::get(&client, id));
            times.rate()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

/// The same by PyKMIP's client.
fn python_client(folder: &Path, port: u16, id: &str, seconds: f64, times: &mut Times) {
    const PROGRAM: &str = "
import logging, sys, time
from kmip import enums
from kmip.pie.client import ProxyKmipClient
logging.disable(logging.CRITICAL)
folder, port, uid, seconds = sys.argv[1:]
with ProxyKmipClient(hostname='127.0.0.1', port=port, cert=folder + '/c.pem', key=folder + '/c.key',
        ca=folder + '/ca.pem', ssl_version='PROTOCOL_SSLv23', kmip_version=enums.KMIPVersion.KMIP_1_2) as client:
    client.get(uid)
    start = time.perf_counter()
    while time.perf_counter() - start < float(seconds):
        one = time.perf_counter()
        assert len(client.get(uid).value) == 32
        print(time.perf_counter() - one)
    print('total', time.perf_counter() - start)
";
    let path = std::env::var("PYTHONPATH").map(|given| format!("{given}:")).unwrap_or_default()
        + concat!(env!("CARGO_MANIFEST_DIR"), "/../target/python");
    let output = Command::new("python3")
        .args(["-W", "ignore", "-c", PROGRAM])
        .arg(folder)
        .args([&port.to_string(), id, &seconds.to_string()])
        .env("PYTHONPATH", path)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    let mut count = 0.0;
    for line in printed.lines() {
        match line.strip_prefix("total ") {
            Some(total) => times.rates.push(count / total.parse::<f64>().unwrap()),
            None => {
                times.latencies.push(line.parse().unwrap());
                count += 1.0;
            }
        }
    }
}
