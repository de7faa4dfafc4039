//! Several threads do to a relation file exactly what one does, whatever its length and whatever is in it.

#![allow(clippy::unwrap_used, reason = "helpers of tests; the lint knows only the tests themselves")]

#[path = "support/copy.rs"]
mod copy;
#[path = "support/sample.rs"]
mod sample;

use std::fs;
use std::io;
use std::sync::Mutex;

use rayon::ThreadPool;
use tde_core::{BaseIv, BlockNumber, Cipher, InternalKey, PageCipher, PageSize};
use tde_keyfile::cluster::{Cluster, OpenOptions, RelationKey};
use tde_keyfile::positional::{ReadAt, WriteAt};
use tde_keyfile::postgres::{ControlFile, RelationPath, page_checksum};
use tde_keyfile::relation_file::{ParRelationReader, RelationFileError, RelationGeometry, RelationReader};
use tde_keyfile::verify::VerifyOptions;
use tde_testkit::{recorded_clusters, sha256_hex};

const PAGE: usize = 8192;

fn pool(threads: usize) -> ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// Somewhere to write to.
#[derive(Default)]
struct Sink(Mutex<Vec<u8>>);

impl WriteAt for Sink {
    /// At most 5000 bytes at a time, so that nothing relies on getting rid of all at once.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut all = self.0.lock().unwrap();
        let (offset, length) = (usize::try_from(offset).unwrap(), bytes.len().min(5000));
        if all.len() < offset + length {
            all.resize(offset + length, 0);
        }
        all[offset..offset + length].copy_from_slice(&bytes[..length]);
        Ok(length)
    }
}

#[test]
fn every_relation_file_decrypts_to_its_plaintext() {
    let scratch = tempfile::tempdir().unwrap();
    let pool = pool(3);
    for recorded in recorded_clusters() {
        let cluster = Cluster::open(recorded.data_dir(), &copy::options(&recorded, scratch.path())).unwrap();
        let control = ControlFile::parse(&recorded.read("data/global/pg_control")).unwrap();
        for file in &recorded.manifest.files {
            let path = RelationPath::parse(file.path.strip_prefix("data/").unwrap()).unwrap();
            let key = match cluster.relation_key(&path.locator).unwrap() {
                RelationKey::Key(key) => Some(key),
                RelationKey::NoEntry => None,
            };
            let stored = fs::File::open(cluster.directory().join(path.to_string())).unwrap();
            let length = stored.metadata().unwrap().len();
            let reader = ParRelationReader::new(stored, path, key.as_ref(), (&control).into()).unwrap();
            let output = tempfile::tempfile().unwrap();
            let summary = pool.install(|| reader.decrypt_to(length, &output)).unwrap();
            let mut plain = vec![0; usize::try_from(length).unwrap()];
            assert_eq!(ReadAt::read_at(&output, &mut plain, 0).unwrap(), plain.len());
            assert_eq!(sha256_hex(&plain), file.plain_sha256, "{}: {path}", recorded.name);
            assert_eq!((summary.pages, summary.trailing_bytes), (u64::from(file.blocks), 0));
        }
    }
}

#[test]
fn any_length_and_any_pages_come_out_as_from_one_thread() {
    let key = InternalKey::from_slice(Cipher::Aes128, &[1; 16], BaseIv::new([2; 16])).unwrap();
    let pool = pool(3);
    for (page, blocks_per_segment) in [(8192, 131_072), (4096, 64), (32768, 16)] {
        let page_size = PageSize::new(page).unwrap();
        let geometry = RelationGeometry { page_size, blocks_per_segment };
        for (path, pages, trailing) in [
            ("base/5/7", 0, 0),
            ("base/5/7", 0, 99),
            ("base/5/7_vm", 1, 0),
            ("base/5/7.3", 31, 1),
            ("base/5/7.3", 32, 0),
            ("base/5/7.1", 33, page - 1),
            ("base/5/7_fsm", 257, 17),
        ] {
            let path = RelationPath::parse(path).unwrap();
            let mut stored: Vec<u8> = (0..pages * page + trailing).map(|at| (at % 251) as u8).collect();
            // Never written pages, at the edges of batches and inside.
            for zero in [0, 7, 31, 32, 64].into_iter().filter(|zero| *zero < pages) {
                stored[zero * page..(zero + 1) * page].fill(0);
            }
            for key in [None, Some(&key)] {
                let mut expected = Vec::new();
                let one = RelationReader::new(&stored[..], path, key, geometry).unwrap();
                let summary = one.decrypt_to(&mut expected).unwrap();
                let output = Sink::default();
                let several = ParRelationReader::new(&stored[..], path, key, geometry).unwrap();
                let told = pool.install(|| several.decrypt_to(stored.len() as u64, &output)).unwrap();
                assert_eq!(told, summary, "{path}, {pages} pages of {page}");
                assert!(output.0.into_inner().unwrap() == expected, "{path}, {pages} pages of {page}");
                assert_eq!(summary.trailing_bytes, trailing as u64);
            }
        }
    }
}

#[test]
fn errors_in_the_middle_are_told_and_the_earliest_of_them() {
    struct Bad;
    impl ReadAt for Bad {
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            match offset {
                0..5_000_000 => Ok(buffer.len()),
                _ => Err(io::Error::other(format!("unreadable from {offset}"))),
            }
        }
    }
    let path = RelationPath::parse("base/5/7").unwrap();
    let geometry = RelationGeometry::default();
    let pool = pool(3);
    let batch = 256 * 1024;
    let reader = ParRelationReader::new(Bad, path, None, geometry).unwrap();
    let error = pool.install(|| reader.for_each_batch(40 << 20, |_| Ok(()))).unwrap_err();
    let first_bad = 5_000_000 / batch * batch + batch;
    assert!(
        matches!(&error, RelationFileError::Read(error) if error.to_string() == format!("unreadable from {first_bad}")),
        "{error:?}"
    );

    let zeros = vec![0; 10 << 20];
    let reader = ParRelationReader::new(&zeros[..], path, None, geometry).unwrap();
    let refuse = |batch: &tde_keyfile::relation_file::PageBatch<'_>| match batch.offset {
        0..3_000_000 => Ok(()),
        offset => Err(io::Error::other(format!("full at {offset}"))),
    };
    let error = pool.install(|| reader.for_each_batch(zeros.len() as u64, refuse)).unwrap_err();
    let first_bad = 3_000_000 / batch * batch + batch;
    assert!(
        matches!(&error, RelationFileError::Write(error) if error.to_string() == format!("full at {first_bad}")),
        "{error:?}"
    );

    // Shorter than it was said to be.
    let error = pool.install(|| reader.for_each_batch(20 << 20, |_| Ok(()))).unwrap_err();
    assert!(
        matches!(error, RelationFileError::Shrunk { expected: 0x140_0000, actual: 0xA0_0000 }),
        "{error:?}"
    );
}

/// A data directory with one encrypted relation of three segments and its map; 40 MiB in all.
fn synthetic_cluster() -> (tempfile::TempDir, OpenOptions) {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    fs::create_dir_all(file("pg_tde")).unwrap();
    fs::create_dir_all(file("base/16384")).unwrap();
    let internal = sample::count::<16>(0x40);
    let wrap_key = sample::wrap_key(16);
    let keys = [sample::DEMO.bytes(&wrap_key), sample::v4_entry(&wrap_key, 1663, 16571, &internal)].concat();
    fs::write(file("pg_tde/16384_keys"), keys).unwrap();
    fs::write(file("key"), sample::count::<16>(0)).unwrap();
    let key = InternalKey::from_slice(Cipher::Aes128, &internal, BaseIv::new(sample::count(0x30))).unwrap();
    let cipher = PageCipher::new(&key);
    for (name, pages) in [("16571", 131_072_u32 >> 6), ("16571.1", 2600), ("16571_fsm", 40)] {
        let path = RelationPath::parse(&format!("base/16384/{name}")).unwrap();
        let first = RelationGeometry::default().first_block(&path).unwrap();
        let mut bytes = vec![0; pages as usize * PAGE];
        for (page, number) in bytes.chunks_exact_mut(PAGE).zip(0..) {
            // Every ninth page was never written.
            if number % 9 == 4 {
                continue;
            }
            let block = first.checked_add(number).unwrap();
            make_page(page, block);
            cipher.encrypt_page(path.fork, block, page).unwrap();
        }
        fs::write(file(&path.to_string()), bytes).unwrap();
    }
    let options = OpenOptions::new().principal_key("demo-key".parse().unwrap(), file("key"));
    (directory, options)
}

/// A page that a server would take.
fn make_page(page: &mut [u8], block: BlockNumber) {
    page[10..20].copy_from_slice(&[0, 0, 24, 0, 0, 0x10, 0, 0x20, 4, 0x20]);
    page[4096..].fill(block.get() as u8);
    let checksum = page_checksum(page, block).unwrap();
    page[8..10].copy_from_slice(&checksum.to_le_bytes());
}

#[test]
fn a_large_relation_is_verified_as_by_one_thread_whatever_is_wrong_with_it() {
    let (directory, options) = synthetic_cluster();
    let cluster = Cluster::open(directory.path(), &options).unwrap();
    let verify = || copy::verify_both_ways(&cluster, &VerifyOptions::default(), &mut ());
    let whole = verify();
    // The first segment is not a full one.
    assert_eq!(whole.findings.len(), 1, "{:?}", whole.findings);
    assert_eq!(whole.pages, 2048 + 2600 + 40);

    let path = directory.path().join("base/16384/16571.1");
    let mut bytes = fs::read(&path).unwrap();
    // Damage in two neighbouring batches, over their border, in a batch by itself, and at the end.
    for page in [0, 30, 31, 32, 33, 100, 1000, 2599] {
        bytes[page * PAGE + 16] ^= 0x55;
    }
    bytes[500 * PAGE + 4096..501 * PAGE].fill(0);
    bytes.extend([7; 100]);
    fs::write(&path, &bytes).unwrap();
    let damaged = verify();
    let of_file = damaged.findings.iter().filter(|finding| finding.file.ends_with("16571.1"));
    // The length, the torn page, page 31 which was never written, 32 and 33 together, and the five others.
    assert_eq!(of_file.count(), 9, "{:?}", damaged.findings);

    // All of it wrong.
    bytes.rotate_left(PAGE);
    fs::write(&path, &bytes).unwrap();
    assert!(!verify().is_clean());
    // Nothing there.
    fs::write(&path, b"").unwrap();
    assert_eq!(verify().pages, 2048 + 40);
}
