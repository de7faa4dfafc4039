//! `tde provider`: the key providers that a data directory knows.

mod list;

use clap::{Args, Subcommand, ValueEnum};
use tde_keyfile::cluster::OpenOptions;
use tde_keyfile::edit::{Draft, EditError, KeyCheck, KeyFiles};
use tde_keyfile::format::header::ProviderId;
use tde_keyfile::format::providers::ProviderKind;
use tde_keyfile::{Oid, ProviderName};

use crate::args::{ClusterArgs, ScopeArg};
use crate::edit::{Planned, WriteArgs, carry_out, failure, options};
use crate::failure::{Failure, Status};

const OPTIONS_HELP: &str = "\
Options by type (required ones first):
  file      path
  vault-v2  url, mountPath, tokenPath; caPath, namespace
  kmip      host, port, caPath, certPath, keyPath

Examples:
  tde provider add /srv/pgdata ring --type file --option path=/etc/tde/keys.per
  tde provider change /srv/pgdata ring --type file --option path=/mnt/keys.per --dry-run";

/// List, add, change and delete key providers
#[derive(Debug, Subcommand)]
pub(crate) enum ProviderCommand {
    List(list::ListArgs),
    Add(AddArgs),
    Change(ChangeArgs),
    Delete(DeleteArgs),
}

/// Add a key provider
#[derive(Args, Debug)]
#[command(after_help = OPTIONS_HELP)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    which: WhichArgs,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    write: WriteArgs,
}

/// Give a key provider another type and other options, under which its keys in use are found
#[derive(Args, Debug)]
#[command(after_help = OPTIONS_HELP)]
pub(crate) struct ChangeArgs {
    #[command(flatten)]
    which: WhichArgs,
    #[command(flatten)]
    settings: SettingsArgs,

    /// Do not look for the keys in use with the new settings
    ///
    /// For providers that cannot be reached from here. If a key is not there, the server will not start.
    #[arg(long)]
    unchecked: bool,

    #[command(flatten)]
    write: WriteArgs,
}

/// Delete a key provider whose keys are not in use
#[derive(Args, Debug)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    which: WhichArgs,
    #[command(flatten)]
    write: WriteArgs,
}

/// A provider of a data directory.
#[derive(Args, Debug)]
struct WhichArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// The provider's name; of one that is there, its number will do
    #[arg(value_name = "NAME", allow_hyphen_values = true)]
    name: String,

    /// Whose provider: `global`, or `database OID`
    #[arg(long, value_name = "SCOPE", default_value = "global", value_parser = ScopeArg::parse_of_provider)]
    scope: ScopeArg,
}

#[derive(Args, Debug)]
struct SettingsArgs {
    /// The kind of key store
    #[arg(long = "type", value_name = "TYPE")]
    kind: Kind,

    /// A setting of the provider; repeatable
    #[arg(long = "option", value_name = "NAME=VALUE", required = true, value_parser = setting)]
    options: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    File,
    VaultV2,
    Kmip,
}

impl SettingsArgs {
    fn kind(&self) -> ProviderKind {
        match self.kind {
            Kind::File => ProviderKind::File,
            Kind::VaultV2 => ProviderKind::VaultV2,
            Kind::Kmip => ProviderKind::Kmip,
        }
    }

    /// Compact, with strings as values, as `pg_tde`'s own command-line tool writes them.
    fn json(&self) -> String {
        let options = self.options.iter().map(|(name, value)| (name.clone(), value.clone().into()));
        serde_json::Value::Object(options.collect()).to_string()
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("expected NAME=VALUE".into()),
    }
}

pub(crate) fn run(command: &ProviderCommand) -> Result<Status, Failure> {
    match command {
        ProviderCommand::List(args) => list::run(args),
        ProviderCommand::Add(args) => {
            change(&args.which, &args.write, "provider add", false, |_, draft, scope| {
                let name: ProviderName = args.which.name.parse()?;
                draft
                    .add_provider(scope, name, args.settings.kind(), &args.settings.json())
                    .map(|_| ())
                    .map_err(failure)
            })
        }
        ProviderCommand::Change(args) => {
            change(&args.which, &args.write, "provider change", true, |files, draft, scope| {
                let id = find(files, scope, &args.which.name)?;
                let check = if args.unchecked { KeyCheck::Skipped } else { KeyCheck::Required };
                draft
                    .change_provider(scope, id, args.settings.kind(), &args.settings.json(), check)
                    .map_err(failure)
            })
        }
        ProviderCommand::Delete(args) => {
            change(&args.which, &args.write, "provider delete", false, |files, draft, scope| {
                let id = find(files, scope, &args.which.name)?;
                draft.delete_provider(scope, id).map_err(failure)
            })
        }
    }
}

fn change(
    which: &WhichArgs,
    write: &WriteArgs,
    operation: &str,
    asks_for_keys: bool,
    edits: impl FnOnce(&KeyFiles, &mut Draft<'_>, Oid) -> Result<(), Failure>,
) -> Result<Status, Failure> {
    let mut options = options(&which.cluster, write)?;
    if !asks_for_keys {
        // No key server has to be waited for.
        options.keys = OpenOptions::new();
    }
    carry_out(&which.cluster.data_directory, &options, write, operation, |files| {
        let mut draft = Draft::new(files);
        edits(files, &mut draft, which.scope.0)?;
        Ok(Planned::from(draft.finish("change the key providers")))
    })
}

/// The provider with this name, letter for letter as the server looks one up to change it, or with this number.
fn find(files: &KeyFiles, scope: Oid, name: &str) -> Result<ProviderId, Failure> {
    let of_scope = files.cluster().providers().filter(|file| file.scope() == scope);
    let records: Vec<_> =
        of_scope.flat_map(|file| file.records()).filter(|record| !record.is_deleted()).collect();
    let named = records.iter().find(|record| {
        record
            .provider()
            .is_ok_and(|found| found.is_some_and(|found| found.name().as_bytes() == name.as_bytes()))
    });
    let numbered = || records.iter().find(|record| record.id().to_string() == name);
    let found = named.or_else(numbered).map(|record| record.id());
    found.ok_or_else(|| failure(EditError::ProviderNotFound { provider: format!("\"{name}\""), scope }))
}
