//! `tde kmip activate`: a key may be used from now on.

use clap::Args;

use super::object::ChangeArgs;
use crate::failure::{Failure, Status};

/// Put a pre-active key into use
#[derive(Args, Debug)]
#[command(after_help = super::EXIT_STATUS)]
pub(crate) struct ActivateArgs {
    #[command(flatten)]
    change: ChangeArgs,
}

pub(crate) fn run(args: &ActivateArgs) -> Result<Status, Failure> {
    args.change.carry_out("activated", |client, id| client.activate(id))
}
