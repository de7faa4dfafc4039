//! Import and Export.

use tde_kmip_codec::{
    DateTime,
    attribute::{Attribute, AttributeValue, Link, Name},
    object::SymmetricKey,
    operation::{DestroyRequest, ExportRequest, ImportRequest, LocateRequest, ResponsePayload},
    spec::{
        ProtocolVersion,
        enumeration::{LinkType, NameType, ObjectType, ResultReason, State},
        mask::CryptographicUsageMask,
        tag,
    },
};

use crate::support::{Answer, NOW, Server, block, key_block};

const VERSIONS: [ProtocolVersion; 3] = [ProtocolVersion::V1_4, ProtocolVersion::V2_0, ProtocolVersion::V2_1];

fn export(server: &Server, version: ProtocolVersion, id: &str) -> Answer {
    let request = ExportRequest { unique_identifier: Some(id.into()), ..ExportRequest::default() };
    server.ask(version, request)
}

/// Sends on what another server exported.
fn import(
    server: &Server,
    version: ProtocolVersion,
    id: &str,
    exported: &Answer,
    replace: Option<bool>,
) -> Answer {
    let ResponsePayload::Export(export) = exported.payload() else { panic!() };
    let mut request = ImportRequest::new(id.into(), export.object);
    request.object_type = (version.major > 1).then_some(export.object_type);
    request.replace_existing = replace;
    let attributes = export.attributes.unwrap();
    let kept: Vec<Attribute<'_>> =
        attributes.iter().filter(|one| one.value.tag() != Some(tag::UNIQUE_IDENTIFIER)).collect();
    request.attributes = Some(kept.as_slice().into());
    server.ask(version, request)
}

fn attributes(answer: &Answer) -> Vec<String> {
    let ResponsePayload::Export(export) = answer.payload() else { panic!("{:?}", answer.reason()) };
    let attributes = export.attributes.unwrap();
    attributes.iter().map(|attribute| format!("{attribute:?}")).collect()
}

#[test]
fn an_object_is_the_same_on_another_server() {
    for version in VERSIONS {
        let server = Server::new();
        let more = [
            AttributeValue::ActivationDate(DateTime(NOW - 100)),
            AttributeValue::DeactivationDate(DateTime(NOW - 10)),
            AttributeValue::ObjectGroup("red"),
            AttributeValue::ObjectGroup("blue"),
            AttributeValue::Comment("of old"),
            AttributeValue::Link(Link::new(LinkType::PARENT_LINK, "elsewhere".into())),
        ];
        let id = server.register(version, "key", &more).id();
        let exported = export(&server, version, &id);
        assert!(attributes(&exported).len() > 20);

        let other = Server::new();
        other.set_time(NOW + 1000);
        let imported = import(&other, version, &id, &exported, None);
        assert_eq!(imported.reason(), None, "{version}");
        assert_eq!(attributes(&export(&other, version, &id)), attributes(&exported), "{version}");
        assert_eq!(other.material(version, &id), [7; 16]);
        let name = AttributeValue::Name(Name::new("key", NameType::UNINTERPRETED_TEXT_STRING));
        assert_eq!(crate::objects::locate(&other, version, &[name]), [id]);
    }
}

#[test]
fn what_exists_is_replaced_only_if_the_request_says_so_and_only_by_its_owner() {
    for version in VERSIONS {
        let server = Server::new();
        let id = server.register(version, "key", &[]).id();
        let exported = export(&server, version, &id);
        for replace in [None, Some(false)] {
            let again = import(&server, version, &id, &exported, replace);
            assert_eq!(again.reason(), Some(ResultReason::OBJECT_ALREADY_EXISTS));
        }
        assert_eq!(import(&server, version, &id, &exported, Some(true)).reason(), None);
        let bob = server.asked_by("bob");
        for replace in [None, Some(true)] {
            let again = import(&bob, version, &id, &exported, replace);
            assert_eq!(again.reason(), Some(ResultReason::OBJECT_ALREADY_EXISTS));
        }
        // The name belongs to the first.
        let reason = import(&server, version, "another", &exported, None).reason();
        let expected = if version.major == 1 {
            ResultReason::INVALID_FIELD
        } else {
            ResultReason::NON_UNIQUE_NAME_ATTRIBUTE
        };
        assert_eq!(reason, Some(expected));
        assert_eq!(
            server
                .ask(
                    version,
                    LocateRequest {
                        attributes: Some(tde_kmip_codec::attribute::Attributes::NONE),
                        ..LocateRequest::default()
                    }
                )
                .located(),
            [id]
        );
    }
}

#[test]
fn states_are_imported_as_they_are() {
    let server = Server::new();
    let version = ProtocolVersion::V2_1;
    for (state, is_there) in [
        (State::ACTIVE, true),
        (State::COMPROMISED, true),
        (State::DESTROYED, false),
        (State::DESTROYED_COMPROMISED, false),
    ] {
        let id = format!("key-{}", state.0);
        let mut request =
            ImportRequest::new(id.as_str().into(), SymmetricKey::new(key_block(&[7; 16])).into());
        request.object_type = Some(ObjectType::SYMMETRIC_KEY);
        let attributes = [
            Attribute::new(AttributeValue::State(state)),
            Attribute::new(AttributeValue::CryptographicUsageMask(CryptographicUsageMask::ENCRYPT)),
        ];
        request.attributes = Some((&attributes).into());
        assert_eq!(server.ask(version, request).reason(), None);
        let answer = export(&server, version, &id);
        let ResponsePayload::Export(exported) = answer.payload() else { panic!() };
        let shown = exported.attributes.unwrap().get(tag::STATE).map(|attribute| attribute.value);
        assert_eq!(shown, Some(AttributeValue::State(state)));
        assert_eq!(block(&exported.object).key_value.is_some(), is_there, "{state}");
    }
}

#[test]
fn of_a_destroyed_object_the_attributes_are_exported() {
    for version in VERSIONS {
        let server = Server::new();
        let id = server.register(version, "key", &[]).id();
        let destroy =
            DestroyRequest { unique_identifier: Some(id.as_str().into()), ..DestroyRequest::default() };
        assert_eq!(server.ask(version, destroy).reason(), None);
        let answer = export(&server, version, &id);
        let ResponsePayload::Export(exported) = answer.payload() else { panic!("{:?}", answer.reason()) };
        let left = block(&exported.object);
        assert_eq!((left.key_value, left.cryptographic_length), (None, Some(128)));
        assert!(exported.attributes.unwrap().get(tag::DESTROY_DATE).is_some());
    }
}

#[test]
fn identifiers_that_would_break_a_log_line_are_refused() {
    let server = Server::new();
    let long = "x".repeat(257);
    for id in ["", "a b", "a\nb", &long] {
        let mut request = ImportRequest::new(id.into(), SymmetricKey::new(key_block(&[7; 16])).into());
        request.object_type = Some(ObjectType::SYMMETRIC_KEY);
        request.attributes = Some(tde_kmip_codec::attribute::Attributes::NONE);
        let reason = server.ask(ProtocolVersion::V2_1, request).reason();
        assert_eq!(reason, Some(ResultReason::INVALID_FIELD), "{id:?}");
    }
}
