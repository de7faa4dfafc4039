//! What `tde doctor` found, as a whole and as `--json` prints it.
//!
//! The schema is documented in `docs/json-output.md`.

use serde::Serialize;
use tde_keyfile::cluster::Cluster;
use tde_keyfile::doctor::{Check, Status};

use crate::output::{ERROR, GOOD, WARNING, counted};

/// The JSON document.
#[derive(Debug, Serialize)]
pub(super) struct DoctorReport<'a> {
    schema: &'static str,
    data_directory: String,
    outcome: &'static str,
    counts: CountsReport,
    checks: Vec<CheckReport<'a>>,
}

#[derive(Debug, Serialize)]
struct CountsReport {
    failure: usize,
    warning: usize,
    pass: usize,
    skipped: usize,
}

#[derive(Debug, Serialize)]
struct CheckReport<'a> {
    id: &'static str,
    status: &'static str,
    subject: Option<&'a str>,
    text: &'a str,
    advice: Option<&'a str>,
}

impl<'a> DoctorReport<'a> {
    pub(super) fn of(cluster: &Cluster, checks: &'a [Check]) -> Self {
        Self {
            schema: "tde.doctor/1",
            data_directory: cluster.directory().display().to_string(),
            outcome: outcome(checks),
            counts: CountsReport {
                failure: count(checks, Status::Failure),
                warning: count(checks, Status::Warning),
                pass: count(checks, Status::Pass),
                skipped: count(checks, Status::Skipped),
            },
            checks: checks
                .iter()
                .map(|check| CheckReport {
                    id: check.id,
                    status: check.status.name(),
                    subject: check.subject.as_deref(),
                    text: &check.text,
                    advice: check.advice.as_deref(),
                })
                .collect(),
        }
    }
}

fn count(checks: &[Check], status: Status) -> usize {
    checks.iter().filter(|check| check.status == status).count()
}

fn worst(checks: &[Check]) -> Status {
    checks.iter().map(|check| check.status).max().unwrap_or(Status::Pass).max(Status::Pass)
}

/// `failure`, `warning` or `pass`: the worst there is.
pub(super) fn outcome(checks: &[Check]) -> &'static str {
    worst(checks).name()
}

pub(super) fn style(checks: &[Check]) -> anstyle::Style {
    match worst(checks) {
        Status::Failure => ERROR,
        Status::Warning => WARNING,
        Status::Pass | Status::Skipped => GOOD,
    }
}

/// `1 failure, 2 warnings, 14 passed, 3 skipped`.
pub(super) fn counts(checks: &[Check]) -> String {
    let count = |status| count(checks, status) as u64;
    format!(
        "{}, {}, {} passed, {} skipped",
        counted(count(Status::Failure), "failure"),
        counted(count(Status::Warning), "warning"),
        count(Status::Pass),
        count(Status::Skipped)
    )
}
