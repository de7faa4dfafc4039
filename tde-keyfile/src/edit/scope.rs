//! Giving a scope its first principal key.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use tde_core::{Cipher, WrapKey};

use super::draft::{Draft, FreshIvs, Generation, key_file};
use super::error::EditError;
use super::principal_key::NewPrincipalKey;
use super::step::Step;
use crate::format::header::{Magic, PrincipalKeyInfo, sign};
use crate::oid::Oid;

impl Draft<'_> {
    /// Gives a scope that has none its principal key: a file with a header and no entries.
    ///
    /// From `pg_tde` 2.2 on, setting the default key also gives it to the server, if that has none (`pg_tde` 2.2.0,
    /// `pg_tde_set_default_key_using_global_key_provider`). From then on the server does not start without the key.
    ///
    /// # Errors
    /// [`EditError::ScopeExists`]; [`EditError::ProviderNotGlobal`]; [`EditError::PrincipalKeyLength`].
    pub fn create_scope(&mut self, scope: Oid, key: &NewPrincipalKey) -> Result<(), EditError> {
        if self.header(scope)?.is_some() {
            return Err(EditError::ScopeExists { scope });
        }
        let generation = self.generation();
        check_new_key(scope, generation.magic(scope), key)?;
        let server_too = scope == Oid::PG_DEFAULT
            && generation == Generation::Release22
            && self.header(Oid::PG_GLOBAL)?.is_none();
        for scope in core::iter::once(scope).chain(server_too.then_some(Oid::PG_GLOBAL)) {
            let info = PrincipalKeyInfo::new(scope, key.provider, self.now(), key.name);
            self.write_header_only(generation.magic(scope), &info, &key.wrap_key)?;
        }
        Ok(())
    }

    /// Makes sure that a scope has a header: failing its own, a copy of the default key's, as the server makes one
    /// at the first use (`pg_tde` 2.2.0, `GetPrincipalKey`).
    pub(super) fn ensure_scope(&mut self, scope: Oid) -> Result<(), EditError> {
        if self.header(scope)?.is_some() {
            return Ok(());
        }
        let Some((_, default)) = self.header(Oid::PG_DEFAULT)? else {
            return Err(EditError::NoPrincipalKey { scope });
        };
        let key = self.key(Oid::PG_DEFAULT)?;
        let info = PrincipalKeyInfo::new(scope, default.provider(), default.set_time(), *default.name());
        let magic = self.generation().magic(scope);
        self.write_header_only(magic, &info, &key)
    }

    fn write_header_only(
        &mut self,
        magic: Magic,
        info: &PrincipalKeyInfo,
        key: &Arc<WrapKey>,
    ) -> Result<(), EditError> {
        let header = sign(magic, info, key, &FreshIvs::default().next()?)?;
        let scope = info.database();
        self.set(&key_file(scope), Vec::from(header));
        self.set_key(scope, Arc::clone(key));
        self.step(Step::ScopeCreated { scope, key: *info.name(), provider: info.provider() });
        Ok(())
    }
}

/// Whether a scope may have this key in a file of this version.
pub(super) fn check_new_key(scope: Oid, version: Magic, key: &NewPrincipalKey) -> Result<(), EditError> {
    if (scope == Oid::PG_GLOBAL || scope == Oid::PG_DEFAULT) && !key.provider.is_global() {
        return Err(EditError::ProviderNotGlobal { scope, provider: key.provider });
    }
    if matches!(version, Magic::RelationKeys3 | Magic::WalKeys1) && key.cipher == Cipher::Aes256 {
        return Err(EditError::PrincipalKeyLength { name: Box::new(key.name), version });
    }
    Ok(())
}
