//! `tde upgrade`: key files of one release made into those of another.

use clap::{Args, ValueEnum};
use tde_keyfile::edit::{Draft, Generation};

use crate::args::ClusterArgs;
use crate::edit::{WriteArgs, carry_out, failure, options};
use crate::failure::{Failure, Status};

const AFTER_HELP: &str = "\
The server must be stopped. All principal keys must be at hand. All files are converted or none; data and
WAL are not touched.

Exit status:
  0  done, or there was nothing to convert
  1  a key file is damaged, or a principal key does not fit its header; nothing was changed
  2  could not run; nothing was changed, unless the message says otherwise

Examples:
  tde upgrade /srv/pgdata --dry-run
  tde upgrade /srv/pgdata --keyring /etc/tde/keys.per";

/// Convert all key files to those of pg_tde 2.2, as its server does at the first start
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct UpgradeArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// The release whose key files are wanted; back to 2.0 works as long as all keys have 128 bits
    #[arg(long, value_name = "RELEASE", default_value = "2.2")]
    to: Release,

    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Release {
    /// pg_tde 2.2: relation keys version 4, WAL keys version 2
    #[value(name = "2.2")]
    V2_2,
    /// pg_tde 2.0 and 2.1: relation keys version 3, WAL keys version 1
    #[value(name = "2.0", alias = "2.1")]
    V2_0,
}

pub(crate) fn run(args: &UpgradeArgs) -> Result<Status, Failure> {
    let options = options(&args.cluster, &args.write)?;
    let (generation, description) = match args.to {
        Release::V2_2 => (Generation::Release22, "convert the key files to pg_tde 2.2"),
        Release::V2_0 => (Generation::Release20, "convert the key files to pg_tde 2.0"),
    };
    carry_out(&args.cluster.data_directory, &options, &args.write, "upgrade", |files| {
        let mut draft = Draft::new(files);
        draft.convert(generation).map_err(failure)?;
        Ok(draft.finish(description).into())
    })
}
