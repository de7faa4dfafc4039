//! `--output`, `--output-dir` and `--force`: where the output goes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::output_file::{Policy, Target};

const HEADING: &str = "Output";

/// Where the output goes.
#[derive(Args, Debug)]
pub(crate) struct OutputArgs {
    #[command(flatten)]
    destination: Destination,

    /// Replace output files that exist already; allow binary output on a terminal
    #[arg(long, help_heading = HEADING)]
    force: bool,

    /// Do not wait for the disk: faster, but a crash of the machine may leave an empty file
    #[arg(long, help_heading = HEADING)]
    no_sync: bool,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Destination {
    /// Write the output of a single input to FILE; `-` is standard output
    #[arg(short, long, value_name = "FILE", help_heading = HEADING)]
    output: Option<PathBuf>,

    /// Write below DIR, which is made if it does not exist
    #[arg(long, value_name = "DIR", help_heading = HEADING)]
    output_dir: Option<PathBuf>,
}

impl OutputArgs {
    pub(crate) fn policy(&self) -> Policy {
        Policy { replace: self.force, sync: !self.no_sync }
    }

    /// The target of each input, whose names below `--output-dir` are given.
    ///
    /// # Errors
    /// The message of a usage error, if there is not exactly one target for each.
    pub(crate) fn targets(&self, names: &[PathBuf]) -> Result<Vec<Target>, String> {
        let targets: Vec<_> = match (&self.destination.output, &self.destination.output_dir) {
            (Some(file), _) if names.len() == 1 => vec![Target::from_argument(file)],
            (Some(_), _) => {
                return Err("`-o` takes the output of one input; use `--output-dir` for several".into());
            }
            (None, directory) => {
                let directory = directory.as_deref().unwrap_or(Path::new("."));
                names.iter().map(|name| Target::File(directory.join(name))).collect()
            }
        };
        let mut seen = BTreeSet::new();
        for target in &targets {
            if let (false, Target::File(path)) = (seen.insert(target), target) {
                return Err(format!("two inputs would both be written to {}", path.display()));
            }
        }
        Ok(targets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(output: Option<&str>, output_dir: Option<&str>) -> OutputArgs {
        let destination =
            Destination { output: output.map(Into::into), output_dir: output_dir.map(Into::into) };
        OutputArgs { destination, force: false, no_sync: false }
    }

    #[test]
    fn one_input_goes_to_the_file_and_several_below_the_directory() {
        let names: Vec<PathBuf> = vec!["base/1/2".into(), "base/1/2_fsm".into()];
        assert_eq!(args(Some("-"), None).targets(&names[..1]), Ok(vec![Target::Stdout]));
        assert_eq!(args(Some("out"), None).targets(&names[..1]), Ok(vec![Target::File("out".into())]));
        assert_eq!(
            args(None, Some("dir")).targets(&names),
            Ok(vec![Target::File("dir/base/1/2".into()), Target::File("dir/base/1/2_fsm".into())])
        );
    }

    #[test]
    fn several_inputs_for_one_file_are_refused() {
        let names: Vec<PathBuf> = vec!["base/1/2".into(), "base/1/2".into()];
        assert!(args(Some("out"), None).targets(&names).unwrap_err().contains("--output-dir"));
        assert!(args(None, Some("dir")).targets(&names).unwrap_err().contains("dir/base/1/2"));
    }
}
