//! The certificates that a cluster's provider records name: whose they are, and how long they are good.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tde_keyfile::cluster::{Cluster, Provider};
use tde_keyfile::doctor::Check;
use tde_keyfile::format::provider_options::ProviderOptions;

use crate::tls::{CertificateFacts, authorities_from_pem_file};

const ID: &str = "certificates";
const DAY: i64 = 24 * 3600;

/// Checks every certificate in the files that provider records name, for `tde_keyfile::doctor`; asks no server.
///
/// One that has expired, is not yet valid or is for another use fails; one that expires within `soon` after `now` is a
/// warning. Files that cannot be read are left to the check of their modes.
#[must_use]
pub fn certificate_checks(cluster: &Cluster, now: SystemTime, soon: Duration) -> Vec<Check> {
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let now = seconds(now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
    let mut seen: Vec<PathBuf> = Vec::new();
    let mut checks = Vec::new();
    let providers = cluster.providers().flat_map(|file| file.records());
    for provider in providers.filter_map(|record| record.provider().ok().flatten()) {
        for (role, path) in files_of(provider) {
            let path = cluster.directory().join(path);
            // Two providers often share their files.
            if seen.contains(&path) || !path.is_file() {
                continue;
            }
            let subject = format!("provider \"{}\", {}", provider.name(), path.display());
            match authorities_from_pem_file(&path) {
                Err(error) => checks.push(
                    Check::failure(ID, error.to_string(), "put a PEM file with certificates there")
                        .about(subject),
                ),
                Ok(chain) => {
                    let facts = chain.iter().map(CertificateFacts::from_der);
                    checks.extend(facts.enumerate().map(|(place, facts)| {
                        judge(role, place, facts.as_ref(), now, seconds(soon)).about(&subject)
                    }));
                }
            }
            seen.push(path);
        }
    }
    if checks.is_empty() {
        checks.push(Check::skipped(ID, "no provider record names a certificate that is here"));
    }
    checks
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Authorities of the server.
    Authority,
    /// Our own certificate, perhaps with its issuers behind it.
    Client,
}

fn files_of(provider: &Provider) -> Vec<(Role, &str)> {
    match provider.options() {
        ProviderOptions::Kmip { ca_path, cert_path, .. } => {
            vec![(Role::Authority, ca_path), (Role::Client, cert_path)]
        }
        ProviderOptions::VaultV2 { ca_path: Some(ca_path), .. } => vec![(Role::Authority, ca_path)],
        _ => Vec::new(),
    }
}

fn judge(role: Role, place: usize, facts: Option<&CertificateFacts>, now: i64, soon: i64) -> Check {
    let Some(facts) = facts else {
        return Check::failure(ID, format!("certificate {place} cannot be read"), "have it issued anew");
    };
    let text = format!("{}, issued by {}, valid until {}", facts.subject, facts.issuer, facts.not_after);
    let left = facts.not_after.0.saturating_sub(now);
    let renew = "have it issued anew before the server can no longer get at its keys";
    if left < 0 {
        Check::failure(ID, format!("{text}: it has expired"), "have it issued anew")
    } else if facts.not_before.0 > now {
        let text = format!("{text}: it is not valid before {}", facts.not_before);
        Check::failure(ID, text, "wait, or look at this host's clock")
    } else if role == Role::Client && place == 0 && facts.client_auth == Some(false) {
        Check::failure(
            ID,
            format!("{text}: it is not for clients"),
            "have one issued with client authentication",
        )
    } else if left < soon {
        Check::warning(ID, format!("{text}: it expires within {} days", left / DAY + 1), renew)
    } else if role == Role::Authority && !facts.is_authority {
        // A server's own certificate may stand there, and is trusted then.
        Check::warning(ID, format!("{text}: it is not an authority's"), "put the issuer's certificate there")
    } else {
        Check::pass(ID, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::UtcTime;
    use tde_keyfile::doctor::Status;

    fn facts(from_day: i64, to_day: i64, authority: bool, client_auth: Option<bool>) -> CertificateFacts {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec!["x".to_owned()]).unwrap().self_signed(&key).unwrap();
        let mut facts = CertificateFacts::from_der(certificate.der()).unwrap();
        (facts.not_before, facts.not_after) = (UtcTime(from_day * DAY), UtcTime(to_day * DAY));
        (facts.is_authority, facts.client_auth) = (authority, client_auth);
        facts
    }

    #[test]
    fn certificates_are_good_for_their_use_and_time_or_not() {
        use Role::{Authority, Client};
        for (role, place, facts, expected) in [
            (Client, 0, facts(0, 200, false, Some(true)), Status::Pass),
            (Client, 0, facts(0, 200, false, None), Status::Pass),
            (Client, 1, facts(0, 200, true, Some(false)), Status::Pass),
            (Client, 0, facts(0, 200, false, Some(false)), Status::Failure),
            (Client, 0, facts(0, 120, false, None), Status::Warning),
            (Client, 0, facts(0, 99, false, None), Status::Failure),
            (Client, 0, facts(101, 200, false, None), Status::Failure),
            (Authority, 0, facts(0, 200, true, None), Status::Pass),
            (Authority, 0, facts(0, 200, false, None), Status::Warning),
            (Authority, 0, facts(0, 99, true, None), Status::Failure),
        ] {
            let check = judge(role, place, Some(&facts), 100 * DAY, 30 * DAY);
            assert_eq!(check.status, expected, "{role:?} {place}: {check}");
        }
        assert_eq!(judge(Client, 0, None, 0, 0).status, Status::Failure);
    }
}
