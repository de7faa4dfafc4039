//! The report of `tde inspect` as text for people.

use std::io::{self, Write};

use comfy_table::Table;
use comfy_table::presets::NOTHING;

use super::report::{
    HeaderState, InspectReport, LocationReport, ProviderReport, RangeReport, RelationKeysReport, ScopeReport,
    WalKeysReport,
};
use crate::output::{ERROR, GOOD, HEADING, WARNING, printable};

pub(super) fn print(out: &mut impl Write, report: &InspectReport) -> io::Result<()> {
    writeln!(out, "{HEADING}Data directory{HEADING:#}  {}", printable(&report.data_directory))?;
    match &report.control_file {
        Some(control) => writeln!(out, "  {}", control.summary())?,
        None => writeln!(out, "  no global/pg_control: sizes and checksums are not known")?,
    }
    if let Some(versions) = &report.keys_version {
        let version = |version: Option<u8>| version.map_or("unknown".into(), |version| version.to_string());
        writeln!(
            out,
            "  keys_version: relation keys {}, WAL keys {}",
            version(versions.relation_keys),
            version(versions.wal_keys)
        )?;
    }

    heading(out, "Scopes")?;
    let mut scopes = table(["scope", "principal key", "provider", "set", "header", "version", "keys"]);
    for scope in &report.scopes {
        scopes.add_row(scope_row(scope));
    }
    rows(out, &scopes)?;
    for scope in &report.scopes {
        if let Some(problem) = &scope.problem {
            writeln!(out, "  {}: {problem}", scope.file)?;
        }
    }

    heading(out, "WAL ranges")?;
    let mut ranges = table(["#", "from", "to", "kind", "cipher"]);
    for range in &report.wal_ranges {
        ranges.add_row(range_row(range));
    }
    rows(out, &ranges)?;

    heading(out, "Providers")?;
    let mut providers = table(["id", "name", "kind", "where", "file"]);
    for provider in &report.providers {
        providers.add_row(provider_row(provider));
    }
    rows(out, &providers)?;

    heading(out, "Odd")?;
    if report.notes.is_empty() {
        writeln!(out, "  nothing")?;
    }
    for note in &report.notes {
        let style = match note.severity {
            "problem" => ERROR,
            "warning" => WARNING,
            _ => GOOD,
        };
        writeln!(out, "  {style}{}{style:#}  {}: {}", note.severity, printable(&note.file), note.text)?;
    }
    Ok(())
}

fn heading(out: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(out, "\n{HEADING}{text}{HEADING:#}")
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    table
}

fn rows(out: &mut impl Write, table: &Table) -> io::Result<()> {
    if table.is_empty() {
        return writeln!(out, "  none");
    }
    table.lines().try_for_each(|line| writeln!(out, " {}", line.trim_end()))
}

fn scope_row(scope: &ScopeReport) -> [String; 7] {
    let name = match scope.kind {
        "database" => format!("database {}", scope.oid),
        kind => kind.to_owned(),
    };
    let key = scope.principal_key.as_ref();
    [
        name,
        key.map_or("-".into(), |key| {
            format!("{}{}", key.name, if key.uses_default_key { " (default)" } else { "" })
        }),
        key.map_or("-".into(), |key| match &key.provider_name {
            Some(name) => format!("{name} ({})", key.provider_id),
            None => key.provider_id.to_string(),
        }),
        key.and_then(|key| key.set_at.as_deref()).map_or("-".into(), to_the_second),
        match scope.header {
            HeaderState::Verified => "verified",
            HeaderState::NotVerified => "not verified",
            HeaderState::Wrong => "WRONG",
            HeaderState::Unreadable => "UNREADABLE",
            HeaderState::None => "empty file",
        }
        .into(),
        scope.file_version.map_or("-".into(), |version| version.to_string()),
        match (&scope.relation_keys, &scope.wal_keys) {
            (Some(keys), _) => relation_keys(keys),
            (_, Some(keys)) => wal_keys(keys),
            _ => "none".into(),
        },
    ]
}

/// `2026-11-21T23:00:07.525106Z` without the fraction.
fn to_the_second(timestamp: &str) -> String {
    match timestamp.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => timestamp.to_owned(),
    }
}

fn relation_keys(keys: &RelationKeysReport) -> String {
    counts(&[
        (keys.aes_128, "AES-128"),
        (keys.aes_256, "AES-256"),
        (keys.empty, "empty"),
        (keys.unreadable, "UNREADABLE"),
    ])
}

fn wal_keys(keys: &WalKeysReport) -> String {
    counts(&[
        (keys.aes_128, "AES-128"),
        (keys.aes_256, "AES-256"),
        (keys.unencrypted, "unencrypted"),
        (keys.not_started, "not started"),
        (keys.invalid, "INVALID"),
        (keys.unreadable, "UNREADABLE"),
    ])
}

fn counts(counts: &[(usize, &str)]) -> String {
    let counts: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if counts.is_empty() { "none".into() } else { counts.join(", ") }
}

fn range_row(range: &RangeReport) -> [String; 5] {
    let location = |location: &LocationReport| format!("{} {}", location.timeline, location.lsn);
    [
        range.index.to_string(),
        range.start.as_ref().map_or("not started".into(), location),
        match (&range.end, range.started) {
            (Some(end), _) => location(end),
            (None, true) if range.kind != "invalid" => "open".into(),
            _ => "-".into(),
        },
        if range.kind == "invalid" { "INVALID".into() } else { range.kind.to_owned() },
        range.cipher.map_or("-", |cipher| if cipher == "aes_256" { "AES-256" } else { "AES-128" }).into(),
    ]
}

fn provider_row(provider: &ProviderReport) -> [String; 5] {
    let known = |text: &Option<String>| text.as_deref().map_or("-".into(), printable);
    [
        provider.id.to_string(),
        match (provider.deleted, &provider.problem) {
            (true, _) => "(deleted)".into(),
            (_, Some(_)) => "(damaged)".into(),
            _ => known(&provider.name),
        },
        known(&provider.kind),
        known(&provider.location),
        printable(&provider.file),
    ]
}
