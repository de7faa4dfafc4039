//! `postmaster.opts`: the command line that the server was last started with.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

/// The settings on the command line, in order: `-c name=value` and `--name=value`.
///
/// The server writes each argument in double quotes, without escapes (`CreateOptsFile` of PostgreSQL), so that an
/// argument with a quote followed by a blank cannot be told from two.
pub(super) fn settings(content: &str) -> Vec<(String, String)> {
    let line = content.lines().next().unwrap_or_default();
    let Some((_, arguments)) = line.split_once(" \"") else { return Vec::new() };
    let mut arguments = arguments.trim_end().trim_end_matches('"').split("\" \"");
    let mut found = Vec::new();
    while let Some(argument) = arguments.next() {
        let setting = match argument.strip_prefix("-c") {
            Some("") => arguments.next(),
            Some(attached) => Some(attached),
            None => argument.strip_prefix("--"),
        };
        if let Some((name, value)) = setting.and_then(|setting| setting.split_once('=')) {
            found.push((name.replace('-', "_").to_ascii_lowercase(), value.to_string()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_found_between_other_options() {
        let content = "/usr/lib/postgresql/17/bin/postgres \"-D\" \"/srv/my data\" \"-c\" \
                       \"config_file=/etc/postgresql/17/main/postgresql.conf\" \"--pg-tde.wal-encrypt=on\" \
                       \"-cport=5433\" \"-p\" \"5432\" \"-c\"\n";
        let expected = [
            ("config_file", "/etc/postgresql/17/main/postgresql.conf"),
            ("pg_tde.wal_encrypt", "on"),
            ("port", "5433"),
        ]
        .map(|(name, value)| (name.to_string(), value.to_string()));
        assert_eq!(settings(content), expected);
        for nothing in ["", "/usr/bin/postgres\n", "x \"-c\"", "\"\""] {
            assert_eq!(settings(nothing), []);
        }
    }
}
