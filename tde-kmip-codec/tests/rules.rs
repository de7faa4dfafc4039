//! The rules between fields: for each, a message that keeps it and one that breaks it, decoded and encoded.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc)] // Helpers of tests are tests, too.

#[path = "common/node.rs"]
mod node;
#[path = "common/typed.rs"]
mod typed;

use std::collections::BTreeSet;

use node::{
    Node::{self, Big, Bytes, Date, Flag, Integer, Items, Number, Text},
    asked, request, response,
};
use tde_kmip_codec::{
    message::{RequestMessage, ResponseMessage},
    spec::{
        self, Demand, ProtocolVersion, RuleFacts,
        enumeration::{
            CertificateRequestType, CertificateType, CredentialType, CryptographicAlgorithm,
            DerivationMethod, EncodingOption, KeyFormatType, KeyWrapType, ObjectType, Operation, PutFunction,
            ResultReason, ResultStatus, RevocationReasonCode, SplitKeyMethod, WrappingMethod,
        },
        tag,
    },
    ttlv::{Because, Error, ErrorKind, Leniency, Options, Reader, Tag, Value},
};
use typed::round_trip;

const V1_2: ProtocolVersion = ProtocolVersion::V1_2;
const V1_3: ProtocolVersion = ProtocolVersion::V1_3;
const V1_4: ProtocolVersion = ProtocolVersion::V1_4;
const V2_0: ProtocolVersion = ProtocolVersion::V2_0;
const V2_1: ProtocolVersion = ProtocolVersion::V2_1;

fn id() -> Node {
    Text(tag::UNIQUE_IDENTIFIER, "1")
}

fn data() -> Node {
    Bytes(tag::DATA, b"data")
}

/// What makes an operation one of several that belong together.
fn part(field: usize) -> Node {
    match field {
        0 => Bytes(tag::CORRELATION_VALUE, b"more"),
        1 => Flag(tag::INIT_INDICATOR, true),
        _ => Flag(tag::FINAL_INDICATOR, true),
    }
}

fn attributes(version: ProtocolVersion) -> Node {
    Items(if version.major == 1 { tag::TEMPLATE_ATTRIBUTE } else { tag::ATTRIBUTES }, vec![])
}

/// Registers a symmetric key with these fields in its Key Block.
fn register(version: ProtocolVersion, fields: Vec<Node>) -> Node {
    let mut block = vec![Number(tag::KEY_FORMAT_TYPE, KeyFormatType::RAW.0)];
    block.extend(fields);
    let key = Items(tag::SYMMETRIC_KEY, vec![Items(tag::KEY_BLOCK, block)]);
    let object_type = Number(tag::OBJECT_TYPE, ObjectType::SYMMETRIC_KEY.0);
    request(version, Operation::REGISTER, vec![object_type, attributes(version), key])
}

fn plain() -> Node {
    Items(tag::KEY_VALUE, vec![Bytes(tag::KEY_MATERIAL, &[7; 16])])
}

fn aes() -> [Node; 2] {
    [algorithm(), Integer(tag::CRYPTOGRAPHIC_LENGTH, 128)]
}

fn algorithm() -> Node {
    Number(tag::CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm::AES.0)
}

fn wrapping(method: WrappingMethod, encoding: Option<EncodingOption>) -> Node {
    let mut fields = vec![Items(tag::ENCRYPTION_KEY_INFORMATION, vec![id()])];
    fields.extend(encoding.map(|encoding| Number(tag::ENCODING_OPTION, encoding.0)));
    wrapped_by(method, fields)
}

fn wrapped_by(method: WrappingMethod, more: Vec<Node>) -> Node {
    let mut fields = vec![Number(tag::WRAPPING_METHOD, method.0)];
    fields.extend(more);
    Items(tag::KEY_WRAPPING_DATA, fields)
}

fn import(version: ProtocolVersion, wrap_type: bool, wrapped: bool) -> Node {
    let mut fields = vec![id()];
    if version.major > 1 {
        fields.push(Number(tag::OBJECT_TYPE, ObjectType::SYMMETRIC_KEY.0));
    }
    if wrap_type {
        fields.push(Number(tag::KEY_WRAP_TYPE, KeyWrapType::AS_REGISTERED.0));
    }
    if version.major > 1 {
        fields.push(attributes(version));
    } else {
        let name = Text(tag::ATTRIBUTE_NAME, "x-colour");
        fields.push(Items(tag::ATTRIBUTE, vec![name, Text(tag::ATTRIBUTE_VALUE, "green")]));
    }
    let mut block = vec![Number(tag::KEY_FORMAT_TYPE, KeyFormatType::RAW.0)];
    if wrapped {
        block.push(Bytes(tag::KEY_VALUE, &[9; 24]));
        block.push(wrapping(WrappingMethod::ENCRYPT, None));
    } else {
        block.push(plain());
    }
    fields.push(Items(tag::SYMMETRIC_KEY, vec![Items(tag::KEY_BLOCK, block)]));
    request(version, Operation::IMPORT, fields)
}

fn derive(method: DerivationMethod, parameters: Vec<Node>) -> Node {
    let fields = vec![
        Number(tag::OBJECT_TYPE, ObjectType::SYMMETRIC_KEY.0),
        id(),
        Number(tag::DERIVATION_METHOD, method.0),
        Items(tag::DERIVATION_PARAMETERS, parameters),
        attributes(V1_4),
    ];
    request(V1_4, Operation::DERIVE_KEY, fields)
}

fn certify(version: ProtocolVersion, operation: Operation, with_type: bool, with_request: bool) -> Node {
    let mut fields = vec![id()];
    if with_type {
        fields.push(Number(tag::CERTIFICATE_REQUEST_TYPE, CertificateRequestType::PKCS_10.0));
    }
    if with_request {
        let tag = if version.major == 1 { tag::CERTIFICATE_REQUEST } else { tag::CERTIFICATE_REQUEST_VALUE };
        fields.push(Bytes(tag, b"request"));
    }
    request(version, operation, fields)
}

fn revoke(code: RevocationReasonCode, date: bool) -> Node {
    let reason = Items(tag::REVOCATION_REASON, vec![Number(tag::REVOCATION_REASON_CODE, code.0)]);
    let mut fields = vec![id(), reason];
    if date {
        fields.push(Date(tag::COMPROMISE_OCCURRENCE_DATE, 1_600_000_000));
    }
    request(V1_4, Operation::REVOKE, fields)
}

fn put(function: PutFunction, replaced: bool) -> Node {
    let certificate = vec![
        Number(tag::CERTIFICATE_TYPE, CertificateType::X_509.0),
        Bytes(tag::CERTIFICATE_VALUE, b"certificate"),
    ];
    let mut fields = vec![id(), Number(tag::PUT_FUNCTION, function.0)];
    if replaced {
        fields.push(Text(tag::REPLACED_UNIQUE_IDENTIFIER, "0"));
    }
    fields.push(Items(tag::CERTIFICATE, certificate));
    request(V1_4, Operation::PUT, fields)
}

fn credential(credential_type: CredentialType, fields: Vec<Node>) -> Node {
    let credential =
        vec![Number(tag::CREDENTIAL_TYPE, credential_type.0), Items(tag::CREDENTIAL_VALUE, fields)];
    let authentication = Items(tag::AUTHENTICATION, vec![Items(tag::CREDENTIAL, credential)]);
    asked(V1_4, vec![authentication], Operation::ACTIVATE, vec![id()])
}

fn attestation(more: Vec<Node>) -> Node {
    let nonce = vec![Bytes(tag::NONCE_ID, b"n"), Bytes(tag::NONCE_VALUE, b"v")];
    let mut fields = vec![Items(tag::NONCE, nonce), Number(tag::ATTESTATION_TYPE, 1)];
    fields.extend(more);
    credential(CredentialType::ATTESTATION, fields)
}

fn split_key(method: SplitKeyMethod, prime: bool) -> Node {
    let mut fields = vec![
        Integer(tag::SPLIT_KEY_PARTS, 3),
        Integer(tag::KEY_PART_IDENTIFIER, 1),
        Integer(tag::SPLIT_KEY_THRESHOLD, 2),
        Number(tag::SPLIT_KEY_METHOD, method.0),
    ];
    if prime {
        fields.push(Big(tag::PRIME_FIELD_SIZE));
    }
    fields.push(Items(tag::KEY_BLOCK, vec![Number(tag::KEY_FORMAT_TYPE, KeyFormatType::RAW.0), plain()]));
    let object_type = Number(tag::OBJECT_TYPE, ObjectType::SPLIT_KEY.0);
    request(V1_4, Operation::REGISTER, vec![object_type, attributes(V1_4), Items(tag::SPLIT_KEY, fields)])
}

fn subject(version: ProtocolVersion, name: &'static [u8], alternatives: usize) -> Node {
    let mut fields = vec![Bytes(tag::SUBJECT_DISTINGUISHED_NAME, name)];
    fields.extend((0..alternatives).map(|_| Bytes(tag::SUBJECT_ALTERNATIVE_NAME, b"alternative")));
    let attribute = if version.major == 1 {
        let name = Text(tag::ATTRIBUTE_NAME, "X.509 Certificate Subject");
        Items(tag::ATTRIBUTE, vec![name, Items(tag::ATTRIBUTE_VALUE, fields)])
    } else {
        Items(tag::NEW_ATTRIBUTE, vec![Items(tag::X_509_CERTIFICATE_SUBJECT, fields)])
    };
    request(version, Operation::ADD_ATTRIBUTE, vec![id(), attribute])
}

fn defaults(types: Vec<Node>) -> Node {
    let mut fields = types;
    fields.push(attributes(V2_1));
    let defaults = Items(tag::DEFAULTS_INFORMATION, vec![Items(tag::OBJECT_DEFAULTS, fields)]);
    request(V2_1, Operation::SET_DEFAULTS, vec![defaults])
}

fn wrapping_specification(fields: Vec<Node>) -> Node {
    let mut specification = vec![Number(tag::WRAPPING_METHOD, WrappingMethod::ENCRYPT.0)];
    specification.extend(fields);
    request(V1_4, Operation::GET, vec![id(), Items(tag::KEY_WRAPPING_SPECIFICATION, specification)])
}

/// A rule broken once, and kept.
struct Case {
    bad: Node,
    good: Vec<Node>,
    demand: Demand,
    field: Tag,
    other: Tag,
    because: Because,
    /// From the message to what lacks the field, or to what may not be there.
    at: Vec<Tag>,
}

fn lacking(bad: Node, good: Vec<Node>, field: Tag, other: Tag, because: Because, inside: &[Tag]) -> Case {
    case(bad, good, Demand::Required, field, other, because, inside)
}

fn case(
    bad: Node,
    good: Vec<Node>,
    demand: Demand,
    field: Tag,
    other: Tag,
    because: Because,
    inside: &[Tag],
) -> Case {
    let Items(root, _) = bad else { panic!("no message") };
    let mut at = vec![root];
    at.extend(inside);
    Case { bad, good, demand, field, other, because, at }
}

const PAYLOAD: &[Tag] = &[tag::BATCH_ITEM, tag::REQUEST_PAYLOAD];

fn in_payload(path: &[Tag]) -> Vec<Tag> {
    [PAYLOAD, path].concat()
}

fn response_cases() -> Vec<Case> {
    let reason = || Number(tag::RESULT_REASON, ResultReason::PERMISSION_DENIED.0);
    let payload = || Items(tag::RESPONSE_PAYLOAD, vec![id()]);
    let later = || Bytes(tag::ASYNCHRONOUS_CORRELATION_VALUE, b"later");
    let item = &[tag::BATCH_ITEM];
    let mut cases = Vec::new();
    for version in [ProtocolVersion::V1_0, V1_4, V2_1] {
        let failed = |rest| response(version, ResultStatus::OPERATION_FAILED, rest);
        let pending = |rest| response(version, ResultStatus::OPERATION_PENDING, rest);
        let success = |rest| response(version, ResultStatus::SUCCESS, rest);
        let undone = |rest| response(version, ResultStatus::OPERATION_UNDONE, rest);
        let status = tag::RESULT_STATUS;
        cases.push(lacking(
            failed(vec![]),
            vec![failed(vec![reason()]), failed(vec![reason(), payload()])],
            tag::RESULT_REASON,
            status,
            Because::Value,
            item,
        ));
        cases.push(lacking(
            pending(vec![]),
            vec![pending(vec![later()]), pending(vec![reason(), later(), payload()])],
            tag::ASYNCHRONOUS_CORRELATION_VALUE,
            status,
            Because::Value,
            item,
        ));
        cases.push(lacking(
            success(vec![]),
            vec![success(vec![payload()]), undone(vec![]), undone(vec![reason()])],
            tag::RESPONSE_PAYLOAD,
            status,
            Because::Value,
            item,
        ));
    }
    for version in [V2_0, V2_1] {
        let success = |rest| response(version, ResultStatus::SUCCESS, rest);
        cases.push(case(
            success(vec![reason(), payload()]),
            // Up to 1.4 it may be there.
            vec![success(vec![payload()]), response(V1_4, ResultStatus::SUCCESS, vec![reason(), payload()])],
            Demand::Forbidden,
            tag::RESULT_REASON,
            tag::RESULT_STATUS,
            Because::Value,
            &[tag::BATCH_ITEM, tag::RESULT_REASON],
        ));
    }
    cases
}

fn header_cases() -> Vec<Case> {
    let value = &[tag::REQUEST_HEADER, tag::AUTHENTICATION, tag::CREDENTIAL, tag::CREDENTIAL_VALUE];
    let device = |fields| credential(CredentialType::DEVICE, fields);
    let fields = [
        tag::DEVICE_SERIAL_NUMBER,
        tag::PASSWORD,
        tag::DEVICE_IDENTIFIER,
        tag::NETWORK_IDENTIFIER,
        tag::MACHINE_IDENTIFIER,
        tag::MEDIA_IDENTIFIER,
    ];
    let measurement = || Bytes(tag::ATTESTATION_MEASUREMENT, b"m");
    let assertion = || Bytes(tag::ATTESTATION_ASSERTION, b"a");
    vec![
        lacking(
            device(vec![]),
            fields.into_iter().map(|field| device(vec![Text(field, "x")])).collect(),
            tag::DEVICE_SERIAL_NUMBER,
            tag::PASSWORD,
            Because::Absent,
            value,
        ),
        lacking(
            attestation(vec![]),
            vec![
                attestation(vec![measurement()]),
                attestation(vec![assertion()]),
                attestation(vec![measurement(), assertion()]),
            ],
            tag::ATTESTATION_MEASUREMENT,
            tag::ATTESTATION_ASSERTION,
            Because::Absent,
            value,
        ),
    ]
}

fn key_block_cases() -> Vec<Case> {
    let block = in_payload(&[tag::SYMMETRIC_KEY, tag::KEY_BLOCK]);
    let [aes, length] = aes();
    let wrapped = || Bytes(tag::KEY_VALUE, &[9; 24]);
    let encrypted = |encoding| wrapping(WrappingMethod::ENCRYPT, encoding);
    let with = |informations| wrapped_by(WrappingMethod::ENCRYPT, informations);
    let encryption = || Items(tag::ENCRYPTION_KEY_INFORMATION, vec![id()]);
    let mac = || Items(tag::MAC_SIGNATURE_KEY_INFORMATION, vec![id()]);
    let mut cases = Vec::new();
    for version in [V1_4, V2_1] {
        let register = |fields| register(version, fields);
        let good = || vec![register(vec![plain(), aes.clone(), length.clone()]), register(vec![plain()])];
        cases.extend([
            lacking(
                register(vec![plain(), aes.clone()]),
                good(),
                tag::CRYPTOGRAPHIC_LENGTH,
                tag::CRYPTOGRAPHIC_ALGORITHM,
                Because::Present,
                &block,
            ),
            lacking(
                register(vec![plain(), length.clone()]),
                good(),
                tag::CRYPTOGRAPHIC_ALGORITHM,
                tag::CRYPTOGRAPHIC_LENGTH,
                Because::Present,
                &block,
            ),
            lacking(
                register(vec![wrapped()]),
                vec![register(vec![wrapped(), encrypted(None)])],
                tag::KEY_WRAPPING_DATA,
                tag::KEY_VALUE,
                Because::Value,
                &block,
            ),
            case(
                register(vec![plain(), encrypted(Some(EncodingOption::TTLV_ENCODING))]),
                vec![
                    register(vec![wrapped(), encrypted(Some(EncodingOption::TTLV_ENCODING))]),
                    // The material alone is encrypted, or nothing is; both real servers know the first.
                    register(vec![plain(), encrypted(Some(EncodingOption::NO_ENCODING))]),
                    register(vec![plain(), wrapping(WrappingMethod::MAC_SIGN, None)]),
                    // The value is kept elsewhere.
                    register(vec![encrypted(None)]),
                ],
                Demand::Forbidden,
                tag::KEY_WRAPPING_DATA,
                tag::KEY_VALUE,
                Because::Value,
                &[&block[..], &[tag::KEY_WRAPPING_DATA]].concat(),
            ),
            lacking(
                register(vec![wrapped(), with(vec![])]),
                vec![
                    register(vec![wrapped(), with(vec![encryption()])]),
                    register(vec![wrapped(), with(vec![mac()])]),
                    register(vec![wrapped(), with(vec![encryption(), mac()])]),
                ],
                tag::ENCRYPTION_KEY_INFORMATION,
                tag::MAC_SIGNATURE_KEY_INFORMATION,
                Because::Absent,
                &[&block[..], &[tag::KEY_WRAPPING_DATA]].concat(),
            ),
        ]);
    }
    cases
}

fn structure_cases() -> Vec<Case> {
    let encryption = || Items(tag::ENCRYPTION_KEY_INFORMATION, vec![id()]);
    let mac = || Items(tag::MAC_SIGNATURE_KEY_INFORMATION, vec![id()]);
    let object_type = || Number(tag::OBJECT_TYPE, ObjectType::SYMMETRIC_KEY.0);
    vec![
        lacking(
            wrapping_specification(vec![]),
            vec![
                wrapping_specification(vec![encryption()]),
                wrapping_specification(vec![mac()]),
                wrapping_specification(vec![encryption(), mac()]),
            ],
            tag::ENCRYPTION_KEY_INFORMATION,
            tag::MAC_SIGNATURE_KEY_INFORMATION,
            Because::Absent,
            &in_payload(&[tag::KEY_WRAPPING_SPECIFICATION]),
        ),
        lacking(
            split_key(SplitKeyMethod::POLYNOMIAL_SHARING_PRIME_FIELD, false),
            vec![
                split_key(SplitKeyMethod::POLYNOMIAL_SHARING_PRIME_FIELD, true),
                split_key(SplitKeyMethod::XOR, false),
                split_key(SplitKeyMethod::XOR, true),
            ],
            tag::PRIME_FIELD_SIZE,
            tag::SPLIT_KEY_METHOD,
            Because::Value,
            &in_payload(&[tag::SPLIT_KEY]),
        ),
        lacking(
            subject(V1_4, b"", 0),
            vec![subject(V1_4, b"", 2), subject(V1_4, b"name", 0), subject(V1_4, b"name", 1)],
            tag::SUBJECT_ALTERNATIVE_NAME,
            tag::SUBJECT_DISTINGUISHED_NAME,
            Because::Value,
            &in_payload(&[tag::ATTRIBUTE, tag::ATTRIBUTE_VALUE]),
        ),
        lacking(
            subject(V2_1, b"", 0),
            vec![subject(V2_1, b"", 1), subject(V2_1, b"name", 0)],
            tag::SUBJECT_ALTERNATIVE_NAME,
            tag::SUBJECT_DISTINGUISHED_NAME,
            Because::Value,
            &in_payload(&[tag::NEW_ATTRIBUTE, tag::X_509_CERTIFICATE_SUBJECT]),
        ),
        lacking(
            defaults(vec![]),
            vec![
                defaults(vec![object_type()]),
                defaults(vec![Items(tag::OBJECT_TYPES, vec![object_type()])]),
            ],
            tag::OBJECT_TYPE,
            tag::OBJECT_TYPES,
            Because::Absent,
            &in_payload(&[tag::DEFAULTS_INFORMATION, tag::OBJECT_DEFAULTS]),
        ),
    ]
}

fn payload_cases() -> Vec<Case> {
    let salt = || Bytes(tag::SALT, b"salt");
    let count = || Integer(tag::ITERATION_COUNT, 1000);
    let mut cases = vec![
        lacking(
            derive(DerivationMethod::PBKDF2, vec![count()]),
            vec![
                derive(DerivationMethod::PBKDF2, vec![salt(), count()]),
                derive(DerivationMethod::HASH, vec![]),
            ],
            tag::SALT,
            tag::DERIVATION_METHOD,
            Because::Value,
            &in_payload(&[tag::DERIVATION_PARAMETERS]),
        ),
        lacking(
            derive(DerivationMethod::PBKDF2, vec![salt()]),
            vec![derive(DerivationMethod::HMAC, vec![salt()])],
            tag::ITERATION_COUNT,
            tag::DERIVATION_METHOD,
            Because::Value,
            &in_payload(&[tag::DERIVATION_PARAMETERS]),
        ),
        case(
            revoke(RevocationReasonCode::SUPERSEDED, true),
            vec![
                revoke(RevocationReasonCode::SUPERSEDED, false),
                revoke(RevocationReasonCode::KEY_COMPROMISE, true),
                revoke(RevocationReasonCode::CA_COMPROMISE, true),
                revoke(RevocationReasonCode::CA_COMPROMISE, false),
            ],
            Demand::Forbidden,
            tag::COMPROMISE_OCCURRENCE_DATE,
            tag::REVOCATION_REASON_CODE,
            Because::Value,
            &in_payload(&[tag::COMPROMISE_OCCURRENCE_DATE]),
        ),
        lacking(
            put(PutFunction::REPLACE, false),
            vec![put(PutFunction::REPLACE, true), put(PutFunction::NEW, false)],
            tag::REPLACED_UNIQUE_IDENTIFIER,
            tag::PUT_FUNCTION,
            Because::Value,
            PAYLOAD,
        ),
    ];
    for operation in [Operation::CERTIFY, Operation::RE_CERTIFY] {
        for (version, other) in [(V1_4, tag::CERTIFICATE_REQUEST), (V2_1, tag::CERTIFICATE_REQUEST_VALUE)] {
            cases.push(lacking(
                certify(version, operation, false, true),
                vec![certify(version, operation, true, true), certify(version, operation, false, false)],
                tag::CERTIFICATE_REQUEST_TYPE,
                other,
                Because::Present,
                PAYLOAD,
            ));
        }
    }
    for version in [V2_0, V2_1] {
        // Up to 1.4 either may be without the other.
        let before = || vec![import(V1_4, true, false), import(V1_4, false, true)];
        cases.push(lacking(
            import(version, false, true),
            [before(), vec![import(version, true, true)]].concat(),
            tag::KEY_WRAP_TYPE,
            tag::KEY_WRAPPING_DATA,
            Because::Present,
            PAYLOAD,
        ));
        cases.push(case(
            import(version, true, false),
            vec![import(version, false, false)],
            Demand::Forbidden,
            tag::KEY_WRAP_TYPE,
            tag::KEY_WRAPPING_DATA,
            Because::Absent,
            &in_payload(&[tag::KEY_WRAP_TYPE]),
        ));
    }
    cases
}

fn single_part_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (operation, field) in [
        (Operation::ENCRYPT, tag::DATA),
        (Operation::DECRYPT, tag::DATA),
        (Operation::SIGN, tag::DATA),
        (Operation::SIGNATURE_VERIFY, tag::SIGNATURE_DATA),
        (Operation::MAC, tag::DATA),
        (Operation::MAC_VERIFY, tag::MAC_DATA),
        (Operation::HASH, tag::DATA),
    ] {
        for version in [V1_3, V2_1] {
            let ask = |fields: Vec<Node>| {
                let first = if operation == Operation::HASH {
                    Items(tag::CRYPTOGRAPHIC_PARAMETERS, vec![])
                } else {
                    id()
                };
                request(version, operation, [vec![first], fields].concat())
            };
            let mut good: Vec<_> = (0..3).map(|field| ask(vec![part(field)])).collect();
            good.push(ask(vec![Bytes(field, b"data")]));
            let mut other = tag::CORRELATION_VALUE;
            if operation == Operation::SIGN {
                other = tag::DIGESTED_DATA;
                if version > V1_3 {
                    good.push(ask(vec![Bytes(tag::DIGESTED_DATA, b"digest")]));
                }
            }
            for bad in [vec![], vec![Flag(tag::INIT_INDICATOR, false), Flag(tag::FINAL_INDICATOR, false)]] {
                cases.push(lacking(ask(bad), good.clone(), field, other, Because::Absent, PAYLOAD));
            }
        }
    }
    cases
}

fn cases() -> Vec<Case> {
    let mut all = response_cases();
    all.extend(header_cases());
    all.extend(key_block_cases());
    all.extend(structure_cases());
    all.extend(payload_cases());
    all.extend(single_part_cases());
    all
}

/// Where the item at the end of a path begins.
fn offset_of(message: &[u8], path: &[Tag]) -> usize {
    let mut place = Reader::new(message).read().unwrap();
    assert_eq!(place.tag, path[0]);
    for tag in &path[1..] {
        let Value::Structure(items) = place.value else { panic!("{} holds nothing", place.tag) };
        place = items.map(Result::unwrap).find(|item| item.tag == *tag).unwrap();
    }
    place.bytes.as_ptr().addr() - message.as_ptr().addr()
}

/// Decodes leniently and encodes strictly.
fn encoded_strictly(message: &[u8]) -> Result<(), Error> {
    let options = Options::new().leniency(Leniency::ALL);
    let mut buffer = vec![0; message.len() + 64];
    if message[2] == tag::RESPONSE_MESSAGE.get() as u8 {
        let message = ResponseMessage::decode_with(message, options, &mut |_| {}).unwrap();
        assert_eq!(message.encoded_len().map(|_| ()), message.encode(&mut buffer).map(|_| ()));
        message.encode(&mut buffer).map(|_| ())
    } else {
        let message = RequestMessage::decode_with(message, options, &mut |_| {}).unwrap();
        assert_eq!(message.encoded_len().map(|_| ()), message.encode(&mut buffer).map(|_| ()));
        message.encode(&mut buffer).map(|_| ())
    }
}

#[test]
fn what_breaks_a_rule_is_refused_at_its_place_and_what_keeps_it_is_not() {
    for case in cases() {
        let bytes = case.bad.bytes();
        let (tag, other, because) = (case.field, case.other, case.because);
        let kind = match case.demand {
            Demand::Required => ErrorKind::ConditionalFieldMissing { tag, other, because },
            Demand::Forbidden => ErrorKind::ConditionalFieldPresent { tag, other, because },
        };
        let error = round_trip(&bytes, Leniency::NONE).expect_err(&format!("{kind}"));
        assert_eq!(error.kind(), kind);
        assert_eq!(error.offset(), offset_of(&bytes, &case.at), "{error}");
        assert_eq!(error.path().as_slice(), case.at, "{error}");

        let others = Leniency::ALL.without(Leniency::CONDITIONAL_FIELDS);
        assert_eq!(round_trip(&bytes, others).unwrap_err().kind(), kind);
        for leniency in [Leniency::CONDITIONAL_FIELDS, Leniency::ALL] {
            let (encoded, heard) = round_trip(&bytes, leniency).unwrap();
            assert_eq!(encoded, bytes, "{kind}");
            let [tolerated] = heard[..] else { panic!("{kind}: {heard:?}") };
            assert_eq!(
                (tolerated.switch, tolerated.kind, tolerated.offset),
                (Leniency::CONDITIONAL_FIELDS, kind, error.offset())
            );
        }
        // Encoding, the place is that of the structure with the rule.
        let error = encoded_strictly(&bytes).expect_err(&format!("{kind}"));
        assert_eq!(error.kind(), kind);
        let starts = (0..case.at.len()).map(|len| offset_of(&bytes, &case.at[..=len]));
        assert!(starts.into_iter().any(|start| start == error.offset()), "{error}");

        for good in case.good {
            let bytes = good.bytes();
            let (encoded, heard) =
                round_trip(&bytes, Leniency::NONE).unwrap_or_else(|error| panic!("{kind}: {error}"));
            assert_eq!((encoded, heard.len()), (bytes.clone(), 0));
            encoded_strictly(&bytes).unwrap();
        }
    }
}

#[test]
fn every_rule_of_the_tables_has_a_case() {
    let fields = spec::structure::TABLE
        .iter()
        .map(|facts| facts.fields)
        .chain(spec::operation::TABLE.iter().flat_map(|facts| [facts.request, facts.response]));
    let cases = cases();
    let mut count = 0;
    let mut seen = BTreeSet::new();
    for rule in fields.flatten().flat_map(|field| field.rules) {
        let has_case = |version: ProtocolVersion, rule: &RuleFacts| {
            cases.iter().any(|case| {
                let Items(_, parts) = &case.bad else { panic!("no message") };
                let bytes = parts[0].bytes();
                let spoken = ProtocolVersion::new(i32::from(bytes[27]), i32::from(bytes[43]));
                spoken == version
                    && Some(&case.field) == rule.field.last()
                    && Some(&case.other) == rule.when[0].field.last()
                    && case.demand == rule.demand
            })
        };
        let covered = ProtocolVersion::ALL
            .into_iter()
            .filter(|version| rule.versions.contains(*version))
            .any(|version| has_case(version, rule));
        assert!(covered, "{rule:?}");
        assert!(!rule.source.is_empty());
        seen.insert((rule.field.last(), rule.when[0].field.last(), rule.demand == Demand::Required));
        count += 1;
    }
    assert_eq!(count, 32, "{} kinds", seen.len());
}

#[test]
fn the_versions_before_a_rule_do_not_know_it() {
    // KMIP 1.2 has no parts: Data is simply required.
    let bytes = request(V1_2, Operation::ENCRYPT, vec![id()]).bytes();
    let error = round_trip(&bytes, Leniency::NONE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingField { tag: tag::DATA });
    round_trip(&bytes, Leniency::MISSING_FIELDS).unwrap();
    round_trip(&request(V1_2, Operation::ENCRYPT, vec![id(), data()]).bytes(), Leniency::NONE).unwrap();
}

#[test]
fn errors_name_both_fields() {
    let missing = response(V1_4, ResultStatus::OPERATION_FAILED, vec![]).bytes();
    assert_eq!(
        round_trip(&missing, Leniency::NONE).unwrap_err().to_string(),
        "field Result Reason (0x42007E) must be there with this value of Result Status (0x42007F) at byte 88 in \
         42007B/42000F"
    );
    let present = import(V2_1, true, false).bytes();
    assert_eq!(
        round_trip(&present, Leniency::NONE).unwrap_err().to_string(),
        "field Key Wrap Type (0x4200F8) may not be there without Key Wrapping Data (0x420046) at byte 136 in \
         420078/42000F/420079/4200F8"
    );
    let half = register(V1_4, vec![plain(), algorithm()]).bytes();
    assert!(round_trip(&half, Leniency::NONE).unwrap_err().to_string().starts_with(
        "field Cryptographic Length (0x42002A) must be there with Cryptographic Algorithm (0x420028) at byte"
    ));
}
