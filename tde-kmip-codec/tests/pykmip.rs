//! Beside PyKMIP's decoder and encoder: what it reads and writes back to the same bytes, so do we.
//!
//! Needs `python3` with the package `PyKMIP`; says so and passes where they are not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc)] // Helpers of tests are tests, too.

#[path = "common/corpus.rs"]
#[allow(dead_code)]
mod corpus;

#[path = "common/generate.rs"]
#[allow(dead_code)]
mod generate;

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use generate::{Fill, Generator};
use tde_kmip_codec::{
    message::{RequestMessage, ResponseMessage},
    spec::{self, ProtocolVersion, tag},
    ttlv::{Error, Leniency, Options},
};

/// Reads a message in hexadecimal digits a line; answers `same`, `differs` or `refused` a line.
const PEER: &str = r#"
import sys
from kmip.core import enums, utils
from kmip.core.messages import messages
for line in sys.stdin:
    given = bytes.fromhex(line)
    try:
        version = enums.KMIPVersion["KMIP_%d_%d" % (given[35], given[51])]
        message = messages.ResponseMessage() if given[2] == 0x7B else messages.RequestMessage()
        message.read(utils.BytearrayStream(given), kmip_version=version)
        written = utils.BytearrayStream()
        message.write(written, kmip_version=version)
        print("same" if bytes(written.buffer) == given else "differs")
    except Exception:
        print("refused")
"#;

/// PyKMIP's verdicts; none if it is not here.
fn verdicts(messages: &[Vec<u8>]) -> Option<Vec<String>> {
    let there = Command::new("python3").args(["-c", "import kmip.core.messages.messages"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: no python3 with the package PyKMIP");
        return None;
    }
    let mut peer = Command::new("python3")
        .args(["-W", "ignore", "-c", PEER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = peer.stdin.take().unwrap();
    let lines: String = messages
        .iter()
        .map(|message| message.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n")
        .collect();
    // Written beside the reading, so that neither pipe fills up while the other waits.
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = peer.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let verdicts: Vec<_> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(verdicts.len(), messages.len());
    Some(verdicts)
}

/// The message as we read and write it with this lenience.
fn ours(bytes: &[u8], leniency: Leniency) -> Result<Vec<u8>, Error> {
    let options = Options::new().leniency(leniency);
    let mut buffer = vec![0xA5; bytes.len() + 256];
    let written = if u32::from(bytes[2]) == tag::RESPONSE_MESSAGE.get() & 0xFF {
        ResponseMessage::decode_with(bytes, options, &mut |_| ())?.encode_with(&mut buffer, leniency)?
    } else {
        RequestMessage::decode_with(bytes, options, &mut |_| ())?.encode_with(&mut buffer, leniency)?
    };
    Ok(written.to_vec())
}

#[test]
fn recordings_that_pykmip_reads_and_writes_back_so_do_we() {
    let messages: Vec<_> = corpus::roots().iter().flat_map(|root| corpus::messages(root)).collect();
    assert!(!messages.is_empty());
    let bytes: Vec<_> = messages.iter().map(|message| message.bytes.clone()).collect();
    let Some(verdicts) = verdicts(&bytes) else { return };
    let mut same = 0;
    for (message, verdict) in messages.iter().zip(&verdicts) {
        if verdict == "same" {
            // PyKMIP writes 2.0 messages in the shape of 1.x, which we read, but write in that of 2.0.
            match ours(&message.bytes, Leniency::NONE) {
                Ok(written) => assert_eq!(written, message.bytes, "{}", message.name),
                Err(error) => {
                    assert!(ours(&message.bytes, Leniency::ALL).is_ok(), "{}: {error}", message.name)
                }
            }
            same += 1;
        }
    }
    eprintln!("{} recordings, {same} of them the same through PyKMIP", messages.len());
    assert!(same > 90, "PyKMIP reads and writes back only {same} of {}", messages.len());
}

#[test]
fn random_messages_that_pykmip_reads_and_writes_back_so_do_we() {
    let mut messages = Vec::new();
    for facts in spec::operation::TABLE {
        for version in ProtocolVersion::ALL.into_iter().filter(|&version| version <= ProtocolVersion::V2_0) {
            for seed in (0..20).filter(|_| facts.versions.contains(version)) {
                let mut generator = Generator::new(seed, Fill::Plain, version);
                messages.push((facts.name, version, generator.request(facts)));
                messages.push((facts.name, version, generator.response(facts)));
            }
        }
    }
    let bytes: Vec<_> = messages.iter().map(|(.., bytes)| bytes.clone()).collect();
    let Some(verdicts) = verdicts(&bytes) else { return };
    let mut operations = std::collections::BTreeMap::new();
    let mut same = 0;
    for ((name, version, bytes), verdict) in messages.iter().zip(&verdicts) {
        let written = ours(bytes, Leniency::NONE).unwrap_or_else(|error| panic!("{name} {version}: {error}"));
        assert_eq!(written, *bytes, "{name} {version}");
        if verdict == "same" {
            *operations.entry(*name).or_insert(0) += 1;
            same += 1;
        }
    }
    eprintln!("{} messages, {same} of them the same through PyKMIP: {operations:?}", messages.len());
    assert!(same > 3000 && operations.len() > 20, "{same}: {operations:?}");
}
