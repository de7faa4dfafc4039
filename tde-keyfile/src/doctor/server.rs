//! Whether a server uses the data directory.

use alloc::format;
use alloc::vec::Vec;
use std::fs;
use std::path::Path;

use super::Check;
use crate::postgres::PostmasterPid;

/// What `postmaster.pid` and the host's processes tell of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    /// There is no `postmaster.pid`.
    Stopped,
    /// It names a process that exists.
    Running(u32),
    /// It names a process that does not exist here.
    Gone(u32),
    /// It is there and names no process: a server may be starting.
    Unclear,
}

impl Server {
    pub(super) fn find(data_directory: &Path, host: &Path) -> Self {
        let Ok(content) = fs::read(data_directory.join(PostmasterPid::PATH)) else { return Self::Stopped };
        match PostmasterPid::parse(&content) {
            None => Self::Unclear,
            Some(pid) if exists(pid.process, host) => Self::Running(pid.process),
            Some(pid) => Self::Gone(pid.process),
        }
    }

    /// Whether files may change while they are read.
    pub(super) const fn may_run(self) -> bool {
        !matches!(self, Self::Stopped)
    }
}

/// Whether there is such a process, as `/proc` tells, or where there is none, the system.
fn exists(process: u32, host: &Path) -> bool {
    if host.join("proc").exists() {
        return host.join(format!("proc/{process}")).exists();
    }
    let number = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
    // A process that we may not signal exists too.
    number.is_some_and(|number| rustix::process::test_kill_process(number) != Err(rustix::io::Errno::SRCH))
}

pub(super) fn check(checks: &mut Vec<Check>, server: Server) {
    checks.push(match server {
        Server::Stopped => Check::pass("server", "no server runs on this data directory"),
        Server::Running(process) => Check::pass("server", format!("a server runs as process {process}")),
        Server::Unclear => Check::warning(
            "server",
            "postmaster.pid names no process",
            "look whether a server is just starting; if none is, remove the file",
        ),
        Server::Gone(process) => Check::warning(
            "server",
            format!("postmaster.pid names process {process}, which does not exist here"),
            "look for a server in another container or on another host; if there is none it crashed, and recovers \
             when it is started",
        ),
    });
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    #[test]
    fn a_server_runs_if_its_process_exists() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        fs::create_dir_all(&data).unwrap();
        fs::create_dir_all(root.path().join("proc/4711")).unwrap();
        let found = |content: Option<&str>| {
            match content {
                Some(content) => fs::write(data.join("postmaster.pid"), content).unwrap(),
                None => {
                    let _ = fs::remove_file(data.join("postmaster.pid"));
                }
            }
            let server = Server::find(&data, root.path());
            let mut checks = Vec::new();
            check(&mut checks, server);
            (server, checks[0].status)
        };
        assert_eq!(found(None), (Server::Stopped, Status::Pass));
        assert_eq!(found(Some("4711\n")), (Server::Running(4711), Status::Pass));
        assert_eq!(found(Some("4712\n")), (Server::Gone(4712), Status::Warning));
        assert_eq!(found(Some("")), (Server::Unclear, Status::Warning));
    }
}
