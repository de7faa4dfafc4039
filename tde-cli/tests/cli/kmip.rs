//! `tde kmip decode` and `tde kmip encode`.

use std::fs;
use std::path::Path;

use tde_kmip_codec::spec::tag;
use tde_kmip_codec::ttlv::Writer;

use crate::tde::{Run, tde, tde_in};

/// A Register request of KMIP 1.4 with a password in its header and a key in its payload.
fn register() -> Vec<u8> {
    let mut buffer = vec![0; 1024];
    let mut writer = Writer::new(&mut buffer);
    let message = writer.begin(tag::REQUEST_MESSAGE);
    let header = writer.begin(tag::REQUEST_HEADER);
    let version = writer.begin(tag::PROTOCOL_VERSION);
    writer.integer(tag::PROTOCOL_VERSION_MAJOR, 1);
    writer.integer(tag::PROTOCOL_VERSION_MINOR, 4);
    writer.end(version);
    let authentication = writer.begin(tag::AUTHENTICATION);
    let credential = writer.begin(tag::CREDENTIAL);
    writer.enumeration(tag::CREDENTIAL_TYPE, 1);
    let value = writer.begin(tag::CREDENTIAL_VALUE);
    writer.text_string(tag::USERNAME, "tde");
    writer.text_string(tag::PASSWORD, "hunter2hunter2");
    writer.end(value);
    writer.end(credential);
    writer.end(authentication);
    writer.integer(tag::BATCH_COUNT, 1);
    writer.end(header);
    let item = writer.begin(tag::BATCH_ITEM);
    writer.enumeration(tag::OPERATION, 3);
    let payload = writer.begin(tag::REQUEST_PAYLOAD);
    writer.enumeration(tag::OBJECT_TYPE, 2);
    let template = writer.begin(tag::TEMPLATE_ATTRIBUTE);
    writer.end(template);
    let key = writer.begin(tag::SYMMETRIC_KEY);
    let block = writer.begin(tag::KEY_BLOCK);
    writer.enumeration(tag::KEY_FORMAT_TYPE, 1);
    let value = writer.begin(tag::KEY_VALUE);
    writer.byte_string(tag::KEY_MATERIAL, &[0xA5; 16]);
    writer.end(value);
    writer.enumeration(tag::CRYPTOGRAPHIC_ALGORITHM, 3);
    writer.integer(tag::CRYPTOGRAPHIC_LENGTH, 128);
    writer.end(block);
    writer.end(key);
    writer.end(payload);
    writer.end(item);
    writer.end(message);
    writer.finish().unwrap().to_vec()
}

/// The same with Batch Order Option after Batch Count: in the wrong order, at byte 0xC0.
fn out_of_order() -> Vec<u8> {
    let mut bytes = register();
    let count = bytes.windows(4).position(|window| window == [0x42, 0x00, 0x0D, 0x02]).unwrap();
    let mut buffer = [0; 16];
    let mut writer = Writer::new(&mut buffer);
    writer.boolean(tag::BATCH_ORDER_OPTION, true);
    let option = writer.finish().unwrap().to_vec();
    bytes.splice(count + 16..count + 16, option);
    // The header and the message are 16 bytes longer.
    for length in [7, 15] {
        let (sum, carry) = bytes[length].overflowing_add(16);
        bytes[length] = sum;
        bytes[length - 1] += u8::from(carry);
    }
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decode(options: &[&str], input: &[u8]) -> Run {
    tde_in(Path::new("."), ["kmip", "decode"].iter().chain(options), input)
}

fn encode(options: &[&str], input: &[u8]) -> Run {
    tde_in(Path::new("."), ["kmip", "encode"].iter().chain(options), input)
}

#[test]
fn a_good_message_is_printed_as_a_tree() {
    let text = decode(&[], &register()).expect(0).stdout_text();
    assert!(text.starts_with("0000  RequestMessage Structure, "), "{text}");
    assert!(text.contains("Operation Enumeration Register (0x00000003)"), "{text}");
    assert!(text.ends_with("\ngood: request, KMIP 1.4: Register\n"), "{text}");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("request.ttlv");
    fs::write(&file, register()).unwrap();
    assert_eq!(tde([Path::new("kmip"), Path::new("decode"), &file]).expect(0).stdout_text(), text);
    assert_eq!(decode(&["--hex", "-"], hex(&register()).as_bytes()).expect(0).stdout_text(), text);
}

#[test]
fn secrets_are_shown_only_when_asked_for() {
    let (key, password) = (hex(&[0xA5; 16]), "hunter2hunter2");
    for options in [&[][..], &["--json"], &["--ttlv"], &["--lenient"], &["--json", "--ttlv"]] {
        let run = decode(options, &register()).expect(0);
        let printed = format!("{}{}", run.stdout_text(), run.stderr);
        assert!(!printed.contains(&key) && !printed.contains(password), "{options:?}: {printed}");
        let options = [options, &["--show-secrets"]].concat();
        let printed = decode(&options, &register()).expect(0).stdout_text();
        assert!(printed.contains(&key) && printed.contains(password), "{options:?}: {printed}");
    }
}

#[test]
fn a_deviation_is_listed_and_fails_unless_lenient() {
    for (options, status, verdict) in [(&[][..], 1, "deviates: "), (&["--lenient"], 0, "readable: ")] {
        let text = decode(options, &out_of_order()).expect(status).stdout_text();
        assert!(text.contains("deviations from the standard:\n"), "{text}");
        let line = text.lines().find(|line| line.contains("is out of order")).unwrap();
        assert!(line.ends_with("in RequestMessage/RequestHeader/BatchOrderOption"), "{line}");
        assert!(text.lines().last().unwrap().starts_with(verdict), "{text}");
    }
    // As items, there is nothing wrong with it.
    decode(&["--ttlv"], &out_of_order()).expect(0);
}

/// The same without the Cryptographic Length that goes with the algorithm.
fn without_length() -> Vec<u8> {
    let mut bytes = register();
    let length = bytes.windows(4).position(|window| window == [0x42, 0x00, 0x2A, 0x02]).unwrap();
    bytes.drain(length..length + 16);
    for tag in [[0x78, 0x01], [0x0F, 0x01], [0x79, 0x01], [0x8F, 0x01], [0x40, 0x01]] {
        let around = bytes.windows(4).position(|window| window == [0x42, 0x00, tag[0], tag[1]]).unwrap();
        let len = u32::from_be_bytes(bytes[around + 4..around + 8].try_into().unwrap()) - 16;
        bytes[around + 4..around + 8].copy_from_slice(&len.to_be_bytes());
    }
    bytes
}

#[test]
fn a_broken_rule_between_fields_is_a_deviation_that_names_both() {
    let text = decode(&[], &without_length()).expect(1).stdout_text();
    let line = text.lines().find(|line| line.contains("must be there")).unwrap();
    let said = "field Cryptographic Length (0x42002A) must be there with Cryptographic Algorithm (0x420028) \
                (conditional fields), in RequestMessage/BatchItem/RequestPayload/SymmetricKey/KeyBlock";
    assert!(line.ends_with(said), "{line}");
    assert!(text.ends_with("deviates: request, KMIP 1.4: Register, 1 deviation\n"), "{text}");
    let text = decode(&["--lenient"], &without_length()).expect(0).stdout_text();
    assert!(text.ends_with("readable: request, KMIP 1.4: Register, 1 deviation\n"), "{text}");
}

#[test]
fn a_malformed_message_is_pointed_at_and_no_leniency_helps() {
    let mut bytes = register();
    bytes[0x18 + 3] = 0x0C;
    for options in [&[][..], &["--lenient"], &["--ttlv"], &["--json"]] {
        let run = decode(options, &bytes).expect(1);
        let printed = format!("{}{}", run.stdout_text(), run.stderr);
        let place = "malformed at byte 27 (0x001B): unknown item type 0x0C, in RequestMessage/RequestHeader/ProtocolVersion";
        assert!(printed.contains(place), "{options:?}: {printed}");
    }
    let text = decode(&[], &bytes).expect(1).stdout_text();
    let finger = "001B        ! unknown item type 0x0C\n              42 00 6A 0C 00 00 00 04\n                       ^^\n";
    assert!(text.contains(finger), "{text}");
    for cut in [1, 7, 8, 100] {
        decode(&[], &register()[..cut]).expect(1);
        decode(&["--ttlv", "--lenient"], &register()[..cut]).expect(1);
    }
    decode(&[], b"").expect(1);
    decode(&["--ttlv"], b"").expect(1);
}

#[test]
fn fragments_are_for_ttlv() {
    let fragment = [0x42, 0x00, 0x0D, 0x02, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0];
    let text = decode(&[], &fragment).expect(1).stdout_text();
    assert!(
        text.contains("malformed at byte 0 (0x0000): expected ") && text.contains("try: `--ttlv`"),
        "{text}"
    );
    let text = decode(&["--ttlv"], &fragment.repeat(2)).expect(0).stdout_text();
    assert_eq!(text, "0000  BatchCount Integer 1\n0010  BatchCount Integer 1\n\ngood: 2 items\n");
    // What deviates and then breaks off is malformed all the same.
    let mut broken = fragment.to_vec();
    broken[15] = 1;
    broken.push(0xFF);
    for options in [&["--ttlv"][..], &["--ttlv", "--lenient"]] {
        let text = decode(options, &broken).expect(1).stdout_text();
        assert!(text.contains("(non-zero padding)") && text.contains("malformed at byte 16"), "{text}");
    }
    // But nothing may follow a message.
    let mut trailing = register();
    trailing.extend(fragment);
    decode(&["--ttlv"], &trailing).expect(1);
    decode(&[], &trailing).expect(1);
    decode(&["--lenient"], &trailing).expect(0);
}

#[test]
fn of_very_many_deviations_the_first_are_listed() {
    let fragment = [0x42, 0x00, 0x0D, 0x02, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 1];
    let text = decode(&["--ttlv"], &fragment.repeat(1003)).expect(1).stdout_text();
    assert_eq!(text.matches("(non-zero padding)").count(), 1000, "{text}");
    assert!(text.ends_with("\n  ... and 3 more\n\ndeviates: 1003 items, 1003 deviations\n"), "{text}");
}

#[test]
fn what_was_decoded_as_json_encodes_to_the_same_bytes() {
    let tree = decode(&["--json", "--show-secrets"], &register()).expect(0);
    assert_eq!(encode(&[], &tree.stdout).expect(0).stdout, register());
    let text = encode(&["--hex"], &tree.stdout).expect(0).stdout_text();
    assert_eq!(text, format!("{}\n", hex(&register())));
    let without = decode(&["--json"], &register()).expect(0);
    let run = encode(&[], &without.stdout).expect(1);
    assert!(run.stderr.contains("--show-secrets"), "{run}");
    assert!(run.stdout.is_empty());
}

#[test]
fn json_payloads_and_xml_are_encoded() {
    let payload =
        br#"{"tag": "Destroy", "value": [{"tag": "UniqueIdentifier", "type": "TextString", "value": "1"}]}"#;
    let expected = "4200790100000010420094070000000131000000000000000000000000000000";
    let expected = &expected[..48];
    assert_eq!(encode(&["--hex"], payload).expect(0).stdout_text().trim(), expected);
    let xml = b"<?xml version=\"1.0\"?>\n<RequestPayload><UniqueIdentifier type=\"TextString\" value=\"1\"/></RequestPayload>";
    assert_eq!(encode(&["--hex", "-"], xml).expect(0).stdout_text().trim(), expected);
    let two = b"<KMIP><RequestPayload/><ResponsePayload/></KMIP>";
    assert_eq!(encode(&["--hex"], two).expect(0).stdout_text().trim(), "420079010000000042007c0100000000");
}

#[test]
fn fractions_of_seconds_are_cut_off_only_if_asked() {
    let text = br#"{"tag": "ActivationDate", "type": "DateTime", "value": "2024-01-01T00:00:00.25Z"}"#;
    let run = encode(&["--hex"], text).expect(1);
    assert!(run.stdout.is_empty());
    let whole = br#"{"tag": "ActivationDate", "type": "DateTime", "value": "2024-01-01T00:00:00Z"}"#;
    let expected = encode(&["--hex"], whole).expect(0).stdout_text();
    assert_eq!(encode(&["--hex", "--cut-fractions"], text).expect(0).stdout_text(), expected);
}

#[test]
fn what_cannot_be_encoded_says_where() {
    for (input, place) in [
        (&b"{\"tag\": \"Nme\", \"value\": []}"[..], "line 1, column 13"),
        (b"<Name>\n<NameValue/>x</Name>", "line 2, column 13, in Name"),
        (b"hello", "neither `{` (JSON) nor `<` (XML)"),
        (b"", "there is no text"),
        (b"\xFF\xFE", "byte 0 is not UTF-8"),
        (b"<KMIP/>", "there is no item"),
    ] {
        let run = encode(&[], input).expect(1);
        assert!(run.stderr.starts_with("tde: error: standard input"), "{run}");
        assert!(run.stderr.contains(place), "{run}");
        assert!(run.stdout.is_empty());
    }
}

#[test]
fn files_are_written_whole_and_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let (text, bytes) = (dir.path().join("request.json"), dir.path().join("request.ttlv"));
    fs::write(&text, decode(&["--json", "--show-secrets"], &register()).stdout).unwrap();
    let arguments = ["kmip", "encode", "request.json", "-o", "request.ttlv"];
    tde_in(dir.path(), arguments, b"").expect(0);
    assert_eq!(fs::read(&bytes).unwrap(), register());
    tde_in(dir.path(), arguments, b"").expect(2);
    tde_in(dir.path(), arguments.iter().chain(&["--force"]), b"").expect(0);
    tde_in(dir.path(), ["kmip", "encode", "request.json", "-o", "request.json", "--force"], b"").expect(2);
}

#[test]
fn what_cannot_run_ends_with_2() {
    tde(["kmip", "decode", "/nonexistent/file"]).expect(2);
    tde(["kmip", "encode", "/nonexistent/file"]).expect(2);
    tde(["kmip", "decode", "--bogus"]).expect(2);
    tde(["kmip"]).expect(2);
    decode(&["--hex"], b"4200zz").expect(1);
}

/// Every verdict of the corpus, and every recorded tree.
#[test]
fn the_corpus_is_judged_as_it_says() {
    let root = std::env::var_os("TDE_CORPUS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"),
        std::path::PathBuf::from,
    );
    let folder = root.join("kmip/malformed");
    let Ok(entries) = fs::read_dir(&folder) else {
        eprintln!("SKIPPED: no corpus at {}; set TDE_CORPUS", folder.display());
        return;
    };
    let mut count = 0;
    for path in entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().unwrap() == "ttlv")
    {
        let about: serde_json::Value =
            serde_json::from_slice(&fs::read(path.with_extension("json")).unwrap()).unwrap();
        let bytes = fs::read(&path).unwrap();
        let options: &[&str] = if about["layer"] == "ttlv" { &["--ttlv"] } else { &[] };
        let run = decode(options, &bytes);
        let expected = if about["verdict"] == "accept" { 0 } else { 1 };
        assert_eq!(run.status, expected, "{}: {run}", path.display());
        count += 1;
    }
    assert!(count > 50, "{count}");
}
