//! Headers and batches.

use tde_kmip_codec::{
    AnyStructure, DateTime,
    attribute::{AttributeValue, RevocationReason},
    message::{
        AsynchronousIndicator, MessageExtension, RequestBatchItem, RequestHeader, RequestMessage,
        ResponseMessage,
    },
    operation::{
        ActivateRequest, DestroyRequest, EncryptRequest, GetRequest, LocateRequest, QueryRequest,
        RequestPayload, ResponsePayload, RevokeRequest,
    },
    spec::{
        ProtocolVersion,
        enumeration::{
            self, BatchErrorContinuationOption, Operation, QueryFunction, ResultReason, ResultStatus,
            RevocationReasonCode,
        },
        mask::CryptographicUsageMask,
    },
    ttlv::Leniency,
};

use crate::support::{Server, item};

fn locate_all() -> RequestPayload<'static> {
    let mut all = LocateRequest::default();
    all.attributes = Some(tde_kmip_codec::attribute::Attributes::NONE);
    all.into()
}

fn get(id: &str) -> RequestPayload<'_> {
    GetRequest { unique_identifier: Some(id.into()), ..GetRequest::default() }.into()
}

#[test]
fn every_version_is_answered_in_itself() {
    let server = Server::new();
    for version in ProtocolVersion::ALL {
        let answer = server.ask(version, locate_all());
        assert_eq!(answer.status(), ResultStatus::SUCCESS);
        assert_eq!(answer.message().header.protocol_version, version);
    }
}

#[test]
fn versions_that_are_not_spoken_are_refused_in_the_newest_before_them() {
    let server = Server::new();
    let items = [item(locate_all())];
    let request =
        RequestMessage { header: RequestHeader::new(ProtocolVersion::V1_0, 1), batch_items: (&items).into() };
    let request = request.encode_to_vec().unwrap();
    for (major, minor, answered) in [
        (1, 9, ProtocolVersion::V1_4),
        (2, 2, ProtocolVersion::V2_1),
        (3, 0, ProtocolVersion::V2_1),
        (0, 9, ProtocolVersion::V1_0),
        (-1, 0, ProtocolVersion::V1_0),
    ] {
        let mut request = request.clone();
        request[32..36].copy_from_slice(&i32::to_be_bytes(major));
        request[48..52].copy_from_slice(&i32::to_be_bytes(minor));
        let response = server.respond(&request);
        let response = ResponseMessage::decode(&response).unwrap();
        assert_eq!(response.header.protocol_version, answered, "{major}.{minor}");
        let item = response.batch_items.first().unwrap();
        assert_eq!((item.operation, item.result_reason), (None, Some(ResultReason::INVALID_MESSAGE)));
    }
}

#[test]
fn continue_stop_and_undo_do_what_they_say() {
    use BatchErrorContinuationOption as Option_;
    for (option, statuses, left) in [
        (None, vec![0, 1], 1),
        (Some(Option_::STOP), vec![0, 1], 1),
        (Some(Option_::CONTINUE), vec![0, 1, 0], 2),
        (Some(Option_::UNDO), vec![3, 1], 0),
    ] {
        let server = Server::new();
        // Templates for the payloads: a key of each name.
        let payload = |name: &'static str| register(name);
        let answers =
            server.batch(ProtocolVersion::V1_2, option, vec![payload("a"), get("nobody"), payload("b")]);
        let found: Vec<u32> = answers.iter().map(|answer| answer.status().0).collect();
        assert_eq!(found, statuses, "{option:?}");
        for (place, answer) in answers.iter().enumerate() {
            assert_eq!(answer.item().unique_batch_item_id, Some(&[place as u8][..]));
        }
        assert_eq!(server.ask(ProtocolVersion::V1_2, locate_all()).located().len(), left, "{option:?}");
    }
}

fn register(name: &'static str) -> RequestPayload<'static> {
    use tde_kmip_codec::{
        attribute::{Attribute, Name},
        object::SymmetricKey,
        operation::RegisterRequest,
        spec::enumeration::{NameType, ObjectType},
    };
    let name = AttributeValue::Name(Name::new(name, NameType::UNINTERPRETED_TEXT_STRING));
    let attributes: &'static [Attribute<'static>] = Box::leak(Box::new([Attribute::new(name)]));
    let key = SymmetricKey::new(crate::support::key_block(&[7; 16]));
    RegisterRequest::new(ObjectType::SYMMETRIC_KEY, attributes.into(), key.into()).into()
}

#[test]
fn the_id_placeholder_goes_from_item_to_item() {
    let server = Server::new();
    for version in [ProtocolVersion::V1_0, ProtocolVersion::V1_4, ProtocolVersion::V2_1] {
        let name = if version.major == 2 {
            "two"
        } else if version.minor == 0 {
            "zero"
        } else {
            "four"
        };
        let answers = server.batch(
            version,
            None,
            vec![register(name), ActivateRequest::default().into(), GetRequest::default().into()],
        );
        let id = answers[0].id();
        match answers[2].payload() {
            ResponsePayload::Get(got) => assert_eq!(got.unique_identifier.as_text(), Some(id.as_str())),
            other => panic!("{other:?}"),
        }
    }
    let lost = server.ask(ProtocolVersion::V1_4, GetRequest::default());
    assert_eq!(lost.reason(), Some(ResultReason::ITEM_NOT_FOUND), "placeholders do not outlive their batch");
}

#[test]
fn an_item_whose_answer_is_too_long_changes_nothing() {
    let server = Server::new();
    let mut header = RequestHeader::new(ProtocolVersion::V1_4, 1);
    header.maximum_response_size = Some(150);
    let long = server.send(header, &[item(register("a"))]).remove(0);
    assert_eq!(long.reason(), Some(ResultReason::RESPONSE_TOO_LARGE));
    assert!(server.ask(ProtocolVersion::V1_4, locate_all()).located().is_empty());
    let mut header = RequestHeader::new(ProtocolVersion::V1_4, 1);
    header.maximum_response_size = Some(8192);
    assert_eq!(server.send(header, &[item(register("a"))]).remove(0).status(), ResultStatus::SUCCESS);
}

#[test]
fn a_batch_has_no_more_answers_than_fit() {
    let server = Server::with(|options| {
        options.max_object = 50_000;
        options.max_response = 1;
    });
    let version = ProtocolVersion::V1_4;
    let id = server.active_secret(version, &[7; 40_000], CryptographicUsageMask::DERIVE_KEY);
    let goes_on = Some(BatchErrorContinuationOption::CONTINUE);
    let answers = server.batch(version, goes_on, vec![get(&id), get(&id), get(&id), locate_all()]);
    let reasons: Vec<_> = answers.iter().map(crate::support::Answer::reason).collect();
    assert_eq!(reasons, [None, None, Some(ResultReason::RESPONSE_TOO_LARGE), None]);
    let message = "the answer is longer than the server's largest response, 100000 bytes";
    assert_eq!(answers[2].item().result_message, Some(message));
    // The client may want less, and gets no more by wanting it.
    for (wanted, named) in [(60_000, "Maximum Response Size"), (1 << 20, "the server's largest response")] {
        let mut header = RequestHeader::new(version, 3);
        header.maximum_response_size = Some(wanted);
        let gets = [b"1", b"2", b"3"]
            .map(|number| RequestBatchItem { unique_batch_item_id: Some(number), ..item(get(&id)) });
        let answers = server.send(header, &gets);
        let last = answers.last().unwrap();
        assert_eq!(last.reason(), Some(ResultReason::RESPONSE_TOO_LARGE));
        assert!(last.item().result_message.unwrap().contains(named));
    }
}

#[test]
fn correlation_values_come_back_and_are_not_forced_on_others() {
    let server = Server::new();
    let mut header = RequestHeader::new(ProtocolVersion::V1_4, 1);
    header.client_correlation_value = Some("step 1");
    let answer = server.send(header, &[item(locate_all())]).remove(0);
    let message = answer.message();
    assert_eq!(message.header.client_correlation_value, Some("step 1"));
    assert!(message.header.server_correlation_value.is_some());
    let plain = server.ask(ProtocolVersion::V1_4, locate_all());
    assert_eq!(plain.message().header.server_correlation_value, None);
}

#[test]
fn only_insisting_on_asynchronous_work_is_refused() {
    let server = Server::new();
    let ask = |version, indicator| {
        let mut header = RequestHeader::new(version, 1);
        header.asynchronous_indicator = Some(indicator);
        server.send(header, &[item(locate_all())]).remove(0)
    };
    let allowed = ask(ProtocolVersion::V1_0, AsynchronousIndicator::Boolean(true));
    assert_eq!(allowed.status(), ResultStatus::SUCCESS);
    let mode = enumeration::AsynchronousIndicator::MANDATORY;
    let refused = ask(ProtocolVersion::V2_1, AsynchronousIndicator::Mode(mode));
    assert_eq!(refused.reason(), Some(ResultReason::FEATURE_NOT_SUPPORTED));
}

#[test]
fn critical_extensions_are_refused_and_others_ignored() {
    let server = Server::new();
    for (critical, status) in [(true, ResultStatus::OPERATION_FAILED), (false, ResultStatus::SUCCESS)] {
        let extension = [MessageExtension::new("acme", critical, AnyStructure::new(&[]))];
        let item = RequestBatchItem { message_extensions: (&extension).into(), ..item(locate_all()) };
        let answer = server.send(RequestHeader::new(ProtocolVersion::V1_2, 1), &[item]).remove(0);
        assert_eq!(answer.status(), status);
    }
}

#[test]
fn one_bad_item_does_not_fail_the_others() {
    let server = Server::new();
    let wrong = DestroyRequest { unique_identifier: Some("nobody".into()), ..DestroyRequest::default() };
    let answers = server.batch(
        ProtocolVersion::V1_1,
        Some(BatchErrorContinuationOption::CONTINUE),
        vec![wrong.into(), locate_all()],
    );
    assert_eq!(answers[0].reason(), Some(ResultReason::ITEM_NOT_FOUND));
    assert_eq!(answers[1].status(), ResultStatus::SUCCESS);
}

#[test]
fn requests_that_break_a_rule_between_fields_are_answered_with_what_is_wrong() {
    let server = Server::new();
    let revoke = RevokeRequest {
        compromise_occurrence_date: Some(DateTime(1)),
        ..RevokeRequest::new(RevocationReason::new(RevocationReasonCode::SUPERSEDED))
    };
    let cases: [(RequestPayload<'_>, ResultReason); 2] = [
        (EncryptRequest::default().into(), ResultReason::MISSING_DATA),
        (revoke.into(), ResultReason::INVALID_FIELD),
    ];
    for version in [ProtocolVersion::V1_4, ProtocolVersion::V2_1] {
        for (payload, reason) in &cases {
            let items = [item(payload.clone())];
            let header = RequestHeader::new(version, 1);
            let request = RequestMessage { header, batch_items: (&items).into() };
            // Our own side does not send it.
            request.encode_to_vec().unwrap_err();
            let mut room = [0; 512];
            let response =
                server.respond(request.encode_with(&mut room, Leniency::CONDITIONAL_FIELDS).unwrap());
            let answer = ResponseMessage::decode(&response).unwrap().batch_items.first().unwrap();
            assert_eq!(answer.operation, Some(payload.operation()));
            assert_eq!(answer.result_reason, Some(*reason));
            assert!(answer.result_message.unwrap().contains(" be there "));
        }
    }
}

#[test]
fn query_names_what_the_version_has_and_is_supported() {
    let server = Server::new();
    let functions = [QueryFunction::QUERY_OPERATIONS, QueryFunction::QUERY_OBJECTS];
    for version in ProtocolVersion::ALL {
        let query = QueryRequest { query_functions: (&functions).into(), ..QueryRequest::default() };
        let answer = server.ask(version, query);
        let ResponsePayload::Query(said) = answer.payload() else { panic!() };
        let encrypts = said.operations.iter().any(|operation| operation == Operation::ENCRYPT);
        assert_eq!(encrypts, version >= ProtocolVersion::V1_2, "{version}");
        assert!(said.operations.iter().any(|operation| operation == Operation::LOCATE));
        assert!(said.object_types.len() >= 7);
    }
}
