//! Adding, changing and deleting attributes, by index in 1.x and by value in 2.x.

use tde_kmip_codec::{
    DateTime,
    attribute::{Attribute, AttributeReference, AttributeValue, RevocationReason, UsageLimits},
    operation::{
        ActivateRequest, AddAttributeRequest, AdjustAttributeRequest, DeleteAttributeRequest, DestroyRequest,
        GetAttributeListRequest, GetUsageAllocationRequest, ModifyAttributeRequest, ResponsePayload,
        RevokeRequest, SetAttributeRequest,
    },
    spec::{
        ProtocolVersion,
        enumeration::{AdjustmentType, ResultReason, ResultStatus, RevocationReasonCode, UsageLimitsUnit},
        tag,
    },
};

use crate::support::{NOW, Server};

const GROUPS: [&str; 3] = ["red", "green", "blue"];

fn add(
    server: &Server,
    version: ProtocolVersion,
    id: &str,
    value: AttributeValue<'_>,
) -> crate::support::Answer {
    let mut request = AddAttributeRequest::new(Attribute::new(value));
    request.unique_identifier = Some(id.into());
    server.ask(version, request)
}

#[test]
fn instances_have_indices_in_1x() {
    let server = Server::new();
    let version = ProtocolVersion::V1_2;
    let id = server.register(version, "key", &[]).id();
    for (place, group) in GROUPS.into_iter().enumerate() {
        let answer = add(&server, version, &id, AttributeValue::ObjectGroup(group));
        let ResponsePayload::AddAttribute(added) = answer.payload() else { panic!() };
        assert_eq!(added.attribute.unwrap().index.unwrap_or_default(), place as i32);
    }
    let mut modify = ModifyAttributeRequest::new(Attribute {
        index: Some(1),
        value: AttributeValue::ObjectGroup("yellow"),
    });
    modify.unique_identifier = Some(id.as_str().into());
    assert_eq!(server.ask(version, modify.clone()).status(), ResultStatus::SUCCESS);
    modify.attribute.index = Some(9);
    assert_eq!(server.ask(version, modify).reason(), Some(ResultReason::ITEM_NOT_FOUND));

    let mut delete = DeleteAttributeRequest::default();
    delete.unique_identifier = Some(id.as_str().into());
    delete.attribute_reference = Some(AttributeReference::Standard(tag::OBJECT_GROUP));
    delete.attribute_index = Some(1);
    let answer = server.ask(version, delete.clone());
    let ResponsePayload::DeleteAttribute(deleted) = answer.payload() else { panic!() };
    assert_eq!(deleted.attribute.unwrap().value, AttributeValue::ObjectGroup("yellow"));
    assert_eq!(server.ask(version, delete).reason(), Some(ResultReason::ITEM_NOT_FOUND));
}

#[test]
fn instances_are_told_by_value_in_2x() {
    let server = Server::new();
    let version = ProtocolVersion::V2_1;
    let id = server.register(version, "key", &[]).id();
    for group in GROUPS {
        assert_eq!(
            add(&server, version, &id, AttributeValue::ObjectGroup(group)).status(),
            ResultStatus::SUCCESS
        );
    }
    let mut modify = ModifyAttributeRequest::new(Attribute::new(AttributeValue::ObjectGroup("yellow")));
    modify.unique_identifier = Some(id.as_str().into());
    let unclear = server.ask(version, modify.clone());
    assert_eq!(unclear.reason(), Some(ResultReason::MULTI_VALUED_ATTRIBUTE));
    modify.current_attribute = Some(Attribute::new(AttributeValue::ObjectGroup("green")));
    assert_eq!(server.ask(version, modify.clone()).status(), ResultStatus::SUCCESS);
    assert_eq!(server.ask(version, modify).reason(), Some(ResultReason::ATTRIBUTE_INSTANCE_NOT_FOUND));

    let mut delete = DeleteAttributeRequest::default();
    delete.unique_identifier = Some(id.as_str().into());
    delete.attribute_reference = Some(AttributeReference::Standard(tag::OBJECT_GROUP));
    assert_eq!(server.ask(version, delete.clone()).status(), ResultStatus::SUCCESS, "all of them");
    assert_eq!(server.ask(version, delete).reason(), Some(ResultReason::ATTRIBUTE_NOT_FOUND));
}

#[test]
fn what_is_the_servers_is_not_the_clients() {
    let server = Server::new();
    for (version, reason) in [
        (ProtocolVersion::V1_4, ResultReason::PERMISSION_DENIED),
        (ProtocolVersion::V2_0, ResultReason::ATTRIBUTE_READ_ONLY),
    ] {
        let id = server.register(version, &format!("key {version}"), &[]).id();
        for value in [
            AttributeValue::State(tde_kmip_codec::spec::enumeration::State::ACTIVE),
            AttributeValue::InitialDate(DateTime(1)),
            AttributeValue::CryptographicLength(256),
            AttributeValue::AlwaysSensitive(true),
        ] {
            assert_eq!(add(&server, version, &id, value).reason(), Some(reason), "{value:?}");
            let mut modify = ModifyAttributeRequest::new(Attribute::new(value));
            modify.unique_identifier = Some(id.as_str().into());
            assert_eq!(server.ask(version, modify).reason(), Some(reason), "{value:?}");
        }
    }
}

#[test]
fn single_values_are_added_once_and_adjusted() {
    let server = Server::new();
    let version = ProtocolVersion::V2_0;
    let id = server.register(version, "key", &[]).id();
    let date = AttributeValue::DeactivationDate(DateTime(NOW + 100));
    assert_eq!(add(&server, version, &id, date).status(), ResultStatus::SUCCESS);
    assert_eq!(add(&server, version, &id, date).reason(), Some(ResultReason::ATTRIBUTE_SINGLE_VALUED));
    let mut adjust = AdjustAttributeRequest::new(
        AttributeReference::Standard(tag::DEACTIVATION_DATE),
        AdjustmentType::INCREMENT,
    );
    adjust.unique_identifier = Some(id.as_str().into());
    adjust.adjustment_value = Some(tde_kmip_codec::ttlv::Value::Integer(23).into());
    assert_eq!(server.ask(version, adjust).status(), ResultStatus::SUCCESS);
    let wanted = [AttributeValue::DeactivationDate(DateTime(NOW + 123))];
    assert_eq!(crate::objects::locate(&server, version, &wanted), std::slice::from_ref(&id));
    let mut set = SetAttributeRequest::new(Attribute::new(AttributeValue::Comment("of old")));
    set.unique_identifier = Some(id.as_str().into());
    for _ in 0..2 {
        assert_eq!(server.ask(version, set.clone()).status(), ResultStatus::SUCCESS);
    }
}

#[test]
fn an_object_grows_up_to_its_limit_and_can_be_ended_then() {
    let server = Server::with(|options| options.max_object = 4096);
    for (version, limit) in [
        (ProtocolVersion::V1_2, ResultReason::GENERAL_FAILURE),
        (ProtocolVersion::V2_1, ResultReason::SERVER_LIMIT_EXCEEDED),
    ] {
        let id = server.register(version, &version.to_string(), &[]).id();
        let group = |place: usize| format!("{place}{}", "x".repeat(500));
        let refused =
            (0..8).map(|place| add(&server, version, &id, AttributeValue::ObjectGroup(&group(place))));
        let refused = refused.filter(|answer| answer.status() != ResultStatus::SUCCESS).collect::<Vec<_>>();
        assert!((1..8).contains(&refused.len()));
        for answer in refused {
            assert_eq!(answer.reason(), Some(limit));
            let message = answer.item().result_message.unwrap().to_owned();
            assert!(message.ends_with(" bytes, more than 4096"), "{message}");
        }
        let long = server.register(version, &"x".repeat(5000), &[]);
        assert_eq!(long.reason(), Some(limit));

        let mut activate = ActivateRequest::default();
        activate.unique_identifier = Some(id.as_str().into());
        assert_eq!(server.ask(version, activate).status(), ResultStatus::SUCCESS);
        // No limit stands in the way of the end, not even with a long reason.
        let message = "x".repeat(4096);
        let mut reason = RevocationReason::new(RevocationReasonCode::SUPERSEDED);
        reason.revocation_message = Some(&message);
        let mut revoke = RevokeRequest::new(reason);
        revoke.unique_identifier = Some(id.as_str().into());
        assert_eq!(server.ask(version, revoke).status(), ResultStatus::SUCCESS);
        let mut delete = DeleteAttributeRequest::default();
        delete.unique_identifier = Some(id.as_str().into());
        delete.attribute_reference = Some(AttributeReference::Standard(tag::OBJECT_GROUP));
        assert_eq!(server.ask(version, delete).status(), ResultStatus::SUCCESS);
        let mut destroy = DestroyRequest::default();
        destroy.unique_identifier = Some(id.as_str().into());
        assert_eq!(server.ask(version, destroy).status(), ResultStatus::SUCCESS);
    }
}

/// KMIP 1.4, section 3.21; KMIP 2.1, section 4.60.
#[test]
fn usage_limits_stay_once_something_was_allocated() {
    let server = Server::new();
    for version in [ProtocolVersion::V1_0, ProtocolVersion::V1_4, ProtocolVersion::V2_1] {
        let limits = |total, count| {
            let mut limits = UsageLimits::new(total, UsageLimitsUnit::OBJECT);
            limits.usage_limits_count = count;
            AttributeValue::UsageLimits(limits)
        };
        let pick = |v1, v2| Some(if version.major < 2 { v1 } else { v2 });
        let more = [limits(10, None), AttributeValue::ActivationDate(DateTime(NOW - 1))];
        let id = server.register(version, &version.to_string(), &more).id();
        let named = Some(id.as_str().into());
        let modify = |value| {
            let mut modify = ModifyAttributeRequest::new(Attribute::new(value));
            modify.unique_identifier = named;
            server.ask(version, modify).reason()
        };
        assert_eq!(modify(limits(20, None)), None);
        for count in [21, -1] {
            let bad = pick(ResultReason::INVALID_FIELD, ResultReason::INVALID_ATTRIBUTE_VALUE);
            assert_eq!(modify(limits(20, Some(count))), bad, "{count}");
        }
        let mut allocate = GetUsageAllocationRequest::new(5);
        allocate.unique_identifier = named;
        assert_eq!(server.ask(version, allocate).reason(), None);

        let refused = pick(ResultReason::PERMISSION_DENIED, ResultReason::ATTRIBUTE_READ_ONLY);
        assert_eq!(modify(limits(20, None)), refused);
        assert_eq!(modify(limits(1000, Some(1000))), refused);
        let mut delete = DeleteAttributeRequest::default();
        delete.unique_identifier = named;
        delete.attribute_reference = Some(AttributeReference::Standard(tag::USAGE_LIMITS));
        assert_eq!(server.ask(version, delete).reason(), refused);
        if version.major >= 2 {
            let mut set = SetAttributeRequest::new(Attribute::new(limits(20, None)));
            set.unique_identifier = named;
            assert_eq!(server.ask(version, set).reason(), refused);
        }
        let mut allocate = GetUsageAllocationRequest::new(16);
        allocate.unique_identifier = named;
        let over = pick(ResultReason::PERMISSION_DENIED, ResultReason::USAGE_LIMIT_EXCEEDED);
        assert_eq!(server.ask(version, allocate).reason(), over);
    }
}

#[test]
fn each_version_sees_its_own_attributes() {
    let server = Server::new();
    let id = server.register(ProtocolVersion::V1_4, "key", &[AttributeValue::Comment("c")]).id();
    for version in ProtocolVersion::ALL {
        let mut list = GetAttributeListRequest::default();
        list.unique_identifier = Some(id.as_str().into());
        let answer = server.ask(version, list);
        let ResponsePayload::GetAttributeList(list) = answer.payload() else { panic!() };
        let has = |tag| list.attribute_references.iter().any(|one| one == AttributeReference::Standard(tag));
        assert!(
            has(tag::UNIQUE_IDENTIFIER) && has(tag::DIGEST) && has(tag::STATE) && has(tag::NAME),
            "{version}"
        );
        assert_eq!(has(tag::COMMENT), version >= ProtocolVersion::V1_4, "{version}");
        assert_eq!(has(tag::SENSITIVE), version >= ProtocolVersion::V1_4, "{version}");
        assert_eq!(has(tag::SHORT_UNIQUE_IDENTIFIER), version.major == 2, "{version}");
        assert_eq!(has(tag::OPERATION_POLICY_NAME), version.major == 1, "{version}");
    }
}
