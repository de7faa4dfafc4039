//! `tde kmip`: look at and make messages of the key management protocol.

pub(crate) mod decode;
pub(crate) mod encode;
pub(crate) mod init;
pub(crate) mod serve;
mod source;

use clap::Subcommand;

use crate::failure::{Failure, Status};

/// Look at and make messages of KMIP, the key management protocol
#[derive(Debug, Subcommand)]
pub(crate) enum KmipCommand {
    Decode(decode::DecodeArgs),
    Encode(encode::EncodeArgs),
    Init(init::InitArgs),
    Serve(Box<serve::ServeArgs>),
}

pub(crate) fn run(command: &KmipCommand) -> Result<Status, Failure> {
    match command {
        KmipCommand::Decode(args) => decode::run(args),
        KmipCommand::Encode(args) => encode::run(args),
        KmipCommand::Init(args) => init::run(args),
        KmipCommand::Serve(args) => serve::run(args),
    }
}
