//! What the commands print, in words and as JSON.
//!
//! The schema is documented in `docs/master-key.md`. Fields may be added to it; a change to one that exists is a
//! new schema number.

use std::io::Write;
use std::path::Path;

use serde::Serialize;
use tde_keyfile::master_key::Changed;

use super::arguments::ReportArgs;
use crate::failure::Failure;
use crate::output::Printer;

pub(super) const SCHEMA: &str = "tde.master-key/1";

/// What `init` and `rotate` did, or would do.
#[derive(Debug, Serialize)]
pub(super) struct ChangeReport {
    schema: &'static str,
    command: &'static str,
    dry_run: bool,
    file: String,
    format: &'static str,
    event: &'static str,
    archived: Option<String>,
    log: String,
    fingerprint: Option<String>,
}

impl ChangeReport {
    pub(super) fn of(command: &'static str, changed: &Changed, dry_run: bool) -> Self {
        Self {
            schema: SCHEMA,
            command,
            dry_run,
            file: shown(&changed.path),
            format: changed.format,
            event: changed.event,
            archived: changed.archived.as_deref().map(shown),
            log: shown(&changed.log),
            fingerprint: changed.fingerprint.map(|fingerprint| hex(&fingerprint)),
        }
    }

    pub(super) fn print(&self, args: ReportArgs) -> Result<(), Failure> {
        print(self, args.json, |out| {
            let done = if self.dry_run { "would write" } else { "wrote" };
            writeln!(out, "{done} {} ({} format, {})", self.file, self.format, self.event)?;
            if let Some(archived) = &self.archived {
                let kept = if self.dry_run { "would keep" } else { "kept" };
                writeln!(out, "{kept} the old file as {archived}")?;
            }
            if let Some(fingerprint) = &self.fingerprint {
                writeln!(out, "fingerprint of the key: {fingerprint}")?;
            }
            Ok(())
        })
    }
}

/// Prints a report as JSON, or as the words that `text` writes.
pub(super) fn print(
    report: &impl Serialize,
    json: bool,
    text: impl FnOnce(&mut Printer) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let mut out = Printer::new();
    if json {
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)?;
    } else {
        text(&mut out)?;
    }
    out.flush()?;
    Ok(())
}

pub(super) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
