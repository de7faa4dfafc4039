//! `tde master-key rotate`: a new key or a new passphrase.

use std::path::PathBuf;

use clap::Args;
use tde_keyfile::master_key::{MasterKeyFile, NewSecret};

use super::arguments::{DISK, DerivationArgs, FormatName, IterationsArgs, ReportArgs, now};
use super::failure::failure;
use super::passphrase::{Asker, NewPassphraseArgs, PassphraseArgs};
use super::report::ChangeReport;
use crate::failure::{Failure, Status};
use crate::output;

const AFTER_HELP: &str = "\
The old file is kept as FILE.YYYYMMDDThhmmssZ with a line in FILE.log. With a new passphrase the key
stays, and the old passphrase still opens the copy: remove it if the passphrase has become known.
With a new key, the databases still need the old one until their principal key is rotated to the new.

Exit status:
  0  done
  1  wrong passphrase, or the file is damaged
  2  could not run

Examples:
  tde master-key rotate /etc/tde/master.key --new-passphrase
  tde master-key rotate /etc/tde/master.key --new-key --passphrase-file /root/passphrase
  tde master-key rotate master.enc --new-passphrase --format tde";

/// Replace the key or the passphrase; the old file is kept as a dated copy
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
#[group(id = "secret", required = true, multiple = true, args = ["new_key", "new_passphrase"])]
pub(crate) struct RotateArgs {
    /// The master key file
    file: PathBuf,

    /// Make a new key
    #[arg(long)]
    new_key: bool,

    /// Ask for a new passphrase
    #[arg(long)]
    new_passphrase: bool,

    /// Format of the new file [default: that of the old one]
    #[arg(long, value_enum)]
    format: Option<FormatName>,

    #[command(flatten)]
    iterations: IterationsArgs,

    #[command(flatten)]
    report: ReportArgs,

    #[command(flatten)]
    passphrase: PassphraseArgs,

    #[command(flatten)]
    new: NewPassphraseArgs,

    #[command(flatten)]
    derivation: DerivationArgs,
}

pub(super) fn run(args: &RotateArgs) -> Result<Status, Failure> {
    let new = match (args.new_key, args.new_passphrase) {
        (true, true) => NewSecret::Both,
        (true, false) => NewSecret::Key,
        (false, _) => NewSecret::Passphrase,
    };
    let file = MasterKeyFile::new(&DISK, &args.file, "tde master-key rotate");
    let name = match args.format {
        Some(name) => name,
        None => match file.plan_rotate(new, None, now()).map_err(failure)?.format {
            "openssl" => FormatName::Openssl,
            _ => FormatName::Tde,
        },
    };
    let format = args.derivation.format(name, args.iterations.iterations)?;
    let changed = if args.report.dry_run {
        file.plan_rotate(new, Some(format), now())
    } else {
        let mut asker = Asker::changing(&args.passphrase, &args.new);
        file.rotate(&mut asker, new, Some(format), &args.iterations.open_options(), now())
    };
    let changed = changed.map_err(failure)?;
    ChangeReport::of("rotate", &changed, args.report.dry_run).print(args.report)?;
    if args.new_key && !args.report.dry_run {
        output::warning("databases and backups may still need the old key: keep its dated copy", None);
    }
    Ok(Status::Good)
}
