//! `tde rotate`: another principal key for a scope.

mod one_file;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tde_core::{Cipher, PrincipalKey};
use tde_keyfile::cluster::{Provider, ScopeState};
use tde_keyfile::edit::{Draft, EditError, KeyFiles, NewPrincipalKey};
use tde_keyfile::provider::KeyProvider;
use tde_keyfile::{Oid, PrincipalKeyName};

use crate::args::{ClusterArgs, ScopeArg};
use crate::command::layout;
use crate::edit::{NewKey, Planned, WriteArgs, carry_out, failure, options};
use crate::failure::{Failure, Status};

const AFTER_HELP: &str = "\
The server must be stopped. All internal keys of the scope are wrapped anew under the new key; data and
WAL are not touched. `--scope default` takes the server and every database along that use the default key:
all of them or none. Keep the old key: backups and standbys still need it. Key files with one file per
relation (`tde layout`) are rotated in the same way.

Exit status:
  0  done
  1  a key file is damaged, or a principal key does not fit its header; nothing was changed
  2  could not run; nothing was changed, unless the message says otherwise

Examples:
  tde rotate /srv/pgdata --scope database 16384 --key db-key-2
  tde rotate /srv/pgdata --scope default --key default-2026 --create --dry-run
  tde rotate /srv/pgdata --scope server --key wal-2 --principal-key wal-2=/run/keys/wal-2.hex";

/// Give a database, the server or the default another principal key
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// Whose key: `database OID`, `server` (WAL) or `default`
    #[arg(long, value_name = "SCOPE", value_parser = ScopeArg::parse)]
    scope: ScopeArg,

    /// Name of the new principal key
    #[arg(long, value_name = "NAME")]
    key: PrincipalKeyName,

    /// Name or number of the provider that has the new key [default: the one that has the old key]
    #[arg(long, value_name = "PROVIDER", allow_hyphen_values = true)]
    to_provider: Option<String>,

    /// Make the new key, and store it at the provider
    #[arg(long)]
    create: bool,

    /// Bits of a key that is made [default: as many as the old key has]
    #[arg(long, value_name = "BITS", requires = "create")]
    key_bits: Option<KeyBits>,

    #[command(flatten)]
    write: WriteArgs,
}

/// The length of a principal key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyBits {
    #[value(name = "128")]
    Bits128,
    #[value(name = "256")]
    Bits256,
}

impl KeyBits {
    pub(crate) const fn cipher(self) -> Cipher {
        match self {
            Self::Bits128 => Cipher::Aes128,
            Self::Bits256 => Cipher::Aes256,
        }
    }
}

pub(crate) fn run(args: &RotateArgs) -> Result<Status, Failure> {
    let options = options(&args.cluster, &args.write)?;
    if layout::is_one_file(&args.cluster.data_directory) {
        return one_file::run(args, &options);
    }
    carry_out(&args.cluster.data_directory, &options, &args.write, "rotate", |files| plan(args, files))
}

fn plan(args: &RotateArgs, files: &KeyFiles) -> Result<Planned, Failure> {
    let ScopeArg(scope) = args.scope;
    let provider = provider(args, files, scope)?;
    let made = args.create.then(|| cipher(args, files, scope));
    let (key, new_key) = find_or_make(files, provider, &args.key, made)?;
    let mut draft = Draft::new(files);
    draft.rotate(scope, &key).map_err(failure)?;
    Ok(Planned { edit: draft.finish(&description(scope)), new_key })
}

fn description(scope: Oid) -> String {
    match scope {
        Oid::PG_DEFAULT => "rotate the default principal key".to_owned(),
        Oid::PG_GLOBAL => "rotate the server's principal key".to_owned(),
        database => format!("rotate the principal key of database {database}"),
    }
}

fn provider<'f>(args: &RotateArgs, files: &'f KeyFiles, scope: Oid) -> Result<&'f Provider, Failure> {
    match &args.to_provider {
        Some(provider) => files.provider(scope, provider).map_err(failure),
        None => {
            let info = files.cluster().scope(scope).and_then(|scope| scope.principal_key());
            let info = info.ok_or_else(|| failure(EditError::NoPrincipalKey { scope }))?;
            files.provider_by_id(scope, info.provider()).map_err(failure)
        }
    }
}

/// The key of this name: made with the length that `made` says, or asked for.
pub(crate) fn find_or_make(
    files: &KeyFiles,
    provider: &Provider,
    name: &PrincipalKeyName,
    made: Option<Cipher>,
) -> Result<(NewPrincipalKey, Option<NewKey>), Failure> {
    let Some(cipher) = made else {
        return Ok((files.principal_key(provider, name).map_err(failure)?, None));
    };
    let (new, key) =
        make(files.key_provider(provider), files.keyring_path(provider), provider, name, cipher)?;
    Ok((new, Some(key)))
}

/// A new key of this name, to be stored at its provider.
fn make(
    place: Result<Box<dyn KeyProvider>, EditError>,
    keyring: Option<PathBuf>,
    provider: &Provider,
    name: &PrincipalKeyName,
    cipher: Cipher,
) -> Result<(NewPrincipalKey, NewKey), Failure> {
    let place = place
        .map_err(|error| failure(error).advise("make the key at the provider, and leave `--create` out"))?;
    if let Some(found) = place.principal_key(name).map_err(|error| failure(error.into()))? {
        let (name, place) = (Box::new(found.name), place.place());
        return Err(failure(EditError::PrincipalKeyExists { name, place }));
    }
    let key = PrincipalKey::random(cipher)?;
    let new = NewPrincipalKey::new(provider.id(), *name, &key);
    Ok((new, NewKey { provider: place, keyring, name: *name, key }))
}

/// The length of a key that is made: as asked for, or as the old one's.
fn cipher(args: &RotateArgs, files: &KeyFiles, scope: Oid) -> Cipher {
    let old = files.cluster().scope(scope).map(|scope| scope.state());
    match (args.key_bits, old) {
        (Some(bits), _) => bits.cipher(),
        (None, Some(ScopeState::Unlocked(key))) => key.wrap_key().cipher(),
        (None, _) => Cipher::Aes256,
    }
}
