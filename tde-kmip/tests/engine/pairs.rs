//! Key pairs: made, named, linked, re-keyed, handed out in every format, and refused what they are not for.

use tde_kmip::server::engine::EngineOptions;
use tde_kmip_codec::{
    DateTime,
    attribute::{
        Attribute, AttributeReference, AttributeValue, CryptographicDomainParameters,
        CryptographicParameters, Name, TemplateAttribute, UniqueIdentifier,
    },
    object::{KeyMaterial, KeyValue, ManagedObject, PrivateKey, PublicKey},
    operation::{
        ActivateRequest, CreateKeyPairRequest, DestroyRequest, EncryptRequest, GetAttributesRequest,
        GetRequest, ReKeyKeyPairRequest, RegisterRequest, RequestPayload, ResponsePayload, SignRequest,
        SignatureVerifyRequest,
    },
    spec::{
        ProtocolVersion,
        enumeration::{
            CryptographicAlgorithm, HashingAlgorithm, KeyFormatType, LinkType, NameType, ObjectType,
            PaddingMethod, RecommendedCurve, ResultReason, State, UniqueIdentifier as Form,
            ValidityIndicator,
        },
        mask::CryptographicUsageMask,
        tag,
    },
};

use crate::{
    objects::get,
    support::{Answer, NOW, Server},
};

/// What a pair of the tests is.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) algorithm: CryptographicAlgorithm,
    pub(crate) bits: Option<i32>,
    pub(crate) curve: Option<RecommendedCurve>,
    pub(crate) private: CryptographicUsageMask,
    pub(crate) public: CryptographicUsageMask,
}

impl Pair {
    /// RSA of 1024 bits, which is quick to make.
    pub(crate) fn rsa() -> Self {
        Self {
            algorithm: CryptographicAlgorithm::RSA,
            bits: Some(1024),
            curve: None,
            private: CryptographicUsageMask::SIGN | CryptographicUsageMask::DECRYPT,
            public: CryptographicUsageMask::VERIFY | CryptographicUsageMask::ENCRYPT,
        }
    }

    pub(crate) fn ec(curve: RecommendedCurve) -> Self {
        Self { algorithm: CryptographicAlgorithm::ECDSA, bits: None, curve: Some(curve), ..Self::rsa() }
    }

    pub(crate) fn ask(
        self,
        server: &Server,
        version: ProtocolVersion,
        more: &[AttributeValue<'_>],
    ) -> Answer {
        let mut common = vec![AttributeValue::CryptographicAlgorithm(self.algorithm)];
        common.extend(self.bits.map(AttributeValue::CryptographicLength));
        common.extend(self.curve.map(|curve| {
            let mut parameters = CryptographicDomainParameters::default();
            parameters.recommended_curve = Some(curve);
            AttributeValue::CryptographicDomainParameters(parameters)
        }));
        common.extend(more.iter().cloned());
        let common = attributes(common);
        let name = |name| AttributeValue::Name(Name::new(name, NameType::UNINTERPRETED_TEXT_STRING));
        let private =
            attributes(vec![AttributeValue::CryptographicUsageMask(self.private), name("the private key")]);
        let public =
            attributes(vec![AttributeValue::CryptographicUsageMask(self.public), name("the public key")]);
        let mut request = CreateKeyPairRequest::default();
        request.common_attributes = Some(common.as_slice().into());
        request.private_key_attributes = Some(private.as_slice().into());
        request.public_key_attributes = Some(public.as_slice().into());
        server.ask(version, request)
    }

    /// The identifiers of a pair that is active.
    pub(crate) fn make(self, server: &Server, version: ProtocolVersion) -> (String, String) {
        pair(&self.ask(server, version, &[AttributeValue::ActivationDate(DateTime(NOW - 1))]))
    }
}

pub(crate) fn attributes(values: Vec<AttributeValue<'_>>) -> Vec<Attribute<'_>> {
    values.into_iter().map(Attribute::new).collect()
}

#[track_caller]
pub(crate) fn pair(answer: &Answer) -> (String, String) {
    let (private, public) = match answer.payload() {
        ResponsePayload::CreateKeyPair(made) => {
            (made.private_key_unique_identifier, made.public_key_unique_identifier)
        }
        ResponsePayload::ReKeyKeyPair(made) => {
            (made.private_key_unique_identifier, made.public_key_unique_identifier)
        }
        other => panic!("{other:?}"),
    };
    (private.as_text().unwrap().to_owned(), public.as_text().unwrap().to_owned())
}

/// What Get gives in a format: the format of the answer, and the bytes of its Key Material, none if it has none.
#[track_caller]
pub(crate) fn material(
    server: &Server,
    version: ProtocolVersion,
    id: &str,
    format: Option<KeyFormatType>,
) -> (KeyFormatType, Option<Vec<u8>>) {
    let answer = server.ask(version, GetRequest { key_format_type: format, ..get(id) });
    let ResponsePayload::Get(got) = answer.payload() else { panic!() };
    let block = match got.object {
        ManagedObject::PrivateKey(key) => key.key_block,
        ManagedObject::PublicKey(key) => key.key_block,
        other => panic!("{other:?}"),
    };
    let Some(KeyValue::Plain(value)) = block.key_value else { panic!() };
    let bytes = match value.key_material {
        KeyMaterial::Bytes(bytes) => Some(bytes.expose().to_vec()),
        _ => None,
    };
    (block.key_format_type, bytes)
}

pub(crate) fn parameters(padding: PaddingMethod, hash: HashingAlgorithm) -> CryptographicParameters<'static> {
    let mut parameters = CryptographicParameters::default();
    parameters.padding_method = Some(padding);
    parameters.hashing_algorithm = Some(hash);
    parameters
}

pub(crate) fn sign<'a>(
    id: &'a str,
    parameters: Option<CryptographicParameters<'a>>,
    data: &'a [u8],
) -> SignRequest<'a> {
    SignRequest {
        unique_identifier: Some(id.into()),
        cryptographic_parameters: parameters,
        data: Some(data.into()),
        ..SignRequest::default()
    }
}

#[track_caller]
pub(crate) fn signature(answer: &Answer) -> Vec<u8> {
    match answer.payload() {
        ResponsePayload::Sign(signed) => signed.signature_data.unwrap().to_vec(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn verify(
    server: &Server,
    id: &str,
    parameters: Option<CryptographicParameters<'_>>,
    data: &[u8],
    signature: &[u8],
) -> bool {
    let request = SignatureVerifyRequest {
        unique_identifier: Some(id.into()),
        cryptographic_parameters: parameters,
        data: Some(data.into()),
        signature_data: Some(signature),
        ..SignatureVerifyRequest::default()
    };
    match server.ask(ProtocolVersion::V1_4, request).payload() {
        ResponsePayload::SignatureVerify(answer) => {
            answer.validity_indicator == Some(ValidityIndicator::VALID)
        }
        other => panic!("{other:?}"),
    }
}

fn links(server: &Server, version: ProtocolVersion, id: &str) -> Vec<(LinkType, String)> {
    shown(server, version, id, tag::LINK, |value| match value {
        AttributeValue::Link(link) => {
            Some((link.link_type, link.linked_object_identifier.as_text().unwrap().to_owned()))
        }
        _ => None,
    })
}

fn names(server: &Server, version: ProtocolVersion, id: &str) -> Vec<String> {
    shown(server, version, id, tag::NAME, |value| match value {
        AttributeValue::Name(name) => Some(name.name_value.to_owned()),
        _ => None,
    })
}

fn shown<T>(
    server: &Server,
    version: ProtocolVersion,
    id: &str,
    tag: tde_kmip_codec::ttlv::Tag,
    of: impl Fn(AttributeValue<'_>) -> Option<T>,
) -> Vec<T> {
    let references = [AttributeReference::Standard(tag)];
    let mut request = GetAttributesRequest { unique_identifier: Some(id.into()), ..Default::default() };
    request.attribute_references = (&references).into();
    match server.ask(version, request).payload() {
        ResponsePayload::GetAttributes(found) => {
            found.attributes.into_iter().flat_map(|all| all.iter()).filter_map(|one| of(one.value)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pair_is_linked_named_and_of_the_two_types_in_every_version() {
    for version in ProtocolVersion::ALL {
        let server = Server::new();
        for kind in [Pair::rsa(), Pair { curve: None, bits: Some(256), ..Pair::ec(RecommendedCurve::P_256) }]
        {
            let (private, public) = pair(&kind.ask(&server, version, &[]));
            assert_eq!(links(&server, version, &private), [(LinkType::PUBLIC_KEY_LINK, public.clone())]);
            assert_eq!(links(&server, version, &public), [(LinkType::PRIVATE_KEY_LINK, private.clone())]);
            assert_eq!(names(&server, version, &private), ["the private key"]);
            assert_eq!(names(&server, version, &public), ["the public key"]);
            for (id, object_type, mask) in [
                (&private, ObjectType::PRIVATE_KEY, kind.private),
                (&public, ObjectType::PUBLIC_KEY, kind.public),
            ] {
                let told = |tag, wanted: AttributeValue<'_>| {
                    assert_eq!(shown(&server, version, id, tag, |has| Some(has == wanted)), [true], "{tag}");
                };
                told(tag::OBJECT_TYPE, AttributeValue::ObjectType(object_type));
                told(tag::STATE, AttributeValue::State(State::PRE_ACTIVE));
                told(tag::CRYPTOGRAPHIC_ALGORITHM, AttributeValue::CryptographicAlgorithm(kind.algorithm));
                told(tag::CRYPTOGRAPHIC_LENGTH, AttributeValue::CryptographicLength(kind.bits.unwrap()));
                told(tag::CRYPTOGRAPHIC_USAGE_MASK, AttributeValue::CryptographicUsageMask(mask));
                assert_eq!(shown(&server, version, id, tag::DIGEST, |_| Some(())).len(), 1);
            }
            for id in [private, public] {
                let destroy =
                    DestroyRequest { unique_identifier: Some(id.as_str().into()), ..Default::default() };
                server.ask(version, destroy).payload();
            }
        }
    }
}

/// KMIP 2.1, section 4.26; before 1.3, each use of an elliptic curve had a form of its own.
#[test]
fn keys_that_are_made_have_the_default_format_of_the_version_that_asks() {
    use KeyFormatType as F;
    let server = Server::new();
    let (private, public) = Pair::rsa().make(&server, ProtocolVersion::V1_0);
    for version in ProtocolVersion::ALL {
        assert_eq!(material(&server, version, &private, None).0, F::PKCS_1);
        assert_eq!(material(&server, version, &public, None).0, F::PKCS_1);
    }
    for made in ProtocolVersion::ALL {
        let server = Server::new();
        let (private, public) = Pair::ec(RecommendedCurve::P_384).make(&server, made);
        for version in ProtocolVersion::ALL {
            let (first, second) = match (made < ProtocolVersion::V1_3, version) {
                // Up to 1.4, that form is known; as it was made.
                (true, version) if version.major < 2 => {
                    (F::TRANSPARENT_ECDSA_PRIVATE_KEY, F::TRANSPARENT_ECDSA_PUBLIC_KEY)
                }
                (false, version) if version < ProtocolVersion::V1_3 => {
                    (F::TRANSPARENT_ECDSA_PRIVATE_KEY, F::TRANSPARENT_ECDSA_PUBLIC_KEY)
                }
                _ => (F::TRANSPARENT_EC_PRIVATE_KEY, F::TRANSPARENT_EC_PUBLIC_KEY),
            };
            assert_eq!(material(&server, version, &private, None).0, first, "{made} {version}");
            assert_eq!(material(&server, version, &public, None).0, second, "{made} {version}");
        }
    }
}

/// What is handed out in one format and registered again is the same key in every other.
#[test]
fn formats_turn_into_each_other_and_back() {
    use KeyFormatType as F;
    const PRIVATE_RSA: &[F] = &[F::PKCS_1, F::PKCS_8, F::TRANSPARENT_RSA_PRIVATE_KEY];
    const PUBLIC_RSA: &[F] = &[F::PKCS_1, F::X_509, F::TRANSPARENT_RSA_PUBLIC_KEY];
    const PRIVATE_EC: &[F] = &[
        F::PKCS_8,
        F::EC_PRIVATE_KEY,
        F::TRANSPARENT_EC_PRIVATE_KEY,
        F::TRANSPARENT_ECDSA_PRIVATE_KEY,
        F::TRANSPARENT_ECDH_PRIVATE_KEY,
        F::TRANSPARENT_ECMQV_PRIVATE_KEY,
    ];
    const PUBLIC_EC: &[F] = &[
        F::X_509,
        F::TRANSPARENT_EC_PUBLIC_KEY,
        F::TRANSPARENT_ECDSA_PUBLIC_KEY,
        F::TRANSPARENT_ECDH_PUBLIC_KEY,
        F::TRANSPARENT_ECMQV_PUBLIC_KEY,
    ];
    let version = ProtocolVersion::V1_4;
    let curves = [
        RecommendedCurve::P_256,
        RecommendedCurve::P_384,
        RecommendedCurve::P_521,
        RecommendedCurve::SECP256K1,
    ];
    let mut kinds = vec![(Pair::rsa(), PRIVATE_RSA, PUBLIC_RSA)];
    kinds.extend(curves.map(|curve| (Pair::ec(curve), PRIVATE_EC, PUBLIC_EC)));
    for (kind, private_formats, public_formats) in kinds {
        let server = Server::new();
        let (private, public) = kind.make(&server, version);
        for (id, formats) in [(private, private_formats), (public, public_formats)] {
            for format in formats {
                let answer = server.ask(version, GetRequest { key_format_type: Some(*format), ..get(&id) });
                let ResponsePayload::Get(got) = answer.payload() else { panic!() };
                let mask = attributes(vec![AttributeValue::CryptographicUsageMask(kind.private)]);
                let again = RegisterRequest::new(got.object_type, mask.as_slice().into(), got.object);
                let again = server.ask(version, again).id();
                assert_eq!(material(&server, version, &again, None).0, *format);
                for other in formats {
                    let (has, bytes) = material(&server, version, &again, Some(*other));
                    assert_eq!(
                        (has, bytes),
                        material(&server, version, &id, Some(*other)),
                        "{format} {other}"
                    );
                }
            }
            let refused = GetRequest { key_format_type: Some(F::RAW), ..get(&id) };
            let reason = server.ask(version, refused).reason();
            assert_eq!(reason, Some(ResultReason::KEY_FORMAT_TYPE_NOT_SUPPORTED));
        }
    }
}

#[test]
fn a_re_keyed_pair_takes_over_names_and_links() {
    for version in ProtocolVersion::ALL.into_iter().filter(|version| *version >= ProtocolVersion::V1_1) {
        let server = Server::new();
        for kind in [Pair::rsa(), Pair::ec(RecommendedCurve::SECP256K1)] {
            let kind_version = version.max(ProtocolVersion::V1_2);
            let (private, public) = kind.make(&server, kind_version);
            let before = material(&server, version, &private, Some(KeyFormatType::PKCS_8));
            let request = ReKeyKeyPairRequest {
                private_key_unique_identifier: Some(private.as_str().into()),
                ..ReKeyKeyPairRequest::default()
            };
            let (new_private, new_public) = pair(&server.ask(version, request));
            assert_ne!(material(&server, version, &new_private, Some(KeyFormatType::PKCS_8)), before);
            assert_eq!(names(&server, version, &new_private), ["the private key"]);
            assert_eq!(names(&server, version, &new_public), ["the public key"]);
            assert!(names(&server, version, &private).is_empty());
            assert_eq!(
                links(&server, version, &new_private),
                [
                    (LinkType::PUBLIC_KEY_LINK, new_public.clone()),
                    (LinkType::REPLACED_OBJECT_LINK, private.clone())
                ]
            );
            assert_eq!(
                links(&server, version, &new_public),
                [
                    (LinkType::PRIVATE_KEY_LINK, new_private.clone()),
                    (LinkType::REPLACED_OBJECT_LINK, public.clone())
                ]
            );
            assert_eq!(
                links(&server, version, &private),
                [
                    (LinkType::PUBLIC_KEY_LINK, public.clone()),
                    (LinkType::REPLACEMENT_OBJECT_LINK, new_private.clone())
                ]
            );
            // Both belong together: one signs what the other verifies.
            let hash = parameters(PaddingMethod::PSS, HashingAlgorithm::SHA_256);
            let signed =
                signature(&server.ask(ProtocolVersion::V1_4, sign(&new_private, Some(hash), b"data")));
            assert!(verify(&server, &new_public, Some(hash), b"data", &signed));
            assert!(!verify(&server, &public, Some(hash), b"data", &signed));
            // The next kind needs the names.
            for id in [new_private, new_public] {
                let request = tde_kmip_codec::operation::RevokeRequest::new(
                    tde_kmip_codec::attribute::RevocationReason::new(
                        tde_kmip_codec::spec::enumeration::RevocationReasonCode::UNSPECIFIED,
                    ),
                );
                let request = tde_kmip_codec::operation::RevokeRequest {
                    unique_identifier: Some(id.as_str().into()),
                    ..request
                };
                server.ask(version, request).payload();
                let destroy =
                    DestroyRequest { unique_identifier: Some(id.as_str().into()), ..Default::default() };
                server.ask(version, destroy).payload();
            }
        }
    }
}

#[test]
fn a_pair_that_cannot_be_made_is_refused() {
    let server = Server::new();
    let refused = |kind: Pair, version| {
        assert_eq!(
            kind.ask(&server, version, &[]).reason(),
            Some(match version {
                ProtocolVersion::V1_4 => ResultReason::INVALID_FIELD,
                _ => ResultReason::INVALID_ATTRIBUTE_VALUE,
            })
        );
    };
    for version in [ProtocolVersion::V1_4, ProtocolVersion::V2_1] {
        for bits in [0, -1024, 512, 1023, 1028, 4104, 8192, i32::MAX] {
            refused(Pair { bits: Some(bits), ..Pair::rsa() }, version);
        }
        refused(Pair { algorithm: CryptographicAlgorithm::AES, ..Pair::rsa() }, version);
        refused(Pair { algorithm: CryptographicAlgorithm::DSA, ..Pair::rsa() }, version);
        refused(Pair::ec(RecommendedCurve::P_224), version);
        refused(Pair { bits: Some(384), ..Pair::ec(RecommendedCurve::P_256) }, version);
        refused(Pair { bits: Some(255), curve: None, ..Pair::ec(RecommendedCurve::P_256) }, version);
    }
    // What 2.x fills in, 1.x asks for.
    let rsa = Pair { bits: None, ..Pair::rsa() };
    refused(rsa, ProtocolVersion::V1_4);
    let curve = Pair { curve: None, ..Pair::ec(RecommendedCurve::P_256) };
    refused(curve, ProtocolVersion::V1_4);
    pair(&curve.ask(&server, ProtocolVersion::V2_1, &[]));
    // Names of one object cannot be another's.
    let again = curve.ask(&server, ProtocolVersion::V2_1, &[]);
    assert_eq!(again.reason(), Some(ResultReason::NON_UNIQUE_NAME_ATTRIBUTE));
}

#[test]
fn the_options_limit_what_a_batch_makes() {
    let small = |options: &mut EngineOptions| {
        options.max_rsa_bits_made = 0;
        options.max_key_pairs = 2;
    };
    let server = Server::with(small);
    assert_eq!(
        Pair::rsa().ask(&server, ProtocolVersion::V1_4, &[]).reason(),
        Some(ResultReason::INVALID_FIELD)
    );
    let masks = attributes(vec![AttributeValue::CryptographicUsageMask(CryptographicUsageMask::SIGN)]);
    let common = attributes(vec![
        AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::EC),
        AttributeValue::CryptographicLength(256),
    ]);
    let request = || {
        let mut request = CreateKeyPairRequest::default();
        request.common_attributes = Some(common.as_slice().into());
        request.private_key_attributes = Some(masks.as_slice().into());
        request.public_key_attributes = Some(masks.as_slice().into());
        RequestPayload::from(request)
    };
    let answers = server.batch(ProtocolVersion::V1_4, None, vec![request(), request(), request()]);
    pair(&answers[1]);
    assert_eq!(answers[2].reason(), Some(ResultReason::FEATURE_NOT_SUPPORTED));
}

/// KMIP 1.4, section 4.2: the ID Placeholder is the private key.
#[test]
fn later_items_find_both_keys() {
    let common = attributes(vec![
        AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::ECDSA),
        AttributeValue::CryptographicLength(256),
        AttributeValue::CryptographicUsageMask(CryptographicUsageMask::SIGN),
    ]);
    let create = || {
        let mut create = CreateKeyPairRequest::default();
        create.common_attributes = Some(TemplateAttribute::from(common.as_slice()));
        RequestPayload::from(create)
    };
    let server = Server::new();
    let items = vec![create(), ActivateRequest::default().into()];
    let answers = server.batch(ProtocolVersion::V1_4, None, items);
    let (private, _) = pair(&answers[0]);
    match answers[1].payload() {
        ResponsePayload::Activate(answer) => {
            assert_eq!(answer.unique_identifier.as_text(), Some(private.as_str()));
        }
        other => panic!("{other:?}"),
    }
    let activate = |form| {
        let unique_identifier = Some(UniqueIdentifier::Placeholder(form));
        RequestPayload::from(ActivateRequest { unique_identifier, ..ActivateRequest::default() })
    };
    let re_key = RequestPayload::from(ReKeyKeyPairRequest::default());
    let items = vec![
        create(),
        re_key,
        activate(Form::CREATE_KEY_PAIR_PUBLIC_KEY),
        activate(Form::RE_KEY_KEY_PAIR_PUBLIC_KEY),
        activate(Form::RE_KEY_KEY_PAIR_PRIVATE_KEY),
    ];
    let answers = server.batch(ProtocolVersion::V2_1, None, items);
    let (old, new) = (pair(&answers[0]), pair(&answers[1]));
    let activated: Vec<String> = answers[2..]
        .iter()
        .map(|answer| match answer.payload() {
            ResponsePayload::Activate(answer) => answer.unique_identifier.as_text().unwrap().to_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(activated, [old.1, new.1, new.0]);
}

#[test]
fn keys_are_used_for_what_they_are_for_only() {
    let server = Server::new();
    let version = ProtocolVersion::V1_4;
    let hash = parameters(PaddingMethod::PSS, HashingAlgorithm::SHA_256);
    let (private, public) = Pair::rsa().make(&server, version);
    let reason = |payload: RequestPayload<'_>| server.ask(version, payload).reason();
    // The other half of the pair.
    assert_eq!(reason(sign(&public, Some(hash), b"data").into()), Some(ResultReason::PERMISSION_DENIED));
    let encrypt = |id| {
        let mut request = EncryptRequest { unique_identifier: Some(id), ..EncryptRequest::default() };
        request.cryptographic_parameters = Some(parameters(PaddingMethod::OAEP, HashingAlgorithm::SHA_256));
        request.data = Some(b"data"[..].into());
        RequestPayload::from(request)
    };
    assert_eq!(reason(encrypt(private.as_str().into())), Some(ResultReason::PERMISSION_DENIED));
    let other = server.ask(ProtocolVersion::V2_1, sign(&public, Some(hash), b"data"));
    assert_eq!(other.reason(), Some(ResultReason::INVALID_OBJECT_TYPE));
    // Parameters that do not do: none, no padding, a hash that nothing new is signed with, another algorithm.
    for wrong in [
        None,
        Some(CryptographicParameters::default()),
        Some(parameters(PaddingMethod::OAEP, HashingAlgorithm::SHA_256)),
        Some(parameters(PaddingMethod::PSS, HashingAlgorithm::SHA_1)),
        Some(parameters(PaddingMethod::PSS, HashingAlgorithm::MD5)),
        Some(CryptographicParameters { cryptographic_algorithm: Some(CryptographicAlgorithm::AES), ..hash }),
        Some(CryptographicParameters { salt_length: Some(-1), ..hash }),
        Some(CryptographicParameters { salt_length: Some(95), ..hash }),
        Some(CryptographicParameters { trailer_field: Some(2), ..hash }),
    ] {
        let refused = reason(sign(&private, wrong, b"data").into());
        assert_eq!(refused, Some(ResultReason::CRYPTOGRAPHIC_FAILURE), "{wrong:?}");
    }
    signature(&server.ask(
        version,
        sign(&private, Some(CryptographicParameters { salt_length: Some(94), ..hash }), b"data"),
    ));
    // Both forms of what is signed, or none, or one that is no hash.
    let both = SignRequest { digested_data: Some(&[0; 32]), ..sign(&private, Some(hash), b"data") };
    assert_eq!(reason(both.into()), Some(ResultReason::INVALID_FIELD));
    let none = SignRequest { data: None, ..sign(&private, Some(hash), b"") };
    assert_eq!(reason(none.into()), Some(ResultReason::MISSING_DATA));
    let short = SignRequest { data: None, digested_data: Some(&[0; 20]), ..sign(&private, Some(hash), b"") };
    assert_eq!(reason(short.into()), Some(ResultReason::INVALID_FIELD));

    // State and usage mask.
    let server = Server::new();
    let kind = Pair { private: CryptographicUsageMask::DECRYPT, ..Pair::ec(RecommendedCurve::P_256) };
    let (private, _) = kind.make(&server, version);
    let refused = server.ask(version, sign(&private, None, b"data"));
    assert_eq!(refused.reason(), Some(ResultReason::PERMISSION_DENIED));
    let server = Server::new();
    let (private, _) = pair(&Pair::ec(RecommendedCurve::P_256).ask(&server, version, &[]));
    let refused = server.ask(version, sign(&private, None, b"data"));
    assert_eq!(refused.reason(), Some(ResultReason::PERMISSION_DENIED));
    let refused = server.ask(ProtocolVersion::V2_1, sign(&private, None, b"data"));
    assert_eq!(refused.reason(), Some(ResultReason::WRONG_KEY_LIFECYCLE_STATE));
}

/// Keys are kept as they come, and judged when they are used.
#[test]
fn keys_that_are_none_cannot_be_used_or_converted() {
    let server = Server::new();
    let version = ProtocolVersion::V1_4;
    let mask = attributes(vec![
        AttributeValue::CryptographicUsageMask(CryptographicUsageMask::SIGN | CryptographicUsageMask::VERIFY),
        AttributeValue::ActivationDate(DateTime(NOW - 1)),
    ]);
    let hash = parameters(PaddingMethod::PSS, HashingAlgorithm::SHA_256);
    for format in [KeyFormatType::PKCS_1, KeyFormatType::PKCS_8, KeyFormatType::EC_PRIVATE_KEY] {
        for bytes in [&b"no key"[..], &[0x30, 0], &[0x30, 0x82, 0xFF, 0xFF]] {
            let mut block = crate::support::key_block(bytes);
            block.key_format_type = format;
            block.cryptographic_algorithm = Some(CryptographicAlgorithm::RSA);
            let object = PrivateKey::new(block.clone()).into();
            let register = RegisterRequest::new(ObjectType::PRIVATE_KEY, mask.as_slice().into(), object);
            let private = server.ask(version, register).id();
            let object = PublicKey::new(block).into();
            let register = RegisterRequest::new(ObjectType::PUBLIC_KEY, mask.as_slice().into(), object);
            let public = server.ask(version, register).id();
            let refused = server.ask(version, sign(&private, Some(hash), b"data")).reason();
            assert_eq!(refused, Some(ResultReason::CRYPTOGRAPHIC_FAILURE));
            let request = SignatureVerifyRequest {
                unique_identifier: Some(public.as_str().into()),
                cryptographic_parameters: Some(hash),
                data: Some(b"data"[..].into()),
                signature_data: Some(&[0; 128]),
                ..SignatureVerifyRequest::default()
            };
            assert_eq!(server.ask(version, request).reason(), Some(ResultReason::CRYPTOGRAPHIC_FAILURE));
            for id in [&private, &public] {
                let other = Some(KeyFormatType::TRANSPARENT_RSA_PRIVATE_KEY);
                let refused = server.ask(version, GetRequest { key_format_type: other, ..get(id) }).reason();
                assert_eq!(refused, Some(ResultReason::KEY_FORMAT_TYPE_NOT_SUPPORTED));
                server.ask(version, get(id)).payload();
            }
        }
    }
}
