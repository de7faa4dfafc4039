//! `tde rotate` where keys lie in one file per relation.

use tde_core::Cipher;
use tde_keyfile::edit::{EditError, EditOptions};
use tde_keyfile::storage::{DiskStorage, Recovery};
use tde_keyfile::store::{KeyChange, KeyStore as _, OneFileStore};

use super::{RotateArgs, description, make};
use crate::args::ScopeArg;
use crate::edit::{NewKey, Outcome, failure, say, store_key_first};
use crate::failure::{Failure, Status};

pub(super) fn run(args: &RotateArgs, options: &EditOptions) -> Result<Status, Failure> {
    let (storage, ScopeArg(scope)) = (DiskStorage::new(), args.scope);
    let data_directory = &args.cluster.data_directory;
    let mut store = OneFileStore::open(&storage, data_directory, options).map_err(failure)?;
    let description = description(scope);
    // An interrupted change first, which planning does not see through.
    let recovery = match args.write.dry_run {
        true => Recovery::Nothing,
        false => store.apply(&[], &description).map_err(failure)?.recovery,
    };
    let found = store.scopes().map_err(failure)?.into_iter().find(|found| found.scope == scope);
    let old = found.and_then(|found| Some((found.principal_key?, found.cipher)));
    let (info, cipher) = old.ok_or_else(|| failure(EditError::NoPrincipalKey { scope }))?;
    let provider = args.to_provider.clone().unwrap_or_else(|| info.provider().to_string());
    let provider = store.provider(scope, &provider).map_err(failure)?;
    let (key, new_key) = if args.create {
        let cipher = args.key_bits.map(super::KeyBits::cipher).or(cipher).unwrap_or(Cipher::Aes256);
        let (place, keyring) = (store.key_provider(provider), store.keyring_path(provider));
        let (key, new_key) = make(place, keyring, provider, &args.key, cipher)?;
        (key, Some(new_key))
    } else {
        (store.principal_key(provider, &args.key).map_err(failure)?, None)
    };
    let changes = [KeyChange::Rotate { scope, key: &key }];
    let edit = store.plan(&changes, &description).map_err(failure)?;
    let mut outcome = Outcome {
        data_directory,
        operation: "rotate",
        recovery,
        keyring: new_key.as_ref().and_then(|key| key.keyring.clone()),
        new_key_place: new_key.as_ref().map(NewKey::place),
        steps: edit.steps().to_vec(),
        changes: Outcome::changes(&edit),
        more: Vec::new(),
    };
    drop(edit);
    if !args.write.dry_run {
        outcome.steps = store_key_first(new_key, || store.apply(&changes, &description))?.steps;
    }
    say(&args.write, &outcome)
}
