//! Makes a data directory with one encrypted relation of any size, for measuring what whole files take.
//!
//!     cargo run -p tde-testkit --example large-relation -- DIRECTORY MEBIBYTES
//!
//! The keys, the control file and the contents are those of a recorded cluster (AES-128, data checksums): its pages
//! again and again, each under its own block number, with its own checksum. `DIRECTORY/data` is the data directory,
//! `DIRECTORY/keyring` the keyring; the relation's path in the data directory is printed.

use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use tde_core::{BlockNumber, PageCipher};
use tde_keyfile::cluster::{Cluster, OpenOptions, RelationKey};
use tde_keyfile::postgres::{PageHeader, RelationPath, page_checksum};
use tde_keyfile::relation_file::{RelationGeometry, RelationReader};
use tde_testkit::{RecordedCluster, recorded_clusters};

const RECORDING: &str = "D_before-excerpt";
const RELATION: &str = "base/16477/16672";
const DATABASE: &str = "16477";
const MIB: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, mebibytes] = arguments.as_slice() else {
        return Err("usage: large-relation DIRECTORY MEBIBYTES".into());
    };
    let (directory, mebibytes) = (PathBuf::from(directory), mebibytes.parse::<usize>()?);
    let geometry = RelationGeometry::default();
    if (mebibytes * MIB) as u64 > geometry.segment_length() {
        return Err("a segment file holds at most 1024 MiB".into());
    }
    let recording = recorded_clusters()
        .into_iter()
        .find(|cluster| cluster.name == RECORDING)
        .ok_or("no such recording")?;
    let keyring = recording.keyrings().into_iter().next().ok_or("no keyring")?;
    let options = OpenOptions::new().keyring(&keyring);
    let cluster = Cluster::open(recording.data_dir(), &options)?;
    let path = RelationPath::parse(RELATION)?;
    let RelationKey::Key(key) = cluster.relation_key(&path.locator)? else { return Err("no key".into()) };

    lay_out(&recording, &directory)?;
    fs::copy(&keyring, directory.join("keyring"))?;
    let page = geometry.page_size.get();
    let mut recorded = Vec::new();
    RelationReader::open(&recording.data_dir(), path, Some(&key), geometry)?.decrypt_to(&mut recorded)?;
    let mut file = File::create(directory.join("data").join(RELATION))?;
    let cipher = PageCipher::new(&key);
    let (mut mebibyte, mut block) = (vec![0; MIB], 0);
    let mut originals = recorded.chunks_exact(page).cycle();
    for _ in 0..mebibytes {
        let first = BlockNumber::new(block);
        for (page, original) in mebibyte.chunks_exact_mut(page).zip(&mut originals) {
            page.copy_from_slice(original);
            let checksum = page_checksum(page, BlockNumber::new(block))?;
            page[8..10].copy_from_slice(&checksum.to_le_bytes());
            assert!(PageHeader::parse(page)?.check(page.len()).is_ok(), "the recorded page is a sound one");
            block += 1;
        }
        cipher.encrypt_pages(geometry.page_size, path.fork, first, &mut mebibyte)?;
        file.write_all(&mebibyte)?;
    }
    println!("{RELATION}");
    Ok(())
}

/// Copies what a data directory needs for this one relation to be decrypted and verified.
fn lay_out(recording: &RecordedCluster, directory: &std::path::Path) -> Result<(), Box<dyn Error>> {
    let data = directory.join("data");
    for below in ["base/16477", "global", "pg_tde"] {
        fs::create_dir_all(data.join(below))?;
    }
    fs::copy(recording.data_dir().join("global/pg_control"), data.join("global/pg_control"))?;
    for file in fs::read_dir(recording.data_dir().join("pg_tde"))? {
        let file = file?;
        let name = file.file_name();
        // The other databases' keys are in other keyrings.
        if name.to_string_lossy().contains("providers") || name.to_string_lossy().starts_with(DATABASE) {
            fs::copy(file.path(), data.join("pg_tde").join(name))?;
        }
    }
    Ok(())
}
