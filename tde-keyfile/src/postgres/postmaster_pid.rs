//! `postmaster.pid`: the server's lock file.

/// What a `postmaster.pid` file says (`pidfile.h`). Its presence does not prove that a server runs: after a
/// crash it stays behind, and a copy of a running server's directory holds it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PostmasterPid {
    /// The process, without the sign.
    pub process: u32,
    /// Whether it is a single-user server (its number is written negative).
    pub single_user: bool,
    /// When it started, seconds since 1970; none while the file is being written.
    pub started: Option<i64>,
    /// What it says of itself; none until it has said so.
    pub status: Option<PostmasterStatus>,
}

/// The eighth line of `postmaster.pid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PostmasterStatus {
    /// Starting, or replaying WAL.
    Starting,
    /// Stopping.
    Stopping,
    /// Accepting connections.
    Ready,
    /// Replaying WAL and not accepting connections.
    Standby,
}

impl PostmasterPid {
    /// Path relative to the data directory.
    pub const PATH: &'static str = "postmaster.pid";

    /// Reads the file. None if it has no process number, which happens for an instant while a server
    /// starts: take that for a running server, too.
    #[must_use]
    pub fn parse(file: &[u8]) -> Option<Self> {
        // The file is rewritten in place: whatever follows the eighth line is older.
        let line = |number: usize| {
            let line = file.split(|byte| *byte == b'\n').take(8).nth(number)?;
            core::str::from_utf8(line).ok().map(str::trim)
        };
        let process: i64 = line(0)?.parse().ok()?;
        Some(Self {
            process: u32::try_from(process.unsigned_abs()).ok().filter(|process| *process != 0)?,
            single_user: process < 0,
            started: line(2).and_then(|text| text.parse().ok()),
            status: match line(7) {
                Some("starting") => Some(PostmasterStatus::Starting),
                Some("stopping") => Some(PostmasterStatus::Stopping),
                Some("ready") => Some(PostmasterStatus::Ready),
                Some("standby") => Some(PostmasterStatus::Standby),
                _ => None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_and_unfinished_files_are_read() {
        let file = b"4711\n/var/lib/pg\n1750000000\n5432\n/tmp\nlocalhost\n  5432001    131072\nready   \nold junk\n";
        assert_eq!(
            PostmasterPid::parse(file),
            Some(PostmasterPid {
                process: 4711,
                single_user: false,
                started: Some(1_750_000_000),
                status: Some(PostmasterStatus::Ready),
            })
        );
        let short = PostmasterPid::parse(b"-12\n/var/lib/pg\n").unwrap();
        assert_eq!((short.process, short.single_user, short.status), (12, true, None));
    }

    #[test]
    fn files_without_a_process_are_none() {
        for file in [&b""[..], b"\n", b"x\n", b"0\n", b"99999999999999999999\n", b"\xff\n"] {
            assert_eq!(PostmasterPid::parse(file), None);
        }
    }
}
