//! `tde man`: manual pages, made from the same definitions as `--help`.

use std::io::Write;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory};
use clap_mangen::Man;

use crate::args::{self, Cli};
use crate::failure::{Failure, Status};
use crate::output::Printer;

const AFTER_HELP: &str = "\
Examples:
  tde man | man -l -
  tde man relation decrypt > tde-relation-decrypt.1";

/// Print the manual page of tde, or of one of its commands
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ManArgs {
    /// The command to describe, as in `relation decrypt`
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
}

pub(crate) fn run(args: &ManArgs) -> Result<Status, Failure> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut command = &root;
    for name in &args.command {
        match command.find_subcommand(name) {
            Some(found) => command = found,
            None => args::usage_error(
                &["man"],
                ErrorKind::InvalidValue,
                format!("`{}` has no command `{name}`", command.get_name()),
            ),
        }
    }
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    let mut out = Printer::new();
    out.write_all(&page)?;
    out.flush()?;
    Ok(Status::Good)
}
