//! Refusing the data directory of a running server, or of one that did not stop cleanly.

use alloc::string::String;
use std::format;
use std::path::Path;

use super::read::{read_file, stat_regular};
use super::{Error, Storage};
use crate::postgres::ControlFile;

/// Longest `postmaster.pid` and `pg_control` that are read.
const MAX_SMALL_FILE: u64 = 64 << 10;

/// How strictly [`ensure_server_stopped`] judges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct ServerCheck {
    /// Accept a cluster that was not shut down cleanly, a backup that was never started, an incomplete copy, and
    /// a `postmaster.pid` whose process does not exist. A live process is never accepted.
    pub allow_unclean: bool,
}

/// Makes sure that no server uses a data directory, and that none has to recover it first.
///
/// A server keeps its keys in memory and writes these files without a lock, and recovery after a crash replays
/// changes of them from the WAL.
///
/// # Errors
/// [`Error::ServerRunning`] if `postmaster.pid` names a process that exists, or may be being written;
/// [`Error::NotShutDown`] if it names another, if there is a `backup_label`, or if `global/pg_control` is missing
/// or not of a cleanly stopped cluster; [`Error::Io`] and the others of [`read_file`].
pub fn ensure_server_stopped(
    storage: &dyn Storage,
    data_dir: &Path,
    check: ServerCheck,
) -> Result<(), Error> {
    ensure_stopped(storage, data_dir, check, process_exists)
}

fn ensure_stopped(
    storage: &dyn Storage,
    data_dir: &Path,
    check: ServerCheck,
    process_exists: fn(i32) -> bool,
) -> Result<(), Error> {
    let unclean = |path: &Path, reason: String| {
        if check.allow_unclean {
            Ok(())
        } else {
            Err(Error::NotShutDown { path: path.to_path_buf(), reason })
        }
    };
    let path = data_dir.join("postmaster.pid");
    match read_file(storage, &path, MAX_SMALL_FILE) {
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error),
        Ok(content) => {
            let process = first_line_process(content.bytes()).ok_or_else(|| Error::ServerRunning {
                path: path.clone(),
                reason: "holds no process number, so a server may be starting".into(),
            })?;
            if process_exists(process) {
                return Err(Error::ServerRunning {
                    path,
                    reason: format!("a server runs as process {process}"),
                });
            }
            let reason = format!(
                "names process {process}, which does not exist here: left by a crash, or by a server in another \
                 container or on another host"
            );
            unclean(&path, reason)?;
        }
    }
    let path = data_dir.join("backup_label");
    if stat_regular(storage, &path)?.is_some() {
        unclean(&path, "this is a base backup that no server has recovered yet".into())?;
    }
    let path = data_dir.join("global/pg_control");
    match read_file(storage, &path, MAX_SMALL_FILE) {
        Err(error) if error.is_not_found() => unclean(&path, "is missing".into()),
        Err(error) => Err(error),
        Ok(content) => match ControlFile::parse(content.bytes()) {
            Ok(control) if control.state.is_shut_down() => Ok(()),
            Ok(control) => unclean(&path, format!("the state of the cluster is `{}`", control.state)),
            Err(error) => unclean(&path, format!("{error}")),
        },
    }
}

/// The process in the first line; a single-user server writes it with a minus.
fn first_line_process(content: &[u8]) -> Option<i32> {
    let line = content.split(|&byte| byte == b'\n').next()?;
    let number: i32 = core::str::from_utf8(line).ok()?.trim().parse().ok()?;
    number.checked_abs().filter(|&number| number > 0)
}

/// A process that we may not signal exists too.
fn process_exists(number: i32) -> bool {
    rustix::process::Pid::from_raw(number)
        .is_some_and(|process| rustix::process::test_kill_process(process) != Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;
    use alloc::vec::Vec;
    use std::fs;

    use super::super::DiskStorage;
    use super::*;

    /// A recorded `pg_control` of a cluster that was shut down, or that was running.
    fn control_file(running: bool) -> Vec<u8> {
        let recorded = "../test-data/pg_tde/B/data/global/pg_control";
        let mut bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(recorded)).unwrap();
        assert!(ControlFile::parse(&bytes).unwrap().state.is_shut_down());
        if running {
            bytes[16] = 6;
            let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(&bytes[..288]);
            bytes[288..292].copy_from_slice(&crc.to_le_bytes());
        }
        bytes
    }

    fn judge(files: &[(&str, Vec<u8>)], allow_unclean: bool) -> Result<(), Error> {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("global")).unwrap();
        for (name, content) in files {
            fs::write(directory.path().join(name), content).unwrap();
        }
        let check = ServerCheck { allow_unclean };
        ensure_stopped(&DiskStorage::new(), directory.path(), check, |process| process == 77)
    }

    #[test]
    fn a_live_process_is_refused_whatever_is_allowed() {
        for pid in ["77\n/data\n", "-77\n", "77", "", "garbage\n", "\n", "0\n"] {
            for allow in [false, true] {
                let files = [("postmaster.pid", pid.into()), ("global/pg_control", control_file(false))];
                assert!(matches!(judge(&files, allow), Err(Error::ServerRunning { .. })), "{pid:?}");
            }
        }
    }

    #[test]
    fn what_is_not_known_to_be_stopped_cleanly_is_refused_unless_allowed() {
        let clean = ("global/pg_control", control_file(false));
        let unclean: [(&[_], &str); 5] = [
            (&[("postmaster.pid", b"78\n".to_vec()), clean.clone()], "process 78"),
            (&[("backup_label", b"START WAL LOCATION".to_vec()), clean.clone()], "base backup"),
            (&[("global/pg_control", control_file(true))], "in production"),
            (&[("global/pg_control", b"damaged".to_vec())], "pg_control"),
            (&[], "missing"),
        ];
        for (files, reason) in unclean {
            match judge(files, false) {
                Err(error @ Error::NotShutDown { .. }) => {
                    assert!(error.to_string().contains(reason), "{error}")
                }
                other => panic!("{reason}: {other:?}"),
            }
            assert!(judge(files, true).is_ok(), "{reason}");
        }
        assert!(judge(&[clean], false).is_ok());
    }

    #[test]
    fn this_process_exists_and_an_impossible_one_does_not() {
        assert!(process_exists(i32::try_from(std::process::id()).unwrap()));
        assert!(!process_exists(i32::MAX));
    }
}
