//! `tde kmip password`: a line for the passwords of a key server.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use tde_keyfile::master_key::{Error, PassphraseSource as _};
use tde_kmip::server::{Passwords, PasswordsError};

use crate::command::master_key::failure::failure as master_key_failure;
use crate::command::master_key::passphrase::Asker;
use crate::failure::{Failure, Status};
use crate::output::Printer;

const AFTER_HELP: &str = "\
Prints NAME:OWNER:HASH, the line of a user for the file of `tde kmip serve --passwords`, to which
only its owner may have access. HASH is Argon2id with 19 MiB and two passes; the password cannot
be read from it.

The password is asked for on the terminal unless --password-file or --password-fd gives it. It has
at least 12 characters. It is never an argument, which other users of the machine could read.

Exit status:
  0  printed
  2  could not run: a name with a colon, no password, a password that is too short, ...

Examples:
  umask 077
  tde kmip password orders-db >> /etc/tde/passwords
  tde kmip password alice --owner orders-db --password-file alice.pass >> /etc/tde/passwords";

/// Print the line of a user for a key server that asks for passwords
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct PasswordArgs {
    /// Name of the user
    #[arg(value_name = "NAME")]
    name: String,

    /// Whose objects the user works with [default: the name in the client's certificate]
    #[arg(long, value_name = "OWNER")]
    owner: Option<String>,

    /// Read the password from FILE: its first line; only its owner may have access to it
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// Read the password from descriptor N: the first line that it gives
    #[arg(long, value_name = "N", conflicts_with = "password_file")]
    password_fd: Option<u32>,
}

pub(super) fn run(args: &PasswordArgs) -> Result<Status, Failure> {
    let mut asker = Asker::fresh_from(args.password_file.as_deref(), args.password_fd, "password");
    let password = asker.fresh().map_err(not_had)?;
    password.check_new().map_err(not_had)?;
    let bytes = password.expose_bytes();
    // As `tde kmip ping --password-file` reads the same file.
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    // KMIP 1.4, section 2.1.2: a password is a Text String. Another could never be sent.
    if str::from_utf8(bytes).is_err() {
        return Err(Failure::message("the password is not UTF-8 text").advise("choose another password"));
    }
    let line = Passwords::line(&args.name, args.owner.as_deref(), bytes).map_err(|error| {
        let name = matches!(error, PasswordsError::Name);
        let failure = Failure::new(error);
        if name { failure.advise("choose a plain name, such as `orders-db`") } else { failure }
    })?;
    let mut out = Printer::new();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(Status::Good)
}

fn not_had(error: Error) -> Failure {
    let failure = match error.kind() {
        // With the options of this command.
        Error::PassphraseSource(_) => {
            Failure::new(error).advise("without a terminal, use `--password-file FILE` or `--password-fd N`")
        }
        _ => master_key_failure(error),
    };
    failure.context("no password")
}
