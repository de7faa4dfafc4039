//! The report of `tde wal ranges` as text for people.

use std::io::{self, Write};

use comfy_table::Table;
use comfy_table::presets::NOTHING;

use super::report::{ArchiveReport, EntryReport, EntryState, LocationReport, RangesReport, RunReport};
use crate::output::{ERROR, GOOD, HEADING, WARNING, counted, printable};

pub(super) fn print(out: &mut impl Write, report: &RangesReport) -> io::Result<()> {
    writeln!(out, "{HEADING}WAL key ranges{HEADING:#}  {}", printable(&report.data_directory))?;
    match report.segment_size {
        Some(size) => writeln!(out, "  segments of {} MiB", size >> 20)?,
        None => writeln!(out, "  no global/pg_control: the segment size is not known")?,
    }
    if report.entries.is_empty() {
        writeln!(out, "  none: all WAL is plaintext to pg_tde")?;
    }
    let mut table = Table::new();
    let mut header = vec!["#", "from", "to", "kind", "cipher", "first segment", "last segment"];
    if report.archive.is_some() {
        header.push("archived segments");
    }
    table.load_style(NOTHING).set_header(header);
    for entry in &report.entries {
        let mut row = row(entry);
        if report.archive.is_some() {
            row.push(archived(entry));
        }
        table.add_row(row);
    }
    if !report.entries.is_empty() {
        for line in table.to_string().lines() {
            writeln!(out, "  {}", line.trim())?;
        }
    }
    for entry in &report.entries {
        if let Some(problem) = &entry.problem {
            writeln!(out, "  {ERROR}entry {}{ERROR:#}: {problem}", entry.index)?;
        }
        if entry.out_of_order {
            writeln!(
                out,
                "  {ERROR}entry {}{ERROR:#}: does not begin behind those before it; the ranges overlap",
                entry.index
            )?;
        }
    }
    match &report.archive {
        Some(archive) => print_archive(out, archive, &report.entries),
        None => Ok(()),
    }
}

fn print_archive(out: &mut impl Write, archive: &ArchiveReport, entries: &[EntryReport]) -> io::Result<()> {
    writeln!(out, "\n{HEADING}Archive{HEADING:#}  {}", printable(&archive.directory))?;
    writeln!(
        out,
        "  {}, {}",
        counted(archive.segments.len() as u64, "segment"),
        counted(archive.history_files, "history file")
    )?;
    let mut fine = true;
    let mut say = |out: &mut dyn Write, what: &str, names: &[String]| -> io::Result<()> {
        for name in names {
            fine = false;
            writeln!(out, "  {WARNING}{what}{WARNING:#}  {}", printable(name))?;
        }
        Ok(())
    };
    say(out, "missing", &shown(&archive.missing))?;
    say(out, "in no encrypted range", &shown(&archive.not_encrypted))?;
    say(out, "partly in an encrypted range", &archive.partly_encrypted)?;
    let unused = entries.iter().filter(|entry| {
        entry.archived.as_ref().is_some_and(|archived| archived.whole + archived.partly == 0)
    });
    let unused: Vec<_> = unused.map(|entry| format!("entry {}", entry.index)).collect();
    say(out, "range without a segment here", &unused)?;
    say(out, "no WAL file by its name", &archive.other_files)?;
    if fine {
        writeln!(out, "  {GOOD}every segment is wholly encrypted, and none is missing in between{GOOD:#}")?;
    }
    Ok(())
}

fn shown(runs: &[RunReport]) -> Vec<String> {
    let run = |run: &RunReport| match run.count {
        1 => run.first.clone(),
        count => format!("{} to {} ({count})", run.first, run.last),
    };
    runs.iter().map(run).collect()
}

fn row(entry: &EntryReport) -> Vec<String> {
    let location = |location: &LocationReport| format!("{} {}", location.timeline, location.lsn);
    let dash = || "-".to_owned();
    let is_range = entry.start.is_some();
    vec![
        entry.index.to_string(),
        entry.start.as_ref().map_or_else(dash, location),
        match &entry.end {
            Some(end) => location(end),
            None if is_range => "open".into(),
            None => dash(),
        },
        match entry.state {
            EntryState::Encrypted => "encrypted",
            EntryState::Unencrypted => "unencrypted",
            EntryState::NotStarted => "not started",
            EntryState::Invalid => "invalid",
            EntryState::Unreadable => "unreadable",
        }
        .into(),
        entry.cipher.map_or_else(dash, |cipher| cipher.replace('_', "-")),
        entry.first_segment.clone().unwrap_or_else(dash),
        entry.last_segment.clone().unwrap_or_else(dash),
    ]
}

fn archived(entry: &EntryReport) -> String {
    match &entry.archived {
        None => "-".into(),
        Some(archived) => match (archived.whole, archived.partly) {
            (0, 0) => "none".into(),
            (whole, 0) => whole.to_string(),
            (0, partly) => format!("{partly} partly"),
            (whole, partly) => format!("{whole} and {partly} partly"),
        },
    }
}
