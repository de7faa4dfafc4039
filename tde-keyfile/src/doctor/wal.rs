//! Whether WAL is encrypted as the settings say.
//!
//! Source: specification of the formats, section 6.5: what a server does to `wal_keys` when it starts depends on
//! `pg_tde.wal_encrypt` and on the last entry; what it writes until then, on the entries alone.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use tde_wal::RangeKind;

use super::Check;
use super::server::Server;
use super::settings::Settings;
use super::settings::value::boolean;
use crate::Oid;
use crate::cluster::{Cluster, ScopeState};

const ID: &str = "wal-encryption";
const SETTING: &str = "pg_tde.wal_encrypt";

pub(super) fn check(checks: &mut Vec<Check>, cluster: &Cluster, settings: &Settings, server: Server) {
    let last = last_range(cluster);
    let has_key = [Oid::PG_GLOBAL, Oid::PG_DEFAULT]
        .into_iter()
        .filter_map(|oid| cluster.scope(oid))
        .any(|scope| scope.principal_key().is_some());
    checks.push(match wanted(settings) {
        Wanted::Unknown => unknown(last),
        Wanted::Wrong(place) => Check::failure(
            ID,
            format!("{SETTING} is neither on nor off ({place})"),
            "correct it: the server refuses the value",
        ),
        Wanted::On(place) => on(&place, last, has_key, server),
        Wanted::Off(place) => off(&place, last),
    });
    checks.extend(archiving(settings, last));
}

/// The last entry of `wal_keys`, which is what a server goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    /// There is none.
    None,
    Encrypted,
    Unencrypted,
    Invalid,
    /// The file cannot be read; the check of key files says why.
    Unreadable,
}

enum Wanted {
    Unknown,
    Wrong(String),
    On(String),
    Off(String),
}

fn last_range(cluster: &Cluster) -> Last {
    let Some(scope) = cluster.scope(Oid::PG_GLOBAL) else { return Last::None };
    if let ScopeState::Unreadable(_) = scope.state() {
        return Last::Unreadable;
    }
    match scope.wal_keys().and_then(|keys| keys.entries().last()) {
        None => Last::None,
        Some(Err(_)) => Last::Unreadable,
        Some(Ok(entry)) => match entry.kind() {
            RangeKind::Encrypted => Last::Encrypted,
            RangeKind::Unencrypted => Last::Unencrypted,
            RangeKind::Invalid => Last::Invalid,
        },
    }
}

fn wanted(settings: &Settings) -> Wanted {
    match settings.get(SETTING) {
        None if !settings.is_known() => Wanted::Unknown,
        None => Wanted::Off("by default".into()),
        Some(setting) => match boolean(&setting.value) {
            Some(true) => Wanted::On(setting.place.clone()),
            Some(false) => Wanted::Off(setting.place.clone()),
            None => Wanted::Wrong(setting.place.clone()),
        },
    }
}

fn unknown(last: Last) -> Check {
    const ADVICE: &str = "name the server's configuration file with `--config FILE` to see what it wants";
    match last {
        Last::Encrypted => {
            Check::pass(ID, "the last WAL range is encrypted; the setting is not known").advise(ADVICE)
        }
        Last::None => Check::warning(ID, "there are no WAL keys, so that all WAL is plaintext", ADVICE),
        Last::Unencrypted => Check::warning(ID, "the last WAL range is plaintext", ADVICE),
        Last::Invalid | Last::Unreadable => unreadable(),
    }
}

fn on(place: &str, last: Last, has_key: bool, server: Server) -> Check {
    let is_on = format!("{SETTING} is on ({place})");
    if !has_key {
        return Check::failure(
            ID,
            format!(
                "{is_on}, but there is neither a server key nor a default key: the server will not start"
            ),
            "start it with the setting off, set a key with `pg_tde_set_server_key_using_global_key_provider`, then \
             turn it on",
        );
    }
    match (last, server) {
        (Last::Encrypted, _) => Check::pass(ID, format!("{is_on} and the last WAL range is encrypted")),
        (Last::Invalid | Last::Unreadable, _) => unreadable(),
        (_, Server::Running(_)) => Check::failure(
            ID,
            format!("{is_on}, but the running server writes plaintext: the last WAL range is not encrypted"),
            "restart the server: only a start begins an encrypted range",
        ),
        _ => Check::warning(
            ID,
            format!("{is_on}, but the last WAL range is not encrypted: the next start begins one that is"),
            "WAL that is there already stays plaintext; take a base backup after the start if it must not be needed",
        ),
    }
}

fn off(place: &str, last: Last) -> Check {
    let is_off = format!("{SETTING} is off ({place})");
    match last {
        Last::Encrypted => Check::warning(
            ID,
            format!(
                "{is_off}, but the last WAL range is encrypted: the next start begins one in plaintext, and still \
                 needs the server key"
            ),
            "turn it on, unless WAL is to be plaintext from then on",
        ),
        Last::None | Last::Unencrypted => Check::warning(
            ID,
            format!("{is_off}: WAL holds the contents of encrypted tables in plaintext"),
            "set a server key, turn it on and restart",
        ),
        Last::Invalid | Last::Unreadable => unreadable(),
    }
}

fn unreadable() -> Check {
    Check::failure(
        ID,
        "the last entry of wal_keys cannot be used",
        "run `tde wal ranges DATADIR`, then `tde repair DATADIR --dry-run`",
    )
}

/// The archiver reads segments as they are on disk: without a wrapper it archives what no other host can read.
fn archiving(settings: &Settings, last: Last) -> Option<Check> {
    const ID: &str = "wal-archiving";
    const WRAPPERS: [&str; 4] =
        ["pg_tde_archive_decrypt", "tde wal archive", "tde wal rekey", "tde wal decrypt"];
    if !settings.is_known() {
        return None;
    }
    let text = |name: &str| settings.get(name).map_or("", |setting| setting.value.trim());
    let mode = text("archive_mode");
    let on = mode.eq_ignore_ascii_case("always") || boolean(mode) == Some(true);
    let command = text("archive_command");
    Some(if !on {
        Check::skipped(ID, "archive_mode is off")
    } else if last != Last::Encrypted {
        Check::pass(ID, "WAL is archived as it is: plaintext")
    } else if !text("archive_library").is_empty() {
        Check::warning(
            ID,
            "archive_library archives WAL as it is on disk, which no other host can read",
            "archive with `archive_command` and `tde wal archive`, or keep this cluster's pg_tde/ with each backup",
        )
    } else if WRAPPERS.iter().any(|wrapper| command.contains(wrapper)) {
        Check::pass(ID, "archive_command decrypts or re-encrypts WAL for the archive")
    } else if command.is_empty() {
        Check::warning(ID, "archive_mode is on without archive_command", "set it, or WAL piles up")
    } else {
        Check::warning(
            ID,
            "archive_command is given WAL as it is on disk, which no other host can read",
            "wrap it in `tde wal archive` or `tde wal rekey` (docs/wal-archiving.md), or in `pg_tde_archive_decrypt`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    #[test]
    fn setting_and_last_range_agree_or_not() {
        let running = Server::Running(1);
        for (check, expected, part) in [
            (on("p", Last::Encrypted, true, running), Status::Pass, "is encrypted"),
            (on("p", Last::None, true, running), Status::Failure, "writes plaintext"),
            (on("p", Last::Unencrypted, true, running), Status::Failure, "writes plaintext"),
            (on("p", Last::Unencrypted, true, Server::Stopped), Status::Warning, "next start begins"),
            (on("p", Last::None, false, Server::Stopped), Status::Failure, "will not start"),
            (on("p", Last::Unreadable, true, Server::Stopped), Status::Failure, "cannot be used"),
            (off("p", Last::Encrypted), Status::Warning, "in plaintext"),
            (off("p", Last::None), Status::Warning, "in plaintext"),
            (off("p", Last::Invalid), Status::Failure, "cannot be used"),
            (unknown(Last::Encrypted), Status::Pass, "not known"),
            (unknown(Last::None), Status::Warning, "plaintext"),
        ] {
            assert_eq!(check.status, expected, "{check}");
            assert!(check.text.contains(part), "{check}");
        }
    }

    #[test]
    fn archives_of_encrypted_wal_need_a_wrapper() {
        let data = tempfile::tempdir().unwrap();
        let archived = |content: &str, last| {
            std::fs::write(data.path().join("postgresql.conf"), content).unwrap();
            archiving(&Settings::load(data.path(), None), last).unwrap().status
        };
        let wrapped = "archive_mode = on\narchive_command = 'tde wal archive %f %p -- cp %p /a/%f'\n";
        let bare = "archive_mode = always\narchive_command = 'cp %p /a/%f'\n";
        assert_eq!(archived("", Last::Encrypted), Status::Skipped);
        assert_eq!(archived(wrapped, Last::Encrypted), Status::Pass);
        assert_eq!(archived(bare, Last::None), Status::Pass);
        assert_eq!(archived(bare, Last::Encrypted), Status::Warning);
        assert_eq!(archived("archive_mode = on\n", Last::Encrypted), Status::Warning);
        assert_eq!(archived("archive_mode = on\narchive_library = x\n", Last::Encrypted), Status::Warning);
    }
}
