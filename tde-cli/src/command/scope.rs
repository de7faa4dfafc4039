//! `tde scope`: principal keys of scopes that have none.

use clap::{Args, Subcommand};
use tde_core::Cipher;
use tde_keyfile::edit::{Draft, Generation, KeyFiles};
use tde_keyfile::{Oid, PrincipalKeyName};

use crate::args::{ClusterArgs, ScopeArg};
use crate::command::rotate::{KeyBits, find_or_make};
use crate::edit::{Planned, WriteArgs, carry_out, failure, options};
use crate::failure::{Failure, Status};

const AFTER_HELP: &str = "\
The server must be stopped. A scope that has a principal key is refused: `tde rotate` gives it
another. As pg_tde 2.2 does it, the default key becomes the server's too, if that has none. From
then on the server does not start without its key. In a database, run CREATE EXTENSION pg_tde
first: it removes that database's keys.

Exit status:
  0  done
  1  a key file is damaged; nothing was changed
  2  could not run; nothing was changed, unless the message says otherwise

Examples:
  tde scope create /srv/pgdata --scope default --key default-key --to-provider ring --create
  tde scope create /srv/pgdata --scope database 16384 --key db-key --to-provider ring --dry-run";

/// Give scopes their first principal key
#[derive(Debug, Subcommand)]
pub(crate) enum ScopeCommand {
    Create(CreateArgs),
}

/// Give a database, the server or the default its first principal key
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// Whose key: `database OID`, `server` (WAL) or `default`
    #[arg(long, value_name = "SCOPE", value_parser = ScopeArg::parse)]
    scope: ScopeArg,

    /// Name of the principal key
    #[arg(long, value_name = "NAME")]
    key: PrincipalKeyName,

    /// Name or number of the provider that has the key
    #[arg(long, value_name = "PROVIDER", allow_hyphen_values = true)]
    to_provider: String,

    /// Make the key, and store it at the provider
    #[arg(long)]
    create: bool,

    /// Bits of a key that is made [default: 256; 128 if key files are older than pg_tde 2.2]
    #[arg(long, value_name = "BITS", requires = "create")]
    key_bits: Option<KeyBits>,

    #[command(flatten)]
    write: WriteArgs,
}

pub(crate) fn run(command: &ScopeCommand) -> Result<Status, Failure> {
    let ScopeCommand::Create(args) = command;
    let options = options(&args.cluster, &args.write)?;
    carry_out(&args.cluster.data_directory, &options, &args.write, "scope create", |files| plan(args, files))
}

fn plan(args: &CreateArgs, files: &KeyFiles) -> Result<Planned, Failure> {
    let ScopeArg(scope) = args.scope;
    let provider = files.provider(scope, &args.to_provider).map_err(failure)?;
    let mut draft = Draft::new(files);
    let cipher = match (args.key_bits, draft.generation()) {
        (Some(bits), _) => bits.cipher(),
        (None, Generation::Release20) => Cipher::Aes128,
        (None, Generation::Release22) => Cipher::Aes256,
    };
    let (key, new_key) = find_or_make(files, provider, &args.key, args.create.then_some(cipher))?;
    draft.create_scope(scope, &key).map_err(failure)?;
    let description = match scope {
        Oid::PG_DEFAULT => "set the default principal key".to_owned(),
        Oid::PG_GLOBAL => "set the server's principal key".to_owned(),
        database => format!("set the principal key of database {database}"),
    };
    Ok(Planned { edit: draft.finish(&description), new_key })
}
