//! Derive Key, with the numbers of the standards of its methods.

use tde_kmip_codec::{
    Secret,
    attribute::{
        Attribute, AttributeReference, AttributeValue, CryptographicParameters, DerivationParameters,
        UniqueIdentifier,
    },
    operation::{DeriveKeyRequest, GetAttributesRequest, LocateRequest, ResponsePayload},
    spec::{
        ProtocolVersion,
        enumeration::{
            BatchErrorContinuationOption, BlockCipherMode, CryptographicAlgorithm, DerivationMethod,
            HashingAlgorithm, LinkType, ObjectType, ResultReason,
        },
        mask::CryptographicUsageMask,
        tag,
    },
};

use crate::support::{Answer, Server};

const DERIVE: CryptographicUsageMask = CryptographicUsageMask::DERIVE_KEY;

/// Derives a key of AES, or a secret, of so many bits.
fn derive(
    server: &Server,
    version: ProtocolVersion,
    (object_type, bits): (ObjectType, i32),
    bases: &[&str],
    method: DerivationMethod,
    parameters: DerivationParameters<'_>,
) -> Answer {
    let mut attributes = vec![AttributeValue::CryptographicLength(bits)];
    if object_type == ObjectType::SYMMETRIC_KEY {
        attributes.push(AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::AES));
        attributes.push(AttributeValue::CryptographicUsageMask(CryptographicUsageMask::ENCRYPT));
    }
    let attributes: Vec<Attribute<'_>> = attributes.into_iter().map(Attribute::new).collect();
    let bases: Vec<UniqueIdentifier<'_>> = bases.iter().map(|id| (*id).into()).collect();
    let mut request = DeriveKeyRequest::new(object_type, method, parameters, attributes.as_slice().into());
    request.unique_identifiers = bases.as_slice().into();
    server.ask(version, request)
}

fn hashed<'a>(hash: HashingAlgorithm) -> DerivationParameters<'a> {
    let mut inner = CryptographicParameters::default();
    inner.hashing_algorithm = Some(hash);
    DerivationParameters { cryptographic_parameters: Some(inner), ..DerivationParameters::default() }
}

fn salted<'a>(hash: HashingAlgorithm, salt: &'a [u8], rounds: i32) -> DerivationParameters<'a> {
    DerivationParameters { salt: Some(salt), iteration_count: Some(rounds), ..hashed(hash) }
}

fn links(server: &Server, version: ProtocolVersion, id: &str, wanted: LinkType) -> Vec<String> {
    let references = [AttributeReference::Standard(tag::LINK)];
    let request = GetAttributesRequest {
        unique_identifier: Some(id.into()),
        attribute_references: (&references).into(),
        ..GetAttributesRequest::default()
    };
    let answer = server.ask(version, request);
    let ResponsePayload::GetAttributes(got) = answer.payload() else { panic!() };
    let attributes = got.attributes.unwrap_or_default();
    let ids = attributes.iter().filter_map(|attribute| match attribute.value {
        AttributeValue::Link(link) if link.link_type == wanted => {
            link.linked_object_identifier.as_text().map(str::to_owned)
        }
        _ => None,
    });
    ids.collect()
}

#[test]
fn pbkdf2_is_that_of_rfc_6070_in_every_version() {
    let server = Server::new();
    for version in ProtocolVersion::ALL {
        let password = server.active_secret(version, b"password", DERIVE);
        // RFC 6070, section 2, the third example: 20 bytes, SHA-1.
        let parameters = salted(HashingAlgorithm::SHA_1, b"salt", 4096);
        let wanted = (ObjectType::SECRET_DATA, 160);
        let derived =
            derive(&server, version, wanted, &[&password], DerivationMethod::PBKDF2, parameters).id();
        assert_eq!(
            server.material(version, &derived),
            [
                0x4b, 0x00, 0x79, 0x01, 0xb7, 0x65, 0x48, 0x9a, 0xbe, 0xad, 0x49, 0xd9, 0x26, 0xf7, 0x21,
                0xd0, 0x65, 0xa4, 0x29, 0xc1,
            ],
            "{version}"
        );
        assert_eq!(
            links(&server, version, &password, LinkType::DERIVED_KEY_LINK),
            std::slice::from_ref(&derived)
        );
        assert_eq!(links(&server, version, &derived, LinkType::DERIVATION_BASE_OBJECT_LINK), [password]);
    }
}

#[test]
fn hmac_is_taken_of_the_data_and_is_hkdf_with_a_salt() {
    let server = Server::new();
    let version = ProtocolVersion::V1_2;
    let wanted = (ObjectType::SYMMETRIC_KEY, 256);
    // RFC 4231, test case 2.
    let key = server.active_secret(version, b"Jefe", DERIVE);
    let data = [Secret::new(b"what do ya want "), Secret::new(b"for nothing?")];
    let mut parameters = hashed(HashingAlgorithm::SHA_256);
    parameters.derivation_data = (&data).into();
    let derived = derive(&server, version, wanted, &[&key], DerivationMethod::HMAC, parameters).id();
    assert_eq!(server.material(version, &derived)[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    // The data may be a secret of its own.
    let data = server.active_secret(version, b"what do ya want for nothing?", DERIVE);
    let parameters = hashed(HashingAlgorithm::SHA_256);
    let again = derive(&server, version, wanted, &[&key, &data], DerivationMethod::HMAC, parameters).id();
    assert_eq!(server.material(version, &again), server.material(version, &derived));
    assert_eq!(links(&server, version, &again, LinkType::DERIVATION_BASE_OBJECT_LINK), [key, data]);

    // RFC 5869, section A.1.
    let key = server.active_secret(version, &[0x0b; 22], DERIVE);
    let salt: Vec<u8> = (0..13).collect();
    let info: Vec<u8> = (0xf0..0xfa).collect();
    let info = [Secret::new(&info)];
    for (version, method) in
        [(version, DerivationMethod::HMAC), (ProtocolVersion::V2_1, DerivationMethod::HKDF)]
    {
        let mut parameters = hashed(HashingAlgorithm::SHA_256);
        parameters.salt = Some(&salt);
        parameters.derivation_data = (&info).into();
        let wanted = (ObjectType::SECRET_DATA, 42 * 8);
        let derived = derive(&server, version, wanted, &[&key], method, parameters).id();
        let material = server.material(version, &derived);
        assert_eq!(material[..4], [0x3c, 0xb2, 0x5f, 0x25], "{method}");
        assert_eq!(material[38..], [0x87, 0x18, 0x58, 0x65], "{method}");
    }
}

#[test]
fn encrypting_derives_what_encrypting_gives() {
    let server = Server::new();
    let version = ProtocolVersion::V1_4;
    // NIST SP 800-38A, sections F.1.1 and F.2.1: AES-128, the first block.
    let key =
        [0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c];
    let block =
        [0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93, 0x17, 0x2a];
    let vector: Vec<u8> = (0..16).collect();
    let key = server.active_key(version, &key, DERIVE);
    let data = [Secret::new(&block)];
    for (mode, vector, start) in [
        (BlockCipherMode::ECB, None, [0x3a, 0xd7, 0x7b, 0xb4]),
        (BlockCipherMode::CBC, Some(&vector[..]), [0x76, 0x49, 0xab, 0xac]),
    ] {
        let mut inner = CryptographicParameters::default();
        inner.block_cipher_mode = Some(mode);
        let parameters = DerivationParameters {
            cryptographic_parameters: Some(inner),
            initialization_vector: vector,
            derivation_data: (&data).into(),
            ..DerivationParameters::default()
        };
        let wanted = (ObjectType::SYMMETRIC_KEY, 128);
        let derived = derive(&server, version, wanted, &[&key], DerivationMethod::ENCRYPT, parameters).id();
        assert_eq!(server.material(version, &derived)[..4], start, "{mode}");
    }
}

#[test]
fn what_nothing_can_be_derived_of_is_refused() {
    let server = Server::with(|options| options.max_derivation_rounds = 1000);
    let (key, secret) = (ObjectType::SYMMETRIC_KEY, ObjectType::SECRET_DATA);
    for version in [ProtocolVersion::V1_4, ProtocolVersion::V2_1] {
        let is_v1 = version.major == 1;
        let pick = |v1, v2| Some(if is_v1 { v1 } else { v2 });
        let base = server.active_secret(version, b"password", DERIVE);
        let refused = |wanted, bases: &[&str], method, parameters| {
            derive(&server, version, wanted, bases, method, parameters).reason()
        };
        let pbkdf2 = |rounds| salted(HashingAlgorithm::SHA_256, b"salt", rounds);
        let bad = pick(ResultReason::INVALID_FIELD, ResultReason::BAD_CRYPTOGRAPHIC_PARAMETERS);
        let method = DerivationMethod::PBKDF2;
        // Two hashes of 1000 rounds each.
        assert_eq!(refused((secret, 512), &[&base], method, pbkdf2(1000)), bad);
        assert_eq!(refused((secret, 256), &[&base], method, pbkdf2(0)), bad);
        assert_eq!(refused((secret, 256), &[&base], method, pbkdf2(1001)), bad);
        assert_eq!(refused((secret, 256), &[&base], method, pbkdf2(1000)), None);
        let missing = Some(ResultReason::MISSING_DATA);
        assert_eq!(refused((secret, 256), &[&base], method, hashed(HashingAlgorithm::SHA_256)), missing);
        assert_eq!(refused((secret, 256), &[&base], DerivationMethod::HMAC, pbkdf2(1)), None);
        let value = pick(ResultReason::INVALID_FIELD, ResultReason::INVALID_ATTRIBUTE_VALUE);
        assert_eq!(refused((key, 129), &[&base], method, pbkdf2(1)), value);
        assert_eq!(refused((secret, 7), &[&base], method, pbkdf2(1)), value);
        assert_eq!(refused((secret, i32::MAX - 7), &[&base], method, pbkdf2(1)), value);
        let long =
            refused((secret, 264), &[&base], DerivationMethod::HASH, hashed(HashingAlgorithm::SHA_256));
        assert_eq!(long, Some(ResultReason::CRYPTOGRAPHIC_FAILURE));

        // Data that is given twice, and the same for a method that has no place for it.
        let data = [Secret::new(b"data")];
        let with_data =
            || DerivationParameters { derivation_data: (&data).into(), ..hashed(HashingAlgorithm::SHA_256) };
        let twice = pick(ResultReason::INVALID_MESSAGE, ResultReason::BAD_CRYPTOGRAPHIC_PARAMETERS);
        let bases = [base.as_str(), base.as_str()];
        assert_eq!(refused((key, 128), &bases, DerivationMethod::HMAC, with_data()), twice);
        assert_eq!(refused((key, 128), &[&base], DerivationMethod::HASH, with_data()), bad);

        let unusable = server.active_secret(version, b"password", CryptographicUsageMask::ENCRYPT);
        assert_eq!(
            refused((key, 128), &[&unusable], method, pbkdf2(1)),
            pick(ResultReason::INVALID_FIELD, ResultReason::INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK)
        );
        assert_eq!(
            refused((key, 128), &["nobody"], method, pbkdf2(1)),
            pick(ResultReason::ITEM_NOT_FOUND, ResultReason::OBJECT_NOT_FOUND)
        );
    }
}

/// Each derived key is a link more.
#[test]
fn a_base_takes_links_up_to_the_limit_of_its_length() {
    let server = Server::with(|options| options.max_object = 4096);
    let version = ProtocolVersion::V2_1;
    let base = server.active_secret(version, b"password", DERIVE);
    let derived = || {
        let wanted = (ObjectType::SECRET_DATA, 256);
        let hash = hashed(HashingAlgorithm::SHA_256);
        derive(&server, version, wanted, &[&base], DerivationMethod::HASH, hash).reason()
    };
    let refused = (0..100).find_map(|_| derived());
    assert_eq!(refused, Some(ResultReason::SERVER_LIMIT_EXCEEDED));
    // What was refused has left no key behind.
    let mut all = LocateRequest::default();
    all.attributes = Some(tde_kmip_codec::attribute::Attributes::NONE);
    let located = server.ask(version, all).located().len();
    assert_eq!(located, 1 + links(&server, version, &base, LinkType::DERIVED_KEY_LINK).len());
}

/// As much as one derivation may cost, a batch of them may; the same one again costs nothing.
#[test]
fn the_rounds_of_a_batch_are_counted_together() {
    let server = Server::with(|options| options.max_derivation_rounds = 1000);
    let version = ProtocolVersion::V1_4;
    let base = server.active_secret(version, b"password", DERIVE);
    let ids = [UniqueIdentifier::Text(&base)];
    let attributes = [Attribute::new(AttributeValue::CryptographicLength(256))];
    let run = |option, salts: &[&'static [u8]]| {
        let payloads = salts.iter().map(|salt| {
            let parameters = salted(HashingAlgorithm::SHA_256, salt, 400);
            let wanted = (ObjectType::SECRET_DATA, DerivationMethod::PBKDF2);
            let mut request = DeriveKeyRequest::new(wanted.0, wanted.1, parameters, (&attributes).into());
            request.unique_identifiers = (&ids).into();
            request.into()
        });
        let answers = server.batch(version, Some(option), payloads.collect());
        answers.iter().map(Answer::reason).collect::<Vec<_>>()
    };
    let refused = Some(ResultReason::INVALID_FIELD);
    use BatchErrorContinuationOption as Option_;
    assert_eq!(run(Option_::CONTINUE, &[b"a", b"b", b"c", b"a", b"b"]), [None, None, refused, None, None]);
    assert_eq!(run(Option_::UNDO, &[b"a", b"b", b"c"]), [None, None, refused]);
    assert_eq!(run(Option_::UNDO, &[b"a", b"b"]), [None, None]);
}
