//! `tde kmip revoke`: a key is not to be used any more.

use clap::{Args, ValueEnum};
use serde_json::json;
use tde_kmip_codec::DateTime;
use tde_kmip_codec::spec::enumeration::RevocationReasonCode;

use super::connection::{ConnectionArgs, failure};
use super::object::ObjectArgs;
use super::report;
use crate::failure::{Failure, Status};

/// Take a key out of use, or mark it as compromised
#[derive(Args, Debug)]
#[command(after_help = super::EXIT_STATUS)]
pub(crate) struct RevokeArgs {
    #[command(flatten)]
    object: ObjectArgs,

    /// Why
    #[arg(long, value_name = "REASON", default_value = "cessation-of-operation")]
    reason: Reason,

    /// What else is to be said of it
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,

    /// Print one JSON document instead (schema `tde.kmip.change/1`)
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    connection: ConnectionArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Reason {
    Unspecified,
    KeyCompromise,
    CaCompromise,
    AffiliationChanged,
    Superseded,
    CessationOfOperation,
    PrivilegeWithdrawn,
}

impl Reason {
    const fn code(self) -> RevocationReasonCode {
        match self {
            Self::Unspecified => RevocationReasonCode::UNSPECIFIED,
            Self::KeyCompromise => RevocationReasonCode::KEY_COMPROMISE,
            Self::CaCompromise => RevocationReasonCode::CA_COMPROMISE,
            Self::AffiliationChanged => RevocationReasonCode::AFFILIATION_CHANGED,
            Self::Superseded => RevocationReasonCode::SUPERSEDED,
            Self::CessationOfOperation => RevocationReasonCode::CESSATION_OF_OPERATION,
            Self::PrivilegeWithdrawn => RevocationReasonCode::PRIVILEGE_WITHDRAWN,
        }
    }

    const fn is_compromise(self) -> bool {
        matches!(self, Self::KeyCompromise | Self::CaCompromise)
    }
}

pub(crate) fn run(args: &RevokeArgs) -> Result<Status, Failure> {
    let client = args.connection.client()?;
    let id = args.object.resolve(&client)?;
    // Since when, which a compromise has to say: as far as is known here, since now.
    let since = args.reason.is_compromise().then(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
        DateTime(now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX)))
    });
    client.revoke(&id, args.reason.code(), args.message.as_deref(), since).map_err(failure)?;
    let document = json!({
        "schema": "tde.kmip.change/1", "unique_identifier": id, "change": "revoked",
        "reason": args.reason.code().to_string(),
    });
    report::print(args.json, &document, &[format!("{id}: revoked ({})", args.reason.code())])?;
    Ok(Status::Good)
}
