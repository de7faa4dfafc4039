//! The printer shows every item, hides every secret, and points at the byte that is wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests are tests, too.

#[path = "common/corpus.rs"]
#[allow(dead_code)]
mod corpus;

use proptest::prelude::*;
use tde_kmip_codec::{
    pretty::Pretty,
    spec::tag,
    ttlv::{self, Leniency, Options, Reader, Value, Walk, Writer},
};

#[test]
fn every_item_has_a_line_with_its_offset() {
    let mut count = 0;
    for root in corpus::roots() {
        for message in corpus::messages(&root) {
            if ttlv::decode(&message.bytes).is_err() {
                continue;
            }
            let text = Pretty::new(&message.bytes).to_string();
            let mut lines = text.lines();
            for visit in Walk::new(Reader::new(&message.bytes)) {
                let visit = visit.unwrap();
                let line = lines.next().unwrap();
                let indent = " ".repeat(2 * usize::from(visit.depth));
                assert!(
                    line.starts_with(&format!("{:04X}  {indent}", visit.item.offset)),
                    "{}: {line}",
                    message.name
                );
                assert!(line.contains(visit.item.value.item_type().name()), "{}: {line}", message.name);
                count += 1;
            }
            assert_eq!(lines.next(), None, "{}", message.name);
        }
    }
    if corpus::full().is_some() {
        assert!(count > 100_000, "{count}");
    }
}

#[test]
fn no_key_material_and_no_password_is_shown_unasked() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut secrets = 0;
    for root in corpus::roots() {
        for message in corpus::messages(&root) {
            if ttlv::decode(&message.bytes).is_err() {
                continue;
            }
            let hidden = Pretty::new(&message.bytes).to_string();
            let shown = Pretty::new(&message.bytes).show_secrets(true).to_string();
            for visit in Walk::new(Reader::new(&message.bytes)) {
                let item = visit.unwrap().item;
                let text = match (item.tag, item.value) {
                    (tag::KEY_MATERIAL | tag::KEY, Value::ByteString(bytes)) => {
                        hex(&bytes[..bytes.len().min(64)])
                    }
                    (tag::D | tag::PRIVATE_EXPONENT | tag::P, Value::BigInteger(number)) => {
                        hex(&number.as_wire()[..number.as_wire().len().min(64)])
                    }
                    (tag::PASSWORD | tag::ONE_TIME_PASSWORD, Value::TextString(text)) => format!("{text:?}"),
                    _ => continue,
                };
                // What is short may stand elsewhere by chance, or be a user's name, too.
                if text.len() < 12 || text == "\"password1\"" {
                    continue;
                }
                assert!(!hidden.contains(&text), "{}", message.name);
                assert!(shown.contains(&text), "{}", message.name);
                secrets += 1;
            }
        }
    }
    if corpus::full().is_some() {
        assert!(secrets > 700, "{secrets}");
    }
}

#[test]
fn malformed_messages_are_printed_up_to_the_byte_that_is_wrong() {
    let Some(root) = corpus::full() else { return };
    let mut count = 0;
    for path in corpus::files(&root.join("malformed"), ".ttlv") {
        let bytes = std::fs::read(&path).unwrap();
        let Err(error) = ttlv::decode(&bytes) else { continue };
        let pretty = Pretty::new(&bytes);
        let text = pretty.to_string();
        // What follows the outermost item is printed as far as it makes sense.
        if matches!(error.kind(), ttlv::ErrorKind::TrailingBytes { .. }) {
            continue;
        }
        let line = text.lines().find(|line| line.contains("! ")).unwrap();
        assert!(line.starts_with(&format!("{:04X}  ", error.offset())), "{}: {line}", path.display());
        let told = pretty.told(error.kind(), error.offset());
        assert!(line.ends_with(&format!("! {told}")), "{}: {line}", path.display());
        let shown = pretty.show_secrets(true).to_string();
        assert!(shown.contains(&format!("! {}\n", error.kind())), "{}: {shown}", path.display());
        count += 1;
    }
    assert!(count > 25, "{count}");
}

#[test]
fn the_rest_of_a_secret_that_says_it_is_shorter_is_not_shown() {
    let mut buffer = [0; 128];
    let mut writer = Writer::new(&mut buffer);
    let credential = writer.begin(tag::CREDENTIAL_VALUE);
    writer.text_string(tag::PASSWORD, "hunter2hunter2!!");
    writer.end(credential);
    let good = writer.finish().unwrap().to_vec();
    // The rest stands where the next header should: a tag, a type, a length, or a Boolean's value.
    let mut rests = vec![*b"unter2!!"];
    rests.push([&[0x42, 0, 0xA1, b'h'][..], b"hunt"].concat().try_into().unwrap());
    rests.push([&[0x42, 0, 0xA1, 2][..], b"hunt"].concat().try_into().unwrap());
    for rest in rests {
        let mut bytes = good.clone();
        bytes[15] = 8;
        bytes[24..].copy_from_slice(&rest);
        let error = ttlv::decode(&bytes).unwrap_err();
        let pretty = Pretty::new(&bytes);
        for text in [pretty.to_string(), pretty.told(error.kind(), error.offset()).to_string()] {
            for secret in ["756E74", "75 6E", "0x68", "68 75", "1752526452"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
        let shown = pretty.show_secrets(true);
        assert!(shown.to_string().contains(&error.kind().to_string()));
        assert_eq!(shown.told(error.kind(), error.offset()).to_string(), error.kind().to_string());
    }
    let mut bytes = good;
    bytes[11] = 6;
    bytes[15] = 8;
    bytes[7] = 16;
    bytes.truncate(24);
    let text = Pretty::new(&bytes).to_string();
    assert!(text.contains("boolean is neither 0 nor 1") && !text.contains("68"), "{text}");
}

#[test]
fn values_are_named_by_their_tag_by_the_attribute_beside_them_and_by_their_vendor() {
    let mut buffer = [0; 512];
    let mut writer = Writer::new(&mut buffer);
    let message = writer.begin(tag::REQUEST_PAYLOAD);
    let attribute = writer.begin(tag::ATTRIBUTE);
    writer.text_string(tag::ATTRIBUTE_NAME, "Cryptographic Usage Mask");
    writer.integer(tag::ATTRIBUTE_VALUE, 0x4000_000C);
    writer.end(attribute);
    let attribute = writer.begin(tag::ATTRIBUTE);
    writer.text_string(tag::ATTRIBUTE_NAME, "x-\u{1b}[31m");
    writer.enumeration(tag::ATTRIBUTE_VALUE, 3);
    writer.end(attribute);
    writer.enumeration(tag::CRYPTOGRAPHIC_ALGORITHM, 0x8880_0004);
    writer.enumeration(tag::STATE, 0x77);
    writer.enumeration(tag::ATTRIBUTE_REFERENCE, tag::STATE.get());
    writer.date_time(tag::ACTIVATION_DATE, 0);
    writer.interval(tag::LEASE_TIME, 60);
    writer.byte_string(tag::IV_COUNTER_NONCE, &[0xAB; 65]);
    writer.byte_string(tag::KEY_VALUE, &[0xCD; 3]);
    writer.end(message);
    let bytes = writer.finish().unwrap();
    let expected = format!(
        "\
0000  RequestPayload Structure, 272 bytes
0008    Attribute Structure, 48 bytes
0010      AttributeName TextString \"Cryptographic Usage Mask\"
0030      AttributeValue Integer Encrypt|Decrypt|0x40000000 (0x4000000C)
0040    Attribute Structure, 32 bytes
0048      AttributeName TextString \"x-\\u{{1b}}[31m\"
0058      AttributeValue Enumeration 0x00000003
0068    CryptographicAlgorithm Enumeration 0x88800004 (CoverCrypt of Cosmian KMS)
0078    State Enumeration 0x00000077 (not in the standard)
0088    AttributeReference Enumeration State (0x0042008D)
0098    ActivationDate DateTime 1970-01-01T00:00:00Z (0)
00A8    LeaseTime Interval 60 s
00B8    IVCounterNonce ByteString {}... (65 bytes)
0108    KeyValue ByteString, 3 bytes hidden
",
        "ab".repeat(64)
    );
    let text = Pretty::new(bytes).to_string();
    assert_eq!(text, expected);
}

#[test]
fn tolerated_deviations_are_marked_where_they_stand() {
    let mut buffer = [0; 64];
    let mut writer = Writer::new(&mut buffer);
    writer.integer(tag::BATCH_COUNT, 1);
    let mut bytes = writer.finish().unwrap().to_vec();
    bytes[15] = 7;
    let strict = Pretty::new(&bytes).to_string();
    assert_eq!(strict, "000F  ! padding byte is not zero\n        07\n        ^^\n");
    let lenient = Pretty::new(&bytes).options(Options::new().leniency(Leniency::ALL)).to_string();
    assert_eq!(lenient, "0000  BatchCount Integer 1\n000F  ! padding byte is not zero\n");
}

proptest! {
    #[test]
    fn any_bytes_can_be_printed(mut bytes in prop::collection::vec(any::<u8>(), 0..300), good: bool) {
        if good && bytes.len() > 3 {
            bytes[0] = 0x42;
            bytes[1] = 0;
            bytes[3] = 1;
        }
        for leniency in [Leniency::NONE, Leniency::ALL] {
            let text = Pretty::new(&bytes).options(Options::new().leniency(leniency)).to_string();
            prop_assert!(bytes.is_empty() || !text.is_empty());
        }
    }
}
