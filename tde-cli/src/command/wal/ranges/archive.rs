//! The segments that a directory has, by their names.

use std::fs;
use std::io;
use std::path::Path;

use tde_wal::{SegmentName, SegmentSize, WalFile};

use crate::failure::Failure;

/// The segments of a directory.
#[derive(Debug)]
pub(super) struct Archive {
    pub(super) directory: String,
    pub(super) size: SegmentSize,
    /// In the order of timelines and numbers. Whole ones come before partial ones of the same name.
    pub(super) segments: Vec<ArchivedSegment>,
    /// History files of timelines and backups.
    pub(super) histories: u64,
    /// Names that mean nothing.
    pub(super) others: Vec<String>,
}

/// A file that holds a segment.
#[derive(Debug)]
pub(super) struct ArchivedSegment {
    pub(super) file: String,
    pub(super) name: SegmentName,
}

/// Reads the names in a directory. Without a size, it is the length of the first file that has a possible one.
pub(super) fn read(directory: &Path, size: Option<SegmentSize>) -> Result<Archive, Failure> {
    let named = |error: io::Error| Failure::new(error).context(directory.display().to_string());
    let mut names = Vec::new();
    let mut found_size = None;
    for entry in fs::read_dir(directory).map_err(named)? {
        let entry = entry.map_err(named)?;
        let metadata = fs::metadata(entry.path()).map_err(named)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !metadata.is_file() {
            continue;
        }
        if let Ok(length) = SegmentSize::new(metadata.len())
            && SegmentName::parse(&name, length).is_ok()
        {
            found_size = found_size.max(Some(length.bytes()));
        }
        names.push(name);
    }
    names.sort();
    let size = match (size, found_size) {
        (Some(size), _) => size,
        (None, Some(bytes)) => SegmentSize::new(bytes)?,
        (None, None) => {
            return Err(Failure::message(format!("{}: the segment size is unknown", directory.display()))
                .advise("copy `global/pg_control` along: no file here has a segment's length"));
        }
    };
    let mut archive = Archive {
        directory: directory.display().to_string(),
        size,
        segments: Vec::new(),
        histories: 0,
        others: Vec::new(),
    };
    for file in names {
        match WalFile::from_name(&file, size) {
            WalFile::History(_) | WalFile::BackupHistory { .. } => archive.histories += 1,
            _ => match segment(&file, size) {
                Some(name) => archive.segments.push(ArchivedSegment { file, name }),
                None => archive.others.push(file),
            },
        }
    }
    archive
        .segments
        .sort_by_key(|segment| (segment.name.timeline(), segment.name.number(), segment.name.is_partial()));
    Ok(archive)
}

/// The segment of a file, which may be compressed (`.gz`) or have a checksum in its name (`-` and digits).
fn segment(file: &str, size: SegmentSize) -> Option<SegmentName> {
    let (stem, rest) = file.split_at_checked(24)?;
    let name = SegmentName::parse(stem, size).ok()?;
    let partial = rest.strip_prefix(".partial");
    let rest = partial.unwrap_or(rest);
    let (digest, compression) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
    let is_digest = digest.is_empty()
        || digest.strip_prefix('-').is_some_and(|d| d.len() >= 8 && d.bytes().all(|b| b.is_ascii_hexdigit()));
    let known = ["", ".gz", ".zst", ".lz4", ".bz2", ".xz", ".br", ".lzma"];
    let name = if partial.is_some() { name.into_partial() } else { name };
    (is_digest && known.contains(&compression)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_known_by_their_names_however_they_are_stored() {
        let whole = "00000001000000000000000E";
        let digest = "-0123456789abcdef0123456789abcdef01234567";
        for (file, found) in [
            (whole.to_owned(), Some(whole.to_owned())),
            (format!("{whole}.gz"), Some(whole.into())),
            (format!("{whole}.partial"), Some(format!("{whole}.partial"))),
            (format!("{whole}.partial.zst"), Some(format!("{whole}.partial"))),
            (format!("{whole}{digest}.gz"), Some(whole.into())),
            (format!("{whole}{digest}"), Some(whole.into())),
            (format!("{whole}.00000028.backup"), None),
            (format!("{whole}.tmp"), None),
            (format!("{whole}-xyz.gz"), None),
            (format!("{whole}.gz.tmp"), None),
            ("00000001000000000000000é.gz".into(), None),
            ("0000000100000000FFFFFFFF".into(), None),
        ] {
            let name = segment(&file, SegmentSize::MIN).map(|name| name.to_string());
            assert_eq!(name, found, "{file}");
        }
    }
}
