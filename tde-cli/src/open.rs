//! Opens the data directory that a command line names, with the principal keys that it gives.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use tde_keyfile::cluster::{
    Cluster, ClusterError, OpenOptions, PrincipalKeyErrorKind, ScopeError, ScopeState,
};
use tde_keyfile::master_key;
use tde_keyfile::provider::{MasterKeyProvider, ProviderError};
use tde_keyfile::{NameError, PrincipalKeyName, ProviderName};
use tde_kmip::provider::Connector;

use crate::args::{ClusterArgs, KeyArgs};
use crate::command::layout::refuse_one_file;
use crate::command::master_key::passphrase::Asker;
use crate::failure::Failure;
use crate::output;

/// What to do when a principal key is not at hand.
pub(crate) const KEY_ADVICE: &str =
    "give its keyring with `--keyring FILE`, or the key itself with `--principal-key NAME=FILE`";

/// Opens the cluster, and warns about options that nothing in it asks for.
///
/// # Errors
/// If there is no `pg_tde/`, or a file named by an option cannot be read.
pub(crate) fn cluster(args: &ClusterArgs) -> Result<Cluster, Failure> {
    cluster_with(args, &options(&args.keys, &args.data_directory)?)
}

/// The same with options that are used again, so that providers stay connected.
///
/// # Errors
/// As [`cluster`].
pub(crate) fn cluster_with(args: &ClusterArgs, options: &OpenOptions) -> Result<Cluster, Failure> {
    let cluster = Cluster::open(&args.data_directory, options).map_err(cluster_failure(args))?;
    if cluster.scopes().len() == 0 {
        refuse_one_file(&args.data_directory)?;
    }
    warn_of_unused(&cluster, &args.keys)?;
    Ok(cluster)
}

fn cluster_failure(args: &ClusterArgs) -> impl FnOnce(ClusterError) -> Failure {
    |error| {
        let advice = error.advice();
        let failure = match error {
            ClusterError::NoKeyDirectory { .. } if !args.data_directory.exists() => {
                Failure::message(format!("{}: no such directory", args.data_directory.display()))
            }
            error => Failure::new(error),
        };
        failure.advise(advice)
    }
}

/// Opens the cluster for what is not about its principal keys: no key server is asked.
///
/// # Errors
/// As [`cluster`].
pub(crate) fn cluster_offline(args: &ClusterArgs) -> Result<Cluster, Failure> {
    let cluster = Cluster::open(&args.data_directory, &OpenOptions::new()).map_err(cluster_failure(args))?;
    if cluster.scopes().len() == 0 {
        refuse_one_file(&args.data_directory)?;
    }
    Ok(cluster)
}

/// Says which providers could not be asked for keys, and why, once each.
pub(crate) fn warn_of_unreached(cluster: &Cluster) {
    let mut told = Vec::new();
    for scope in cluster.scopes() {
        let ScopeState::Locked(error) = scope.state() else { continue };
        let Some(error) = provider_error(error) else { continue };
        if !told.contains(&error.place()) {
            told.push(error.place());
            output::warning(chain(error), Some(&provider_advice(error)));
        }
    }
}

/// The provider that could not be asked, if that is what is wrong.
fn provider_error(error: &ScopeError) -> Option<&ProviderError> {
    let ScopeError::PrincipalKey { error, .. } = error else { return None };
    match error.kind() {
        PrincipalKeyErrorKind::Failed(error) => Some(error),
        _ => None,
    }
}

/// The error with what caused it, in one line.
fn chain(error: &ProviderError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    output::printable(&text)
}

/// What to do about a provider that could not be asked.
fn provider_advice(error: &ProviderError) -> String {
    match error.advice() {
        Some(advice) => format!("{}; or {KEY_ADVICE}", output::as_clause(advice)),
        None => KEY_ADVICE.into(),
    }
}

/// The error of a command that needed this scope, or an entry in it.
pub(crate) fn scope_failure(error: Arc<ScopeError>) -> Failure {
    let advice = error.advice();
    match &*error {
        ScopeError::PrincipalKey { error: key, .. } => match key.kind() {
            PrincipalKeyErrorKind::WrongKey { .. } => {
                Failure::new(error).context("wrong principal key, or a damaged header").wrong().advise(advice)
            }
            PrincipalKeyErrorKind::Failed(provider) => {
                let advice = provider_advice(provider);
                Failure::new(error).advise(advice)
            }
            _ => Failure::new(error).advise(KEY_ADVICE),
        },
        ScopeError::Format { .. } => Failure::new(error).wrong().advise(advice),
        _ => Failure::new(error).advise(advice),
    }
}

/// Whether the scope's principal key is not at hand, as opposed to a wrong one.
pub(crate) fn lacks_key(error: &ScopeError) -> bool {
    matches!(error, ScopeError::PrincipalKey { error, .. }
        if !matches!(error.kind(), PrincipalKeyErrorKind::WrongKey { .. }))
}

/// Why scopes are locked for want of their principal key, one error each.
pub(crate) fn missing_keys(cluster: &Cluster) -> impl Iterator<Item = &Arc<ScopeError>> {
    cluster.scopes().filter_map(|scope| match scope.state() {
        ScopeState::Locked(error) if lacks_key(error) => Some(error),
        _ => None,
    })
}

/// Where principal keys are, as the command line says.
///
/// # Errors
/// If a file that it names cannot be read.
pub(crate) fn options(keys: &KeyArgs, data_directory: &Path) -> Result<OpenOptions, Failure> {
    let mut options = OpenOptions::new();
    for keyring in &keys.keyrings {
        // A keyring that is not there has no keys, to the provider; to whoever names it, it is a mistake.
        check_readable(&keyring.file, "keyring file")?;
        options = match &keyring.provider {
            Some(provider) => options.keyring_of(name::<ProviderName>(provider)?, &keyring.file),
            None => options.keyring(&keyring.file),
        };
    }
    for key in &keys.principal_keys {
        check_readable(&key.file, "principal key file")?;
        options = options.principal_key(name::<PrincipalKeyName>(&key.name)?, &key.file);
    }
    for key in &keys.protected_keys {
        check_readable(&key.file, "master key file")?;
        let source = Box::new(Asker::of_file(keys.passphrase_file.as_deref()));
        let name = name::<PrincipalKeyName>(&key.name)?;
        let opening = master_key::OpenOptions::default();
        options = options.provider(Arc::new(MasterKeyProvider::locked(name, &key.file, opening, source)));
    }
    if !keys.offline {
        let mut connector = Connector::new(data_directory);
        for given in &keys.provider_options {
            connector = connector.with_override(given.clone());
        }
        options = options.connector(Arc::new(connector));
    }
    Ok(options)
}

fn check_readable(path: &Path, what: &str) -> Result<(), Failure> {
    let opened = std::fs::metadata(path).and_then(|found| {
        if found.is_dir() { Err(std::io::ErrorKind::IsADirectory.into()) } else { File::open(path) }
    });
    match opened {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::new(error)
            .context(format!("{what} {}", path.display()))
            .advise("check the path given to `--keyring`, `--principal-key` or `--protected-key`")),
    }
}

fn name<T: std::str::FromStr<Err = NameError>>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error| Failure::new(error).context(format!("`{}`", output::printable(text))))
}

fn warn_of_unused(cluster: &Cluster, keys: &KeyArgs) -> Result<(), Failure> {
    let mut named = Vec::new();
    for provider in keys.keyrings.iter().filter_map(|keyring| keyring.provider.as_deref()) {
        named.push((name::<ProviderName>(provider)?, "--keyring ", "="));
    }
    for given in &keys.provider_options {
        named.push((*given.provider(), "--provider-option ", ":"));
    }
    for (wanted, before, behind) in named {
        let known = cluster
            .providers()
            .flat_map(|file| file.records())
            .filter_map(|record| record.provider().ok().flatten())
            .any(|provider| provider.name().matches(&wanted));
        if !known {
            output::warning(
                format_args!("`{before}{wanted}{behind}…`: there is no provider of this name"),
                Some("`tde inspect DATADIR` lists the providers"),
            );
        }
    }
    let protected_keys = keys.protected_keys.iter().map(|key| (key, "--protected-key"));
    for (key, option) in keys.principal_keys.iter().map(|key| (key, "--principal-key")).chain(protected_keys)
    {
        let wanted = name::<PrincipalKeyName>(&key.name)?;
        let known = cluster
            .scopes()
            .filter_map(|scope| scope.principal_key())
            .any(|in_use| in_use.name().matches(&wanted));
        if !known {
            output::warning(
                format_args!("`{option} {wanted}=…`: no scope names this key"),
                Some("`tde inspect DATADIR` lists the principal keys in use"),
            );
        }
    }
    Ok(())
}
