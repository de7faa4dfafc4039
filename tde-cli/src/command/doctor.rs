//! `tde doctor`: the checklist of an operator, after a restart or before a backup.

mod report;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use tde_keyfile::doctor::{Check, DoctorOptions, Progress as DoctorProgress, Status as CheckStatus, examine};
use tde_kmip::provider::certificate_checks;

use crate::args::ClusterArgs;
use crate::failure::{Failure, Status};
use crate::open;
use crate::output::{self, ERROR, GOOD, Printer, WARNING};
use crate::progress::Progress;

use report::{DoctorReport, counts};

const AFTER_HELP: &str = "\
One line for each check: `pass`, `warning`, `failure` or `skipped`, what was found, and what to do. Only \
reads, and works beside a running server. It does not prove that everything can be decrypted: that is \
`tde verify`.

Key servers that provider records name are asked, with time limits; `--offline` keeps it from that.

Run it as root or as the server's user on the server's host: what nobody else may read, cannot be checked \
by anybody else.

Exit status:
  0  no failure; there may be warnings
  1  a failure, or with `--strict` a warning
  2  could not run: usage, no `pg_tde/`, a missing keyring

Examples:
  tde doctor /srv/pgdata
  tde doctor /var/lib/postgresql/17/main --config /etc/postgresql/17/main/postgresql.conf
  tde doctor /srv/pgdata --json | jq '.checks[] | select(.status == \"failure\")'";

/// Go through the checklist: configuration, keys, ciphertext, file modes, host, leftovers
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// The server's configuration file [default: the one it was last started with, else postgresql.conf in
    /// the data directory]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Look at every page of every relation file, instead of a sample
    #[arg(long)]
    all: bool,

    /// A master key file that has to be whole
    #[arg(long, value_name = "FILE")]
    master_key: Option<PathBuf>,

    /// A directory in which the master key has to be unlocked; those of providers are found without
    #[arg(long, value_name = "DIR")]
    master_key_dir: Option<PathBuf>,

    /// Warn of certificates that expire within so many days
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    expiry_days: u32,

    /// Let warnings, too, end with status 1
    #[arg(long)]
    strict: bool,

    /// Print one JSON document instead (schema `tde.doctor/1`)
    #[arg(long)]
    json: bool,

    /// Where the host's /proc, /sys and /etc are found
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    host_root: PathBuf,
}

pub(crate) fn run(args: &DoctorArgs) -> Result<Status, Failure> {
    let options = options(args)?;
    let keys = open::options(&args.cluster.keys, &args.cluster.data_directory)?;
    let cluster = open::cluster_with(&args.cluster, &keys)?;
    let mut checks = examine(&cluster, &keys, &options, &Bar::default());
    let soon = Duration::from_secs(u64::from(args.expiry_days) * 24 * 3600);
    checks.extend(certificate_checks(&cluster, SystemTime::now(), soon));
    let mut out = Printer::new();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &DoctorReport::of(&cluster, &checks))?;
        writeln!(out)?;
    } else {
        print(&mut out, &checks)?;
    }
    out.flush()?;
    let worst = checks.iter().map(|check| check.status).max();
    let bad = if args.strict { CheckStatus::Warning } else { CheckStatus::Failure };
    Ok(if worst >= Some(bad) { Status::Wrong } else { Status::Good })
}

fn options(args: &DoctorArgs) -> Result<DoctorOptions, Failure> {
    if let Some(config) = &args.config
        && let Err(error) = std::fs::File::open(config)
    {
        return Err(Failure::new(error)
            .context(format!("configuration file {}", config.display()))
            .advise("check the path given to `--config`"));
    }
    let mut options = DoctorOptions::default();
    options.configuration.clone_from(&args.config);
    options.every_page = args.all;
    options.master_key_file.clone_from(&args.master_key);
    options.master_key_directory.clone_from(&args.master_key_dir);
    options.host.clone_from(&args.host_root);
    Ok(options)
}

fn print(out: &mut Printer, checks: &[Check]) -> std::io::Result<()> {
    let width = checks.iter().map(|check| check.id.len()).max().unwrap_or(0);
    for check in checks {
        let style = match check.status {
            CheckStatus::Failure => ERROR,
            CheckStatus::Warning => WARNING,
            CheckStatus::Pass => GOOD,
            CheckStatus::Skipped => anstyle::Style::new(),
        };
        let (status, text) = (check.status.name(), output::printable(&check.to_string()));
        writeln!(out, "{style}{status:<7}{style:#}  {:<width$}  {text}", check.id)?;
    }
    let (style, counts) = (report::style(checks), counts(checks));
    writeln!(out, "{style}{}{style:#}: {counts}", report::outcome(checks))
}

/// Shows how far `--all` has come.
#[derive(Debug, Default)]
struct Bar(std::sync::OnceLock<Progress>);

impl DoctorProgress for Bar {
    fn total(&self, bytes: u64) {
        if bytes > 0 {
            let _ = self.0.set(Progress::of_bytes(bytes));
        }
    }

    fn advance(&self, bytes: u64) {
        if let Some(progress) = self.0.get() {
            progress.advance(bytes);
        }
    }
}
