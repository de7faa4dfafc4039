//! What the host may write to its disks: core dumps, swapped pages; and how much memory may be locked.
//!
//! Source: the Linux manual, core(5), proc(5), and the kernel's documentation of device mapper and zram. Everything
//! is read below a root that tests replace.

mod core_dumps;
mod limits;
mod swap;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use std::path::Path;

use super::Check;
use super::server::Server;
use limits::{Limit, Limits};

/// The host's files: `/proc`, `/sys`, `/etc`.
#[derive(Debug, Clone, Copy)]
struct Host<'a>(&'a Path);

impl Host<'_> {
    /// A small file; none if it cannot be read.
    fn read(self, path: &str) -> Option<String> {
        let bytes = std::fs::read(self.0.join(path)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

pub(super) fn check(checks: &mut Vec<Check>, root: &Path, server: Server) {
    let host = Host(root);
    let limits = match server {
        Server::Running(process) => {
            host.read(&format!("proc/{process}/limits")).map(|text| Limits::parse(&text))
        }
        _ => None,
    };
    checks.push(core_dumps::check(host, limits));
    swap::check(checks, host);
    checks.push(locked_memory(host, limits));
}

/// `pg_tde` locks the pages that its keys are in (`mlock`); a page is locked as a whole.
fn locked_memory(host: Host<'_>, limits: Option<Limits>) -> Check {
    const ID: &str = "locked-memory";
    /// Pages that a server with a few databases may want at the same time.
    const PAGES: u64 = 16;
    let Some(Limits { locked_memory: Some(limit), .. }) = limits else {
        return Check::skipped(ID, "no server runs whose limit could be read (`LimitMEMLOCK=` in its unit)");
    };
    let page = page_size(host);
    match limit {
        Limit::Bytes(limit) if limit < PAGES * page => Check::warning(
            ID,
            format!(
                "the server may lock {} KiB of memory, that is {} pages: keys may be swapped, or it may not start",
                limit >> 10,
                limit / page
            ),
            format!("set `LimitMEMLOCK={}K` or more in its unit and restart it", (PAGES * page) >> 10),
        ),
        Limit::Bytes(limit) => Check::pass(ID, format!("the server may lock {} KiB of memory", limit >> 10)),
        Limit::Unlimited => Check::pass(ID, "the server may lock any amount of memory"),
    }
}

fn page_size(host: Host<'_>) -> u64 {
    let text = host.read("proc/self/smaps").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("KernelPageSize:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.filter(|kilobytes| (1..=1024).contains(kilobytes)).unwrap_or(4) << 10
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;
    use std::fs;

    /// A host with these files, and the checks of one with a server that runs as process 7.
    pub(super) fn host(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        root
    }

    pub(super) const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max core file size        0                    unlimited            bytes
Max locked memory         65536                65536                bytes
";

    pub(super) fn only(files: &[(&str, &str)], server: Server, id: &str) -> Check {
        let root = host(files);
        let mut checks = Vec::new();
        check(&mut checks, root.path(), server);
        let mut found: Vec<_> = checks.into_iter().filter(|check| check.id == id).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    #[test]
    fn locked_memory_is_counted_in_pages() {
        let status = |limits: &str, smaps: &str| {
            let files = [("proc/7/limits", limits), ("proc/self/smaps", smaps)];
            only(&files, Server::Running(7), "locked-memory").status
        };
        let large = "0-1 r-xp\nSize: 4 kB\nKernelPageSize:       64 kB\n";
        assert_eq!(status(LIMITS, ""), Status::Pass);
        assert_eq!(status(LIMITS, large), Status::Warning, "one page of 64 KiB");
        assert_eq!(status(&LIMITS.replace("65536", "32768"), ""), Status::Warning);
        assert_eq!(status(&LIMITS.replace("65536", "0"), ""), Status::Warning);
        assert_eq!(status(&LIMITS.replace("65536", "unlimited"), large), Status::Pass);
        assert_eq!(only(&[], Server::Stopped, "locked-memory").status, Status::Skipped);
    }
}
