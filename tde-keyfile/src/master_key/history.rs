//! Dated copies and the log beside a master key file.

use alloc::format;
use alloc::string::String;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// A moment as `YYYY-MM-DDThh:mm:ssZ`.
pub(super) fn timestamp(seconds: i64) -> String {
    let (year, month, day, second) = civil(seconds);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Name of the copy of a file that was replaced at a moment, made different by a number from the second on.
pub(super) fn archive_path(path: &Path, seconds: i64, number: u32) -> PathBuf {
    let compact: String = timestamp(seconds).chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let suffix = if number == 0 { format!(".{compact}") } else { format!(".{compact}-{number}") };
    with_suffix(path, &suffix)
}

/// Name of the log of a file's changes.
pub(super) fn log_path(path: &Path) -> PathBuf {
    with_suffix(path, ".log")
}

/// Whether a name is that of a dated copy of `path`.
pub(super) fn is_archive_of(path: &Path, name: &OsStr) -> bool {
    let matches = || {
        let rest = name.to_str()?.strip_prefix(path.file_name()?.to_str()?)?.strip_prefix('.')?;
        let (moment, number) = rest.split_at_checked(16)?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (date, time) = moment.strip_suffix('Z')?.split_once('T')?;
        let number = number.is_empty() || number.strip_prefix('-').is_some_and(digits);
        Some(date.len() == 8 && digits(date) && digits(time) && number)
    };
    matches().unwrap_or(false)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(suffix);
    path.with_file_name(name)
}

/// Year, month, day, and second of the day in UTC.
fn civil(seconds: i64) -> (i64, i64, i64, i64) {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Count from 1 March of the year 0, in cycles of 400 years: leap days are then the last of their years.
    let days = days + 719_468;
    let (cycle, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + 400 * cycle + next, month, day, second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_as_date_prints_them() {
        // date -u -d @N +%FT%TZ
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(timestamp(seconds), expected);
        }
    }

    #[test]
    fn dated_copies_are_known_again() {
        let path = Path::new("/etc/tde/master.key");
        for number in [0, 1, 12] {
            let copy = archive_path(path, 1_700_000_000, number);
            assert!(copy.starts_with("/etc/tde"));
            assert!(is_archive_of(path, copy.file_name().unwrap()), "{}", copy.display());
        }
        for other in
            ["master.key", "master.key.log", "master.key.20231114T221320Z-", "other.20231114T221320Z"]
        {
            assert!(!is_archive_of(path, OsStr::new(other)), "{other}");
        }
    }
}
