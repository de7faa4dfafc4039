//! Owners, names, secrecy, re-keying, encrypting.

use tde_kmip_codec::{
    DateTime, Interval,
    attribute::{
        Attribute, AttributeReference, AttributeValue, CryptographicParameters, Name, RevocationReason,
    },
    operation::{
        ActivateRequest, ArchiveRequest, DecryptRequest, EncryptRequest, GetAttributesRequest, GetRequest,
        LocateRequest, ReKeyRequest, RecoverRequest, ResponsePayload, RevokeRequest,
    },
    spec::{
        ProtocolVersion,
        enumeration::{
            BlockCipherMode, LinkType, NameType, PaddingMethod, ResultReason, ResultStatus,
            RevocationReasonCode,
        },
        mask::CryptographicUsageMask,
        tag,
    },
};

use crate::support::{NOW, Server};

pub(crate) fn get(id: &str) -> GetRequest<'_> {
    GetRequest { unique_identifier: Some(id.into()), ..GetRequest::default() }
}

pub(crate) fn locate(
    server: &Server,
    version: ProtocolVersion,
    wanted: &[AttributeValue<'_>],
) -> Vec<String> {
    let attributes: Vec<Attribute<'_>> = wanted.iter().cloned().map(Attribute::new).collect();
    let mut request = LocateRequest::default();
    request.attributes = Some(attributes.as_slice().into());
    server.ask(version, request).located()
}

fn name(name: &str) -> AttributeValue<'_> {
    AttributeValue::Name(Name::new(name, NameType::UNINTERPRETED_TEXT_STRING))
}

#[test]
fn objects_of_others_do_not_exist() {
    let alice = Server::new();
    let bob = alice.asked_by("bob");
    let id = alice.register(ProtocolVersion::V1_4, "key", &[]).id();
    assert_eq!(bob.ask(ProtocolVersion::V1_4, get(&id)).reason(), Some(ResultReason::ITEM_NOT_FOUND));
    assert_eq!(bob.ask(ProtocolVersion::V2_1, get(&id)).reason(), Some(ResultReason::OBJECT_NOT_FOUND));
    assert!(locate(&bob, ProtocolVersion::V1_4, &[name("key")]).is_empty());
    assert!(locate(&bob, ProtocolVersion::V2_0, &[]).is_empty());
    // And so the name is free for them.
    let theirs = bob.register(ProtocolVersion::V1_4, "key", &[]).id();
    assert_eq!(locate(&bob, ProtocolVersion::V1_4, &[name("key")]), [theirs]);
    assert_eq!(locate(&alice, ProtocolVersion::V1_4, &[name("key")]), [id]);
}

#[test]
fn names_are_unique_among_what_exists() {
    let server = Server::new();
    server.register(ProtocolVersion::V1_0, "key", &[]).id();
    let again = server.register(ProtocolVersion::V1_0, "key", &[]);
    assert_eq!(again.reason(), Some(ResultReason::INVALID_FIELD));
    let again = server.register(ProtocolVersion::V2_0, "key", &[]);
    assert_eq!(again.reason(), Some(ResultReason::NON_UNIQUE_NAME_ATTRIBUTE));
}

#[test]
fn an_archived_object_changes_its_state_after_it_is_recovered() {
    let server = Server::new();
    for version in [ProtocolVersion::V1_0, ProtocolVersion::V1_4, ProtocolVersion::V2_1] {
        let id = server.register(version, &version.to_string(), &[]).id();
        let named = Some(id.as_str().into());
        let archive = || {
            server
                .ask(version, ArchiveRequest { unique_identifier: named, ..ArchiveRequest::default() })
                .reason()
        };
        let recover = || {
            server
                .ask(version, RecoverRequest { unique_identifier: named, ..RecoverRequest::default() })
                .reason()
        };
        let activate = || {
            server
                .ask(version, ActivateRequest { unique_identifier: named, ..ActivateRequest::default() })
                .reason()
        };
        let revoke = |code| {
            let mut revoke = RevokeRequest::new(RevocationReason::new(code));
            revoke.unique_identifier = named;
            server.ask(version, revoke).reason()
        };
        assert_eq!(archive(), None);
        assert_eq!(activate(), Some(ResultReason::OBJECT_ARCHIVED));
        assert_eq!((recover(), activate(), archive()), (None, None, None));
        for code in [RevocationReasonCode::SUPERSEDED, RevocationReasonCode::KEY_COMPROMISE] {
            assert_eq!(revoke(code), Some(ResultReason::OBJECT_ARCHIVED));
        }
        assert_eq!((recover(), revoke(RevocationReasonCode::SUPERSEDED)), (None, None));
    }
}

#[test]
fn sensitive_and_unextractable_keys_stay() {
    let server = Server::new();
    let secret = [AttributeValue::Sensitive(true)];
    let id = server.register(ProtocolVersion::V1_4, "sensitive", &secret).id();
    assert_eq!(server.ask(ProtocolVersion::V1_4, get(&id)).reason(), Some(ResultReason::SENSITIVE));
    // Versions that do not have the reason do not give the key either.
    assert_eq!(server.ask(ProtocolVersion::V1_2, get(&id)).reason(), Some(ResultReason::PERMISSION_DENIED));
    let fixed = [AttributeValue::Extractable(false)];
    let id = server.register(ProtocolVersion::V2_1, "fixed", &fixed).id();
    assert_eq!(server.ask(ProtocolVersion::V2_1, get(&id)).reason(), Some(ResultReason::NOT_EXTRACTABLE));
}

#[test]
fn locate_takes_ranges_parts_and_pages() {
    let server = Server::new();
    let mut ids = Vec::new();
    for (place, key) in ["a", "b", "c", "d"].into_iter().enumerate() {
        server.set_time(NOW + 10 * place as i64);
        ids.push(server.register(ProtocolVersion::V1_3, key, &[]).id());
    }
    let date = |seconds| AttributeValue::InitialDate(DateTime(NOW + seconds));
    let mut newest_first = ids.clone();
    newest_first.reverse();
    assert_eq!(locate(&server, ProtocolVersion::V1_3, &[]), newest_first);
    assert_eq!(locate(&server, ProtocolVersion::V1_3, &[date(10), date(20)]), newest_first[1..3]);
    assert_eq!(locate(&server, ProtocolVersion::V2_1, &[date(30)]), newest_first[..1]);
    assert!(locate(&server, ProtocolVersion::V1_0, &[date(5)]).is_empty());

    let mut request = LocateRequest::default();
    request.attributes = Some(tde_kmip_codec::attribute::Attributes::NONE);
    request.maximum_items = Some(2);
    request.offset_items = Some(1);
    let answer = server.ask(ProtocolVersion::V1_3, request);
    assert_eq!(answer.located(), newest_first[1..3]);
    let ResponsePayload::Locate(found) = answer.payload() else { panic!() };
    assert_eq!(found.located_items, Some(4));
}

#[test]
fn re_keying_moves_the_name_links_both_and_shifts_the_dates() {
    let server = Server::new();
    let dates = [
        AttributeValue::ActivationDate(DateTime(NOW - 100)),
        AttributeValue::DeactivationDate(DateTime(NOW + 900)),
    ];
    let old = server.register(ProtocolVersion::V1_4, "key", &dates).id();
    let mut request = ReKeyRequest::default();
    request.unique_identifier = Some(old.as_str().into());
    request.offset = Some(Interval(50));
    let new = server.ask(ProtocolVersion::V1_4, request).id();
    assert_ne!(new, old);
    assert_eq!(locate(&server, ProtocolVersion::V1_4, &[name("key")]), std::slice::from_ref(&new));

    let of = |id: &str, tag| {
        let references = [AttributeReference::Standard(tag)];
        let mut request = GetAttributesRequest::default();
        request.unique_identifier = Some(id.into());
        request.attribute_references = (&references).into();
        let answer = server.ask(ProtocolVersion::V1_4, request);
        let ResponsePayload::GetAttributes(got) = answer.payload() else { panic!() };
        got.attributes
            .into_iter()
            .flat_map(|all| all.iter().map(|one| format!("{:?}", one.value)).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    assert!(of(&old, tag::LINK)[0].contains(&format!("{:?}", LinkType::REPLACEMENT_OBJECT_LINK)));
    assert!(of(&old, tag::LINK)[0].contains(&new));
    assert!(of(&new, tag::LINK)[0].contains(&format!("{:?}", LinkType::REPLACED_OBJECT_LINK)));
    assert!(of(&new, tag::LINK)[0].contains(&old));
    // Activation at now + 50, and deactivation 1000 seconds after it, as before.
    assert_eq!(of(&new, tag::ACTIVATION_DATE), [format!("ActivationDate({:?})", DateTime(NOW + 50))]);
    assert_eq!(of(&new, tag::DEACTIVATION_DATE), [format!("DeactivationDate({:?})", DateTime(NOW + 1050))]);
    assert!(of(&old, tag::NAME).is_empty());
}

#[test]
fn what_is_encrypted_is_decrypted_in_every_mode() {
    let server = Server::new();
    let id = server.register(ProtocolVersion::V1_4, "key", &[]).id();
    let activate =
        ActivateRequest { unique_identifier: Some(id.as_str().into()), ..ActivateRequest::default() };
    let plain = b"attack at dawn".as_slice();
    for (mode, padding) in [
        (BlockCipherMode::CBC, Some(PaddingMethod::PKCS5)),
        (BlockCipherMode::ECB, Some(PaddingMethod::ANSI_X9_23)),
        (BlockCipherMode::CTR, None),
        (BlockCipherMode::GCM, None),
    ] {
        let parameters = CryptographicParameters {
            block_cipher_mode: Some(mode),
            padding_method: padding,
            random_iv: Some(true),
            ..CryptographicParameters::default()
        };
        let encrypt = EncryptRequest {
            unique_identifier: Some(id.as_str().into()),
            cryptographic_parameters: Some(parameters),
            data: Some(plain.into()),
            ..EncryptRequest::default()
        };
        if mode == BlockCipherMode::CBC {
            let early = server.ask(ProtocolVersion::V1_4, encrypt.clone());
            assert_eq!(early.reason(), Some(ResultReason::PERMISSION_DENIED), "not active yet");
            assert_eq!(server.ask(ProtocolVersion::V1_4, activate.clone()).status(), ResultStatus::SUCCESS);
        }
        for version in [ProtocolVersion::V1_2, ProtocolVersion::V1_4, ProtocolVersion::V2_1] {
            let answer = server.ask(version, encrypt.clone());
            let ResponsePayload::Encrypt(made) = answer.payload() else { panic!() };
            assert_eq!(made.iv_counter_nonce.is_none(), mode == BlockCipherMode::ECB);
            let decrypt = DecryptRequest {
                unique_identifier: Some(id.as_str().into()),
                cryptographic_parameters: Some(parameters),
                data: made.data,
                iv_counter_nonce: made.iv_counter_nonce,
                authenticated_encryption_tag: made.authenticated_encryption_tag,
                ..DecryptRequest::default()
            };
            let answer = server.ask(version, decrypt);
            let ResponsePayload::Decrypt(opened) = answer.payload() else { panic!() };
            assert_eq!(opened.data, Some(plain.into()), "{mode:?} in {version}");
        }
    }
}

#[test]
fn a_nonce_that_the_server_makes_has_the_bits_asked_for() {
    let server = Server::new();
    for version in [ProtocolVersion::V1_2, ProtocolVersion::V1_4, ProtocolVersion::V2_1] {
        let id = server.active_key(version, &[7; 16], CryptographicUsageMask::ENCRYPT);
        let ask = |bits: Option<i32>, nonce: Option<&[u8]>| {
            let parameters = CryptographicParameters {
                block_cipher_mode: Some(BlockCipherMode::GCM),
                random_iv: Some(nonce.is_none()),
                iv_length: bits,
                ..CryptographicParameters::default()
            };
            let request = EncryptRequest {
                unique_identifier: Some(id.as_str().into()),
                cryptographic_parameters: Some(parameters),
                data: Some(b"data"[..].into()),
                iv_counter_nonce: nonce,
                ..EncryptRequest::default()
            };
            server.ask(version, request)
        };
        for (bits, bytes) in [(None, 12), (Some(96), 12), (Some(128), 16), (Some(8192), 1024)] {
            let answer = ask(bits, None);
            let ResponsePayload::Encrypt(made) = answer.payload() else { panic!() };
            assert_eq!(made.iv_counter_nonce.map(<[u8]>::len), Some(bytes), "{bits:?}");
        }
        for bits in [i32::MIN, -96, 0, 12, 88, 100, 8200, i32::MAX] {
            let reason = ask(Some(bits), None).reason();
            assert!(reason.is_some(), "{bits}");
            assert_eq!(reason, ask(Some(0), None).reason(), "{bits}");
            // One that the client made speaks for itself.
            assert_eq!(ask(Some(bits), Some(&[1; 12])).status(), ResultStatus::SUCCESS, "{bits}");
        }
    }
}
