//! The KMIP codec: items, typed messages of both directions in every version, JSON, XML.

use std::fmt::Write as _;

use tde_kmip_codec::message::{RequestMessage, ResponseMessage};
use tde_kmip_codec::spec::ProtocolVersion;
use tde_kmip_codec::ttlv::{self, Error, Item, Leniency, Options, Value, Writer};
use tde_kmip_codec::{json, pretty, xml};

fn check_error(error: &Error, input: &[u8]) {
    assert!(error.offset() <= input.len(), "{error}: behind {} bytes", input.len());
    assert!(!error.to_string().is_empty());
}

/// Items: what is accepted strictly is written back to the same bytes; errors point into the input; any bytes print.
pub fn kmip_items(data: &[u8]) {
    match ttlv::decode(data) {
        Ok(item) => {
            let mut buffer = vec![0xa5; data.len()];
            let mut writer = Writer::new(&mut buffer);
            writer.item(&item);
            assert_eq!(writer.finish().expect("as much room as the input took"), data);
            // Lenience makes no difference to what needs none.
            let lenient = Options::new().leniency(Leniency::ALL);
            ttlv::decode_with(data, lenient, |deviation| panic!("strictly fine, but {deviation:?}"))
                .expect("accepted strictly");
        }
        Err(error) => {
            check_error(&error, data);
            let lenient = Options::new().leniency(Leniency::ALL);
            if let Err(error) = ttlv::decode_with(data, lenient, |_| ()) {
                check_error(&error, data);
            }
        }
    }
    for secrets in [false, true] {
        let _ = pretty::Pretty::new(data).show_secrets(secrets).to_string();
    }
}

/// Typed messages: what is accepted strictly is written back to the same bytes.
pub fn kmip_messages(data: &[u8]) {
    let mut buffer = vec![0xa5; data.len()];
    match RequestMessage::decode(data) {
        Ok(message) => assert_eq!(message.encode(&mut buffer).expect("a sound message"), data),
        Err(error) => check_error(&error, data),
    }
    match ResponseMessage::decode(data) {
        Ok(message) => assert_eq!(message.encode(&mut buffer).expect("a sound message"), data),
        Err(error) => check_error(&error, data),
    }
}

/// Typed messages with every lenience: what is written of them is read the same a second time.
pub fn kmip_lenient_messages(data: &[u8]) {
    let options = Options::new().leniency(Leniency::ALL);
    let mut first = vec![0xa5; 2 * data.len() + 256];
    let mut second = first.clone();
    macro_rules! twice {
        ($message:ident) => {
            match $message::decode_with(data, options, &mut |_| ()) {
                Ok(message) => {
                    let Ok(written) = message.encode_with(&mut first, Leniency::ALL) else { return };
                    let again = $message::decode_with(written, options, &mut |_| ()).expect("own writing");
                    let again = again.encode_with(&mut second, Leniency::ALL).expect("own reading");
                    assert_eq!(written, again);
                }
                Err(error) => check_error(&error, data),
            }
        };
    }
    twice!(RequestMessage);
    twice!(ResponseMessage);
}

/// Typed messages again, with the version in the header replaced by the one that the first byte chooses.
pub fn kmip_versions(data: &[u8]) {
    let Some((choice, message)) = data.split_first() else { return };
    let version = ProtocolVersion::ALL[usize::from(*choice) % ProtocolVersion::ALL.len()];
    let mut message = message.to_vec();
    // Where every header has its two numbers: behind the message's, the header's and the version's own heads.
    for (at, number) in [(32, version.major), (48, version.minor)] {
        if let Some(place) = message.get_mut(at..at + 4) {
            place.copy_from_slice(&number.to_be_bytes());
        }
    }
    kmip_messages(&message);
    kmip_lenient_messages(&message);
}

/// JSON: what is read is an item, and is written and read again to the same bytes.
pub fn kmip_json(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(bytes) = json::read(text) {
        let item = ttlv::decode(&bytes).expect("what JSON gives is an item");
        if let Ok(text) = json::write(&item) {
            assert_eq!(json::read(&text).expect("own writing"), bytes);
        }
        if let Ok(text) = json::write_tree(&item) {
            assert_eq!(json::read(&text).expect("own writing"), bytes);
        }
    }
}

/// XML: the same.
pub fn kmip_xml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(messages) = xml::read_all(text) {
        for bytes in messages {
            let item = ttlv::decode(&bytes).expect("what XML gives is an item");
            if let Ok(text) = xml::write(&item) {
                assert_eq!(xml::read(&text).expect("own writing"), bytes);
            }
        }
    }
}

/// Bytes to JSON and XML and back.
pub fn kmip_texts(data: &[u8]) {
    let Ok(item) = ttlv::decode(data) else { return };
    if let Ok(text) = json::write(&item) {
        assert_eq!(json::read(&text).expect("own writing"), data);
    }
    if let Ok(text) = xml::write(&item) {
        assert_eq!(xml::read(&text).expect("own writing"), data);
    }
}

/// Items beside another codec's view of them: it must see the same tree in what is strictly fine.
pub fn kmip_peer(data: &[u8]) {
    same_as_kmip_ttlv(data);
}

/// As [`kmip_peer`]; whether there was anything to compare.
pub fn same_as_kmip_ttlv(data: &[u8]) -> bool {
    let Ok(item) = ttlv::decode(data) else { return false };
    let mut expected = String::new();
    let comparable = matches!(item.value, Value::Structure(_)) && describe(&item, &mut expected).is_some();
    if comparable {
        assert_eq!(kmip_ttlv::PrettyPrinter::new().to_diag_string(data), expected);
    }
    comparable
}

/// The peer's compact form of an item; none for what it does not know or cannot tell from an error.
fn describe(item: &Item<'_>, out: &mut String) -> Option<()> {
    let _infallible = write!(out, "{:06X}", item.tag.get());
    match item.value {
        Value::Structure(children) => {
            if item.bytes.len() == 8 {
                return None;
            }
            out.push('[');
            for child in children {
                describe(&child.ok()?, out)?;
            }
            out.push(']');
        }
        Value::Integer(_) => out.push('i'),
        Value::LongInteger(_) => out.push('l'),
        Value::BigInteger(_) => out.push('I'),
        Value::Enumeration(value) => {
            let _infallible = write!(out, "e{value:X}:");
        }
        Value::Boolean(_) => out.push('b'),
        Value::TextString(_) => out.push('t'),
        Value::ByteString(_) => out.push('o'),
        Value::DateTime(_) => out.push('d'),
        _ => return None,
    }
    Some(())
}
