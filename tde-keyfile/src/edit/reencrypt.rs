//! Relations encrypted, or encrypted anew, page by page.

use alloc::boxed::Box;
use alloc::string::ToString as _;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use tde_core::{BlockNumber, Cipher, Fork, InternalKey, PageCipher};

use super::draft::Draft;
use super::error::EditError;
use super::relation_files::RelationFiles;
use super::relation_keys::Existing;
use super::step::Step;
use crate::cluster::RelationKey;
use crate::postgres::{PageCondition, RelationPath, is_zero};
use crate::relation_file::{RelationGeometry, batch_buffers, fill};

/// How relations are encrypted.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ReencryptOptions {
    /// The cipher of the new key. None: that of the old key; AES-128, as `pg_tde.cipher` has it, where there is none.
    pub cipher: Option<Cipher>,
    /// Encrypt pages too whose header or checksum a server would not accept, as long as a file has a page that it
    /// would. They come out of the decryption as they were.
    pub allow_damaged_pages: bool,
}

impl Draft<'_> {
    /// Encrypts a plaintext relation: a new key with a new base vector, and every page of every fork under it.
    ///
    /// From then on `pg_tde` treats the relation as encrypted, for it looks for nothing but the key entry (`pg_tde`
    /// 2.2.0, `pg_tde_find_map_entry`). PostgreSQL's catalog is not touched: it goes on naming the table access method `heap`, by
    /// which the server decides whether files that it makes later for the table are encrypted.
    ///
    /// Pages that are zeros stay zeros, as the server leaves those that were never written. Pages are looked at before
    /// they are encrypted, so that what is encrypted already is not encrypted twice.
    ///
    /// # Errors
    /// [`EditError::RelationKeyExists`]; [`EditError::NotEncrypted`] for catalogs; those of
    /// [`put_relation_key`](Self::put_relation_key). When the edit is applied or rehearsed:
    /// [`Content`](crate::storage::Error::Content).
    pub fn encrypt_relation(
        &mut self,
        relation: &RelationFiles,
        options: ReencryptOptions,
    ) -> Result<(), EditError> {
        relation.check_not_catalog()?;
        let key = InternalKey::random(options.cipher.unwrap_or(Cipher::Aes128)).map_err(random)?;
        self.put_relation_key(relation.locator(), &key, Existing::Refuse)?;
        self.rewrite_relation(relation, None, &key, options)?;
        let (path, cipher) = (*relation.path(), key.cipher());
        let (files, length) = (relation.files().len(), relation.length());
        self.step(Step::RelationEncrypted { path, cipher, files, length });
        self.ask_for_backup();
        Ok(())
    }

    /// Encrypts an encrypted relation with a new key and a new base vector, which takes the place of the old.
    ///
    /// # Errors
    /// [`EditError::NoRelationKey`]; those of [`put_relation_key`](Self::put_relation_key). When the edit is applied or
    /// rehearsed: [`Content`](crate::storage::Error::Content), also if the old key does not open the pages.
    pub fn rekey_relation(
        &mut self,
        relation: &RelationFiles,
        options: ReencryptOptions,
    ) -> Result<(), EditError> {
        let locator = relation.locator();
        let RelationKey::Key(old) = self.files.cluster().relation_key(&locator)? else {
            return Err(EditError::NoRelationKey { locator });
        };
        let key = InternalKey::random(options.cipher.unwrap_or(old.cipher())).map_err(random)?;
        self.rewrite_relation(relation, Some(&old), &key, options)?;
        self.put_relation_key(locator, &key, Existing::Replace)?;
        let (path, cipher) = (*relation.path(), key.cipher());
        let (files, length) = (relation.files().len(), relation.length());
        self.step(Step::RelationRekeyed { path, cipher, files, length });
        self.ask_for_backup();
        Ok(())
    }

    /// Notes that a relation with a key stays as it is.
    pub fn keep_relation(&mut self, relation: &RelationFiles) {
        self.step(Step::RelationKept { path: *relation.path() });
    }

    fn rewrite_relation(
        &mut self,
        relation: &RelationFiles,
        from: Option<&InternalKey>,
        to: &InternalKey,
        options: ReencryptOptions,
    ) -> Result<(), EditError> {
        let from = from.map(|key| Arc::new(PageCipher::new(key)));
        let to = Arc::new(PageCipher::new(to));
        for &(path, length) in relation.files() {
            let file = PathBuf::from(path.to_string());
            if self.rewrites(&file) {
                return Err(EditError::RelationKeyExists { locator: relation.locator() });
            }
            let (geometry, checksums) = (relation.geometry, relation.checksums);
            let first = geometry.first_block(&path).map_err(|_| EditError::RelationLength {
                path,
                length,
                reason: "its blocks would have numbers beyond the largest one",
            })?;
            let allow_damaged = options.allow_damaged_pages;
            let (from, to) = (from.clone(), Arc::clone(&to));
            let rewrite = Rewrite { path, geometry, checksums, first, from, to, allow_damaged };
            self.rewrite(file, Box::new(move |input, output| rewrite.run(input, output)));
        }
        Ok(())
    }

    fn ask_for_backup(&mut self) {
        if !self.steps().contains(&Step::FullBackupNeeded) {
            self.step(Step::FullBackupNeeded);
        }
    }
}

fn random(_: tde_core::Error) -> EditError {
    EditError::Random
}

/// One segment file, from one key, or none, to another.
struct Rewrite {
    path: RelationPath,
    geometry: RelationGeometry,
    checksums: bool,
    first: BlockNumber,
    from: Option<Arc<PageCipher>>,
    to: Arc<PageCipher>,
    allow_damaged: bool,
}

impl Rewrite {
    fn run(&self, input: &mut dyn Read, output: &mut dyn Write) -> io::Result<()> {
        let size = self.geometry.page_size;
        let (mut stored, mut plain) = batch_buffers(self.geometry, true);
        let mut first = self.first;
        let mut sound = false;
        let mut bad = None;
        loop {
            let read = fill(&mut &mut *input, &mut stored)?;
            if read == 0 {
                break;
            }
            let (Some(stored), Some(plain)) = (stored.get_mut(..read), plain.get_mut(..read)) else { break };
            if read % size.get() != 0 {
                return Err(io::Error::other("it ends within a page"));
            }
            match &self.from {
                Some(from) => from.decrypt_pages_to(size, self.path.fork, first, stored, plain),
                None => {
                    plain.copy_from_slice(stored);
                    Ok(())
                }
            }
            .map_err(io::Error::other)?;
            for (page, index) in plain.chunks_exact(size.get()).zip(0..) {
                let block = first.checked_add(index).unwrap_or(first);
                match PageCondition::of(page, block, self.checksums) {
                    PageCondition::Zero => {}
                    PageCondition::Sound => sound = true,
                    condition => {
                        let refused = BadPage { block, condition, decrypted: self.from.is_some() };
                        // A server makes bad pages of the maps anew.
                        let matters = matches!(self.path.fork, Fork::Main | Fork::Init);
                        if matters && !self.allow_damaged {
                            return Err(io::Error::other(refused));
                        }
                        bad = bad.or(Some(refused));
                    }
                }
            }
            // Zeros on the disk are zeros to the server, with and without a key.
            let never_written: Vec<_> = stored.chunks_exact(size.get()).map(is_zero).collect();
            self.to.encrypt_pages_to(size, self.path.fork, first, plain, stored).map_err(io::Error::other)?;
            for (page, _) in stored.chunks_exact_mut(size.get()).zip(never_written).filter(|(_, zero)| *zero)
            {
                page.fill(0);
            }
            output.write_all(stored)?;
            let pages = u32::try_from(read / size.get()).unwrap_or(u32::MAX);
            first = match first.checked_add(pages) {
                Some(next) => next,
                None if fill(&mut &mut *input, &mut [0])? == 0 => break,
                None => return Err(io::Error::other("it goes on behind the last possible block")),
            };
        }
        match bad {
            Some(bad) if !sound => Err(io::Error::other(bad)),
            _ => Ok(()),
        }
    }
}

/// A page that is not what was expected.
#[derive(Debug)]
struct BadPage {
    block: BlockNumber,
    condition: PageCondition,
    decrypted: bool,
}

impl fmt::Display for BadPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (how, causes) = match self.decrypted {
            true => ("when decrypted", "damaged, or not encrypted with the relation's key"),
            false => ("as plaintext", "damaged, or encrypted already with its key entry missing"),
        };
        write!(f, "block {} makes no sense {how} ({}): {causes}", self.block, self.condition)
    }
}

impl core::error::Error for BadPage {}
