//! Whether a crash of the server may write its memory, keys in clear and all, to a disk.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::limits::{Limit, Limits};
use super::{Check, Host};

const ID: &str = "core-dumps";

pub(super) fn check(host: Host<'_>, limits: Option<Limits>) -> Check {
    let Some(pattern) = host.read("proc/sys/kernel/core_pattern") else {
        return Check::skipped(ID, "this host does not tell what becomes of core dumps");
    };
    let pattern = pattern.trim();
    if let Some(handler) = pattern.strip_prefix('|') {
        return handled(host, handler.trim());
    }
    // With an empty pattern and without process numbers in names, nothing is written (core(5)).
    if pattern.is_empty() && host.read("proc/sys/kernel/core_uses_pid").is_none_or(|text| text.trim() == "0")
    {
        return Check::pass(ID, "the host writes none");
    }
    match limits.and_then(|limits| limits.core_file) {
        Some(Limit::Bytes(0)) => Check::pass(ID, "the server's limit for core files is 0"),
        Some(_) => Check::warning(
            ID,
            format!("a crash of the server writes its memory, keys in clear, to `{pattern}`"),
            "set `LimitCORE=0` in its unit (or `ulimit -c 0` before `pg_ctl start`) and restart it",
        ),
        None => Check::skipped(
            ID,
            format!(
                "no server runs whose limit could be read; core files go to `{pattern}` (`LimitCORE=` in its unit)"
            ),
        ),
    }
}

/// A program gets the core dump whatever the limit says (core(5), "Piping core dumps to a program").
fn handled(host: Host<'_>, handler: &str) -> Check {
    let program = handler.split_whitespace().next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    if matches!(name, "false" | "true") {
        return Check::pass(ID, format!("core dumps are thrown away by {program}"));
    }
    if name == "systemd-coredump" && systemd_stores_none(host) {
        return Check::pass(ID, "systemd-coredump is told to store none (`Storage=none`)");
    }
    let advice = match name {
        "systemd-coredump" => "set `Storage=none` and `ProcessSizeMax=0` in /etc/systemd/coredump.conf",
        _ => "have it throw those of the server away, or change kernel.core_pattern",
    };
    Check::warning(
        ID,
        format!("a crash of the server hands its memory, keys in clear, to {program}, whatever its limit is"),
        advice,
    )
}

/// The last `Storage=` of `coredump.conf` and its drop-ins (coredump.conf(5)).
fn systemd_stores_none(host: Host<'_>) -> bool {
    let drop_ins = |directory: &str| {
        let entries = std::fs::read_dir(host.0.join(directory));
        let names = entries.into_iter().flatten().flatten().map(|entry| entry.file_name());
        let mut names: Vec<String> = names
            .filter_map(|name| name.into_string().ok())
            .filter(|name| name.ends_with(".conf"))
            .map(|name| format!("{directory}/{name}"))
            .collect();
        names.sort();
        names
    };
    let files =
        ["etc/systemd/coredump.conf".to_string()].into_iter().chain(drop_ins("etc/systemd/coredump.conf.d"));
    let mut storage = None;
    for text in files.filter_map(|file| host.read(&file)) {
        let last = text.lines().filter_map(|line| line.trim().strip_prefix("Storage=")).next_back();
        storage = last.map(|value| value.trim().to_ascii_lowercase()).or(storage);
    }
    storage.as_deref() == Some("none")
}

#[cfg(test)]
mod tests {
    use super::super::super::Status;
    use super::super::super::server::Server;
    use super::super::tests::{LIMITS, only};

    const PATTERN: &str = "proc/sys/kernel/core_pattern";

    fn status(files: &[(&str, &str)], server: Server) -> Status {
        only(files, server, super::ID).status
    }

    #[test]
    fn core_files_are_a_matter_of_the_servers_limit() {
        let running = Server::Running(7);
        let limited = |limits: &str| status(&[(PATTERN, "core\n"), ("proc/7/limits", limits)], running);
        assert_eq!(limited(LIMITS), Status::Pass);
        assert_eq!(limited(&LIMITS.replace("size        0 ", "size        unlimited ")), Status::Warning);
        assert_eq!(limited(&LIMITS.replace("size        0 ", "size        4096 ")), Status::Warning);
        assert_eq!(status(&[(PATTERN, "core\n")], Server::Stopped), Status::Skipped);
        assert_eq!(status(&[(PATTERN, "\n")], Server::Stopped), Status::Pass);
        assert_eq!(status(&[], Server::Stopped), Status::Skipped);
    }

    #[test]
    fn programs_that_take_core_dumps_do_not_care_for_limits() {
        let handler = "|/usr/lib/systemd/systemd-coredump %P %u\n";
        let limits = ("proc/7/limits", LIMITS);
        let (main, drop_in) = ("etc/systemd/coredump.conf", "etc/systemd/coredump.conf.d/50.conf");
        let running = Server::Running(7);
        assert_eq!(status(&[(PATTERN, handler), limits], running), Status::Warning);
        assert_eq!(status(&[(PATTERN, "|/usr/share/apport/apport %p"), limits], running), Status::Warning);
        assert_eq!(status(&[(PATTERN, "|/bin/false")], running), Status::Pass);
        let none = "[Coredump]\nStorage=none\n";
        assert_eq!(status(&[(PATTERN, handler), (main, none)], running), Status::Pass);
        assert_eq!(
            status(&[(PATTERN, handler), (main, "#Storage=none\n"), (drop_in, none)], running),
            Status::Pass
        );
        let external = "[Coredump]\nStorage=external\n";
        assert_eq!(
            status(&[(PATTERN, handler), (main, none), (drop_in, external)], running),
            Status::Warning
        );
    }
}
