//! Data that comes in several parts.

use tde_kmip_codec::{
    attribute::{AttributeValue, CryptographicParameters, UniqueIdentifier, UsageLimits},
    operation::{
        Data, DecryptRequest, EncryptRequest, HashRequest, MacRequest, MacVerifyRequest, RequestPayload,
        ResponsePayload, RevokeRequest, SignRequest, SignatureVerifyRequest,
    },
    spec::{
        ProtocolVersion,
        enumeration::{
            BatchErrorContinuationOption, BlockCipherMode, CryptographicAlgorithm, HashingAlgorithm,
            PaddingMethod, RecommendedCurve, ResultReason, RevocationReasonCode, UsageLimitsUnit,
            ValidityIndicator,
        },
        mask::CryptographicUsageMask,
    },
};

use crate::{
    pairs::{self, Pair, verify},
    support::{Answer, NOW, Server},
};

const VERSIONS: [ProtocolVersion; 4] =
    [ProtocolVersion::V1_3, ProtocolVersion::V1_4, ProtocolVersion::V2_0, ProtocolVersion::V2_1];

/// What the parts of a request have in common.
#[derive(Clone, Copy)]
enum Place<'a> {
    First,
    Next(&'a [u8]),
    Last(&'a [u8]),
}

impl<'a> Place<'a> {
    fn fields(self) -> (Option<bool>, Option<&'a [u8]>, Option<bool>) {
        match self {
            Self::First => (Some(true), None, None),
            Self::Next(correlation) => (None, Some(correlation), None),
            Self::Last(correlation) => (None, Some(correlation), Some(true)),
        }
    }
}

fn hash<'a>(place: Place<'a>, data: &'a [u8]) -> HashRequest<'a> {
    let mut parameters = CryptographicParameters::default();
    parameters.hashing_algorithm = Some(HashingAlgorithm::SHA_256);
    let mut request = HashRequest::new(parameters);
    request.data = Some(data.into());
    (request.init_indicator, request.correlation_value, request.final_indicator) = place.fields();
    request
}

fn cbc<'a>() -> CryptographicParameters<'a> {
    let mut parameters = CryptographicParameters::default();
    parameters.block_cipher_mode = Some(BlockCipherMode::CBC);
    parameters.padding_method = Some(PaddingMethod::PKCS5);
    parameters
}

fn encrypt<'a>(id: &'a str, place: Place<'a>, data: &'a [u8]) -> EncryptRequest<'a> {
    let mut request = EncryptRequest::default();
    request.unique_identifier = Some(id.into());
    request.data = Some(data.into());
    (request.init_indicator, request.correlation_value, request.final_indicator) = place.fields();
    if matches!(place, Place::First) {
        request.cryptographic_parameters = Some(cbc());
        request.iv_counter_nonce = Some(&[5; 16]);
    }
    request
}

fn decrypt<'a>(id: &'a str, place: Place<'a>, data: &'a [u8]) -> DecryptRequest<'a> {
    let mut request = DecryptRequest::default();
    request.unique_identifier = Some(id.into());
    request.data = Some(data.into());
    (request.init_indicator, request.correlation_value, request.final_indicator) = place.fields();
    if matches!(place, Place::First) {
        request.cryptographic_parameters = Some(cbc());
        request.iv_counter_nonce = Some(&[5; 16]);
    }
    request
}

/// The data and the Correlation Value in an answer.
#[track_caller]
fn given(answer: &Answer) -> (Vec<u8>, Option<Vec<u8>>) {
    let bytes = |data: Option<Data<'_>>| match data {
        Some(Data::Bytes(bytes)) => bytes.expose().to_vec(),
        _ => Vec::new(),
    };
    let (data, correlation) = match answer.payload() {
        ResponsePayload::Hash(hash) => (bytes(hash.data), hash.correlation_value),
        ResponsePayload::Encrypt(sealed) => (bytes(sealed.data), sealed.correlation_value),
        ResponsePayload::Decrypt(opened) => (bytes(opened.data), opened.correlation_value),
        ResponsePayload::Mac(mac) => (mac.mac_data.unwrap_or_default().to_vec(), mac.correlation_value),
        ResponsePayload::Sign(signed) => {
            (signed.signature_data.unwrap_or_default().to_vec(), signed.correlation_value)
        }
        other => panic!("{other:?}"),
    };
    (data, correlation.map(<[u8]>::to_vec))
}

#[track_caller]
fn begin(server: &Server, version: ProtocolVersion, data: &[u8]) -> Vec<u8> {
    given(&server.ask(version, hash(Place::First, data))).1.unwrap()
}

/// FIPS 180-4's example of "abc".
const ABC: [u8; 4] = [0xba, 0x78, 0x16, 0xbf];

#[test]
fn a_hash_and_an_hmac_in_parts_are_those_of_the_whole() {
    let server = Server::new();
    for version in VERSIONS {
        let correlation = begin(&server, version, b"a");
        let (data, same) = given(&server.ask(version, hash(Place::Next(&correlation), b"bc")));
        assert_eq!((data.len(), same.as_ref()), (0, Some(&correlation)));
        let (data, none) = given(&server.ask(version, hash(Place::Last(&correlation), b"")));
        assert_eq!((&data[..4], none), (&ABC[..], None));

        // RFC 4231, test case 2.
        let mask = CryptographicUsageMask::MAC_GENERATE | CryptographicUsageMask::MAC_VERIFY;
        let key = server.active_secret(version, b"Jefe", mask);
        let mut parameters = CryptographicParameters::default();
        parameters.cryptographic_algorithm = Some(CryptographicAlgorithm::HMAC_SHA256);
        let part = |place: Place<'static>, data: &'static [u8]| {
            let mut request = MacRequest::default();
            request.cryptographic_parameters = Some(parameters);
            request.data = Some(data.into());
            (request.init_indicator, request.correlation_value, request.final_indicator) = place.fields();
            request
        };
        let mut first = part(Place::First, b"what do ya want ");
        first.unique_identifier = Some(key.as_str().into());
        let (_, correlation) = given(&server.ask(version, first));
        let correlation = correlation.unwrap();
        let mut last = part(Place::First, b"for nothing?");
        (last.init_indicator, last.correlation_value, last.final_indicator) =
            (None, Some(&correlation[..]), Some(true));
        let (mac, _) = given(&server.ask(version, last));
        assert_eq!(mac[..4], [0x5b, 0xdc, 0xc1, 0x46]);

        let mut first = MacVerifyRequest::default();
        first.unique_identifier = Some(key.as_str().into());
        first.cryptographic_parameters = Some(parameters);
        first.data = Some((&b"what do ya want "[..]).into());
        first.init_indicator = Some(true);
        for (expected, validity) in
            [(&mac[..], ValidityIndicator::VALID), (&[0; 32], ValidityIndicator::INVALID)]
        {
            let answer = server.ask(version, first.clone());
            let ResponsePayload::MacVerify(begun) = answer.payload() else { panic!() };
            // Until 2.0, the text has one in every answer.
            let unknown = (version.major < 2).then_some(ValidityIndicator::UNKNOWN);
            assert_eq!(begun.validity_indicator, unknown);
            let mut last = MacVerifyRequest::default();
            last.data = Some((&b"for nothing?"[..]).into());
            last.correlation_value = begun.correlation_value;
            last.final_indicator = Some(true);
            last.mac_data = Some(expected);
            let answer = server.ask(version, last);
            let ResponsePayload::MacVerify(ended) = answer.payload() else { panic!() };
            assert_eq!(ended.validity_indicator, Some(validity));
        }
    }
}

/// Key and parameters go with the first part only.
fn sign<'a>(
    id: &'a str,
    parameters: CryptographicParameters<'a>,
    place: Place<'a>,
    data: &'a [u8],
) -> SignRequest<'a> {
    let mut request = SignRequest { data: Some(data.into()), ..SignRequest::default() };
    (request.init_indicator, request.correlation_value, request.final_indicator) = place.fields();
    if matches!(place, Place::First) {
        request.unique_identifier = Some(id.into());
        request.cryptographic_parameters = Some(parameters);
    }
    request
}

#[test]
fn a_signature_in_parts_is_that_of_the_whole() {
    for (pair, padding, version) in [
        (Pair::rsa(), PaddingMethod::PKCS1_V1_5, ProtocolVersion::V1_3),
        (Pair::rsa(), PaddingMethod::PSS, ProtocolVersion::V1_4),
        (Pair::ec(RecommendedCurve::P_256), PaddingMethod::NONE, ProtocolVersion::V2_0),
        (Pair::ec(RecommendedCurve::P_384), PaddingMethod::NONE, ProtocolVersion::V2_1),
    ] {
        let server = Server::new();
        let (private, public) = pair.make(&server, version);
        let parameters = pairs::parameters(padding, HashingAlgorithm::SHA_384);
        let (none, correlation) =
            given(&server.ask(version, sign(&private, parameters, Place::First, b"what ")));
        let correlation = correlation.unwrap();
        assert!(none.is_empty());
        given(&server.ask(version, sign(&private, parameters, Place::Next(&correlation), b"")));
        let last = server.ask(version, sign(&private, parameters, Place::Last(&correlation), b"is signed"));
        let (signature, none) = given(&last);
        assert_eq!(none, None);
        assert!(verify(&server, &public, Some(parameters), b"what is signed", &signature));

        // The signature comes with any of the parts.
        for (data, validity, early) in [
            (&b"is signed"[..], ValidityIndicator::VALID, true),
            (b"is signed", ValidityIndicator::VALID, false),
            (b"is not signed", ValidityIndicator::INVALID, true),
        ] {
            let mut first = SignatureVerifyRequest {
                unique_identifier: Some(public.as_str().into()),
                cryptographic_parameters: Some(parameters),
                data: Some(b"what "[..].into()),
                init_indicator: Some(true),
                ..SignatureVerifyRequest::default()
            };
            first.signature_data = early.then_some(&signature);
            let answer = server.ask(version, first);
            let ResponsePayload::SignatureVerify(begun) = answer.payload() else { panic!() };
            let unknown = (version.major < 2).then_some(ValidityIndicator::UNKNOWN);
            assert_eq!(begun.validity_indicator, unknown);
            let mut last = SignatureVerifyRequest {
                data: Some(data.into()),
                correlation_value: begun.correlation_value,
                final_indicator: Some(true),
                ..SignatureVerifyRequest::default()
            };
            last.signature_data = (!early).then_some(&signature);
            let answer = server.ask(version, last);
            let ResponsePayload::SignatureVerify(ended) = answer.payload() else { panic!() };
            assert_eq!(ended.validity_indicator, Some(validity));
        }
    }
}

#[test]
fn a_signature_in_parts_has_all_that_it_needs_and_nothing_that_does_not_go_with_it() {
    let server = Server::new();
    let version = ProtocolVersion::V1_4;
    let (private, public) = Pair::ec(RecommendedCurve::P_256).make(&server, version);
    let parameters = pairs::parameters(PaddingMethod::NONE, HashingAlgorithm::SHA_256);
    // The hash of all the data is no part of it.
    let mut digested = sign(&private, parameters, Place::First, b"");
    digested.data = None;
    digested.digested_data = Some(&[7; 32]);
    assert_eq!(server.ask(version, digested).reason(), Some(ResultReason::INVALID_FIELD));
    for weak in [HashingAlgorithm::SHA_1, HashingAlgorithm::MD5] {
        let parameters = pairs::parameters(PaddingMethod::NONE, weak);
        let answer = server.ask(version, sign(&private, parameters, Place::First, b""));
        assert_eq!(answer.reason(), Some(ResultReason::CRYPTOGRAPHIC_FAILURE));
    }
    let first = SignatureVerifyRequest {
        unique_identifier: Some(public.as_str().into()),
        cryptographic_parameters: Some(parameters),
        data: Some(b"data"[..].into()),
        init_indicator: Some(true),
        ..SignatureVerifyRequest::default()
    };
    let answer = server.ask(version, first);
    let ResponsePayload::SignatureVerify(begun) = answer.payload() else { panic!() };
    let last = SignatureVerifyRequest {
        correlation_value: begun.correlation_value,
        final_indicator: Some(true),
        ..SignatureVerifyRequest::default()
    };
    assert_eq!(server.ask(version, last).reason(), Some(ResultReason::MISSING_DATA));
    // A stream is one operation's.
    let correlation = begun.correlation_value.unwrap();
    let other = server.ask(version, sign(&private, parameters, Place::Last(correlation), b""));
    assert_eq!(other.reason(), Some(ResultReason::INVALID_FIELD));
}

#[test]
fn what_is_encrypted_in_parts_is_decrypted_in_others() {
    let server = Server::new();
    for version in VERSIONS {
        let mask = CryptographicUsageMask::ENCRYPT | CryptographicUsageMask::DECRYPT;
        let key = server.active_key(version, &[7; 16], mask);
        let data: Vec<u8> = (0..100).collect();
        let (mut sealed, correlation) = given(&server.ask(version, encrypt(&key, Place::First, &data[..30])));
        let correlation = correlation.unwrap();
        assert_eq!(sealed.len(), 16);
        sealed.extend(given(&server.ask(version, encrypt(&key, Place::Next(&correlation), &data[30..31]))).0);
        sealed.extend(given(&server.ask(version, encrypt(&key, Place::Last(&correlation), &data[31..]))).0);
        let mut whole = encrypt(&key, Place::First, &data);
        whole.init_indicator = None;
        assert_eq!(given(&server.ask(version, whole)).0, sealed);

        let (mut opened, correlation) =
            given(&server.ask(version, decrypt(&key, Place::First, &sealed[..64])));
        let correlation = correlation.unwrap();
        // Padding may be in the last block.
        assert_eq!(opened.len(), 48);
        opened.extend(given(&server.ask(version, decrypt(&key, Place::Last(&correlation), &sealed[64..]))).0);
        assert_eq!(opened, data);
    }
}

#[test]
fn a_stream_belongs_to_one_client_one_operation_and_its_time() {
    let server = Server::with(|options| options.stream_idle_time = 60);
    for version in [ProtocolVersion::V1_4, ProtocolVersion::V2_1] {
        let unknown = Some(if version.major == 1 {
            ResultReason::INVALID_FIELD
        } else {
            ResultReason::INVALID_CORRELATION_VALUE
        });
        server.set_time(NOW);
        let correlation = begin(&server, version, b"a");
        let next = |server: &Server| server.ask(version, hash(Place::Next(&correlation), b"")).reason();
        assert_eq!(next(&server.asked_by("bob")), unknown);
        let key = server.active_key(version, &[7; 16], CryptographicUsageMask::ENCRYPT);
        assert_eq!(server.ask(version, encrypt(&key, Place::Next(&correlation), b"")).reason(), unknown);
        server.set_time(NOW + 60);
        assert_eq!(next(&server), None);
        server.set_time(NOW + 120);
        assert_eq!(next(&server), None);
        server.set_time(NOW + 181);
        assert_eq!(next(&server), unknown);

        let correlation = begin(&server, version, b"a");
        assert_eq!(server.ask(version, hash(Place::Last(&correlation), b"")).reason(), None);
        assert_eq!(server.ask(version, hash(Place::Last(&correlation), b"")).reason(), unknown);
        for (init, last, correlation) in [(true, false, Some(&b"x"[..])), (false, true, None)] {
            let mut request = hash(Place::First, b"");
            (request.init_indicator, request.final_indicator) = (Some(init), Some(last));
            request.correlation_value = correlation;
            assert_eq!(server.ask(version, request).reason(), Some(ResultReason::INVALID_FIELD));
        }
    }
}

#[test]
fn what_is_held_is_bounded_for_each_client() {
    let server = Server::with(|options| {
        options.max_streams = 3;
        options.max_stream_bytes = 112;
    });
    let version = ProtocolVersion::V2_1;
    let limit = Some(ResultReason::SERVER_LIMIT_EXCEEDED);
    let first = begin(&server, version, b"a");
    begin(&server, version, b"b");
    begin(&server, version, b"c");
    assert_eq!(server.ask(version, hash(Place::First, b"d")).reason(), limit);
    begin(&server.asked_by("bob"), version, b"d");
    assert_eq!(server.ask(version, hash(Place::Last(&first), b"")).reason(), None);

    // GCM holds everything.
    let key = server.active_key(version, &[7; 16], CryptographicUsageMask::ENCRYPT);
    let mut parameters = CryptographicParameters::default();
    parameters.block_cipher_mode = Some(BlockCipherMode::GCM);
    let sealed = |place: Place<'static>, data: &'static [u8]| {
        let mut request = encrypt("", place, data);
        request.unique_identifier = None;
        request.iv_counter_nonce = None;
        request.cryptographic_parameters = Some(parameters);
        request
    };
    let named = |mut request: EncryptRequest<'static>| {
        request.unique_identifier = Some(UniqueIdentifier::Text(Box::leak(key.clone().into_boxed_str())));
        request
    };
    assert_eq!(server.ask(version, named(sealed(Place::First, &[0; 101]))).reason(), limit);
    let answer = server.ask(version, named(sealed(Place::First, &[0; 90])));
    let ResponsePayload::Encrypt(begun) = answer.payload() else { panic!() };
    assert!(begun.data.is_none() && begun.iv_counter_nonce.is_some());
    let correlation = begun.correlation_value.unwrap();
    let more = |last: bool, data: &'static [u8]| {
        let mut request = EncryptRequest::default();
        request.correlation_value = Some(correlation);
        request.data = Some(data.into());
        request.final_indicator = Some(last);
        server.ask(version, request)
    };
    assert_eq!(more(false, &[0; 20]).reason(), limit);
    // What was refused has not happened.
    let answer = more(true, &[0; 10]);
    let ResponsePayload::Encrypt(ended) = answer.payload() else { panic!() };
    let Some(Data::Bytes(data)) = ended.data else { panic!() };
    assert_eq!((data.len(), ended.authenticated_encryption_tag.map(<[u8]>::len)), (100, Some(16)));
}

#[test]
fn the_key_has_to_be_usable_for_every_part_and_bytes_are_counted() {
    let server = Server::new();
    let version = ProtocolVersion::V1_4;
    let limits = UsageLimits::new(64, UsageLimitsUnit::BYTE);
    let more = [
        AttributeValue::UsageLimits(limits),
        AttributeValue::ActivationDate(tde_kmip_codec::DateTime(NOW - 1)),
    ];
    let key = server.register(version, "key", &more).id();
    let (_, correlation) = given(&server.ask(version, encrypt(&key, Place::First, &[0; 40])));
    let correlation = correlation.unwrap();
    let over = server.ask(version, encrypt(&key, Place::Next(&correlation), &[0; 25]));
    assert_eq!(over.reason(), Some(ResultReason::PERMISSION_DENIED));
    assert_eq!(server.ask(version, encrypt(&key, Place::Next(&correlation), &[0; 24])).reason(), None);

    let reason = tde_kmip_codec::attribute::RevocationReason::new(RevocationReasonCode::SUPERSEDED);
    let mut revoke = RevokeRequest::new(reason);
    revoke.unique_identifier = Some(key.as_str().into());
    assert_eq!(server.ask(version, revoke).reason(), None);
    let late = server.ask(version, encrypt(&key, Place::Last(&correlation), b""));
    assert_eq!(late.reason(), Some(ResultReason::PERMISSION_DENIED));
}

#[test]
fn parts_in_a_batch_that_is_undone_have_not_come() {
    let server = Server::new();
    let version = ProtocolVersion::V1_4;
    let correlation = begin(&server, version, b"ab");
    let payloads: Vec<RequestPayload<'_>> = vec![
        hash(Place::Next(&correlation), b"x").into(),
        hash(Place::Last(&correlation), b"y").into(),
        hash(Place::Last(b"unknown"), b"").into(),
    ];
    server.batch(version, Some(BatchErrorContinuationOption::UNDO), payloads);
    let (data, _) = given(&server.ask(version, hash(Place::Last(&correlation), b"c")));
    assert_eq!(data[..4], ABC);
}
