//! The data directory: made under keys of the key server, its keys rotated, its files decrypted and compared.

use std::fs::{self, DirBuilder};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tde_core::{BlockNumber, Cipher, Fork, InternalKey, PageCipher, PageSize};
use tde_keyfile::cluster::{Cluster, OpenOptions, RelationKey};
use tde_keyfile::edit::{EditOptions, Editor, Existing, KeyFiles, NewPrincipalKey};
use tde_keyfile::format::providers::ProviderKind;
use tde_keyfile::postgres::RelationPath;
use tde_keyfile::relation_file::{RelationGeometry, RelationReader};
use tde_keyfile::storage::DiskStorage;
use tde_keyfile::{Oid, PrincipalKeyName, RelationLocator, RelationNumber};
use tde_wal::{
    Location, Lsn, RangeKind, SegmentName, SegmentNumber, SegmentPosition, SegmentSize, TimelineId,
};

use super::control_file::{self, Checkpoint};
use super::pages::{PAGE, Table};
use super::wal::Log;
use crate::edit::failure;
use crate::failure::Failure;

/// The database of the demonstration.
pub(super) const DATABASE: u32 = 16_384;
const PROGRAM: &str = "tde demo";
const PROVIDER: &str = "demo-kms";
const SEGMENT: usize = 16 << 20;
/// WAL begins with segment 1, as that of a new cluster.
const WAL_START: u64 = SEGMENT as u64;
/// Pages made, encrypted and written at a time.
const BATCH: u32 = 32;

/// The tables: number of the file, name, cipher of its key, share of the pages.
const TABLES: [(u32, &str, Cipher, u32); 2] =
    [(16_385, "accounts", Cipher::Aes128, 3), (16_388, "payments", Cipher::Aes256, 1)];

/// What was written or read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Amount {
    pub(super) pages: u64,
    pub(super) records: u64,
    pub(super) bytes: u64,
}

/// A data directory of this demonstration.
#[derive(Debug)]
pub(super) struct DemoCluster {
    directory: PathBuf,
    options: OpenOptions,
    /// Pages in all tables together.
    pages: u32,
    log: Log,
    system_identifier: u64,
    time: i64,
}

impl DemoCluster {
    /// Makes the directories of a cluster that has no keys yet.
    pub(super) fn create(directory: &Path, mebibytes: u32) -> Result<Self, Failure> {
        let mut make = DirBuilder::new();
        make.recursive(true).mode(0o700);
        for name in ["global", &format!("base/{DATABASE}"), "pg_wal", "pg_tblspc", "pg_tde"] {
            make.create(directory.join(name))?;
        }
        write(&directory.join("PG_VERSION"), b"17\n")?;
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let time = i64::try_from(since.as_secs()).unwrap_or_default();
        // As a server makes it: seconds, microseconds and process in one number.
        let system_identifier = since.as_secs() << 32 | u64::from(std::process::id() & 0xfff);
        Ok(Self {
            directory: directory.to_path_buf(),
            options: OpenOptions::new(),
            pages: mebibytes.saturating_mul((1 << 20) / PAGE as u32).max(4),
            log: Log::new(system_identifier, SEGMENT, WAL_START),
            system_identifier,
            time,
        })
    }

    /// Where its principal keys are from now on.
    pub(super) fn reached_by(&mut self, options: OpenOptions) {
        self.options = options;
    }

    /// Writes WAL and the control file, both in plaintext; the log stays in memory, to be compared with.
    pub(super) fn write_log(&mut self) -> Result<Amount, Failure> {
        // Half as much WAL as there are pages, and at least some.
        let wanted = (self.pages as usize * PAGE / 2).max(4 * PAGE);
        let mut number = 0_u64;
        while self.log.len() < wanted {
            number += 1;
            let words = "only whoever has the server's principal key reads this record. "
                .repeat(1 + number as usize % 40);
            self.log.message(&format!("message {number}: {words}"));
        }
        let checkpoint = Checkpoint { time: self.time };
        let at = self.log.shut_down(&checkpoint);
        let control = control_file::bytes(self.system_identifier, SEGMENT, checkpoint, at);
        write(&self.directory.join("global/pg_control"), &control)?;
        Ok(Amount { records: self.log.records(), bytes: self.log.len() as u64, pages: 0 })
    }

    /// Records the key server as a global provider.
    pub(super) fn add_provider(&self, kind: ProviderKind, options: &str) -> Result<(), Failure> {
        let storage = DiskStorage::new();
        let editor = self.editor(&storage)?;
        let mut draft = editor.draft();
        let name = PROVIDER.parse().map_err(Failure::new)?;
        draft.add_provider(Oid::PG_GLOBAL, name, kind, options).map_err(failure)?;
        let edit = draft.finish("record the key server");
        editor.apply(edit).map_err(failure)?;
        Ok(())
    }

    /// Makes a principal key at the provider.
    pub(super) fn make_key(&self, name: PrincipalKeyName, cipher: Cipher) -> Result<(), Failure> {
        let storage = DiskStorage::new();
        let files = KeyFiles::read(&storage, &self.directory, &self.options).map_err(failure)?;
        let provider = files.provider(Oid::PG_GLOBAL, PROVIDER).map_err(failure)?;
        let place = files.key_provider(provider).map_err(failure)?;
        place.create(&name, cipher)?;
        Ok(())
    }

    /// Gives the database and the server their principal keys, each table and the WAL an internal key.
    pub(super) fn set_keys(
        &self,
        database: PrincipalKeyName,
        server: PrincipalKeyName,
    ) -> Result<(), Failure> {
        let storage = DiskStorage::new();
        let editor = self.editor(&storage)?;
        let keys = [
            (Oid::new(DATABASE), key_of(editor.files(), database)?),
            (Oid::PG_GLOBAL, key_of(editor.files(), server)?),
        ];
        let mut draft = editor.draft();
        for (scope, key) in &keys {
            draft.create_scope(*scope, key).map_err(failure)?;
        }
        for (number, _, cipher, _) in TABLES {
            let key = InternalKey::random(cipher)?;
            draft.put_relation_key(locator(number), &key, Existing::Refuse).map_err(failure)?;
        }
        draft
            .append_wal_range(RangeKind::Encrypted, &InternalKey::random(Cipher::Aes256)?)
            .map_err(failure)?;
        let start = Location::new(TimelineId::FIRST, Lsn::new(WAL_START));
        draft.start_wal_range(start).map_err(failure)?;
        let edit = draft.finish("set up encryption");
        editor.apply(edit).map_err(failure)?;
        Ok(())
    }

    /// Writes the tables, encrypted.
    pub(super) fn write_tables(&self) -> Result<Amount, Failure> {
        let cluster = self.open()?;
        let mut amount = Amount::default();
        for (number, table, pages) in self.tables() {
            let RelationKey::Key(key) =
                cluster.relation_key(&locator(number)).map_err(crate::open::scope_failure)?
            else {
                return Err(Failure::message(format!("relation {number} has no key")));
            };
            let cipher = PageCipher::new(&key);
            let mut file = create(&self.directory.join(path(number)))?;
            for first in (0..pages).step_by(BATCH as usize) {
                let blocks = first..pages.min(first + BATCH);
                let mut batch: Vec<u8> =
                    blocks.flat_map(|block| table.page(BlockNumber::new(block))).collect();
                cipher.encrypt_pages(PageSize::DEFAULT, Fork::Main, BlockNumber::new(first), &mut batch)?;
                file.write_all(&batch)?;
                amount.bytes += batch.len() as u64;
            }
            file.sync_all()?;
            amount.pages += u64::from(pages);
        }
        Ok(amount)
    }

    /// Writes the log, encrypted: what was written of it, not the zeros that were allocated behind.
    pub(super) fn write_wal(&self) -> Result<Amount, Failure> {
        let ranges = self.open()?.wal_key_ranges().map_err(crate::open::scope_failure)?;
        let mut amount = Amount { records: self.log.records(), ..Amount::default() };
        for segment in self.segments() {
            let Segment { name, plain: mut bytes, written } = segment?;
            let part = bytes.get_mut(..written).unwrap_or_default();
            ranges.transform(SegmentPosition::start_of(&name), part)?;
            let mut file = create(&self.directory.join("pg_wal").join(name.to_string()))?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            amount.bytes += written as u64;
        }
        Ok(amount)
    }

    /// Gives the database and the server other principal keys.
    pub(super) fn rotate(
        &self,
        database: PrincipalKeyName,
        server: PrincipalKeyName,
    ) -> Result<usize, Failure> {
        let storage = DiskStorage::new();
        let editor = self.editor(&storage)?;
        let mut draft = editor.draft();
        for (scope, name) in [(Oid::new(DATABASE), database), (Oid::PG_GLOBAL, server)] {
            draft.rotate(scope, &key_of(editor.files(), name)?).map_err(failure)?;
        }
        let edit = draft.finish("rotate the principal keys");
        editor.apply(edit).map_err(failure)?;
        Ok(TABLES.len() + 1)
    }

    /// Decrypts the tables and compares every page with what was once written.
    pub(super) fn compare_tables(&self) -> Result<Amount, Failure> {
        let cluster = self.open()?;
        let mut amount = Amount::default();
        for (number, table, pages) in self.tables() {
            let RelationKey::Key(key) =
                cluster.relation_key(&locator(number)).map_err(crate::open::scope_failure)?
            else {
                return Err(Failure::message(format!("relation {number} has no key")).wrong());
            };
            let path = RelationPath::parse(&path(number))?;
            let geometry = RelationGeometry::default();
            let mut reader = RelationReader::open(&self.directory, path, Some(&key), geometry)?;
            while let Some(batch) = reader.next_batch()? {
                for (block, plain) in (batch.first.get()..).zip(batch.plain.chunks_exact(PAGE)) {
                    if *plain != table.page(BlockNumber::new(block)) {
                        return Err(differs(format!("{path}, block {block}")));
                    }
                }
                amount.bytes += batch.plain.len() as u64;
            }
            if reader.summary().pages != u64::from(pages) {
                return Err(differs(path.to_string()));
            }
            amount.pages += u64::from(pages);
        }
        Ok(amount)
    }

    /// Decrypts the WAL and compares every byte with what was once written.
    pub(super) fn compare_wal(&self) -> Result<Amount, Failure> {
        let ranges = self.open()?.wal_key_ranges().map_err(crate::open::scope_failure)?;
        let mut amount = Amount { records: self.log.records(), ..Amount::default() };
        for segment in self.segments() {
            let Segment { name, plain, written } = segment?;
            let mut stored = fs::read(self.directory.join("pg_wal").join(name.to_string()))?;
            let part = stored.get_mut(..written).unwrap_or_default();
            ranges.transform(SegmentPosition::start_of(&name), part)?;
            if stored != plain {
                return Err(differs(format!("pg_wal/{name}")));
            }
            amount.bytes += written as u64;
        }
        Ok(amount)
    }

    /// Writes principal keys, as raw bytes, each to a file of its name in a directory that is made for them.
    pub(super) fn write_keys(&self, directory: &Path, names: &[PrincipalKeyName]) -> Result<(), Failure> {
        let storage = DiskStorage::new();
        let files = KeyFiles::read(&storage, &self.directory, &self.options).map_err(failure)?;
        let provider = files.provider(Oid::PG_GLOBAL, PROVIDER).map_err(failure)?;
        let place = files.key_provider(provider).map_err(failure)?;
        DirBuilder::new().mode(0o700).create(directory)?;
        for name in names {
            let found = place.principal_key(name)?;
            let found =
                found.ok_or_else(|| Failure::message(format!("{} has no key \"{name}\"", place.place())))?;
            write(&directory.join(name.to_string()), found.key.expose_bytes())?;
        }
        Ok(())
    }

    /// Bytes in tables and WAL.
    pub(super) fn bytes(&self) -> u64 {
        self.tables().map(|(.., pages)| u64::from(pages) * PAGE as u64).sum::<u64>() + self.log.len() as u64
    }

    /// The first bytes of a row as they are stored, and as they are in plaintext.
    pub(super) fn row(&self) -> Result<(Vec<u8>, String), Failure> {
        const NOTE: usize = 29;
        let Some((number, table, _)) = self.tables().next() else { return Ok((Vec::new(), String::new())) };
        let mut stored = [0; PAGE];
        fs::File::open(self.directory.join(path(number)))?.read_exact(&mut stored)?;
        let page = table.page(BlockNumber::new(0));
        let item = page.get(24..28).and_then(|item| item.try_into().ok()).map_or(0, u32::from_le_bytes);
        let row = (item & 0x7fff) as usize + NOTE..((item & 0x7fff) + (item >> 17)) as usize;
        let text = String::from_utf8_lossy(page.get(row.clone()).unwrap_or_default()).into_owned();
        Ok((stored.get(row).unwrap_or_default().to_vec(), text))
    }

    /// Opens it, with its keys from the provider.
    pub(super) fn open(&self) -> Result<Cluster, Failure> {
        Cluster::open(&self.directory, &self.options).map_err(Failure::new)
    }

    fn editor<'s>(&self, storage: &'s DiskStorage) -> Result<Editor<'s>, Failure> {
        let mut options = EditOptions::new(PROGRAM);
        options.keys = self.options.clone();
        Editor::open(storage, &self.directory, &options).map_err(failure)
    }

    fn tables(&self) -> impl Iterator<Item = (u32, Table, u32)> {
        let shares: u32 = TABLES.iter().map(|(.., share)| share).sum();
        let pages = self.pages;
        TABLES.into_iter().map(move |(number, name, _, share)| {
            let table = Table { name, lsn: WAL_START + 40 };
            (number, table, (u64::from(pages) * u64::from(share) / u64::from(shares)) as u32)
        })
    }

    /// The segments of the log, each made when it is its turn.
    fn segments(&self) -> impl Iterator<Item = Result<Segment, Failure>> {
        (0..).zip(self.log.segments()).map(|(place, (plain, written))| {
            let size = SegmentSize::new(SEGMENT as u64)?;
            let number = size.segment_of(Lsn::new(WAL_START)).get() + place;
            let name = SegmentName::new(TimelineId::FIRST, SegmentNumber::new(number), size)?;
            Ok(Segment { name, plain, written })
        })
    }
}

/// A segment of WAL in plaintext.
struct Segment {
    name: SegmentName,
    plain: Vec<u8>,
    /// How many bytes of it were written.
    written: usize,
}

fn key_of(files: &KeyFiles, name: PrincipalKeyName) -> Result<NewPrincipalKey, Failure> {
    let provider = files.provider(Oid::PG_GLOBAL, PROVIDER).map_err(failure)?;
    files.principal_key(provider, &name).map_err(failure)
}

fn locator(number: u32) -> RelationLocator {
    RelationLocator {
        tablespace: Oid::PG_DEFAULT,
        database: Oid::new(DATABASE),
        relation: RelationNumber::new(number),
    }
}

/// Relative to the data directory.
fn path(number: u32) -> String {
    format!("base/{DATABASE}/{number}")
}

fn differs(place: String) -> Failure {
    Failure::message(format!("{place}: the plaintext is not what was encrypted")).wrong()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut file = create(path)?;
    file.write_all(bytes)?;
    Ok(file.sync_all()?)
}

/// A new file, for its owner alone.
fn create(path: &Path) -> Result<fs::File, Failure> {
    let opened = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    opened.map_err(|error| Failure::new(error).context(path.display().to_string()))
}
