//! One run of the verification: what all its parts share.

use alloc::string::String;
use std::path::Path;

use super::VerifyOptions;
use super::finding::{Cause, Finding, Note, Place, Problem, Severity};
use super::report::{FileContents, Observer, Report, VerifiedFile};

/// Collects findings and tells the observer.
pub(super) struct Run<'a> {
    pub(super) options: &'a VerifyOptions,
    pub(super) data_directory: &'a Path,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) report: Report,
}

/// The findings of one file, which are capped.
pub(super) struct FileRun {
    file: String,
    findings: u64,
}

impl Run<'_> {
    pub(super) fn file(&self, file: String) -> FileRun {
        FileRun { file, findings: 0 }
    }

    pub(super) fn note(&mut self, file: impl Into<String>, text: impl Into<String>) {
        let note = Note { file: file.into(), text: text.into() };
        self.observer.note(&note);
        if self.report.notes.len() < self.options.max_notes {
            self.report.notes.push(note);
        }
    }

    /// A finding about a file that is not read any further.
    pub(super) fn finding(&mut self, file: String, place: Place, problem: Problem, cause: Cause) {
        self.file(file).finding(self, place, problem, cause, Severity::Error);
    }
}

impl FileRun {
    pub(super) fn finding(
        &mut self,
        run: &mut Run<'_>,
        place: Place,
        problem: Problem,
        cause: Cause,
        severity: Severity,
    ) {
        let finding = Finding { file: self.file.clone(), place, problem, cause, severity };
        run.observer.finding(&finding);
        self.findings += 1;
        let room = self.findings <= u64::from(run.options.max_findings_per_file)
            && run.report.findings.len() < run.options.max_findings;
        if room {
            run.report.findings.push(finding);
        } else {
            run.report.findings_left_out += 1;
        }
    }

    pub(super) fn name(&self) -> String {
        self.file.clone()
    }

    /// Findings that were counted but not kept one by one.
    pub(super) fn left_out(&mut self, run: &mut Run<'_>, count: u64) {
        self.findings += count;
        run.report.findings_left_out += count;
    }

    pub(super) fn done(self, run: &mut Run<'_>, contents: FileContents) {
        run.observer.file(&VerifiedFile { file: self.file, contents, findings: self.findings });
    }
}
