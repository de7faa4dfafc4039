//! The server's configuration: is `pg_tde` preloaded, and do its settings fit?

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::settings::value::{boolean, list};
use super::settings::{Setting, Settings};
use super::{Check, listed};

pub(super) fn check(checks: &mut Vec<Check>, settings: &Settings) {
    checks.push(readable(settings));
    if !settings.is_known() {
        checks.push(Check::skipped("preload", "the server's configuration is not known"));
        return;
    }
    checks.push(preload(settings));
    checks.push(cipher(settings));
    checks.push(switch(settings, "enforce-encryption", "pg_tde.enforce_encryption", false, |on| match on {
        true => "new tables have to be encrypted",
        false => "tables that are not encrypted may be made",
    }));
    let inherit = "pg_tde.inherit_global_providers";
    checks.push(switch(settings, "inherit-global-providers", inherit, true, |on| match on {
        true => "databases may use keys of global providers",
        false => "databases need providers of their own for new keys",
    }));
}

fn readable(settings: &Settings) -> Check {
    if let Some(missing) = &settings.missing {
        return Check::warning(
            "configuration",
            format!("there is no {}", missing.display()),
            "name the server's configuration file with `--config FILE`",
        );
    }
    let files = listed(settings.files.iter().map(|file| file.display()));
    if settings.problems.is_empty() {
        return Check::pass("configuration", format!("read from {files}"));
    }
    Check::failure(
        "configuration",
        format!("the server would refuse its configuration: {}", listed(&settings.problems)),
        "correct these lines before the next start",
    )
}

fn preload(settings: &Settings) -> Check {
    const NAME: &str = "shared_preload_libraries";
    let setting = settings.get(NAME);
    let libraries = setting.map(|setting| list(&setting.value)).unwrap_or_default();
    let place = setting.map_or_else(String::new, |setting| format!(" ({})", setting.place));
    if libraries.iter().any(|library| is_pg_tde(library)) {
        return Check::pass("preload", format!("pg_tde is in `{NAME}`{place}"));
    }
    Check::failure(
        "preload",
        format!("pg_tde is not in `{NAME}`{place}, so that the server takes encrypted files for plaintext"),
        format!(
            "add it before the next start, also on standbys: `{NAME} = '{}'`",
            [&["pg_tde".into()], &*libraries].concat().join(", ")
        ),
    )
}

/// `pg_tde`, with or without directory and suffix.
fn is_pg_tde(library: &str) -> bool {
    let name = library.rsplit('/').next().unwrap_or(library);
    name.strip_suffix(".so").unwrap_or(name) == "pg_tde"
}

fn cipher(settings: &Settings) -> Check {
    let Some(Setting { value, place }) = settings.get("pg_tde.cipher") else {
        return Check::pass("cipher", "new keys are of 128 bits (pg_tde.cipher is not set)");
    };
    // Enumerations are compared without regard to case.
    match &*value.to_ascii_lowercase() {
        "aes_128" => Check::pass("cipher", format!("new keys are of 128 bits ({place})")),
        "aes_256" => Check::pass("cipher", format!("new keys are of 256 bits ({place})")),
        _ => Check::failure(
            "cipher",
            format!("pg_tde.cipher is `{value}` ({place})"),
            "set it to `aes_128` or `aes_256`",
        ),
    }
}

/// A switch and what it means; none of its two positions is wrong.
fn switch(
    settings: &Settings,
    id: &'static str,
    name: &str,
    default: bool,
    meaning: fn(bool) -> &'static str,
) -> Check {
    let (on, place) = match settings.get(name) {
        None => (Some(default), "by default"),
        Some(setting) => (boolean(&setting.value), &*setting.place),
    };
    match on {
        Some(on) => {
            let state = if on { "on" } else { "off" };
            Check::pass(id, format!("{name} is {state} ({place}): {}", meaning(on)))
        }
        None => Check::failure(
            id,
            format!("{name} is neither on nor off ({place})"),
            "correct it: the server refuses the value",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;
    use std::fs;

    fn checks(content: Option<&str>) -> Vec<Check> {
        let data = tempfile::tempdir().unwrap();
        if let Some(content) = content {
            fs::write(data.path().join("postgresql.conf"), content).unwrap();
        }
        let mut checks = Vec::new();
        check(&mut checks, &Settings::load(data.path(), None));
        checks
    }

    fn status(content: Option<&str>, id: &str) -> Status {
        checks(content).iter().find(|check| check.id == id).unwrap().status
    }

    #[test]
    fn the_library_is_found_in_every_spelling() {
        for value in [
            "pg_tde",
            "'pg_tde'",
            "'a, pg_tde'",
            "'\"pg_tde\",b'",
            "'$libdir/pg_tde'",
            "'/usr/lib/pg_tde.so'",
        ] {
            let content = format!("shared_preload_libraries = {value}\n");
            assert_eq!(status(Some(&content), "preload"), Status::Pass, "{value}");
        }
        for content in [
            "",
            "#shared_preload_libraries = 'pg_tde'\n",
            "shared_preload_libraries = ''\n",
            "shared_preload_libraries = 'pg_tde'\nshared_preload_libraries = 'pg_stat_statements'\n",
            "shared_preload_libraries = 'PG_TDE, pg_tde_x'\n",
        ] {
            assert_eq!(status(Some(content), "preload"), Status::Failure, "{content}");
        }
        assert_eq!(status(None, "preload"), Status::Skipped);
    }

    #[test]
    fn what_to_do_keeps_the_other_libraries() {
        let checks = checks(Some("shared_preload_libraries = 'a, b'\n"));
        let check = checks.iter().find(|check| check.id == "preload").unwrap();
        assert!(check.advice.as_ref().unwrap().contains("'pg_tde, a, b'"), "{check}");
    }

    #[test]
    fn a_configuration_is_there_and_without_errors_or_not() {
        assert_eq!(status(Some("a = b\n"), "configuration"), Status::Pass);
        assert_eq!(status(None, "configuration"), Status::Warning);
        assert_eq!(status(Some("a = 'b\n"), "configuration"), Status::Failure);
    }

    #[test]
    fn values_that_the_server_refuses_are_failures() {
        for (line, id, expected) in [
            ("", "cipher", Status::Pass),
            ("pg_tde.cipher = AES_256", "cipher", Status::Pass),
            ("pg_tde.cipher = aes_192", "cipher", Status::Failure),
            ("", "enforce-encryption", Status::Pass),
            ("pg_tde.enforce_encryption = on", "enforce-encryption", Status::Pass),
            ("pg_tde.enforce_encryption = maybe", "enforce-encryption", Status::Failure),
            ("", "inherit-global-providers", Status::Pass),
            ("pg_tde.inherit_global_providers = 2", "inherit-global-providers", Status::Failure),
        ] {
            assert_eq!(status(Some(line), id), expected, "{line}");
        }
    }
}
