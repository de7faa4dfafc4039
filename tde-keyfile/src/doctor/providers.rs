//! The key providers: can they be used, and do they have the keys that scopes name?

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::error::Error as _;

use super::{Check, counted, pass_unless_told};
use crate::cluster::{
    Cluster, OpenOptions, PrincipalKeyErrorKind, Provider, ScopeError, ScopeState, places_of,
};
use crate::format::header::ProviderId;
use crate::format::names;
use crate::format::provider_options::ProviderOptions;
use crate::provider::{FileKeyring, ProviderErrorKind};

const ID: &str = "providers";

pub(super) fn check(checks: &mut Vec<Check>, cluster: &Cluster, keys: &OpenOptions) {
    let before = checks.len();
    let mut usable = 0;
    let mut any = false;
    for file in cluster.providers() {
        let path = file.path().display().to_string();
        if file.torn_tail().is_some() {
            let text = "the file ends inside a record, with which the server refuses it";
            checks
                .push(Check::failure(ID, text, "restore it from a backup, or run `tde repair`").about(&path));
        }
        for record in file.records() {
            match record.provider() {
                Ok(None) => {}
                Err(error) => {
                    any = true;
                    let text = format!("the record of provider {} cannot be used: {error}", record.id());
                    let used = is_used(cluster, record.id());
                    let advice = "set it right with `tde provider change`, or restore the file from a backup";
                    checks.push(if used {
                        Check::failure(ID, text, advice).about(&path)
                    } else {
                        Check::warning(ID, text, advice).about(&path)
                    });
                }
                Ok(Some(provider)) => {
                    any = true;
                    connection(checks, cluster, provider, keys);
                    match problem(cluster, provider, keys) {
                        None => usable += 1,
                        Some(check) => checks.push(check.about(title(provider))),
                    }
                }
            }
        }
    }
    if any {
        let text = format!("{} can be used", counted(usable, "provider"));
        pass_unless_told(checks, before, Check::pass(ID, text));
    } else if cluster.scopes().any(|scope| scope.principal_key().is_some()) {
        checks.push(Check::failure(
            ID,
            format!("there is no provider in {}/, but scopes have principal keys", names::DIRECTORY),
            "restore the providers files from a backup: without them the server does not start",
        ));
    } else {
        checks.push(Check::warning(
            ID,
            "no key provider is configured",
            "make one with `pg_tde_add_global_key_provider_…` or `tde provider add`",
        ));
    }
}

/// `provider "vault" (-1, kmip)`.
pub(super) fn title(provider: &Provider) -> String {
    format!("provider \"{}\" ({}, {})", provider.name(), provider.id(), provider.kind())
}

fn is_used(cluster: &Cluster, id: ProviderId) -> bool {
    cluster.scopes().filter_map(|scope| scope.principal_key()).any(|key| key.provider() == id)
}

/// Asks a provider that is not a keyring whether it can be used, where something here reaches it.
fn connection(checks: &mut Vec<Check>, cluster: &Cluster, provider: &Provider, keys: &OpenOptions) {
    const ID: &str = "provider-connection";
    if matches!(provider.options(), ProviderOptions::File { .. }) {
        return;
    }
    for place in places_of(provider, cluster.directory(), keys).unwrap_or_default() {
        match place.check() {
            Ok(found) => {
                let good = found.items.iter().filter(|item| !item.warning);
                let good: Vec<_> = good.map(|item| format!("{}: {}", item.subject, item.text)).collect();
                if !good.is_empty() {
                    checks.push(Check::pass(ID, good.join(", ")).about(title(provider)));
                }
                for item in found.warnings() {
                    let text = format!("{}: {}", item.subject, item.text);
                    checks.push(
                        Check::warning(ID, text, "see to it before it keeps keys away")
                            .about(title(provider)),
                    );
                }
            }
            Err(error) if error.kind() == ProviderErrorKind::Unsupported => {}
            Err(error) => {
                let text = match error.source() {
                    Some(source) => format!("{error}: {source}"),
                    None => error.to_string(),
                };
                let advice = error
                    .advice()
                    .unwrap_or("look whether the server runs and its address is right")
                    .to_string();
                let check = match is_used(cluster, provider.id()) {
                    true => Check::failure(ID, text, advice),
                    false => Check::warning(ID, text, advice),
                };
                checks.push(check.about(title(provider)));
            }
        }
    }
}

/// What keeps a provider from being used; its keys are checked scope by scope.
fn problem(cluster: &Cluster, provider: &Provider, keys: &OpenOptions) -> Option<Check> {
    let used = is_used(cluster, provider.id());
    let judged = |text: String, advice: &str| {
        Some(if used { Check::failure(ID, text, advice) } else { Check::warning(ID, text, advice) })
    };
    match places_of(provider, cluster.directory(), keys) {
        Err(error) => {
            return judged(
                error.to_string(),
                "make it available, or set it right with `tde provider change`",
            );
        }
        Ok(places) if places.is_empty() => {
            // Its keys may have been given by file.
            let opened = used && !lacks_key(cluster, provider.id());
            let text = format!("a {} provider was not asked", provider.kind());
            return (!opened).then(|| {
                Check::warning(
                    ID,
                    text,
                    "let it be asked (no `--offline`), or give its keys with `--principal-key`",
                )
            });
        }
        Ok(_) => {}
    }
    let ProviderOptions::File { path } = provider.options() else { return None };
    let recorded = cluster.directory().join(path);
    let override_given = keys.keyrings_for(Some(provider.name())).next().is_some();
    match recorded.metadata() {
        Ok(metadata) if metadata.is_file() => None,
        Ok(_) => judged(format!("{} is no file", recorded.display()), "put the keyring there"),
        Err(_) if override_given && used => None,
        Err(error) => judged(
            format!("its keyring {}: {error}", recorded.display()),
            "put the keyring there, or name the one to use with `--keyring`",
        ),
    }
}

/// Whether a scope that names the provider could not be opened for want of its key.
fn lacks_key(cluster: &Cluster, id: ProviderId) -> bool {
    cluster.scopes().any(|scope| match scope.state() {
        ScopeState::Locked(error) => {
            scope.principal_key().is_some_and(|key| key.provider() == id)
                && matches!(&**error, ScopeError::PrincipalKey { error, .. }
                    if !matches!(error.kind(), PrincipalKeyErrorKind::WrongKey { .. }))
        }
        _ => false,
    })
}

/// The keyrings that the cluster's file providers use, as recorded or as the options say, each once.
pub(super) fn keyrings(cluster: &Cluster, keys: &OpenOptions) -> Vec<FileKeyring> {
    let mut found: Vec<FileKeyring> = Vec::new();
    let providers = cluster.providers().flat_map(|file| file.records());
    for provider in providers.filter_map(|record| record.provider().ok().flatten()) {
        let ProviderOptions::File { path } = provider.options() else { continue };
        let recorded = FileKeyring::new(cluster.directory().join(path));
        for keyring in keys.keyrings_for(Some(provider.name())).cloned().chain([recorded]) {
            if !found.contains(&keyring) {
                found.push(keyring);
            }
        }
    }
    found
}
