//! The typed layer against recordings of real peers, the published test cases and broken messages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc)] // Helpers of tests are tests, too.

#[path = "common/corpus.rs"]
#[allow(dead_code)]
mod corpus;

use std::collections::BTreeMap;

use tde_kmip_codec::{
    message::{RequestMessage, ResponseMessage},
    spec::tag,
    ttlv::{Error, Leniency, Options, Tolerated},
};

/// Decodes a message of either direction, encodes it again, and says what was tolerated.
fn round_trip(bytes: &[u8], leniency: Leniency) -> Result<(Vec<u8>, Vec<Tolerated>), Error> {
    let mut heard = Vec::new();
    let mut observe = |tolerated| heard.push(tolerated);
    let options = Options::new().leniency(leniency);
    let mut buffer = vec![0xA5; bytes.len() + 64];
    let direction = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
    let encoded = if direction == tag::REQUEST_MESSAGE.get() {
        RequestMessage::decode_with(bytes, options, &mut observe)?
            .encode_with(&mut buffer, leniency)?
            .to_vec()
    } else {
        ResponseMessage::decode_with(bytes, options, &mut observe)?
            .encode_with(&mut buffer, leniency)?
            .to_vec()
    };
    Ok((encoded, heard))
}

#[test]
fn survey() {
    let Some(root) = corpus::full() else { return };
    let mut table: BTreeMap<String, [usize; 4]> = BTreeMap::new();
    let mut why: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for message in corpus::messages(&root) {
        let row = table.entry(message.folder.clone()).or_default();
        row[0] += 1;
        match round_trip(&message.bytes, Leniency::NONE) {
            Ok((encoded, _)) if encoded == message.bytes => row[1] += 1,
            Ok(_) => {
                row[3] += 1;
                why.entry(format!("{} strict bytes differ", message.folder))
                    .or_insert((0, message.name.clone()))
                    .0 += 1;
            }
            Err(error) => {
                let key = format!("{} {:?}", message.folder, error.kind());
                why.entry(key).or_insert((0, format!("{} {error}", message.name.clone()))).0 += 1;
                match round_trip(&message.bytes, Leniency::ALL) {
                    Ok((encoded, _)) if encoded == message.bytes => row[2] += 1,
                    Ok(_) => {
                        row[3] += 1;
                        why.entry(format!("{} LENIENT bytes differ", message.folder))
                            .or_insert((0, message.name.clone()))
                            .0 += 1;
                    }
                    Err(error) => {
                        row[3] += 1;
                        let key = format!("{} LENIENT {:?}", message.folder, error.kind());
                        why.entry(key).or_insert((0, format!("{} {error}", message.name.clone()))).0 += 1;
                    }
                }
            }
        }
    }
    for (folder, row) in table {
        eprintln!("{folder}: {} messages, {} strict, {} lenient, {} neither", row[0], row[1], row[2], row[3]);
    }
    for (key, (count, example)) in why {
        eprintln!("{count} {key}\n        {example}");
    }
}
