//! `tde relation encrypt` and `tde relation rekey`: relations encrypted in place, with a key of their own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use tde_keyfile::edit::{Draft, EditError, KeyFiles, ReencryptOptions, RelationFiles};
use tde_keyfile::postgres::{RelationPath, RelationPathError};
use tde_keyfile::storage::DiskStorage;

use crate::args::{CipherArg, ClusterArgs};
use crate::edit::{Planned, WriteArgs, carry_out, failure, options};
use crate::failure::{Failure, Status};
use crate::input;

const ENCRYPT_HELP: &str = "\
The server must be stopped. Each relation gets a key, and all pages of all its forks and segments
are encrypted: all of it or nothing, whatever happens. There must be room for the relations once
more.

RELATION is any file of the relation. Indexes and TOAST tables are relations of their own: name
them too. To pg_tde a relation is encrypted if it has a key; PostgreSQL's catalog goes on saying
`heap`. Catalogs are refused. A relation that has a key already is left as it is.

Exit status:
  0  done
  1  a page or key file is damaged, or a principal key does not fit; nothing was changed
  2  could not run; nothing was changed, unless the message says otherwise

Examples:
  tde relation encrypt /srv/pgdata base/16384/16385 base/16384/16388 --dry-run
  tde relation encrypt /srv/pgdata base/16384/16385 --cipher aes-256";

const REKEY_HELP: &str = "\
The server must be stopped. Each relation gets a new key and a new base vector, and all pages of
all its forks and segments are encrypted anew: all of it or nothing, whatever happens. There must
be room for the relations once more. RELATION is any file of the relation.

Exit status:
  0  done
  1  a page or key file is damaged, or a principal key does not fit; nothing was changed
  2  could not run; nothing was changed, unless the message says otherwise

Examples:
  tde relation rekey /srv/pgdata base/16384/16385 --dry-run
  tde relation rekey /srv/pgdata base/16384/16385 base/16384/16388 --keyring /etc/tde/keys.per";

/// Encrypt plaintext relations in place
#[derive(Args, Debug)]
#[command(after_help = ENCRYPT_HELP)]
pub(crate) struct EncryptArgs {
    #[command(flatten)]
    relations: RelationArgs,

    /// The cipher of the new keys [default: aes-128, as for `pg_tde.cipher`]
    #[arg(long, value_name = "CIPHER")]
    cipher: Option<CipherArg>,

    #[command(flatten)]
    write: WriteArgs,
}

/// Give encrypted relations new keys, and encrypt them anew
#[derive(Args, Debug)]
#[command(after_help = REKEY_HELP)]
pub(crate) struct RekeyArgs {
    #[command(flatten)]
    relations: RelationArgs,

    /// The cipher of the new keys [default: that of the old key]
    #[arg(long, value_name = "CIPHER")]
    cipher: Option<CipherArg>,

    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Args, Debug)]
struct RelationArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// Relations: any file of each, relative to the data directory
    #[arg(required = true, value_name = "RELATION")]
    relations: Vec<PathBuf>,

    /// Go on over pages that a server would not accept; they stay as bad as they are
    ///
    /// A file none of whose pages makes sense is refused all the same.
    #[arg(long)]
    allow_damaged_pages: bool,
}

pub(crate) fn encrypt(args: &EncryptArgs) -> Result<Status, Failure> {
    run(&args.relations, args.cipher, &args.write, "relation encrypt", |draft, relation, options| {
        if draft.has_relation_key(relation.locator())? {
            draft.keep_relation(relation);
            return Ok(());
        }
        draft.encrypt_relation(relation, options)
    })
}

pub(crate) fn rekey(args: &RekeyArgs) -> Result<Status, Failure> {
    run(&args.relations, args.cipher, &args.write, "relation rekey", |draft, relation, options| {
        draft.rekey_relation(relation, options)
    })
}

fn run(
    args: &RelationArgs,
    cipher: Option<CipherArg>,
    write: &WriteArgs,
    operation: &str,
    edit: impl Fn(&mut Draft<'_>, &RelationFiles, ReencryptOptions) -> Result<(), EditError>,
) -> Result<Status, Failure> {
    let data_directory = &args.cluster.data_directory;
    let options = options(&args.cluster, write)?;
    let mut how = ReencryptOptions::default();
    how.cipher = cipher.map(CipherArg::cipher);
    how.allow_damaged_pages = args.allow_damaged_pages;
    let relations = relations(data_directory, &args.relations)?;
    carry_out(data_directory, &options, write, operation, |files: &KeyFiles| {
        let storage = DiskStorage::new();
        let mut draft = Draft::new(files);
        for path in &relations {
            let found = RelationFiles::find(&storage, data_directory, path).map_err(failure)?;
            edit(&mut draft, &found, how)
                .map_err(|error| failure(error).context(found.path().to_string()))?;
        }
        let description = match relations.len() {
            1 => operation.to_owned(),
            several => format!("{operation} ({several} relations)"),
        };
        Ok(Planned::from(draft.finish(&description)))
    })
}

/// The relations that the files belong to, each once.
fn relations(data_directory: &Path, files: &[PathBuf]) -> Result<Vec<RelationPath>, Failure> {
    let mut seen = BTreeSet::new();
    let mut paths = Vec::new();
    for file in files {
        let name = input::name_inside(data_directory, file).or_else(|| input::plain_name(file));
        let name = name.unwrap_or_else(|| file.display().to_string());
        let path = RelationPath::parse(&name).map_err(|error| {
            let failure = Failure::new(error).context(name.clone());
            match error {
                RelationPathError::NotARelation => failure.advise(
                    "give a path relative to the data directory: `SELECT pg_relation_filepath('name')`",
                ),
                _ => failure,
            }
        })?;
        if seen.insert(path.locator) {
            paths.push(path);
        }
    }
    Ok(paths)
}
