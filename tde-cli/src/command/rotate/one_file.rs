//! `tde rotate` where keys lie in one file per relation.

use tde_core::{Cipher, PrincipalKey};
use tde_keyfile::edit::{EditError, EditOptions, NewPrincipalKey};
use tde_keyfile::storage::{DiskStorage, Recovery};
use tde_keyfile::store::{KeyChange, KeyStore as _, OneFileStore};

use super::{RotateArgs, add_key, description};
use crate::args::ScopeArg;
use crate::edit::{Outcome, failure, say};
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
    let (key, keyring) = if args.create {
        let keyring = store.keyring_path(provider).map_err(|error| {
            failure(error).advise("make the key at the provider, and leave `--create` out")
        })?;
        let cipher = args.key_bits.map(super::KeyBits::cipher).or(cipher).unwrap_or(Cipher::Aes256);
        let key = PrincipalKey::random(cipher)?;
        let edit = add_key(&keyring, &args.key, &key)?;
        (NewPrincipalKey::new(provider.id(), args.key, &key), Some(edit))
    } else {
        (store.principal_key(provider, &args.key).map_err(failure)?, None)
    };
    let changes = [KeyChange::Rotate { scope, key: &key }];
    let edit = store.plan(&changes, &description).map_err(failure)?;
    let mut outcome = Outcome {
        data_directory,
        operation: "rotate",
        recovery,
        keyring: keyring.as_ref().map(|keyring| keyring.path().to_path_buf()),
        steps: edit.steps().to_vec(),
        changes: Outcome::changes(&edit),
        more: Vec::new(),
    };
    drop(edit);
    if !args.write.dry_run {
        // The key first: files that name a key which is nowhere would be lost.
        if let Some(keyring) = keyring {
            keyring.apply(&storage, "tde").map_err(failure)?;
        }
        outcome.steps = store.apply(&changes, &description).map_err(failure)?.steps;
    }
    say(&args.write, &outcome)
}
