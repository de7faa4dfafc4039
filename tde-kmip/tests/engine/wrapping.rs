//! Keys that leave wrapped, and come back.

use tde_kmip_codec::{
    attribute::{Attribute, AttributeValue, CryptographicParameters},
    object::{
        EncryptionKeyInformation, KeyBlock, KeyMaterial, KeyValue, KeyWrappingData, KeyWrappingSpecification,
        SymmetricKey,
    },
    operation::{GetRequest, RegisterRequest, ResponsePayload, RevokeRequest},
    spec::{
        ProtocolVersion,
        enumeration::{
            BlockCipherMode, EncodingOption, KeyWrapType, ObjectType, ResultReason, RevocationReasonCode,
            WrappingMethod,
        },
        mask::CryptographicUsageMask,
    },
};

use crate::support::{Answer, Server, block, key_block};

const WRAP: CryptographicUsageMask = CryptographicUsageMask::WRAP_KEY;
const ENCRYPT: CryptographicUsageMask = CryptographicUsageMask::ENCRYPT;

/// RFC 3394, section 4.1.
const KEK: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const KEY: [u8; 16] =
    [0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];
const WRAPPED: [u8; 24] = [
    0x1f, 0xa6, 0x8b, 0x0a, 0x81, 0x12, 0xb4, 0x47, 0xae, 0xf3, 0x4b, 0xd8, 0xfb, 0x5a, 0x7b, 0x82, 0x9d,
    0x3e, 0x86, 0x23, 0x71, 0xd2, 0xcf, 0xe5,
];

fn with(kek: &str, mode: BlockCipherMode) -> KeyWrappingSpecification<'_> {
    let mut parameters = CryptographicParameters::default();
    parameters.block_cipher_mode = Some(mode);
    let mut information = EncryptionKeyInformation::new(kek.into());
    information.cryptographic_parameters = Some(parameters);
    let mut specification = KeyWrappingSpecification::new(WrappingMethod::ENCRYPT);
    specification.encryption_key_information = Some(information);
    specification
}

fn bare(kek: &str, mode: BlockCipherMode) -> KeyWrappingSpecification<'_> {
    KeyWrappingSpecification { encoding_option: Some(EncodingOption::NO_ENCODING), ..with(kek, mode) }
}

fn get(
    server: &Server,
    version: ProtocolVersion,
    id: &str,
    specification: &KeyWrappingSpecification<'_>,
) -> Answer {
    let request = GetRequest {
        unique_identifier: Some(id.into()),
        key_wrapping_specification: Some(specification.into()),
        ..GetRequest::default()
    };
    server.ask(version, request)
}

/// The key block in the answer to a Get.
#[track_caller]
fn got(answer: &Answer) -> KeyBlock<'_> {
    match answer.payload() {
        ResponsePayload::Get(got) => block(&got.object),
        other => panic!("{other:?}"),
    }
}

fn register_wrapped(
    server: &Server,
    version: ProtocolVersion,
    kek: &str,
    value: KeyValue<'_>,
    option: Option<EncodingOption>,
) -> String {
    let specification = with(kek, BlockCipherMode::NIST_KEY_WRAP);
    let mut data = KeyWrappingData::new(WrappingMethod::ENCRYPT);
    data.encryption_key_information = specification.encryption_key_information;
    data.encoding_option = option;
    let mut block = key_block(&KEY);
    block.key_value = Some(value);
    block.key_wrapping_data = Some((&data).into());
    let attributes = [Attribute::new(AttributeValue::CryptographicUsageMask(ENCRYPT))];
    let request = RegisterRequest::new(
        ObjectType::SYMMETRIC_KEY,
        (&attributes).into(),
        SymmetricKey::new(block).into(),
    );
    server.ask(version, request).id()
}

fn not_wrapped(server: &Server, version: ProtocolVersion, id: &str) -> Answer {
    let request = GetRequest {
        unique_identifier: Some(id.into()),
        key_wrap_type: Some(KeyWrapType::NOT_WRAPPED),
        ..GetRequest::default()
    };
    server.ask(version, request)
}

#[test]
fn keys_are_wrapped_bare_as_rfc_3394_and_rfc_5649_have_it() {
    let server = Server::new();
    for version in ProtocolVersion::ALL.into_iter().filter(|version| *version > ProtocolVersion::V1_0) {
        let kek = server.active_key(version, &KEK, WRAP);
        let key = server.active_key(version, &KEY, ENCRYPT);
        let answer = get(&server, version, &key, &bare(&kek, BlockCipherMode::NIST_KEY_WRAP));
        let block = got(&answer);
        // Where PyKMIP's client looks for it.
        let Some(KeyValue::Plain(value)) = &block.key_value else { panic!("{version}") };
        assert_eq!(value.key_material, KeyMaterial::Bytes((&WRAPPED[..]).into()), "{version}");
        let data = block.key_wrapping_data.unwrap().get().unwrap();
        let information = data.encryption_key_information.unwrap();
        assert_eq!(information.unique_identifier.as_text(), Some(kek.as_str()));
        assert_eq!(data.encoding_option, Some(EncodingOption::NO_ENCODING));

        // RFC 5649, section 6.
        let kek = [
            0x58, 0x40, 0xdf, 0x6e, 0x29, 0xb0, 0x2a, 0xf1, 0xab, 0x49, 0x3b, 0x70, 0x5b, 0xf1, 0x6e, 0xa1,
            0xae, 0x83, 0x38, 0xf4, 0xdc, 0xc1, 0x76, 0xa8,
        ];
        let kek = server.active_key(version, &kek, WRAP);
        let secret = server.active_secret(version, b"ForPasi", ENCRYPT);
        let answer = get(&server, version, &secret, &bare(&kek, BlockCipherMode::AES_KEY_WRAP_PADDING));
        let Some(KeyValue::Plain(value)) = got(&answer).key_value else { panic!("{version}") };
        let KeyMaterial::Bytes(bytes) = value.key_material else { panic!() };
        assert_eq!(bytes.expose()[..4], [0xaf, 0xbe, 0xb0, 0xf0], "{version}");
        let odd = get(&server, version, &secret, &bare(&kek, BlockCipherMode::NIST_KEY_WRAP));
        assert_eq!(odd.reason(), Some(ResultReason::CRYPTOGRAPHIC_FAILURE));
    }
}

#[test]
fn what_is_wrapped_in_ttlv_comes_back_with_its_attributes() {
    let server = Server::new();
    for version in ProtocolVersion::ALL {
        let kek = server.active_key(version, &KEK, WRAP | CryptographicUsageMask::UNWRAP_KEY);
        let key = server.active_key(version, &KEY, ENCRYPT);
        let names = ["Cryptographic Usage Mask", "x-nothing"];
        let mut specification = with(&kek, BlockCipherMode::NIST_KEY_WRAP);
        specification.attribute_names = (&names).into();
        let answer = get(&server, version, &key, &specification);
        let block = got(&answer);
        let Some(KeyValue::Wrapped(wrapped)) = block.key_value else { panic!("{version}") };
        assert!(wrapped.len() > 48 && wrapped.len() % 8 == 0);
        assert_eq!(block.key_wrapping_data.unwrap().get().unwrap().encoding_option, None);
        if version < ProtocolVersion::V1_4 {
            continue;
        }
        let id = register_wrapped(&server, version, &kek, KeyValue::Wrapped(wrapped), None);
        let answer = not_wrapped(&server, version, &id);
        let block = got(&answer);
        assert!(block.key_wrapping_data.is_none());
        let Some(KeyValue::Plain(value)) = block.key_value else { panic!("{version}") };
        assert_eq!(value.key_material, KeyMaterial::Bytes((&KEY[..]).into()));
        let attributes: Vec<Attribute<'_>> = value.attributes.unwrap().iter().collect();
        assert_eq!(attributes, [Attribute::new(AttributeValue::CryptographicUsageMask(ENCRYPT))]);
    }
}

#[test]
fn keys_that_were_registered_wrapped_leave_so_or_unwrapped_or_wrapped_otherwise() {
    let server = Server::new();
    let version = ProtocolVersion::V1_4;
    let kek = server.active_key(version, &KEK, CryptographicUsageMask::UNWRAP_KEY);
    let other = server.active_key(version, &[9; 32], WRAP);
    let bare_option = Some(EncodingOption::NO_ENCODING);
    // As a byte string, as the text has it, and in Key Material, as PyKMIP has it.
    let inside = tde_kmip_codec::object::PlainKeyValue::new(tde_kmip_codec::Secret::new(&WRAPPED).into());
    for value in [KeyValue::Wrapped(&WRAPPED), KeyValue::Plain(inside)] {
        let id = register_wrapped(&server, version, &kek, value.clone(), bare_option);
        let plain = GetRequest { unique_identifier: Some(id.as_str().into()), ..GetRequest::default() };
        let answer = server.ask(version, plain);
        assert_eq!(got(&answer).key_value, Some(value));
        let answer = not_wrapped(&server, version, &id);
        let Some(KeyValue::Plain(value)) = got(&answer).key_value else { panic!() };
        assert_eq!(value.key_material, KeyMaterial::Bytes((&KEY[..]).into()));

        let answer = get(&server, version, &id, &bare(&other, BlockCipherMode::NIST_KEY_WRAP));
        let Some(KeyValue::Plain(value)) = got(&answer).key_value else { panic!() };
        let KeyMaterial::Bytes(bytes) = value.key_material else { panic!() };
        assert_eq!(bytes.len(), 24);
        assert_ne!(bytes.expose(), &WRAPPED);
    }
    // A key that was tampered with.
    let mut bad = WRAPPED;
    bad[5] ^= 1;
    let id = register_wrapped(&server, version, &kek, KeyValue::Wrapped(&bad), bare_option);
    let answer = not_wrapped(&server, version, &id);
    assert_eq!(answer.reason(), Some(ResultReason::CRYPTOGRAPHIC_FAILURE));
}

#[test]
fn sensitive_keys_leave_wrapped_only_and_others_not_at_all() {
    let server = Server::new();
    let version = ProtocolVersion::V1_4;
    let kek = server.active_key(version, &KEK, WRAP);
    let sensitive = server.register(version, "sensitive", &[AttributeValue::Sensitive(true)]).id();
    let plain = GetRequest { unique_identifier: Some(sensitive.as_str().into()), ..GetRequest::default() };
    assert_eq!(server.ask(version, plain).reason(), Some(ResultReason::SENSITIVE));
    let specification = bare(&kek, BlockCipherMode::NIST_KEY_WRAP);
    assert_eq!(get(&server, version, &sensitive, &specification).reason(), None);
    let kept = server.register(version, "kept", &[AttributeValue::Extractable(false)]).id();
    let answer = get(&server, version, &kept, &specification);
    assert_eq!(answer.reason(), Some(ResultReason::NOT_EXTRACTABLE));
}

#[test]
fn keys_that_may_not_wrap_are_refused() {
    let server = Server::new();
    for version in [ProtocolVersion::V1_2, ProtocolVersion::V2_1] {
        let pick = |v1, v2| Some(if version.major == 1 { v1 } else { v2 });
        let key = server.active_key(version, &KEY, ENCRYPT);
        let mode = BlockCipherMode::NIST_KEY_WRAP;
        let refused = |specification: &KeyWrappingSpecification<'_>| {
            get(&server, version, &key, specification).reason()
        };
        assert_eq!(
            refused(&bare("nobody", mode)),
            pick(ResultReason::ITEM_NOT_FOUND, ResultReason::WRAPPING_OBJECT_NOT_FOUND)
        );
        let encrypts = server.active_key(version, &KEK, ENCRYPT);
        assert_eq!(
            refused(&bare(&encrypts, mode)),
            pick(ResultReason::PERMISSION_DENIED, ResultReason::INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK)
        );
        let secret = server.active_secret(version, &KEK, WRAP);
        assert_eq!(
            refused(&bare(&secret, mode)),
            pick(ResultReason::ILLEGAL_OPERATION, ResultReason::INVALID_OBJECT_TYPE)
        );
        let kek = server.active_key(version, &KEK, WRAP);
        assert_eq!(
            refused(&bare(&kek, BlockCipherMode::CBC)),
            pick(ResultReason::INVALID_FIELD, ResultReason::BAD_CRYPTOGRAPHIC_PARAMETERS)
        );
        let mut unnamed = bare(&kek, mode);
        unnamed.encryption_key_information = Some(EncryptionKeyInformation::new(kek.as_str().into()));
        assert_eq!(
            refused(&unnamed),
            pick(ResultReason::ITEM_NOT_FOUND, ResultReason::BAD_CRYPTOGRAPHIC_PARAMETERS)
        );
        let names = ["Name"];
        let mut named = bare(&kek, mode);
        named.attribute_names = (&names).into();
        assert_eq!(refused(&named), Some(ResultReason::ENCODING_OPTION_ERROR));
        let revocation = tde_kmip_codec::attribute::RevocationReason::new(RevocationReasonCode::SUPERSEDED);
        let mut revoke = RevokeRequest::new(revocation);
        revoke.unique_identifier = Some(kek.as_str().into());
        assert_eq!(server.ask(version, revoke).reason(), None);
        assert_eq!(
            refused(&bare(&kek, mode)),
            pick(ResultReason::PERMISSION_DENIED, ResultReason::WRONG_KEY_LIFECYCLE_STATE)
        );
        // Another client's key.
        let theirs = server.asked_by("bob").active_key(version, &KEK, WRAP);
        assert_eq!(
            refused(&bare(&theirs, mode)),
            pick(ResultReason::ITEM_NOT_FOUND, ResultReason::WRAPPING_OBJECT_NOT_FOUND)
        );
    }
}

#[test]
fn a_wrapped_key_is_not_used_as_if_it_were_the_key() {
    use tde_kmip_codec::{
        attribute::UniqueIdentifier,
        operation::{ActivateRequest, Data, EncryptRequest},
    };
    let server = Server::new();
    let version = ProtocolVersion::V1_4;
    let kek = server.active_key(version, &KEK, WRAP);
    let inside = tde_kmip_codec::object::PlainKeyValue::new(tde_kmip_codec::Secret::new(&WRAPPED).into());
    let option = Some(EncodingOption::NO_ENCODING);
    let id = register_wrapped(&server, version, &kek, KeyValue::Plain(inside), option);
    let id: Option<UniqueIdentifier<'_>> = Some(id.as_str().into());
    let activate = ActivateRequest { unique_identifier: id, ..ActivateRequest::default() };
    assert_eq!(server.ask(version, activate).reason(), None);
    let mut parameters = CryptographicParameters::default();
    parameters.block_cipher_mode = Some(BlockCipherMode::ECB);
    let encrypt = EncryptRequest {
        unique_identifier: id,
        cryptographic_parameters: Some(parameters),
        data: Some(Data::from(&[0; 16][..])),
        ..EncryptRequest::default()
    };
    assert_eq!(server.ask(version, encrypt).reason(), Some(ResultReason::CRYPTOGRAPHIC_FAILURE));
}
