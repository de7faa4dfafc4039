//! Whether pages of memory may be written to a disk in clear.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use std::fs;

use super::super::pass_unless_told;
use super::{Check, Host};

const ID: &str = "swap";
/// How many devices may stand on top of each other.
const MAX_DEPTH: u32 = 8;

pub(super) fn check(checks: &mut Vec<Check>, host: Host<'_>) {
    let Some(table) = host.read("proc/swaps") else {
        return checks.push(Check::skipped(ID, "this host does not tell where it swaps to"));
    };
    let before = checks.len();
    let mut any = false;
    // A line of headings, then a line for each: name, type and more, with blanks and the like as \040.
    for line in table.lines().skip(1) {
        let mut words = line.split_whitespace();
        let (Some(name), Some(kind)) = (words.next(), words.next()) else { continue };
        any = true;
        let name = unescape(name);
        let place =
            if kind == "file" { of_file(host, &name) } else { of_device(host, &device_name(host, &name)) };
        let advice =
            "encrypt it (dm-crypt), use zram, or turn it off: pages of tables are swapped in plaintext";
        match place {
            Place::Safe => {}
            Place::Open => {
                checks.push(Check::warning(ID, "swap space that is not encrypted", advice).about(name));
            }
            Place::WrittenBack(device) => {
                let text =
                    format!("compressed memory that is written back to {device}, which is not encrypted");
                checks.push(Check::warning(ID, text, advice).about(name));
            }
            Place::Unknown => {
                let text = "swap space of which it cannot be told whether it is encrypted";
                checks.push(Check::warning(ID, text, "look at what it lies on").about(name));
            }
        }
    }
    let text = if any { "all swap space is encrypted or in memory" } else { "there is no swap space" };
    pass_unless_told(checks, before, Check::pass(ID, text));
}

enum Place {
    /// Encrypted, or in memory.
    Safe,
    Open,
    /// zram with a backing device.
    WrittenBack(String),
    Unknown,
}

/// `sda2` of `/dev/sda2`; `dm-0` of `/dev/mapper/swap`.
fn device_name(host: Host<'_>, path: &str) -> String {
    if let Some(mapped) = path.strip_prefix("/dev/mapper/") {
        let devices = fs::read_dir(host.0.join("sys/class/block")).into_iter().flatten().flatten();
        for name in devices.filter_map(|entry| entry.file_name().into_string().ok()) {
            let found = host.read(&format!("sys/class/block/{name}/dm/name"));
            if found.is_some_and(|found| found.trim() == mapped) {
                return name;
            }
        }
    }
    // The kernel has `!` where a device's name has a slash.
    path.strip_prefix("/dev/").unwrap_or(path).replace('/', "!")
}

fn of_device(host: Host<'_>, name: &str) -> Place {
    if name.starts_with("zram") {
        let backing = host.read(&format!("sys/class/block/{name}/backing_dev")).unwrap_or_default();
        let backing = backing.trim();
        if backing.is_empty()
            || backing == "none"
            || is_encrypted(host, &device_name(host, backing), 0) == Some(true)
        {
            return Place::Safe;
        }
        return Place::WrittenBack(backing.to_string());
    }
    match is_encrypted(host, name, 0) {
        Some(true) => Place::Safe,
        Some(false) => Place::Open,
        None => Place::Unknown,
    }
}

/// A swap file is as safe as the device that its file system is on.
fn of_file(host: Host<'_>, path: &str) -> Place {
    let table = host.read("proc/self/mountinfo").unwrap_or_default();
    let mut best: Option<(usize, String)> = None;
    for line in table.lines() {
        // Number, parent, major:minor, root, mount point, ...
        let mut words = line.split_whitespace().skip(2);
        let (Some(device), Some(_), Some(point)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let point = unescape(point);
        let inside = point == "/" || path.strip_prefix(&*point).is_some_and(|rest| rest.starts_with('/'));
        // Of two at the same place the later one covers the earlier.
        if inside && best.as_ref().is_none_or(|(length, _)| point.len() >= *length) {
            best = Some((point.len(), device.to_string()));
        }
    }
    let Some((_, device)) = best else { return Place::Unknown };
    let event = host.read(&format!("sys/dev/block/{device}/uevent")).unwrap_or_default();
    match event.lines().find_map(|line| line.strip_prefix("DEVNAME=")) {
        Some(name) => of_device(host, &name.replace('/', "!")),
        None => Place::Unknown,
    }
}

/// Whether a device is of dm-crypt, or stands on nothing but such; none if it is not known at all.
fn is_encrypted(host: Host<'_>, name: &str, depth: u32) -> Option<bool> {
    let directory = format!("sys/class/block/{name}");
    if name.contains("..") || !host.0.join(&directory).exists() {
        return None;
    }
    // `CRYPT-LUKS2-…`, `CRYPT-PLAIN-…`; `LVM-…` and others say nothing.
    if host.read(&format!("{directory}/dm/uuid")).is_some_and(|uuid| uuid.starts_with("CRYPT-")) {
        return Some(true);
    }
    let below = fs::read_dir(host.0.join(format!("{directory}/slaves"))).into_iter().flatten().flatten();
    let below: Vec<String> = below.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    Some(
        !below.is_empty()
            && depth < MAX_DEPTH
            && below.iter().all(|device| is_encrypted(host, device, depth + 1) == Some(true)),
    )
}

/// Takes the octal escapes of the kernel's tables away.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if let [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..] = rest {
            bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
            rest = tail;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::super::Status;
    use super::super::super::server::Server;
    use super::super::tests::only;
    use super::*;

    const HEAD: &str = "Filename Type Size Used Priority\n";
    const CRYPT: (&str, &str) = ("sys/class/block/dm-0/dm/uuid", "CRYPT-PLAIN-swap\n");

    fn swaps(line: &str, files: &[(&str, &str)]) -> (Status, String) {
        let table = format!("{HEAD}{line}\n");
        let files = [&[("proc/swaps", &*table)], files].concat();
        let check = only(&files, Server::Stopped, ID);
        (check.status, check.to_string())
    }

    #[test]
    fn swap_is_encrypted_or_in_memory_or_not() {
        for (line, files, expected) in [
            ("", &[][..], Status::Pass),
            ("/dev/dm-0 partition 1 0 -2", &[CRYPT], Status::Pass),
            (
                "/dev/mapper/swap partition 1 0 -2",
                &[CRYPT, ("sys/class/block/dm-0/dm/name", "swap\n")],
                Status::Pass,
            ),
            ("/dev/dm-0 partition 1 0 -2", &[("sys/class/block/dm-0/dm/uuid", "LVM-x\n")], Status::Warning),
            (
                "/dev/dm-1 partition 1 0 -2",
                &[
                    CRYPT,
                    ("sys/class/block/dm-1/dm/uuid", "LVM-x\n"),
                    ("sys/class/block/dm-1/slaves/dm-0/x", ""),
                ],
                Status::Pass,
            ),
            (
                "/dev/dm-1 partition 1 0 -2",
                &[
                    CRYPT,
                    ("sys/class/block/dm-1/slaves/dm-0/x", ""),
                    ("sys/class/block/dm-1/slaves/sda/x", ""),
                ],
                Status::Warning,
            ),
            ("/dev/sda2 partition 1 0 -2", &[("sys/class/block/sda2/size", "1")], Status::Warning),
            ("/dev/sda2 partition 1 0 -2", &[], Status::Warning),
            (
                "/dev/zram0 partition 1 0 100",
                &[("sys/class/block/zram0/backing_dev", "none\n")],
                Status::Pass,
            ),
            ("/dev/zram0 partition 1 0 100", &[], Status::Pass),
            (
                "/dev/zram0 partition 1 0 100",
                &[("sys/class/block/zram0/backing_dev", "/dev/sda3\n"), ("sys/class/block/sda3/size", "1")],
                Status::Warning,
            ),
        ] {
            let (status, text) = swaps(line, files);
            assert_eq!(status, expected, "{line} {files:?}: {text}");
        }
    }

    #[test]
    fn a_swap_file_is_as_safe_as_its_file_system() {
        let mounts =
            "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 254:0 / /en\\040crypted rw - ext4 /dev/dm-0 rw\n";
        let files = [
            ("proc/self/mountinfo", mounts),
            ("sys/dev/block/8:1/uevent", "MAJOR=8\nDEVNAME=sda1\n"),
            ("sys/dev/block/254:0/uevent", "DEVNAME=dm-0\n"),
            ("sys/class/block/sda1/size", "1"),
            CRYPT,
        ];
        assert_eq!(swaps("/en\\040crypted/swapfile file 1 0 -2", &files).0, Status::Pass);
        assert_eq!(swaps("/swapfile file 1 0 -2", &files).0, Status::Warning);
        assert_eq!(swaps("/en\\040crypted-not/swapfile file 1 0 -2", &files).0, Status::Warning);
        assert_eq!(swaps("/swapfile file 1 0 -2", &[]).0, Status::Warning);
    }

    #[test]
    fn a_host_that_tells_nothing_is_skipped() {
        assert_eq!(only(&[], Server::Stopped, ID).status, Status::Skipped);
    }
}
