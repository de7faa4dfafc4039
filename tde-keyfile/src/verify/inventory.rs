//! Which relation files a data directory has, and how they are read, for those who judge them in another way.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use std::path::Path;

use super::relation::PageRules;
use super::report::Report;
use super::run::Run;
use super::scan::Scan;
use super::{VerifyOptions, page_rules, read_control_file};
use crate::postgres::{RelationPath, TablespaceVersion};

/// The relation files of a data directory.
#[derive(Debug)]
pub(crate) struct Inventory {
    /// With their lengths in bytes; sorted.
    pub(crate) relations: Vec<(RelationPath, u64)>,
    /// Directories and files that could not be read, and why.
    pub(crate) unreadable: Vec<String>,
    rules: PageRules,
}

impl Inventory {
    /// Lists the data directory.
    pub(crate) fn of(data_directory: &Path) -> Self {
        let options = VerifyOptions::default();
        let mut run = Run { options: &options, data_directory, observer: &mut (), report: Report::default() };
        let control = read_control_file(&mut run);
        let rules = page_rules(&mut run, control.as_ref());
        let version = control.and_then(|control| control.major).and_then(TablespaceVersion::of);
        let scan = Scan::of(&mut run, version);
        Self {
            relations: scan.relations.iter().map(|file| (file.path, file.length)).collect(),
            unreadable: run.report.findings.iter().map(ToString::to_string).collect(),
            rules,
        }
    }

    /// What the control file says about pages; the usual where there is none.
    pub(crate) const fn rules(&self) -> PageRules {
        self.rules
    }
}
