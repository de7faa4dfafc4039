//! Follows a verification: progress, findings as they come, one line per file.

use std::io::{self, Write};

use tde_keyfile::verify::{
    Cause, FileContents, Finding, Observer, Problem, RelationProtection, VerifiedFile,
};

use super::report::{self, Outcome};
use crate::failure::Failure;
use crate::output::{ERROR, GOOD, Printer, WARNING};
use crate::progress::Progress;

/// Prints, unless the report is to be JSON, and keeps what the report needs.
pub(super) struct Watcher<'a> {
    out: &'a mut Printer,
    verbose: bool,
    silent: bool,
    progress: Option<Progress>,
    outcome: Outcome,
    files: Vec<VerifiedFile>,
    failed: Option<io::Error>,
}

impl<'a> Watcher<'a> {
    pub(super) fn new(out: &'a mut Printer, verbose: bool, silent: bool) -> Self {
        Self { out, verbose, silent, progress: None, outcome: Outcome::Good, files: Vec::new(), failed: None }
    }

    /// What came out, and, if they were asked for, the files.
    ///
    /// # Errors
    /// If something could not be printed.
    pub(super) fn finish(self) -> Result<(Outcome, Option<Vec<VerifiedFile>>), Failure> {
        match self.failed {
            Some(error) => Err(Failure::new(error).context("standard output")),
            None => Ok((self.outcome, self.verbose.then_some(self.files))),
        }
    }

    fn print(&mut self, line: impl FnOnce(&mut Printer) -> io::Result<()>) {
        if self.silent || self.failed.is_some() {
            return;
        }
        let out = &mut *self.out;
        let printed = match &self.progress {
            Some(progress) => progress.while_hidden(|| line(out)),
            None => line(out),
        };
        self.failed = printed.err();
    }
}

impl Observer for Watcher<'_> {
    fn total(&mut self, bytes: u64) {
        self.progress = Some(Progress::of_bytes(bytes));
    }

    fn progress(&mut self, bytes: u64) {
        if let Some(progress) = &self.progress {
            progress.advance(bytes);
        }
    }

    fn finding(&mut self, finding: &Finding) {
        if is_unchecked(finding) {
            self.outcome = self.outcome.max(Outcome::Incomplete);
            self.print(|out| writeln!(out, "{WARNING}not checked{WARNING:#}  {finding}"));
        } else {
            self.outcome = Outcome::Wrong;
            self.print(|out| writeln!(out, "{ERROR}WRONG{ERROR:#}  {finding}"));
        }
    }

    fn file(&mut self, file: &VerifiedFile) {
        if let Some(progress) = &self.progress {
            progress.at(&file.file);
        }
        if !self.verbose {
            return;
        }
        if self.silent {
            self.files.push(file.clone());
        } else {
            let (style, verdict) = match &file.contents {
                _ if file.findings > 0 => (ERROR, "wrong"),
                FileContents::Relation { protection: RelationProtection::KeyUnavailable, .. }
                | FileContents::Keys { keys: 1.., opened: false } => (WARNING, "not checked"),
                _ => (GOOD, "ok"),
            };
            let contents = report::contents(&file.contents);
            self.print(|out| writeln!(out, "{style}{verdict}{style:#}  {}: {contents}", file.file));
        }
    }
}

/// Whether the finding only says that something could not be looked at.
fn is_unchecked(finding: &Finding) -> bool {
    finding.cause == Cause::KeyUnavailable || matches!(finding.problem, Problem::Unreadable { .. })
}
