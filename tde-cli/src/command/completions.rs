//! `tde completions`: scripts that let a shell complete `tde`'s command line.

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::Write;

use crate::args::Cli;
use crate::failure::{Failure, Status};
use crate::output::Printer;

const AFTER_HELP: &str = "\
Examples:
  tde completions bash > ~/.local/share/bash-completion/completions/tde
  tde completions zsh > ~/.zfunc/_tde
  tde completions fish > ~/.config/fish/completions/tde.fish";

/// Print a completion script for a shell
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CompletionsArgs {
    /// The shell to write for
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs) -> Result<Status, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tde", &mut script);
    let mut out = Printer::new();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Status::Good)
}
