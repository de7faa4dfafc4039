//! What commands that change a data directory share: `--dry-run`, what they say they did, and `--json`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use tde_core::PrincipalKey;
use tde_keyfile::PrincipalKeyName;
use tde_keyfile::edit::{Edit, EditError, EditOptions, Editor, KeyFiles, Step, ensure_stopped};
use tde_keyfile::provider::{KeyProvider, ProviderError, ProviderErrorKind};
use tde_keyfile::storage::{After, Before, Change, DiskStorage, Error, Recovery};

use crate::args::ClusterArgs;
use crate::command::layout::refuse_one_file;
use crate::failure::{Failure, Status};
use crate::open;
use crate::output::{self, GOOD, HEADING, Printer, WARNING};

/// How many files are named for people; a rotation may change thousands.
const SHOWN_FILES: usize = 40;

/// Options of every command that writes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Writing")]
pub(crate) struct WriteArgs {
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Print one JSON document instead (schema `tde.edit/1`)
    #[arg(long)]
    pub(crate) json: bool,

    /// Go on although the cluster was not shut down cleanly, or its state is not known
    ///
    /// Recovery, which the next start of the server then begins with, may replay older changes of the same
    /// files. Needed for copies without `global/pg_control`. A running server is refused all the same.
    #[arg(long)]
    pub(crate) allow_unclean_shutdown: bool,
}

/// A change, computed.
pub(crate) struct Planned {
    pub(crate) edit: Edit,
    /// A principal key to be stored at its provider before.
    pub(crate) new_key: Option<NewKey>,
}

/// A principal key that is not stored yet.
pub(crate) struct NewKey {
    pub(crate) provider: Box<dyn KeyProvider>,
    /// The keyring file, if the provider is one.
    pub(crate) keyring: Option<PathBuf>,
    pub(crate) name: PrincipalKeyName,
    pub(crate) key: PrincipalKey,
}

impl NewKey {
    pub(crate) fn place(&self) -> String {
        match &self.keyring {
            Some(keyring) => format!("keyring file {}", keyring.display()),
            None => self.provider.place(),
        }
    }

    pub(crate) fn store(&self) -> Result<(), Failure> {
        self.provider.store(&self.name, &self.key).map_err(|error| failure(error.into()))
    }
}

impl From<Edit> for Planned {
    fn from(edit: Edit) -> Self {
        Self { edit, new_key: None }
    }
}

/// How the data directory is opened to be changed.
///
/// # Errors
/// If a file named by an option cannot be read.
pub(crate) fn options(cluster: &ClusterArgs, write: &WriteArgs) -> Result<EditOptions, Failure> {
    let mut options = EditOptions::new("tde");
    options.keys = open::options(&cluster.keys, &cluster.data_directory)?;
    options.allow_unclean_shutdown = write.allow_unclean_shutdown;
    Ok(options)
}

/// Computes a change, carries it out unless this is a dry run, and says what was done.
///
/// # Errors
/// Whatever keeps the change from being made; then nothing was changed, unless the message says otherwise.
pub(crate) fn carry_out(
    data_directory: &Path,
    options: &EditOptions,
    write: &WriteArgs,
    operation: &str,
    plan: impl FnOnce(&KeyFiles) -> Result<Planned, Failure>,
) -> Result<Status, Failure> {
    let storage = DiskStorage::new();
    refuse_one_file(data_directory)?;
    let (planned, editor) = if write.dry_run {
        ensure_stopped(&storage, data_directory, options).map_err(failure)?;
        (plan(&KeyFiles::preview(&storage, data_directory, &options.keys).map_err(failure)?)?, None)
    } else {
        let editor = Editor::open(&storage, data_directory, options).map_err(failure)?;
        (plan(editor.files())?, Some(editor))
    };
    let recovery = editor.as_ref().map(|editor| editor.recovery().clone()).unwrap_or(Recovery::Nothing);
    let Planned { edit, new_key } = planned;
    let outcome = Outcome {
        data_directory,
        operation,
        recovery,
        keyring: new_key.as_ref().and_then(|key| key.keyring.clone()),
        new_key_place: new_key.as_ref().map(NewKey::place),
        steps: edit.steps().to_vec(),
        changes: Outcome::changes(&edit),
        more: Vec::new(),
    };
    if let Some(editor) = editor {
        store_key_first(new_key, || match edit.is_empty() {
            true => Ok(()),
            false => editor.apply(edit).map(|_| ()),
        })?;
    } else {
        edit.rehearse(&storage, data_directory).map_err(failure)?;
    }
    say(write, &outcome)
}

/// Stores a new principal key, if there is one, and then makes the change: files that name a key which is nowhere would
/// be lost.
///
/// # Errors
/// Those of both; if the second fails, it says what has become of the key.
pub(crate) fn store_key_first<T>(
    new_key: Option<NewKey>,
    change: impl FnOnce() -> Result<T, EditError>,
) -> Result<T, Failure> {
    if let Some(new_key) = &new_key {
        new_key.store()?;
    }
    change().map_err(|error| match new_key {
        Some(new_key) => failure(error).advise(format!(
            "the new principal key is in {} already: repeat the command without `--create`",
            new_key.place()
        )),
        None => failure(error),
    })
}

/// What was done, or would be.
pub(crate) struct Outcome<'a> {
    pub(crate) data_directory: &'a Path,
    pub(crate) operation: &'a str,
    pub(crate) recovery: Recovery,
    /// The keyring file that a new principal key goes to.
    pub(crate) keyring: Option<PathBuf>,
    /// What and where the provider is that a new principal key goes to.
    pub(crate) new_key_place: Option<String>,
    pub(crate) steps: Vec<Step>,
    /// Each file that changes, for people and for programs.
    pub(crate) changes: Vec<(String, Value)>,
    /// What else the document tells.
    pub(crate) more: Vec<(&'static str, String)>,
}

impl Outcome<'_> {
    pub(crate) fn changes(edit: &Edit) -> Vec<(String, Value)> {
        edit.plan().changes().iter().map(|change| (change.to_string(), file(change))).collect()
    }
}

/// Says what was done, or would be.
///
/// # Errors
/// If standard output cannot be written to.
pub(crate) fn say(write: &WriteArgs, outcome: &Outcome<'_>) -> Result<Status, Failure> {
    let Outcome { recovery, new_key_place, steps, changes, .. } = outcome;
    let mut out = Printer::new();
    if write.json {
        serde_json::to_writer_pretty(&mut out, &report(write, outcome))?;
        writeln!(out)?;
    } else {
        print_recovery(&mut out, recovery)?;
        if let Some(place) = new_key_place {
            writeln!(out, "add the new principal key to {}", output::printable(place))?;
        }
        for step in steps.iter().filter(|step| !step.is_warning()) {
            writeln!(out, "{}", output::printable(&step.to_string()))?;
        }
        if changes.is_empty() {
            writeln!(out, "{GOOD}nothing to change{GOOD:#}")?;
        } else {
            let tense = if write.dry_run { "dry run, would" } else { "done" };
            writeln!(out, "{HEADING}{tense}:{HEADING:#}")?;
            for (change, _) in changes.iter().take(SHOWN_FILES) {
                writeln!(out, "  {change}")?;
            }
            if changes.len() > SHOWN_FILES {
                writeln!(out, "  and {} more files (`--json` names them)", changes.len() - SHOWN_FILES)?;
            }
        }
    }
    for step in steps.iter().filter(|step| step.is_warning()) {
        output::warning(output::printable(&step.to_string()), None);
    }
    let left_alone = steps.iter().any(|step| matches!(step, Step::LeftAlone { .. }));
    Ok(if left_alone { Status::Wrong } else { Status::Good })
}

fn print_recovery(out: &mut Printer, recovery: &Recovery) -> Result<(), Failure> {
    let (what, description) = match recovery {
        Recovery::Completed { description, .. } => ("completed", description),
        Recovery::Undone { description } => ("undone", description),
        Recovery::Abandoned { description } => ("abandoned", description),
        _ => return Ok(()),
    };
    writeln!(
        out,
        "{WARNING}an interrupted change was {what}:{WARNING:#} {}",
        output::printable(description)
    )?;
    Ok(())
}

fn report(write: &WriteArgs, outcome: &Outcome<'_>) -> Value {
    let steps: Vec<_> = outcome
        .steps
        .iter()
        .map(|step| json!({"action": step.action(), "description": step.to_string(), "warning": step.is_warning()}))
        .collect();
    let recovered = match &outcome.recovery {
        Recovery::Completed { description, .. } => {
            Some(json!({"outcome": "completed", "change": description}))
        }
        Recovery::Undone { description } => Some(json!({"outcome": "undone", "change": description})),
        Recovery::Abandoned { description } => Some(json!({"outcome": "abandoned", "change": description})),
        _ => None,
    };
    let mut report = json!({
        "schema": "tde.edit/1",
        "operation": outcome.operation,
        "data_directory": outcome.data_directory.display().to_string(),
        "dry_run": write.dry_run,
        "recovered": recovered,
        "keyring": outcome.keyring.as_ref().map(|keyring| keyring.display().to_string()),
        "new_key_place": outcome.new_key_place,
        "steps": steps,
        "files": outcome.changes.iter().map(|(_, file)| file).collect::<Vec<_>>(),
    });
    for (name, value) in &outcome.more {
        report[*name] = value.as_str().into();
    }
    report
}

fn file(change: &Change) -> Value {
    let before = match change.before() {
        Before::Content(hash) => Some(hash.size()),
        _ => None,
    };
    let (kind, after) = match change.after() {
        After::Removed => ("remove", None),
        After::Content(content) => (if before.is_some() { "replace" } else { "create" }, Some(content.len())),
        _ => ("replace", None),
    };
    json!({
        "path": change.path().display().to_string(),
        "change": kind,
        "size_before": before,
        "size_after": after,
    })
}

/// The error of a command that changes keys.
pub(crate) fn failure(error: EditError) -> Failure {
    let advice = error.advice();
    let failure = match error {
        EditError::Scope(error) => return open::scope_failure(error),
        EditError::Provider(error) => return provider_failure(error),
        error @ (EditError::Format { .. }
        | EditError::InvalidRange { .. }
        | EditError::RelationLength { .. }
        | EditError::Storage(Error::Content { .. })) => Failure::new(error).wrong(),
        error => Failure::new(error),
    };
    match advice {
        Some(advice) => failure.advise(advice),
        None => failure,
    }
}

/// The error of a provider that was asked for something.
pub(crate) fn provider_failure(error: ProviderError) -> Failure {
    let advice = error.advice().map(output::as_clause);
    let wrong = matches!(error.kind(), ProviderErrorKind::Damaged | ProviderErrorKind::InvalidKey);
    let failure = if wrong { Failure::new(error).wrong() } else { Failure::new(error) };
    match advice {
        Some(advice) => failure.advise(advice),
        None => failure,
    }
}
