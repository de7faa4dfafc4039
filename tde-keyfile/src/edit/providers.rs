//! Key providers: added, changed, deleted.

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::draft::{Draft, damaged, key_file};
use super::error::EditError;
use super::step::Step;
use crate::cluster::{Provider, places_of, try_key};
use crate::format::header::ProviderId;
use crate::format::names;
use crate::format::provider_options::ProviderOptions;
use crate::format::providers::{
    ProviderKind, ProviderRecord, ProviderRecords, RECORD_SIZE, encode_deleted, encode_record,
};
use crate::format::relation_keys::RelationKeys;
use crate::format::wal_keys::WalKeys;
use crate::name::ProviderName;
use crate::oid::Oid;

/// Whether the keys in use are looked for with a provider's new settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum KeyCheck {
    /// They are, and one that is not found is an error, as for the server.
    Required,
    /// They are not. For providers that cannot be reached from here.
    Skipped,
}

impl Draft<'_> {
    /// Adds a key provider for a database, or for all (scope 1664). `options` is the JSON text as it is to be stored.
    ///
    /// Its number is one more than any that the file has or had; those of global providers are negative (`pg_tde`
    /// 2.2.0, `save_new_key_provider_info`). A name that differs from another one by case only is refused,
    /// since the server would never find it.
    ///
    /// # Errors
    /// [`EditError::Options`]; [`EditError::ProviderExists`]; [`EditError::ProviderNumbers`]; [`EditError::Encode`];
    /// [`EditError::Format`] if the file is not fully understood.
    pub fn add_provider(
        &mut self,
        scope: Oid,
        name: ProviderName,
        kind: ProviderKind,
        options: &str,
    ) -> Result<ProviderId, EditError> {
        ProviderOptions::parse(kind, options)?;
        let file = providers_file(scope)?;
        let bytes = self.readable(&file)?;
        let records = read(&file, bytes)?;
        for record in &records {
            let taken = record.name().ok().filter(|found| !record.is_deleted() && found.matches(&name));
            if let Some(name) = taken {
                return Err(EditError::ProviderExists { name: Box::new(name), id: record.id() });
            }
        }
        let highest = records.iter().map(|record| record.id().get().unsigned_abs()).max().unwrap_or(0);
        let next = highest.checked_add(1).and_then(|next| i32::try_from(next).ok());
        let next = next.filter(|&next| next < i32::MAX).ok_or(EditError::ProviderNumbers)?;
        let id = ProviderId::new(if scope == Oid::PG_GLOBAL { -next } else { next });
        let bytes = [bytes, &encode_record(id, &name, kind, options)?].concat();
        self.set(&file, bytes);
        self.step(Step::ProviderAdded { scope, id, name });
        Ok(id)
    }

    /// Gives a provider another type and other options; number and name stay.
    ///
    /// With the new settings, every key in use must be found and verify its scope's header (`pg_tde` 2.2.0,
    /// `pg_tde_verify_provider_keys_in_use`); other than there, the default key is looked at too, and a database's
    /// provider concerns that database only.
    ///
    /// # Errors
    /// [`EditError::ProviderNotFound`]; [`EditError::Options`]; [`EditError::ProviderLosesKey`];
    /// [`EditError::ProviderNotReached`]; [`EditError::Provider`]; [`EditError::Format`].
    pub fn change_provider(
        &mut self,
        scope: Oid,
        id: ProviderId,
        kind: ProviderKind,
        options: &str,
        check: KeyCheck,
    ) -> Result<(), EditError> {
        let parsed = ProviderOptions::parse(kind, options)?;
        let file = providers_file(scope)?;
        let bytes = self.readable(&file)?;
        let (index, name) = place(&file, bytes, scope, id)?;
        let provider = Provider::new(id, name, parsed);
        let mut verified = 0;
        if check == KeyCheck::Required {
            for user in self.users(scope, id)? {
                self.check_key(user, &provider)?;
                verified += 1;
            }
        }
        let bytes = put(bytes, index, &encode_record(id, &name, kind, options)?);
        self.set(&file, bytes);
        self.step(Step::ProviderChanged { scope, id, name, verified });
        Ok(())
    }

    /// Deletes a provider whose keys are not in use. Its number is not given out again.
    ///
    /// # Errors
    /// [`EditError::ProviderNotFound`]; [`EditError::ProviderInUse`]; [`EditError::Format`].
    pub fn delete_provider(&mut self, scope: Oid, id: ProviderId) -> Result<(), EditError> {
        let file = providers_file(scope)?;
        let bytes = self.readable(&file)?;
        let (index, name) = place(&file, bytes, scope, id)?;
        if let Some(&user) = self.users(scope, id)?.first()
            && let Some((_, info)) = self.header(user)?
        {
            return Err(EditError::ProviderInUse { id, key: Box::new(*info.name()), scope: user });
        }
        let bytes = put(bytes, index, &encode_deleted(id));
        self.set(&file, bytes);
        self.step(Step::ProviderDeleted { scope, id, name });
        Ok(())
    }

    /// The scopes whose principal key is in a provider.
    fn users(&self, scope: Oid, id: ProviderId) -> Result<Vec<Oid>, EditError> {
        let mut users = Vec::new();
        for user in self.scopes() {
            if !id.is_global() && user != scope {
                continue;
            }
            if self.header(user)?.is_some_and(|(_, info)| info.provider() == id) {
                users.push(user);
            }
        }
        Ok(users)
    }

    /// Whether a provider has the key that a scope uses.
    fn check_key(&self, scope: Oid, provider: &Provider) -> Result<(), EditError> {
        let name = key_file(scope);
        let bytes = self.readable(&name)?;
        let header = if scope == Oid::PG_GLOBAL {
            WalKeys::parse(bytes).map(|keys| keys.map(|keys| *keys.header()))
        } else {
            RelationKeys::parse(bytes).map(|keys| keys.map(|keys| *keys.header()))
        };
        let Some(header) = header.map_err(|error| damaged(&name, error))? else { return Ok(()) };
        let places = places_of(provider, self.files.data_directory(), self.files.options())?;
        if places.is_empty() {
            return Err(EditError::ProviderNotReached { provider: provider.id(), kind: provider.kind() });
        }
        for place in &places {
            let found = place.principal_key(header.claims().name())?;
            if found.is_some_and(|found| try_key(&header, &found.key, &**place).is_some()) {
                return Ok(());
            }
        }
        Err(EditError::ProviderLosesKey { id: provider.id(), key: Box::new(*header.claims().name()), scope })
    }
}

/// The name of the file with the providers of a database or, for 1664, the global ones.
fn providers_file(scope: Oid) -> Result<String, EditError> {
    match scope {
        // The server never reads such a file.
        Oid::PG_DEFAULT => Err(EditError::ProviderNotFound { provider: "of the default key".into(), scope }),
        scope => Ok(names::providers(scope).to_string()),
    }
}

/// All records, which must be understood.
fn read<'a>(file: &str, bytes: &'a [u8]) -> Result<Vec<ProviderRecord<'a>>, EditError> {
    let records = ProviderRecords::parse(bytes);
    let failed = |error| damaged(file, error);
    records.check_whole().map_err(failed)?;
    for record in records.records() {
        if record.kind().map_err(failed)?.is_some() {
            record.name().map_err(failed)?;
        }
    }
    Ok(records.records().collect())
}

/// The place and the name of a provider.
fn place(file: &str, bytes: &[u8], scope: Oid, id: ProviderId) -> Result<(usize, ProviderName), EditError> {
    let records = read(file, bytes)?;
    let found = records.iter().position(|record| record.id() == id && !record.is_deleted());
    let named = found.and_then(|index| Some((index, records.get(index)?.name().ok()?)));
    named.ok_or_else(|| EditError::ProviderNotFound { provider: id.to_string(), scope })
}

fn put(bytes: &[u8], index: usize, record: &[u8; RECORD_SIZE]) -> Vec<u8> {
    let at = index * RECORD_SIZE;
    let before = bytes.get(..at).unwrap_or(bytes);
    let after = bytes.get(at + RECORD_SIZE..).unwrap_or_default();
    [before, record, after].concat()
}
