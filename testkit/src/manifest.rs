//! The manifest of a recorded cluster, as far as tests use it.

use serde::Deserialize;

/// `MANIFEST.json`.
#[derive(Debug, Deserialize)]
pub struct Manifest {
    /// Version text of the extension that wrote the files.
    pub pg_tde_version: String,
    /// Data block size in bytes.
    pub block_size: usize,
    /// Blocks in a relation segment file.
    pub relation_segment_blocks: u32,
    /// Bytes in a WAL segment.
    pub wal_segment_size: u64,
    /// `"on"` or `"off"`.
    pub data_checksums: String,
    /// Keyring files, in the order in which they were made.
    #[serde(default)]
    pub keyring_files: Vec<KeyringFile>,
    /// The files below `pg_tde/`.
    pub pg_tde_files: Vec<PgTdeFile>,
    /// The principal key of each scope.
    pub principal_keys_in_use: Vec<DatabaseKey>,
    /// Relation files.
    pub files: Vec<RelationFile>,
    /// WAL ranges as the server resolves them.
    #[serde(default)]
    pub wal_key_ranges: Vec<WalRange>,
    /// WAL segments.
    #[serde(default)]
    pub wal: Vec<WalSegment>,
}

/// A keyring file.
#[derive(Debug, Deserialize)]
pub struct KeyringFile {
    /// Path in the recording.
    pub path: String,
    /// Path where it stood when the cluster was recorded (the provider's option).
    pub provider_path: String,
    /// Its keys, in file order.
    pub keys: Vec<KeyringKey>,
}

/// A key in a keyring file.
#[derive(Debug, Deserialize)]
pub struct KeyringKey {
    /// Name as stored.
    pub name: String,
    /// The key, in hexadecimal digits.
    pub key: String,
}

/// A file below `pg_tde/`; `entries` and `providers` stay in JSON form.
#[derive(Debug, Deserialize)]
pub struct PgTdeFile {
    /// Path in the recording, `data/pg_tde/...`.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    /// First four bytes as a little-endian number, in hexadecimal digits.
    pub file_version: Option<String>,
    /// Key entries in file order.
    #[serde(default)]
    pub entries: Vec<serde_json::Value>,
    /// Provider records in file order.
    #[serde(default)]
    pub providers: Vec<serde_json::Value>,
}

/// The principal key that a scope uses.
#[derive(Debug, Deserialize)]
pub struct DatabaseKey {
    /// 1664 server, 1663 default, else the database.
    pub oid: u32,
    /// Name of the principal key.
    pub name: String,
    /// The key, in hexadecimal digits.
    pub key: String,
}

/// A relation file.
#[derive(Debug, Deserialize)]
pub struct RelationFile {
    /// Path in the recording, `data/base/...`.
    pub path: String,
    /// Tablespace OID.
    #[serde(rename = "spcOid")]
    pub tablespace: u32,
    /// Database OID.
    #[serde(rename = "dbOid")]
    pub database: u32,
    /// Relation number.
    #[serde(rename = "relNumber")]
    pub relation: u32,
    /// 0 main, 1 fsm, 2 vm, 3 init.
    pub fork_number: u8,
    /// Segment number.
    pub segment: u32,
    /// Block number, within the fork, of the file's first block.
    pub first_block: u32,
    /// Blocks in the file.
    pub blocks: u32,
    /// Whether the relation has a key.
    pub encrypted: bool,
    /// Blocks (within the fork) that are literal zeros on disk.
    pub zero_blocks: Vec<u32>,
    /// SHA-256 of the file as it is on disk.
    pub sha256: String,
    /// SHA-256 of its plaintext.
    pub plain_sha256: String,
    /// `"aes_128"` or `"aes_256"`.
    pub cipher: Option<String>,
    /// The internal key, in hexadecimal digits.
    pub internal_key: Option<String>,
    /// The base IV, in hexadecimal digits.
    pub base_iv: Option<String>,
}

/// A WAL range with its internal key.
#[derive(Debug, Deserialize)]
pub struct WalRange {
    /// `"encrypted"` or `"unencrypted"`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Start timeline.
    pub start_tli: u32,
    /// Start LSN.
    pub start_lsn: String,
    /// End timeline.
    pub end_tli: u32,
    /// End LSN.
    pub end_lsn: String,
    /// The internal key, in hexadecimal digits.
    pub key: String,
    /// The base IV, in hexadecimal digits.
    pub base_iv: String,
}

/// A WAL segment.
#[derive(Debug, Deserialize)]
pub struct WalSegment {
    /// Path in the recording, `data/pg_wal/...`.
    pub path: String,
    /// Timeline of the file's name.
    pub tli: u32,
    /// Segment number.
    pub segno: u64,
    /// Bytes of the whole segment.
    pub size: u64,
    /// SHA-256 of the file as it is on disk.
    pub sha256: String,
    /// SHA-256 of its plaintext.
    pub plain_sha256: String,
    /// Records that lie wholly in the segment.
    pub records: u64,
    /// Start of the first one.
    pub first_record_lsn: String,
    /// Start of the last one.
    pub last_record_lsn: String,
    /// Records by resource manager.
    pub rmgr_counts: std::collections::BTreeMap<String, u64>,
}
