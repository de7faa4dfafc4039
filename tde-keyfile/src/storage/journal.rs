//! The journal's bytes, as documented in `docs/format-journal.md`.

use alloc::fmt;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::ContentHash;
use super::plan::{MAX_TEXT, is_below_root};

/// The journal's name in the home directory of a [`Writer`](super::Writer).
pub const JOURNAL_NAME: &str = "tde.journal";

/// Largest journal that is read: more than 15,000 entries with the longest paths, half a million with usual ones.
pub(super) const MAX_JOURNAL: u64 = 64 << 20;

const MAGIC: &[u8; 8] = b"TDEJRNAL";
const VERSION: u32 = 1;
const HEADER: usize = 48;
const ENTRY: usize = 96;
const CHECKSUM: usize = 32;

/// How far an interrupted change had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Phase {
    /// New contents were being written beside the files, which are untouched: to be undone.
    Staging,
    /// All new contents lie beside the files, durable: to be completed.
    Committed,
}

/// A change of several files that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Journal {
    /// Names the temporary files.
    pub id: [u8; 16],
    /// How far it has come.
    pub phase: Phase,
    /// When it began, in seconds since 1970.
    pub begun: i64,
    /// What the change amounts to.
    pub description: String,
    /// The files.
    pub entries: Vec<JournalEntry>,
}

/// A file of a journalled change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalEntry {
    /// Relative to the root.
    pub path: PathBuf,
    /// Whether the file is to be removed, not written.
    pub removed: bool,
    /// Content before, if the file was there; not known while staging.
    pub before: Option<ContentHash>,
    /// Content after; not known while staging, none for a removal.
    pub after: Option<ContentHash>,
}

/// Why a journal cannot be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JournalError {
    /// Ends before the field at this offset does.
    Truncated {
        /// Offset of the field in bytes.
        offset: usize,
    },
    /// Does not begin with the mark of a journal.
    Magic,
    /// Was written by a newer release.
    Version {
        /// The version found.
        version: u32,
    },
    /// Is damaged: its SHA-256 is wrong.
    Checksum,
    /// A field has a value that no release writes.
    Field {
        /// Offset of the field in bytes.
        offset: usize,
        /// Its name.
        field: &'static str,
    },
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { offset } => write!(f, "ends inside the field at offset {offset}"),
            Self::Magic => f.write_str("is not a journal"),
            Self::Version { version } => {
                write!(
                    f,
                    "has version {version}, this release knows {VERSION}; use the release that wrote it"
                )
            }
            Self::Checksum => f.write_str("is damaged (its SHA-256 does not match)"),
            Self::Field { offset, field } => write!(f, "has an impossible {field} at offset {offset}"),
        }
    }
}

impl core::error::Error for JournalError {}

impl Journal {
    /// The bytes of the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        put_u32(&mut out, VERSION);
        put_u32(&mut out, if self.phase == Phase::Staging { 1 } else { 2 });
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&self.begun.to_le_bytes());
        put_length(&mut out, self.entries.len());
        put_length(&mut out, self.description.len());
        out.extend_from_slice(self.description.as_bytes());
        for entry in &self.entries {
            let path = entry.path.as_os_str().as_bytes();
            put_u32(&mut out, if entry.removed { 2 } else { 1 });
            put_u32(&mut out, u32::from(entry.before.is_some()));
            put_hash(&mut out, entry.before);
            put_hash(&mut out, entry.after);
            put_length(&mut out, path.len());
            put_u32(&mut out, 0);
            out.extend_from_slice(path);
        }
        let checksum = Sha256::digest(&out);
        out.extend_from_slice(&checksum);
        out
    }

    /// Reads the bytes of a whole journal file.
    ///
    /// # Errors
    /// See [`JournalError`]; whatever is not exactly what [`to_bytes`](Self::to_bytes) writes is one.
    pub fn parse(bytes: &[u8]) -> Result<Self, JournalError> {
        let mut reader = Reader { bytes, offset: 0 };
        if reader.array::<8>()? != *MAGIC {
            return Err(JournalError::Magic);
        }
        let version = reader.u32()?;
        if version != VERSION {
            return Err(JournalError::Version { version });
        }
        let (body, checksum) =
            bytes.split_last_chunk::<CHECKSUM>().ok_or(JournalError::Truncated { offset: bytes.len() })?;
        if body.len() < HEADER {
            return Err(JournalError::Truncated { offset: body.len() });
        }
        if Sha256::digest(body).as_slice() != checksum {
            return Err(JournalError::Checksum);
        }
        reader.bytes = body;
        let phase = match reader.u32()? {
            1 => Phase::Staging,
            2 => Phase::Committed,
            _ => return Err(reader.fault(4, "phase")),
        };
        let id = reader.array()?;
        let begun = i64::from_le_bytes(reader.array()?);
        let count = reader.u32()? as usize;
        // Each entry takes more than this, so the count cannot make us allocate more than the file has.
        if count > body.len() / ENTRY {
            return Err(reader.fault(4, "number of entries"));
        }
        let length = reader.text_length("description length")?;
        let description = core::str::from_utf8(reader.take(length)?)
            .map_err(|_| JournalError::Field { offset: HEADER, field: "description" })?
            .to_string();
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            entries.push(reader.entry(phase)?);
        }
        if reader.offset != body.len() {
            return Err(reader.fault(0, "end"));
        }
        Ok(Self { id, phase, begun, description, entries })
    }

    /// Name of the temporary file that holds the new content of the entry with this index.
    pub(super) fn temporary_name(&self, index: usize) -> String {
        temporary_name(&self.id, index)
    }

    /// Where the new content of an entry lies until it takes the file's place.
    pub(super) fn temporary(&self, root: &Path, index: usize, entry: &JournalEntry) -> PathBuf {
        root.join(&entry.path).with_file_name(self.temporary_name(index))
    }
}

/// `tde-<32 hexadecimal digits>-<index>.new`: begins with no digit, for the server takes the number at the
/// beginning of names in its directories as an identifier.
pub(super) fn temporary_name(id: &[u8; 16], index: usize) -> String {
    use core::fmt::Write as _;
    let mut name = String::from("tde-");
    for byte in id {
        let _ = write!(name, "{byte:02x}");
    }
    let _ = write!(name, "-{index}.new");
    name
}

/// Whether a name is one that [`temporary_name`] makes.
pub(crate) fn is_temporary_name(name: &OsStr) -> bool {
    let parts = || {
        let (id, index) = name.to_str()?.strip_prefix("tde-")?.strip_suffix(".new")?.split_once('-')?;
        let hex = id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let number = !index.is_empty() && index.len() <= 10 && index.bytes().all(|b| b.is_ascii_digit());
        Some(hex && number)
    };
    parts().unwrap_or(false)
}

struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], JournalError> {
        let truncated = JournalError::Truncated { offset: self.offset };
        let end = self.offset.checked_add(length).ok_or(truncated)?;
        let taken = self.bytes.get(self.offset..end).ok_or(truncated)?;
        self.offset = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], JournalError> {
        let offset = self.offset;
        self.take(N)?.try_into().map_err(|_| JournalError::Truncated { offset })
    }

    fn u32(&mut self) -> Result<u32, JournalError> {
        self.array().map(u32::from_le_bytes)
    }

    fn fault(&self, back: usize, field: &'static str) -> JournalError {
        JournalError::Field { offset: self.offset - back, field }
    }

    fn text_length(&mut self, field: &'static str) -> Result<usize, JournalError> {
        let length = self.u32()? as usize;
        if length > MAX_TEXT { Err(self.fault(4, field)) } else { Ok(length) }
    }

    fn hash(&mut self, present: bool, field: &'static str) -> Result<Option<ContentHash>, JournalError> {
        let size = u64::from_le_bytes(self.array()?);
        let sha256: [u8; 32] = self.array()?;
        match present {
            true => Ok(Some(ContentHash::from_parts(size, sha256))),
            false if size == 0 && sha256 == [0; 32] => Ok(None),
            false => Err(self.fault(40, field)),
        }
    }

    fn entry(&mut self, phase: Phase) -> Result<JournalEntry, JournalError> {
        let removed = match self.u32()? {
            1 => false,
            2 => true,
            _ => return Err(self.fault(4, "kind of change")),
        };
        let existed = match (self.u32()?, phase) {
            (0, _) => false,
            (1, Phase::Committed) => true,
            _ => return Err(self.fault(4, "mark of an existing file")),
        };
        if removed && !existed && phase == Phase::Committed {
            return Err(self.fault(4, "mark of an existing file"));
        }
        let before = self.hash(existed, "content before")?;
        let after = self.hash(!removed && phase == Phase::Committed, "content after")?;
        let length = self.text_length("path length")?;
        if self.u32()? != 0 {
            return Err(self.fault(4, "reserved field"));
        }
        let path = PathBuf::from(OsStr::from_bytes(self.take(length)?));
        if !is_below_root(&path) {
            return Err(self.fault(length, "path"));
        }
        Ok(JournalEntry { path, removed, before, after })
    }
}

fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Lengths are bounded by [`MAX_TEXT`] and the size of a plan in memory.
fn put_length(out: &mut Vec<u8>, length: usize) {
    put_u32(out, u32::try_from(length).unwrap_or(u32::MAX));
}

fn put_hash(out: &mut Vec<u8>, hash: Option<ContentHash>) {
    out.extend_from_slice(&hash.map_or(0, |hash| hash.size()).to_le_bytes());
    out.extend_from_slice(hash.as_ref().map_or(&[0; 32], |hash| hash.sha256()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(phase: Phase) -> Journal {
        let hash = |content: &[u8]| (phase == Phase::Committed).then(|| ContentHash::of(content));
        Journal {
            id: core::array::from_fn(|i| i as u8),
            phase,
            begun: 1_700_000_000,
            description: "rotate".to_string(),
            entries: std::vec![
                JournalEntry {
                    path: "pg_tde/1_keys".into(),
                    removed: false,
                    before: hash(b"old"),
                    after: hash(b"new")
                },
                JournalEntry { path: "pg_tde/2_keys".into(), removed: false, before: None, after: hash(b"") },
                JournalEntry { path: "pg_tde/3_keys".into(), removed: true, before: hash(b"x"), after: None },
            ],
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for phase in [Phase::Staging, Phase::Committed] {
            let journal = example(phase);
            assert_eq!(Journal::parse(&journal.to_bytes()), Ok(journal));
        }
    }

    #[test]
    fn the_documented_example_is_what_is_written() {
        let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/format-journal.md");
        let document = std::fs::read_to_string(document).unwrap();
        let digits: String = document
            .split("```hex")
            .nth(1)
            .and_then(|rest| rest.split("```").next())
            .expect("the document holds an example")
            .lines()
            .flat_map(|line| line.split('#').next().unwrap_or("").chars())
            .filter(char::is_ascii_hexdigit)
            .collect();
        let written: String =
            example(Phase::Committed).to_bytes().iter().map(|byte| std::format!("{byte:02x}")).collect();
        assert_eq!(digits, written);
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let bytes = example(Phase::Committed).to_bytes();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(Journal::parse(&changed).is_err(), "byte {at}");
            assert!(Journal::parse(&bytes[..at]).is_err(), "cut at {at}");
        }
        let mut longer = bytes;
        longer.push(0);
        assert_eq!(Journal::parse(&longer), Err(JournalError::Checksum));
    }

    /// With a right checksum, so that the field checks themselves are reached.
    #[test]
    fn an_accepted_journal_is_written_back_identically_whatever_its_bytes() {
        let original = example(Phase::Committed).to_bytes();
        let body = original.len() - CHECKSUM;
        let mut refused = 0;
        for at in 8..body {
            for value in [0, 1, 2, 3, 0x2f, 0x2e, 0x7f, 0xff] {
                let mut bytes = original.clone();
                bytes[at] = value;
                let checksum = Sha256::digest(&bytes[..body]);
                bytes[body..].copy_from_slice(&checksum);
                match Journal::parse(&bytes) {
                    Ok(journal) => assert_eq!(journal.to_bytes(), bytes, "byte {at} = {value}"),
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(refused > 100, "{refused}");
    }

    #[test]
    fn a_hostile_path_or_count_is_refused() {
        for path in ["../x", "/etc/passwd", "a/../../b"] {
            let mut journal = example(Phase::Committed);
            journal.entries[0].path = path.into();
            assert!(matches!(
                Journal::parse(&journal.to_bytes()),
                Err(JournalError::Field { field: "path", .. })
            ));
        }
        let mut bytes = example(Phase::Staging).to_bytes();
        let body = bytes.len() - CHECKSUM;
        bytes[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
        let checksum = Sha256::digest(&bytes[..body]);
        bytes[body..].copy_from_slice(&checksum);
        assert_eq!(
            Journal::parse(&bytes),
            Err(JournalError::Field { offset: 40, field: "number of entries" })
        );
    }

    #[test]
    fn temporary_names_are_known_again() {
        let name = temporary_name(&[0xab; 16], 12);
        assert_eq!(name, "tde-abababababababababababababababab-12.new");
        assert!(is_temporary_name(OsStr::new(&name)));
        for other in
            ["tde.journal", "tde-ab-1.new", "16384_keys", "tde-abababababababababababababababab-.new"]
        {
            assert!(!is_temporary_name(OsStr::new(other)), "{other}");
        }
    }
}
