//! Whether relation files really are ciphertext, and none that should be lies in plain text.
//!
//! A page is judged by what is on disk: a sane page header is plaintext, evenly spread bytes are ciphertext. Where
//! the key is at hand, the page has to make sense decrypted, too.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};

use tde_core::{BlockNumber, InternalKey, PageCipher};
use zeroize::Zeroizing;

use super::server::Server;
use super::settings::Settings;
use super::settings::value::boolean;
use super::{Check, Progress, SAMPLED_FILES, counted, pass_unless_told};
use crate::RelationLocator;
use crate::cluster::{Cluster, OpenOptions, RelationKey, ScopeState};
use crate::postgres::{PageCondition, RelationPath, is_zero};
use crate::verify::{Inventory, is_plaintext, looks_random};

const CIPHERTEXT: &str = "relation-ciphertext";
const PLAIN: &str = "plain-relations";
/// Findings told one by one; a whole database in plaintext is one more line.
const MAX_TOLD: usize = 20;
/// The first number of a relation that was not made by `initdb` (specification of PostgreSQL's facts, OIDs).
const FIRST_NORMAL: u32 = 16384;
/// Pages read at a time when all are.
const BATCH: u32 = 32;

/// What is examined, and what is known of it.
pub(super) struct Subject<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) keys: &'a OpenOptions,
    pub(super) inventory: &'a Inventory,
    pub(super) settings: &'a Settings,
    pub(super) server: Server,
}

pub(super) fn check(
    checks: &mut Vec<Check>,
    subject: &Subject<'_>,
    every_page: bool,
    progress: &dyn Progress,
) {
    let before = checks.len();
    for unreadable in &subject.inventory.unreadable {
        checks.push(Check::failure(CIPHERTEXT, unreadable.as_str(), "check its owner and mode"));
    }
    let files = &subject.inventory.relations;
    let sample = if every_page { files.len() } else { SAMPLED_FILES };
    let mut findings = Vec::new();
    let mut tally = Tally::default();
    let chosen: Vec<_> = evenly(files.len(), sample).filter_map(|index| files.get(index)).collect();
    let whole = if every_page { chosen.iter().map(|(_, length)| *length).sum() } else { 0 };
    progress.total(whole);
    for (path, length) in chosen {
        if let Some(fault) = examine(subject, path, *length, every_page, &mut tally, progress) {
            findings.push((path.to_string(), fault));
        }
    }
    let told = findings.len().min(MAX_TOLD);
    checks.extend(findings.iter().take(told).map(|(file, fault)| fault.report(file, subject.server)));
    if findings.len() > told {
        let text =
            format!("the same or the like in {} more", counted(findings.len() - told, "relation file"));
        checks.push(Check::failure(CIPHERTEXT, text, "run `tde verify DATADIR`, which tells all of them"));
    }
    let of = if files.len() > tally.files { format!(" of {}", files.len()) } else { String::new() };
    let text = format!(
        "{}{of} looked at, {} encrypted: {} of ciphertext",
        counted(tally.files, "relation file"),
        tally.encrypted_files,
        counted(tally.ciphertext, "page")
    );
    let pass = match tally.files {
        0 => Check::skipped(CIPHERTEXT, "there are no relation files here"),
        _ if tally.undecided > 0 => {
            let text = format!("{text}; {} partly zero or odd", tally.undecided);
            Check::warning(CIPHERTEXT, text, "run `tde verify DATADIR`, which tells why")
        }
        _ if every_page => Check::pass(CIPHERTEXT, text),
        _ => Check::pass(CIPHERTEXT, text).advise("`--all` looks at every page"),
    };
    pass_unless_told(checks, before, pass);
    checks.push(plain(&tally, subject.settings));
}

fn plain(tally: &Tally, settings: &Settings) -> Check {
    let count = tally.plain.len();
    let enforced = settings.get("pg_tde.enforce_encryption").and_then(|setting| boolean(&setting.value));
    let shown = super::listed(&tally.plain);
    if count == 0 {
        return Check::pass(PLAIN, "no relation that was made after initdb is in plaintext");
    }
    let text = format!(
        "{} made after initdb in plaintext, without a key entry: {shown}",
        counted(count, "relation")
    );
    if enforced == Some(true) {
        return Check::warning(
            PLAIN,
            format!("pg_tde.enforce_encryption is on, but {text}"),
            "encrypt tables among them with `ALTER TABLE … SET ACCESS METHOD tde_heap`; rewritten catalogs stay plain",
        );
    }
    Check::pass(PLAIN, text)
        .advise("`SELECT pg_tde_is_encrypted(…)` and pg_filenode_relation() say which they are")
}

/// What was seen.
#[derive(Debug, Default)]
struct Tally {
    files: usize,
    encrypted_files: usize,
    ciphertext: usize,
    undecided: usize,
    plain: BTreeSet<RelationLocator>,
}

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// A page in plaintext although there is a key entry.
    InPlaintext(BlockNumber),
    /// A page of ciphertext without a key entry.
    WithoutKey(BlockNumber),
    /// A page that makes no sense decrypted.
    DoesNotDecrypt(BlockNumber),
    Unreadable(ErrorKind),
}

impl Fault {
    fn report(self, file: &str, server: Server) -> Check {
        let running = server.may_run();
        match self {
            Self::InPlaintext(block) => Check::failure(
                CIPHERTEXT,
                format!("block {block} is plaintext, although the relation has a key"),
                "find out who wrote it (a server without pg_tde preloaded does); rewrite the table (`VACUUM FULL`) or \
                 restore the file",
            ),
            Self::WithoutKey(block) => Check::failure(
                CIPHERTEXT,
                format!("block {block} looks encrypted, but there is no key entry, so that a server takes it for plaintext"),
                "restore the database's key file in pg_tde/ before anything writes to the relation",
            ),
            Self::DoesNotDecrypt(block) if running => Check::warning(
                CIPHERTEXT,
                format!("block {block} does not make sense decrypted"),
                "it may just be being written: look again, and run `tde verify` on a backup",
            ),
            Self::DoesNotDecrypt(block) => Check::failure(
                CIPHERTEXT,
                format!("block {block} does not make sense decrypted"),
                "run `tde verify DATADIR`, which tells why",
            ),
            Self::Unreadable(kind) => {
                Check::failure(CIPHERTEXT, kind.to_string(), "check its owner and mode")
            }
        }
        .about(file)
    }
}

/// How a relation is protected, as far as the key files say.
enum Protection {
    Key(InternalKey),
    /// There is an entry, but no principal key to open it.
    LockedKey,
    None,
    /// The key file says nothing, as it cannot be read.
    Unknown,
}

fn protection(cluster: &Cluster, locator: &RelationLocator) -> Protection {
    match cluster.relation_key(locator) {
        Ok(RelationKey::Key(key)) => Protection::Key(key),
        Ok(RelationKey::NoEntry) => Protection::None,
        Err(_) => match cluster.scope(locator.database).map(crate::cluster::Scope::state) {
            Some(ScopeState::Unreadable(_)) => Protection::Unknown,
            _ => Protection::LockedKey,
        },
    }
}

fn examine(
    subject: &Subject<'_>,
    path: &RelationPath,
    length: u64,
    every_page: bool,
    tally: &mut Tally,
    progress: &dyn Progress,
) -> Option<Fault> {
    let protection = protection(subject.cluster, &path.locator);
    if matches!(protection, Protection::Unknown) {
        return None;
    }
    match look(subject, path, length, every_page, &protection, tally, progress) {
        Ok(None) => {}
        Ok(Some(Fault::WithoutKey(_))) if subject.server.may_run() && has_key_by_now(subject, path) => {}
        Ok(Some(fault)) => return Some(fault),
        // Dropped since the directory was listed.
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => return Some(Fault::Unreadable(error.kind())),
    }
    tally.files += 1;
    match protection {
        Protection::None if path.locator.relation.get() >= FIRST_NORMAL && length > 0 => {
            tally.plain.insert(path.locator);
        }
        Protection::Key(_) | Protection::LockedKey => tally.encrypted_files += 1,
        _ => {}
    }
    None
}

/// A relation made since the key files were read has its entry in them now: it is written before the file.
fn has_key_by_now(subject: &Subject<'_>, path: &RelationPath) -> bool {
    let again = Cluster::open(subject.cluster.directory(), subject.keys);
    again.is_ok_and(|cluster| !matches!(protection(&cluster, &path.locator), Protection::None))
}

fn look(
    subject: &Subject<'_>,
    path: &RelationPath,
    length: u64,
    every_page: bool,
    protection: &Protection,
    tally: &mut Tally,
    progress: &dyn Progress,
) -> io::Result<Option<Fault>> {
    let rules = &subject.inventory.rules();
    let page_size = rules.geometry.page_size;
    let page = page_size.get();
    let pages = u32::try_from(length / page as u64).unwrap_or(u32::MAX);
    let Ok(first) = rules.geometry.first_block(path) else { return Ok(None) };
    let cipher = match protection {
        Protection::Key(key) => Some(PageCipher::new(key)),
        _ => None,
    };
    let mut file = File::open(subject.cluster.directory().join(path.to_string()))?;
    let mut stored = vec![0; page * if every_page { BATCH as usize } else { 1 }];
    let mut plain = Zeroizing::new(vec![0; page]);
    for (start, count) in pieces(pages, every_page) {
        file.seek(SeekFrom::Start(u64::from(start) * page as u64))?;
        let stored = &mut stored[..page * count as usize];
        match file.read_exact(stored) {
            Ok(()) => {}
            // Cut off since: there is no such page any more.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        progress.advance(if every_page { stored.len() as u64 } else { 0 });
        for (index, stored) in (start..).zip(stored.chunks_exact(page)) {
            let Some(block) = first.checked_add(index) else { return Ok(None) };
            match seen(stored, block, rules.checksums) {
                Seen::Zero => {}
                Seen::Plaintext if matches!(protection, Protection::None) => {}
                Seen::Plaintext => return Ok(Some(Fault::InPlaintext(block))),
                Seen::Random if matches!(protection, Protection::None) => {
                    return Ok(Some(Fault::WithoutKey(block)));
                }
                Seen::Random => {
                    let Some(cipher) = &cipher else {
                        tally.ciphertext += 1;
                        continue;
                    };
                    let decrypted = cipher.decrypt_pages_to(page_size, path.fork, block, stored, &mut plain);
                    // What checksums find is for `verify`; here it is about the key.
                    if decrypted.is_err() || !PageCondition::of(&plain, block, false).is_sound() {
                        return Ok(Some(Fault::DoesNotDecrypt(block)));
                    }
                    tally.ciphertext += 1;
                }
                Seen::Odd if matches!(protection, Protection::None) => {}
                Seen::Odd => tally.undecided += 1,
            }
        }
    }
    Ok(None)
}

/// What a stored page looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Zero,
    Plaintext,
    Random,
    /// Neither.
    Odd,
}

fn seen(stored: &[u8], block: BlockNumber, checksums: bool) -> Seen {
    if is_zero(stored) {
        Seen::Zero
    } else if is_plaintext(stored, block, checksums) {
        Seen::Plaintext
    } else if looks_random(stored) {
        Seen::Random
    } else {
        Seen::Odd
    }
}

/// Which pages are read: all of them in batches, or up to four from the first to the last.
fn pieces(pages: u32, every_page: bool) -> impl Iterator<Item = (u32, u32)> {
    let all =
        every_page.then(|| (0..pages).step_by(BATCH as usize).map(move |at| (at, BATCH.min(pages - at))));
    let sample =
        (!every_page).then(|| evenly(pages as usize, 4).filter_map(|at| Some((u32::try_from(at).ok()?, 1))));
    all.into_iter().flatten().chain(sample.into_iter().flatten())
}

/// Up to `most` numbers below `count`, evenly spread from the first to the last.
fn evenly(count: usize, most: usize) -> impl Iterator<Item = usize> {
    let taken = count.min(most);
    (0..taken).map(move |index| match taken {
        1 => 0,
        _ => usize::try_from(index as u64 * (count as u64 - 1) / (taken as u64 - 1)).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_runs_from_the_first_to_the_last() {
        let sample = |count, most| evenly(count, most).collect::<Vec<_>>();
        assert_eq!(sample(0, 4), [0; 0]);
        assert_eq!(sample(1, 4), [0]);
        assert_eq!(sample(3, 4), [0, 1, 2]);
        assert_eq!(sample(10, 4), [0, 3, 6, 9]);
        assert_eq!(sample(10, 1), [0]);
        let every: Vec<_> = pieces(70, true).collect();
        assert_eq!(every, [(0, 32), (32, 32), (64, 6)]);
        assert_eq!(pieces(0, true).count() + pieces(0, false).count(), 0);
    }

    #[test]
    fn pages_are_told_apart_by_what_is_stored() {
        let block = BlockNumber::new(0);
        let mut page = vec![0; 8192];
        assert_eq!(seen(&page, block, false), Seen::Zero);
        page[100] = 1;
        assert_eq!(seen(&page, block, false), Seen::Odd);
        // pd_lower, pd_upper, pd_special, size and layout of an empty heap page.
        page[12..20].copy_from_slice(&[24, 0, 0, 0x20, 0, 0x20, 4, 0x20]);
        assert_eq!(seen(&page, block, false), Seen::Plaintext);
        let mut state = 1_u32;
        page.fill_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        assert_eq!(seen(&page, block, false), Seen::Random);
    }
}
