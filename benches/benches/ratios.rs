//! Prints how fast the page cipher and the keystream are beside their peers, measured turn by turn in one run.
//!
//! `cargo bench -p tde-benches --bench ratios [--features ipsec-mb] [-- FILTER]` prints the rows whose text has
//! FILTER in it. The exit status is 1 when a row misses its ratio.

#![allow(clippy::expect_used, reason = "a bench may panic")]

use std::process::ExitCode;

use tde_benches::buffers::Aligned;
use tde_benches::interleaved::{Times, measure};
use tde_benches::peers::{openssl, rustcrypto};
use tde_core::{
    Backend, BaseIv, BlockNumber, Cipher, Fork, InternalKey, Keystream, KeystreamPrefix, PageCipher, PageSize,
};

const PAGE: usize = 8192;
const KEY: [u8; 32] = *b"0123456789abcdeffedcba9876543210";
const PREFIX: KeystreamPrefix = KeystreamPrefix::new(*b"segment no 3");
const MIB: usize = 1 << 20;

fn main() -> ExitCode {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    println!("backend {}; {}", Backend::detect(), openssl::version());
    #[cfg(feature = "ipsec-mb")]
    println!("intel-ipsec-mb {}", tde_benches::peers::ipsec_mb::version());
    println!("`aes` crate: {}", if aes::hardware_accelerated() { "hardware" } else { "software" });
    println!();
    println!("| work | against | at least | measured | by minima | ours GB/s | theirs GB/s |");
    println!("|---|---|---:|---:|---:|---:|---:|");
    let mut table = Table { filter, missed: 0 };
    encryption(&mut table);
    decryption(&mut table);
    wal(&mut table);
    forced_aesni(&mut table);
    buffer_to_buffer(&mut table);
    others(&mut table);
    if table.missed == 0 {
        ExitCode::SUCCESS
    } else {
        println!("\n{} rows miss their ratio", table.missed);
        ExitCode::FAILURE
    }
}

struct Table {
    filter: Option<String>,
    missed: usize,
}

impl Table {
    /// Measures and prints a row; `least` of 0 asks for nothing.
    fn row(
        &mut self,
        work: &str,
        against: &str,
        least: f64,
        bytes: usize,
        mut ours: impl FnMut(),
        mut theirs: impl FnMut(),
    ) {
        if self.filter.as_ref().is_some_and(|filter| !work.contains(filter) && !against.contains(filter)) {
            return;
        }
        let Times { median, best } = measure(&mut ours, &mut theirs);
        let ratio = median[1] / median[0];
        let speed = |seconds: f64| bytes as f64 / seconds / 1e9;
        let wanted = if least > 0.0 { format!("{least}x") } else { "-".to_owned() };
        let miss = if ratio < least { " MISSED" } else { "" };
        self.missed += usize::from(ratio < least);
        println!(
            "| {work} | {against} | {wanted} | {ratio:.2}x{miss} | {:.2}x | {:.2} | {:.2} |",
            best[1] / best[0],
            speed(median[0]),
            speed(median[1]),
        );
    }
}

fn internal_key(cipher: Cipher) -> InternalKey {
    InternalKey::from_slice(cipher, &KEY[..cipher.key_len()], BaseIv::new([9; 16]))
        .expect("a key of its length")
}

fn page_cipher(cipher: Cipher, backend: Backend) -> PageCipher {
    PageCipher::with_backend(&internal_key(cipher), backend).expect("an available backend")
}

fn keystream(cipher: Cipher, backend: Backend) -> Keystream {
    Keystream::with_backend(&internal_key(cipher), backend).expect("an available backend")
}

fn ours_encrypt(cipher: &PageCipher, buf: &mut [u8]) {
    cipher.encrypt_pages(PageSize::DEFAULT, Fork::Main, BlockNumber::new(7), buf).expect("whole pages");
}

fn ours_decrypt(cipher: &PageCipher, buf: &mut [u8]) {
    cipher.decrypt_pages(PageSize::DEFAULT, Fork::Main, BlockNumber::new(7), buf).expect("whole pages");
}

/// OpenSSL page by page, each with a vector of its own.
fn theirs(context: &mut openssl::Context, buf: &mut [u8]) {
    for page in 0..buf.len() / PAGE {
        let data = &mut buf[page * PAGE..(page + 1) * PAGE + openssl::SLACK];
        context.apply_in_place(&[page as u8; 16], data, PAGE).expect("OpenSSL to take a page");
    }
}

fn encrypt_row(table: &mut Table, cipher: Cipher, backend: Backend, pages: usize, least: f64, note: &str) {
    let ours = page_cipher(cipher, backend);
    let mut context = openssl::Context::cbc(&KEY[..cipher.key_len()], true).expect("OpenSSL to know CBC");
    let (mut a, mut b) = (Aligned::new(pages * PAGE), Aligned::new(pages * PAGE + openssl::SLACK));
    table.row(
        &format!("{note}encrypt {pages} pages, {cipher}"),
        "OpenSSL EVP per page",
        least,
        pages * PAGE,
        || ours_encrypt(&ours, &mut a),
        || theirs(&mut context, &mut b),
    );
}

fn decrypt_row(table: &mut Table, cipher: Cipher, backend: Backend, pages: usize, least: f64, note: &str) {
    let ours = page_cipher(cipher, backend);
    let mut context = openssl::Context::cbc(&KEY[..cipher.key_len()], false).expect("OpenSSL to know CBC");
    let (mut a, mut b) = (Aligned::new(pages * PAGE), Aligned::new(pages * PAGE + openssl::SLACK));
    table.row(
        &format!("{note}decrypt {pages} pages, {cipher}"),
        "OpenSSL EVP per page",
        least,
        pages * PAGE,
        || ours_decrypt(&ours, &mut a),
        || theirs(&mut context, &mut b),
    );
}

fn wal_row(table: &mut Table, cipher: Cipher, backend: Backend, at: (u64, usize), least: f64, note: &str) {
    let (offset, len) = at;
    let ours = keystream(cipher, backend);
    let mut context = openssl::Context::ctr(&KEY[..cipher.key_len()]).expect("OpenSSL to know CTR");
    let (mut a, mut b) = (Aligned::new(len), Aligned::new(len));
    table.row(
        &format!("{note}WAL, {len} bytes at {offset}, {cipher}"),
        "OpenSSL AES-CTR",
        least,
        len,
        || ours.apply(&PREFIX, offset, &mut a).expect("a range inside the stream"),
        || context.apply_in_place(&[3; 16], &mut b, len).expect("OpenSSL to take a range"),
    );
}

fn encryption(table: &mut Table) {
    let best = Backend::detect();
    encrypt_row(table, Cipher::Aes128, best, 16, 9.0, "");
    #[cfg(feature = "ipsec-mb")]
    ipsec_mb(table);
    for (pages, least) in [(8, 6.0), (4, 3.5), (2, 1.8), (1, 0.98)] {
        encrypt_row(table, Cipher::Aes128, best, pages, least, "");
    }
    encrypt_row(table, Cipher::Aes256, best, 16, 9.0, "");
}

#[cfg(feature = "ipsec-mb")]
fn ipsec_mb(table: &mut Table) {
    use tde_benches::peers::ipsec_mb::{Interface, Manager};

    for (cipher, pages, interface, name, least) in [
        (Cipher::Aes128, 16, Interface::Jobs, "intel-ipsec-mb, jobs", 1.5),
        (Cipher::Aes128, 16, Interface::Burst, "intel-ipsec-mb, one burst", 1.5),
        (Cipher::Aes128, 32, Interface::Burst, "intel-ipsec-mb, one burst", 0.0),
        (Cipher::Aes256, 16, Interface::Burst, "intel-ipsec-mb, one burst", 0.0),
    ] {
        let ours = page_cipher(cipher, Backend::detect());
        let mut manager = Manager::new(&KEY[..cipher.key_len()]).expect("a manager");
        let ivs: Vec<[u8; 16]> = (0..pages).map(|page| [page as u8; 16]).collect();
        let (mut a, mut b) = (Aligned::new(pages * PAGE), Aligned::new(pages * PAGE));
        table.row(
            &format!("encrypt {pages} pages, {cipher}"),
            name,
            least,
            pages * PAGE,
            || ours_encrypt(&ours, &mut a),
            || assert!(manager.encrypt(interface, &mut b, PAGE, &ivs)),
        );
    }
}

fn decryption(table: &mut Table) {
    let best = Backend::detect();
    for cipher in [Cipher::Aes128, Cipher::Aes256] {
        for pages in [1, 16] {
            decrypt_row(table, cipher, best, pages, 2.2, "");
        }
    }
    let ours = page_cipher(Cipher::Aes128, best);
    let aes = rustcrypto::aes128(&KEY[..16].try_into().expect("16 bytes"));
    let (mut a, mut b) = (Aligned::new(16 * PAGE), Aligned::new(16 * PAGE));
    table.row(
        "decrypt 16 pages, AES-128",
        "`aes` crate, encrypt_blocks",
        0.95,
        16 * PAGE,
        || ours_decrypt(&ours, &mut a),
        || rustcrypto::units_limit(&aes, &mut b),
    );
}

fn wal(table: &mut Table) {
    let best = Backend::detect();
    wal_row(table, Cipher::Aes128, best, (0, MIB), 2.4, "");
    wal_row(table, Cipher::Aes256, best, (0, MIB), 2.4, "");
    let ours = keystream(Cipher::Aes128, best);
    let mut ecb = openssl::EcbStream::new(&KEY[..16]).expect("OpenSSL to know ECB");
    let (mut a, mut b) = (Aligned::new(MIB), Aligned::new(MIB));
    table.row(
        "WAL, 1048576 bytes at 0, AES-128",
        "OpenSSL ECB in batches of 200 blocks, then XOR",
        2.7,
        MIB,
        || ours.apply(&PREFIX, 0, &mut a).expect("a range inside the stream"),
        || ecb.apply(PREFIX.as_bytes(), 0, &mut b).expect("OpenSSL to take a range"),
    );
    wal_row(table, Cipher::Aes128, best, (8195, PAGE), 2.0, "");
}

fn forced_aesni(table: &mut Table) {
    if !Backend::X86AesNi.is_available() {
        return;
    }
    let (cipher, backend, note) = (Cipher::Aes128, Backend::X86AesNi, "AES-NI: ");
    encrypt_row(table, cipher, backend, 16, 5.0, note);
    decrypt_row(table, cipher, backend, 1, 1.0, note);
    decrypt_row(table, cipher, backend, 16, 1.0, note);
    wal_row(table, cipher, backend, (0, MIB), 1.1, note);
}

fn buffer_to_buffer(table: &mut Table) {
    let cipher = page_cipher(Cipher::Aes128, Backend::detect());
    let (mut a, b, mut c) = (Aligned::new(16 * PAGE), Aligned::new(16 * PAGE), Aligned::new(16 * PAGE));
    let (size, first) = (PageSize::DEFAULT, BlockNumber::new(7));
    table.row(
        "encrypt 16 pages, buffer to buffer",
        "in place",
        0.9,
        16 * PAGE,
        || cipher.encrypt_pages_to(size, Fork::Main, first, &b, &mut c).expect("whole pages"),
        || ours_encrypt(&cipher, &mut a),
    );
    table.row(
        "decrypt 16 pages, buffer to buffer",
        "in place",
        0.9,
        16 * PAGE,
        || cipher.decrypt_pages_to(size, Fork::Main, first, &b, &mut c).expect("whole pages"),
        || ours_decrypt(&cipher, &mut a),
    );
    let stream = keystream(Cipher::Aes128, Backend::detect());
    table.row(
        "WAL, 131072 bytes, buffer to buffer",
        "in place",
        0.9,
        16 * PAGE,
        || stream.apply_to(&PREFIX, 0, &b, &mut c).expect("a range inside the stream"),
        || stream.apply(&PREFIX, 0, &mut a).expect("a range inside the stream"),
    );
}

/// Rows that no ratio is asked of: other numbers of pages, and the backends that were not chosen.
fn others(table: &mut Table) {
    for pages in [3, 5, 9, 12, 15, 17, 20, 24, 31, 32, 33, 64, 256] {
        encrypt_row(table, Cipher::Aes128, Backend::detect(), pages, 0.0, "");
    }
    decrypt_row(table, Cipher::Aes128, Backend::detect(), 256, 0.0, "");
    for backend in Backend::available() {
        let note = format!("{backend}: ");
        for pages in [1, 4, 8, 16] {
            encrypt_row(table, Cipher::Aes128, backend, pages, 0.0, &note);
        }
        encrypt_row(table, Cipher::Aes256, backend, 16, 0.0, &note);
        decrypt_row(table, Cipher::Aes128, backend, 16, 0.0, &note);
        wal_row(table, Cipher::Aes128, backend, (0, MIB), 0.0, &note);
        wal_row(table, Cipher::Aes128, backend, (8195, PAGE), 0.0, &note);
    }
}
