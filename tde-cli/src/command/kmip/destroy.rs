//! `tde kmip destroy`: a key is gone for good.

use clap::Args;

use super::object::ChangeArgs;
use crate::failure::{Failure, Status};

/// Destroy a key for good: what it protects cannot be read any more
///
/// An active key has to be revoked first.
#[derive(Args, Debug)]
#[command(after_help = super::EXIT_STATUS)]
pub(crate) struct DestroyArgs {
    #[command(flatten)]
    change: ChangeArgs,
}

pub(crate) fn run(args: &DestroyArgs) -> Result<Status, Failure> {
    args.change.carry_out("destroyed", |client, id| client.destroy(id))
}
