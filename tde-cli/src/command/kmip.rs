//! `tde kmip`: ask key servers, and look at and make messages of the key management protocol.

pub(crate) mod activate;
pub(crate) mod attributes;
pub(crate) mod connection;
pub(crate) mod create;
pub(crate) mod decode;
pub(crate) mod destroy;
pub(crate) mod encode;
pub(crate) mod get;
pub(crate) mod init;
pub(crate) mod locate;
mod object;
pub(crate) mod password;
pub(crate) mod ping;
mod profile;
pub(crate) mod query;
pub(crate) mod register;
mod report;
pub(crate) mod revoke;
pub(crate) mod serve;
mod source;
mod toml_error;

use clap::Subcommand;

use crate::failure::{Failure, Status};

/// Of the commands that ask a key server.
const EXIT_STATUS: &str = "\
Exit status:
  0  done
  1  the server did not do it, or there is no such object
  2  could not run: usage, a file that cannot be read, a server that cannot be reached";

/// Ask key servers, and look at and make messages of KMIP, the key management protocol
#[derive(Debug, Subcommand)]
pub(crate) enum KmipCommand {
    Ping(ping::PingArgs),
    Query(query::QueryArgs),
    Create(create::CreateArgs),
    Register(register::RegisterArgs),
    Locate(locate::LocateArgs),
    Get(get::GetArgs),
    Activate(activate::ActivateArgs),
    Revoke(revoke::RevokeArgs),
    Destroy(destroy::DestroyArgs),
    Attributes(attributes::AttributesArgs),
    Decode(decode::DecodeArgs),
    Encode(encode::EncodeArgs),
    Init(init::InitArgs),
    Password(password::PasswordArgs),
    Serve(Box<serve::ServeArgs>),
}

pub(crate) fn run(command: &KmipCommand) -> Result<Status, Failure> {
    match command {
        KmipCommand::Ping(args) => ping::run(args),
        KmipCommand::Query(args) => query::run(args),
        KmipCommand::Create(args) => create::run(args),
        KmipCommand::Register(args) => register::run(args),
        KmipCommand::Locate(args) => locate::run(args),
        KmipCommand::Get(args) => get::run(args),
        KmipCommand::Activate(args) => activate::run(args),
        KmipCommand::Revoke(args) => revoke::run(args),
        KmipCommand::Destroy(args) => destroy::run(args),
        KmipCommand::Attributes(args) => attributes::run(args),
        KmipCommand::Decode(args) => decode::run(args),
        KmipCommand::Encode(args) => encode::run(args),
        KmipCommand::Init(args) => init::run(args),
        KmipCommand::Password(args) => password::run(args),
        KmipCommand::Serve(args) => serve::run(args),
    }
}
