//! The client against PyKMIP's server: every operation that it has, in every version that it speaks, over TLS with
//! right, wrong and missing certificates, and across a restart.
#![cfg(feature = "client")]
// A test reports by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "common/certificates.rs"]
mod certificates;
#[path = "common/pykmip.rs"]
mod pykmip;

use std::time::{Duration, Instant};

use certificates::{Authority, Odd};
use pykmip::PyKmip;
use tde_kmip::client::{
    AttributeTarget, CallOptions, Client, Decryption, Encryption, Error, MessageOptions, Outcome, Password,
};
use tde_kmip_codec::{
    Secret,
    attribute::{
        Attribute, AttributeReference, AttributeValue, CryptographicParameters, DerivationParameters, Name,
        TemplateAttribute,
    },
    object::{
        Certificate, KeyBlock, KeyValue, ManagedObject, OpaqueDataType, OpaqueObject, PlainKeyValue,
        SecretData,
    },
    operation::{
        DeriveKeyRequest, GetRequest, HashRequest, MacRequest, QueryRequest, ResponsePayload,
        SetAttributeRequest,
    },
    spec::{
        ProtocolVersion,
        enumeration::{
            BatchErrorContinuationOption, BlockCipherMode, CertificateType, CryptographicAlgorithm,
            DerivationMethod, DigitalSignatureAlgorithm, HashingAlgorithm, KeyFormatType, NameType,
            ObjectType, Operation, PaddingMethod, QueryFunction, ResultReason, RevocationReasonCode,
            SecretDataType, State,
        },
        mask::CryptographicUsageMask,
        tag,
    },
};
use zeroize::Zeroizing;

/// The versions that PyKMIP 0.11 speaks, newest first as it names them.
const VERSIONS: [ProtocolVersion; 6] = [
    ProtocolVersion::V2_0,
    ProtocolVersion::V1_4,
    ProtocolVersion::V1_3,
    ProtocolVersion::V1_2,
    ProtocolVersion::V1_1,
    ProtocolVersion::V1_0,
];

const AES: CryptographicAlgorithm = CryptographicAlgorithm::AES;
const EVERYTHING: CryptographicUsageMask = CryptographicUsageMask(0xF_FFFF);

fn attribute(value: AttributeValue<'_>) -> Attribute<'_> {
    Attribute { index: None, value }
}

fn name(text: &str) -> Attribute<'_> {
    attribute(AttributeValue::Name(Name::new(text, NameType::UNINTERPRETED_TEXT_STRING)))
}

fn reason(error: &Error) -> Option<ResultReason> {
    error.refusal().and_then(|refusal| refusal.reason)
}

#[test]
fn every_operation_works_in_every_version() {
    let Some(server) = PyKmip::start(&[]) else { return };
    for version in VERSIONS {
        let client = server.client("client").versions([version]).build().unwrap();
        assert_eq!(client.version().unwrap(), version);
        println!("KMIP {version}");
        asks_the_server(&client, version);
        keys_live_and_die(&client, version);
        attributes_are_read_and_changed(&client, version);
        other_objects_are_kept(&client, version);
        keys_come_in_pairs_and_from_others(&client, version);
        batches_are_matched(&client, version);
        if version >= ProtocolVersion::V1_2 {
            the_server_computes(&client, version);
        }
    }
}

fn asks_the_server(client: &Client, version: ProtocolVersion) {
    let functions = [
        QueryFunction::QUERY_OPERATIONS,
        QueryFunction::QUERY_OBJECTS,
        QueryFunction::QUERY_SERVER_INFORMATION,
    ];
    let facts = client.query(&functions).unwrap();
    assert!(facts.operations.contains(&Operation::REGISTER));
    assert_eq!(facts.operations.contains(&Operation::ENCRYPT), version >= ProtocolVersion::V1_2);
    // PyKMIP names no object types.
    assert!(facts.object_types.is_empty());
    assert!(facts.vendor_identification.unwrap().contains("PyKMIP"));
    if version >= ProtocolVersion::V1_1 {
        assert_eq!(client.discover_versions().unwrap(), VERSIONS);
    } else {
        let error = client.discover_versions().unwrap_err();
        assert!(!error.may_have_happened(), "{error}");
        assert!(error.to_string().contains("KMIP 1.0 cannot express the request"), "{error}");
    }
}

/// As pg_tde does it, and then the rest of a key's life.
fn keys_live_and_die(client: &Client, version: ProtocolVersion) {
    let label = format!("principal key of {version}");
    let usage = CryptographicUsageMask::ENCRYPT | CryptographicUsageMask::DECRYPT;
    assert!(client.locate_by_name(&label, ObjectType::SYMMETRIC_KEY).unwrap().unique_identifiers.is_empty());
    for length in [16, 32] {
        let key: Vec<u8> = (0..length).map(|byte| byte * 7 + 1).collect();
        let label = format!("{label} {length}");
        let id = client.register_symmetric_key(&label, &key, AES, usage).unwrap();
        let found = client.locate_by_name(&label, ObjectType::SYMMETRIC_KEY).unwrap();
        assert_eq!(found.unique_identifiers, [id.as_str()]);
        let got = client.get(&id).unwrap();
        assert_eq!(got.key_material(), Some(key.as_slice()));
        assert_eq!((got.unique_identifier(), got.object_type()), (id.as_str(), ObjectType::SYMMETRIC_KEY));
        assert!(!format!("{got:?}").contains("key_material"));
        assert_eq!(state(client, &id), State::PRE_ACTIVE);

        client.activate(&id).unwrap();
        assert_eq!(state(client, &id), State::ACTIVE);
        let again = client.activate(&id).unwrap_err();
        assert!(again.advice().is_some(), "{again}");
        let active = client.destroy(&id).unwrap_err();
        assert_eq!(reason(&active), Some(ResultReason::PERMISSION_DENIED), "{active}");
        assert!(active.advice().unwrap().contains("revoked"), "{active}");
        client.revoke(&id, RevocationReasonCode::CESSATION_OF_OPERATION, Some("end of test"), None).unwrap();
        assert_eq!(state(client, &id), State::DEACTIVATED);
        client.destroy(&id).unwrap();

        let gone = client.get(&id).unwrap_err();
        assert!(gone.is_not_found() && !gone.may_have_happened(), "{gone}");
        let text = gone.to_string();
        assert!(
            text.contains("localhost:") && text.contains("Get") && text.contains("Item Not Found"),
            "{text}"
        );
    }
    let made = client.create_symmetric_key(&format!("{label} made"), AES, 256, usage).unwrap();
    assert_eq!(made.object_type, ObjectType::SYMMETRIC_KEY);
    assert_eq!(client.get(&made.unique_identifier).unwrap().key_material().map(<[u8]>::len), Some(32));
    let request = GetRequest {
        unique_identifier: Some(made.unique_identifier.as_str().into()),
        key_format_type: Some(KeyFormatType::RAW),
        ..GetRequest::default()
    };
    assert_eq!(client.get_with(request).unwrap().key_material().map(<[u8]>::len), Some(32));
    client.revoke(&made.unique_identifier, RevocationReasonCode::KEY_COMPROMISE, None, None).unwrap();
    client.destroy(&made.unique_identifier).unwrap();

    let refused = client.create_symmetric_key("no such length", AES, 7, usage).unwrap_err();
    assert!(refused.refusal().is_some(), "{refused}");
}

fn state(client: &Client, id: &str) -> State {
    let answer = client.get_attributes(id, &[AttributeReference::Standard(tag::STATE)]).unwrap();
    assert_eq!(answer.unique_identifier(), id);
    match answer.attributes().get(tag::STATE).unwrap().value {
        AttributeValue::State(state) => state,
        other => panic!("{other:?}"),
    }
}

fn names(client: &Client, id: &str) -> Vec<String> {
    let answer = client.get_attributes(id, &[AttributeReference::Standard(tag::NAME)]).unwrap();
    (answer.attributes().iter())
        .map(|attribute| match attribute.value {
            AttributeValue::Name(name) => name.name_value.to_owned(),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn attributes_are_read_and_changed(client: &Client, version: ProtocolVersion) {
    let (first, second) = (format!("first {version}"), format!("second {version}"));
    // Only 1.x has indices; PyKMIP insists on them for several names, also in 2.0.
    let is_v1 = version < ProtocolVersion::V2_0;
    let mut attributes = vec![
        attribute(AttributeValue::CryptographicAlgorithm(AES)),
        attribute(AttributeValue::CryptographicLength(128)),
        attribute(AttributeValue::CryptographicUsageMask(EVERYTHING)),
    ];
    let mut given = vec![first.clone()];
    if is_v1 {
        attributes.push(Attribute { index: Some(0), ..name(&first) });
        attributes.push(Attribute { index: Some(1), ..name(&second) });
        given.push(second.clone());
    } else {
        attributes.push(name(&first));
    }
    let id = client.create(ObjectType::SYMMETRIC_KEY, &attributes).unwrap().unique_identifier;
    assert_eq!(names(client, &id), given);

    let list = client.get_attribute_list(&id).unwrap();
    for expected in ["Cryptographic Algorithm", "Cryptographic Length", "Name", "State", "Unique Identifier"]
    {
        assert!(list.iter().any(|name| name == expected), "{expected} in {list:?}");
    }
    let all = client.get_attributes(&id, &[]).unwrap();
    assert!(all.attributes().len() >= 6, "{:?}", all.attributes());

    if is_v1 {
        let new = Attribute { index: Some(1), ..name("renamed") };
        client.modify_attribute(&id, None, new).unwrap();
        assert_eq!(names(client, &id), [first.as_str(), "renamed"]);
        let error = client.modify_attribute(&id, Some(name(&first)), name("other")).unwrap_err();
        assert!(matches!(error, Error::NotExpressible { .. }), "{error}");
        let target = AttributeTarget::Index(AttributeReference::Standard(tag::NAME), 0);
        client.delete_attribute(&id, target).unwrap();
        assert_eq!(names(client, &id), ["renamed"]);
        let error = client.delete_attribute(&id, AttributeTarget::Value(name(&first))).unwrap_err();
        assert!(matches!(error, Error::NotExpressible { .. }), "{error}");
    } else {
        client.modify_attribute(&id, Some(name(&first)), name("renamed")).unwrap();
        assert_eq!(names(client, &id), ["renamed"]);
        let target = AttributeTarget::Index(AttributeReference::Standard(tag::NAME), 0);
        let error = client.delete_attribute(&id, target).unwrap_err();
        assert!(matches!(error, Error::NotExpressible { .. }), "{error}");
        // PyKMIP trips over Current Attribute here.
        let error = client.delete_attribute(&id, AttributeTarget::Value(name("renamed"))).unwrap_err();
        assert_eq!(reason(&error), Some(ResultReason::GENERAL_FAILURE), "{error}");
        // Nor does it read a reference by tag, only one by name.
        let by_name =
            AttributeReference::Vendor { vendor_identification: "Acme Corporation", attribute_name: "Name" };
        client.delete_attribute(&id, AttributeTarget::All(by_name)).unwrap();
        assert!(!client.get_attribute_list(&id).unwrap().iter().any(|name| name == "Name"));
        let set = SetAttributeRequest {
            unique_identifier: Some(id.as_str().into()),
            ..SetAttributeRequest::new(attribute(AttributeValue::Sensitive(true)))
        };
        client.call(set.into(), &CallOptions::default()).unwrap();
    }
    // What PyKMIP does not have is refused, and the connection goes on.
    let error = client.add_attribute(&id, name("third")).unwrap_err();
    assert!(error.refusal().is_some(), "{error}");
    let error = client.re_key(&id, None, &[]).unwrap_err();
    assert!(error.refusal().is_some(), "{error}");
    client.destroy(&id).unwrap();
}

fn raw(format: KeyFormatType, bytes: &[u8]) -> KeyBlock<'_> {
    let mut block = KeyBlock::new(format);
    block.key_value = Some(KeyValue::Plain(PlainKeyValue::new(Secret::new(bytes).into())));
    block
}

fn other_objects_are_kept(client: &Client, version: ProtocolVersion) {
    let mask = attribute(AttributeValue::CryptographicUsageMask(CryptographicUsageMask(0)));
    let mut block = raw(KeyFormatType::OPAQUE, b"correct horse");
    (block.cryptographic_algorithm, block.cryptographic_length) = (None, None);
    let secret = SecretData::new(SecretDataType::PASSWORD, block);
    let id = client.register(secret.into(), &[mask, name(&format!("secret {version}"))]).unwrap();
    assert_eq!(client.get(&id).unwrap().key_material(), Some(&b"correct horse"[..]));

    let opaque = OpaqueObject::new(OpaqueDataType(0x8000_0000), Secret::new(b"anything"));
    let id = client.register(opaque.into(), &[name(&format!("opaque {version}"))]).unwrap();
    let got = client.get(&id).unwrap();
    match got.object().unwrap() {
        ManagedObject::OpaqueObject(object) => assert_eq!(object.opaque_data_value.expose(), b"anything"),
        other => panic!("{other:?}"),
    }
    assert_eq!(got.key_material(), None);

    let issued = Authority::new("registered");
    let der = rustls::pki_types::pem::PemObject::from_pem_slice(issued.pem().as_bytes());
    let der: rustls::pki_types::CertificateDer<'_> = der.unwrap();
    let certificate = Certificate::new(CertificateType::X_509, &der);
    let id = client.register(certificate.into(), &[name(&format!("certificate {version}"))]).unwrap();
    match client.get(&id).unwrap().object().unwrap() {
        ManagedObject::Certificate(certificate) => assert_eq!(certificate.certificate_value, &*der),
        other => panic!("{other:?}"),
    }
    client.destroy(&id).unwrap();
}

fn keys_come_in_pairs_and_from_others(client: &Client, version: ProtocolVersion) {
    let common = [
        attribute(AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::RSA)),
        attribute(AttributeValue::CryptographicLength(2048)),
    ];
    let private = [attribute(AttributeValue::CryptographicUsageMask(CryptographicUsageMask::SIGN))];
    let public = [attribute(AttributeValue::CryptographicUsageMask(CryptographicUsageMask::VERIFY))];
    let pair = client.create_key_pair(&common, &private, &public).unwrap();
    client.activate(&pair.private_key).unwrap();
    client.activate(&pair.public_key).unwrap();
    if version >= ProtocolVersion::V1_2 {
        let parameters = Some(CryptographicParameters {
            padding_method: Some(PaddingMethod::PKCS1_V1_5),
            hashing_algorithm: Some(HashingAlgorithm::SHA_256),
            digital_signature_algorithm: Some(DigitalSignatureAlgorithm::SHA_256_WITH_RSA_ENCRYPTION),
            ..CryptographicParameters::default()
        });
        let signature = client.sign(&pair.private_key, b"signed", parameters).unwrap();
        let holds =
            |data, signature| client.signature_verify(&pair.public_key, data, signature, parameters).unwrap();
        assert!(holds(b"signed", &signature));
        assert!(!holds(b"not signed", &signature));
        let error = client.sign(&pair.public_key, b"signed", parameters).unwrap_err();
        assert!(error.refusal().is_some(), "{error}");
    }

    let base = client
        .create_symmetric_key(&format!("base {version}"), AES, 128, EVERYTHING)
        .unwrap()
        .unique_identifier;
    client.activate(&base).unwrap();
    let derived = [
        attribute(AttributeValue::CryptographicAlgorithm(AES)),
        attribute(AttributeValue::CryptographicLength(128)),
        attribute(AttributeValue::CryptographicUsageMask(EVERYTHING)),
    ];
    let identifiers = [base.as_str().into()];
    let context = [Secret::new(b"context")];
    let how = DerivationParameters {
        cryptographic_parameters: Some(CryptographicParameters {
            hashing_algorithm: Some(HashingAlgorithm::SHA_256),
            ..CryptographicParameters::default()
        }),
        derivation_data: (&context).into(),
        ..DerivationParameters::default()
    };
    let request = DeriveKeyRequest {
        unique_identifiers: (&identifiers).into(),
        ..DeriveKeyRequest::new(
            ObjectType::SYMMETRIC_KEY,
            DerivationMethod::HMAC,
            how,
            TemplateAttribute::from(&derived),
        )
    };
    let reply = client.call(request.into(), &CallOptions::default()).unwrap();
    let Some(ResponsePayload::DeriveKey(payload)) = reply.payload() else { panic!("{reply:?}") };
    let id = payload.unique_identifier.as_text().unwrap();
    assert_eq!(client.get(id).unwrap().key_material().map(<[u8]>::len), Some(16));
}

fn batches_are_matched(client: &Client, _: ProtocolVersion) {
    let functions = [QueryFunction::QUERY_OBJECTS];
    let query = QueryRequest { query_functions: (&functions).into(), ..QueryRequest::default() };
    let missing = GetRequest { unique_identifier: Some("no such".into()), ..GetRequest::default() };
    let shape = |outcomes: Vec<Outcome<'_>>| -> String {
        (outcomes.iter())
            .map(|outcome| match outcome {
                Outcome::Done(_) => 'd',
                Outcome::Refused(_) => 'r',
                Outcome::NotReached => '-',
                _ => '?',
            })
            .collect()
    };
    let payloads = [query.clone().into(), missing.into(), query.into()];
    let stop = client.batch(&payloads, &CallOptions::default()).unwrap();
    assert_eq!(shape(stop.outcomes()), "dr-");
    let on = MessageOptions {
        continuation: Some(BatchErrorContinuationOption::CONTINUE),
        ..MessageOptions::default()
    };
    let go_on = client.batch(&payloads, &CallOptions { message: on, ..CallOptions::default() }).unwrap();
    assert_eq!(shape(go_on.outcomes()), "drd");
}

fn the_server_computes(client: &Client, version: ProtocolVersion) {
    let id = client
        .create_symmetric_key(&format!("working {version}"), AES, 256, EVERYTHING)
        .unwrap()
        .unique_identifier;
    client.activate(&id).unwrap();
    let cbc = CryptographicParameters {
        block_cipher_mode: Some(BlockCipherMode::CBC),
        padding_method: Some(PaddingMethod::PKCS5),
        cryptographic_algorithm: Some(AES),
        ..CryptographicParameters::default()
    };
    let (iv, plain) = ([7; 16], b"attack at dawn, and bring a key");
    let how = Encryption { parameters: Some(cbc), iv_counter_nonce: Some(&iv), ..Encryption::default() };
    let sealed = client.encrypt(&id, plain, &how).unwrap();
    assert_eq!(sealed.data.len(), 32);
    let back = Decryption { parameters: Some(cbc), iv_counter_nonce: Some(&iv), ..Decryption::default() };
    assert_eq!(client.decrypt(&id, &sealed.data, &back).unwrap().as_slice(), plain);

    if version >= ProtocolVersion::V1_4 {
        let gcm = CryptographicParameters {
            block_cipher_mode: Some(BlockCipherMode::GCM),
            cryptographic_algorithm: Some(AES),
            tag_length: Some(16),
            ..CryptographicParameters::default()
        };
        let how = Encryption {
            parameters: Some(gcm),
            iv_counter_nonce: Some(&iv[..12]),
            additional_data: Some(b"header"),
        };
        let sealed = client.encrypt(&id, plain, &how).unwrap();
        let tag = sealed.tag.clone().unwrap();
        let back = |tag| Decryption {
            parameters: Some(gcm),
            iv_counter_nonce: Some(&iv[..12]),
            additional_data: Some(b"header"),
            tag: Some(tag),
        };
        assert_eq!(client.decrypt(&id, &sealed.data, &back(&tag)).unwrap().as_slice(), plain);
        let error = client.decrypt(&id, &sealed.data, &back(&[0; 16])).unwrap_err();
        assert_eq!(reason(&error), Some(ResultReason::GENERAL_FAILURE), "{error}");
    }
    let mac_parameters = CryptographicParameters {
        cryptographic_algorithm: Some(CryptographicAlgorithm::HMAC_SHA256),
        ..CryptographicParameters::default()
    };
    let mac = MacRequest {
        unique_identifier: Some(id.as_str().into()),
        cryptographic_parameters: Some(mac_parameters),
        data: Some(b"authentic"[..].into()),
        ..MacRequest::default()
    };
    let reply = client.call(mac.into(), &CallOptions::default()).unwrap();
    let Some(ResponsePayload::Mac(payload)) = reply.payload() else { panic!("{reply:?}") };
    assert_eq!(payload.mac_data.map(<[u8]>::len), Some(32));

    // PyKMIP has none of these.
    let error = client.rng_retrieve(16).unwrap_err();
    assert!(error.refusal().is_some(), "{error}");
    let hash = HashRequest { data: Some(b"x"[..].into()), ..HashRequest::new(mac_parameters) };
    assert!(client.call(hash.into(), &CallOptions::default()).unwrap_err().refusal().is_some());
}

#[test]
fn the_best_common_version_is_spoken() {
    let Some(server) = PyKmip::start(&[]) else { return };
    let facts = server.client("client").build().unwrap().connect().unwrap();
    assert_eq!(facts.version, ProtocolVersion::V2_0);
    assert_eq!(facts.server_versions, VERSIONS);
    assert_eq!(facts.transport.tls_version.as_deref(), Some("TLSv1_3"));
    assert_eq!(facts.transport.server_certificates[0].names, ["localhost", "127.0.0.1"]);

    let some = [ProtocolVersion::V2_1, ProtocolVersion::V1_3, ProtocolVersion::V1_2];
    let client = server.client("client").versions(some).build().unwrap();
    assert_eq!(client.version().unwrap(), ProtocolVersion::V1_3);

    let client = server.client("client").versions([ProtocolVersion::V2_1, ProtocolVersion::new(3, 0)]);
    let error = client.build().unwrap().version().unwrap_err();
    // PyKMIP answers what it cannot read as 1.0, with Invalid Message.
    assert!(error.to_string().contains("Invalid Message"), "{error}");
}

#[test]
fn a_username_and_password_can_be_sent() {
    let Some(server) = PyKmip::start(&[]) else { return };
    let password = |word: &str| Password::new("alice", Zeroizing::new(word.to_owned()));
    let client = server.client("client").password(password("hunter2")).build().unwrap();
    assert!(!format!("{client:?}").contains("hunter2"));
    client.query(&[QueryFunction::QUERY_OBJECTS]).unwrap();
    let own = password("other");
    let message = MessageOptions { password: Some(&own), ..MessageOptions::default() };
    let functions = [QueryFunction::QUERY_OBJECTS];
    let query = QueryRequest { query_functions: (&functions).into(), ..QueryRequest::default() };
    client.call(query.into(), &CallOptions { message, ..CallOptions::default() }).unwrap();
}

#[test]
fn certificates_decide_who_gets_in() {
    let Some(server) = PyKmip::start(&[]) else { return };
    let other = Authority::new("another authority");
    let stranger = server.client_as(Some(&other.client("client"))).build().unwrap();
    let error = stranger.connect().unwrap_err();
    assert!(error.to_string().contains("does not accept the client certificate"), "{error}");
    assert!(error.advice().unwrap().contains("clientAuth"), "{error}");

    let nobody = server.client_as(None).build().unwrap();
    let error = nobody.connect().unwrap_err();
    assert!(error.to_string().contains("wants a client certificate"), "{error}");

    let without = server.authority.issue("client", &[], false, Odd { no_usage: true, ..Odd::default() });
    let error = server.client_as(Some(&without)).build().unwrap().connect().unwrap_err();
    assert_eq!(reason(&error), Some(ResultReason::AUTHENTICATION_NOT_SUCCESSFUL), "{error}");
    assert!(error.advice().unwrap().contains("clientAuth"), "{error}");

    // Another client's object.
    let alice = server.client("alice").build().unwrap();
    let bob = server.client("bob").build().unwrap();
    let id = alice.create_symmetric_key("alice's", AES, 128, EVERYTHING).unwrap().unique_identifier;
    let error = bob.get(&id).unwrap_err();
    assert_eq!(reason(&error), Some(ResultReason::PERMISSION_DENIED), "{error}");
    assert!(error.advice().unwrap().contains("who owns it"), "{error}");
}

#[test]
fn objects_and_clients_outlive_a_restart() {
    let Some(mut server) = PyKmip::start(&[]) else { return };
    let issued = server.authority.client("client");
    let client = server.client_as(Some(&issued)).build().unwrap();
    let id = client.register_symmetric_key("kept", &[9; 32], AES, EVERYTHING).unwrap();
    let before = server.address();
    server.restart();
    // The old address first: it is down, and the new one is tried.
    let client = server.client_as(Some(&issued)).build().unwrap();
    assert_eq!(client.get(&id).unwrap().key_material(), Some(&[9; 32][..]));

    let both = server.client_as(Some(&issued));
    let tls = both.server(before.clone()).build().unwrap();
    assert_eq!(tls.get(&id).unwrap().key_material(), Some(&[9; 32][..]));
    server.stop();
    let begin = Instant::now();
    let error = tls.get(&id).unwrap_err();
    assert!(matches!(&error, Error::AllServers { attempts } if attempts.len() == 2), "{error}");
    assert!(error.to_string().contains(&before.to_string()), "{error}");
    assert!(error.advice().unwrap().contains("server runs"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn tls_1_2_will_do_and_old_suites_will_not() {
    let Some(server) = PyKmip::start(&["--tls12"]) else { return };
    let facts = server.client("client").build().unwrap().connect().unwrap();
    assert_eq!(facts.transport.tls_version.as_deref(), Some("TLSv1_2"));
    let Some(server) = PyKmip::start(&["--old-suites"]) else { return };
    let error = server.client("client").build().unwrap().connect().unwrap_err();
    assert!(error.to_string().contains("no way to encrypt in common"), "{error}");
    assert!(error.advice().unwrap().contains("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"), "{error}");
}
