//! `tde master-key init`: a new key in a new file.

use std::path::PathBuf;

use clap::Args;
use tde_keyfile::master_key::MasterKeyFile;

use super::arguments::{DISK, DerivationArgs, FormatName, IterationsArgs, ReportArgs, now};
use super::failure::failure;
use super::passphrase::{Asker, PassphraseArgs};
use super::report::ChangeReport;
use crate::failure::{Failure, Status};

const AFTER_HELP: &str = "\
The passphrase is asked for twice and has at least 12 characters. Beside FILE a log (FILE.log) and a
lock (tde.lock) are made, all with mode 0600.

Exit status:
  0  made
  2  could not: there is a file already, the passphrase is too short, the directory is missing, ...

Examples:
  tde master-key init /etc/tde/master.key
  tde master-key init /etc/tde/master.key --passphrase-fd 3 3< <(pass show tde)
  tde master-key init master.enc --format openssl --iter 1000000";

/// Make a new random key and the file that protects it with a passphrase
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct InitArgs {
    /// The master key file
    file: PathBuf,

    /// Format of the file
    #[arg(long, value_enum, default_value_t = FormatName::Tde)]
    format: FormatName,

    /// Replace an existing file, which is kept as a dated copy
    #[arg(long, visible_alias = "force")]
    replace: bool,

    #[command(flatten)]
    iterations: IterationsArgs,

    #[command(flatten)]
    report: ReportArgs,

    #[command(flatten)]
    passphrase: PassphraseArgs,

    #[command(flatten)]
    derivation: DerivationArgs,
}

pub(super) fn run(args: &InitArgs) -> Result<Status, Failure> {
    let format = args.derivation.format(args.format, args.iterations.iterations)?;
    let file = MasterKeyFile::new(&DISK, &args.file, "tde master-key init");
    let changed = if args.report.dry_run {
        file.plan_init(format, args.replace, now())
    } else {
        file.init(&mut Asker::new(&args.passphrase), format, args.replace, now())
    };
    let changed = changed.map_err(failure)?;
    ChangeReport::of("init", &changed, args.report.dry_run).print(args.report)?;
    Ok(Status::Good)
}
