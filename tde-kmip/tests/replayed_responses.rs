//! Recorded exchanges of real clients and servers, replayed: the recorded payloads go through the client, which must
//! ask as the recorded client did, and make of the recorded response what an independent decoder found in it.
#![cfg(feature = "client")]
// A test reports by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "common/memory.rs"]
mod memory;
#[path = "../../tde-kmip-codec/tests/common/corpus.rs"]
#[allow(dead_code)]
mod recordings;

use std::{collections::BTreeMap, path::Path};

use serde_json::Value as Json;
use tde_kmip::client::{CallOptions, Client, Error, MessageOptions, Outcome, ProtocolError, Refusal};
use tde_kmip_codec::{
    attribute::{Attribute, AttributeReference},
    message::{RequestBatchItem, RequestMessage, ResponseMessage},
    operation::RequestPayload,
    spec::{
        enumeration::{CryptographicAlgorithm, ResultStatus},
        mask::CryptographicUsageMask,
    },
    ttlv::{Leniency, Options},
};

/// Status and reason of each item.
type Results = Vec<(String, Option<String>)>;

/// One request and its response, with what an independent decoder says of the results.
struct Recorded {
    name: String,
    request: Vec<u8>,
    response: Vec<u8>,
    results: Results,
    tree: Option<Json>,
}

fn text(json: &Json) -> Option<String> {
    json.as_str().map(str::to_owned)
}

fn recorded(root: &Path) -> Vec<Recorded> {
    let mut all = Vec::new();
    for folder in ["pykmip", "cosmian", "libkmip-pykmip", "libkmip-cosmian"] {
        for path in recordings::files(&root.join(folder), ".request.ttlv") {
            let name = path.display().to_string();
            let response = name.replace(".request.", ".response.");
            let Ok(bytes) = std::fs::read(&response) else { continue };
            let json = recordings::json(Path::new(&response.replace(".ttlv", ".json")));
            all.push(Recorded {
                request: std::fs::read(&path).unwrap(),
                response: bytes,
                results: results_of(&json),
                tree: Some(json["tree"].clone()),
                name,
            });
        }
    }
    for folder in ["pykmip-oasis", "cosmian-oasis"] {
        for path in recordings::files(&root.join(folder), ".json") {
            for (index, exchange) in
                recordings::json(&path)["exchanges"].as_array().unwrap().iter().enumerate()
            {
                let (Some(request), Some(response)) =
                    (text(&exchange["request"]), text(&exchange["response"]))
                else {
                    continue;
                };
                let mut reasons = exchange["reasons"].as_array().unwrap().iter();
                let results = (exchange["results"].as_array().unwrap().iter())
                    .map(|status| {
                        let status = text(status).unwrap();
                        let reason = (status == "OperationFailed").then(|| reasons.next()).flatten();
                        (status, reason.and_then(text))
                    })
                    .collect();
                all.push(Recorded {
                    name: format!("{}#{index}", path.display()),
                    request: recordings::hex(&request),
                    response: recordings::hex(&response),
                    results,
                    tree: None,
                });
            }
        }
    }
    all
}

fn results_of(json: &Json) -> Results {
    match json["results"].as_array() {
        Some(results) => {
            results.iter().map(|result| (text(&result["status"]).unwrap(), text(&result["reason"]))).collect()
        }
        // The recordings of libkmip have them in the tree only.
        None => {
            let items = nodes(&json["tree"], "BatchItem");
            let of = |item: &Json, name| nodes(item, name).first().and_then(|node| text(&node["enum"]));
            items.iter().map(|item| (of(item, "ResultStatus").unwrap(), of(item, "ResultReason"))).collect()
        }
    }
}

/// Every node of that name, in the order of the message.
fn nodes<'j>(tree: &'j Json, name: &str) -> Vec<&'j Json> {
    let mut found = Vec::new();
    if tree["name"] == name {
        found.push(tree);
    }
    for child in tree["value"].as_array().into_iter().flatten() {
        found.extend(nodes(child, name));
    }
    found
}

fn lenient() -> Options {
    Options::new().leniency(Leniency::ALL)
}

/// The recorded response under the identifiers that the client gave its items; `Err` says how the request differs.
fn answer(recorded_request: &[u8], recorded_response: &[u8], ours: &[u8]) -> Result<Vec<u8>, String> {
    let ours = RequestMessage::decode(ours).map_err(|error| format!("our request: {error}"))?;
    let theirs = RequestMessage::decode_with(recorded_request, lenient(), &mut |_| {}).unwrap();
    if ours.header.protocol_version != theirs.header.protocol_version {
        return Err("another version".to_owned());
    }
    for (ours, theirs) in ours.batch_items.iter().zip(theirs.batch_items.iter()) {
        if ours.payload != theirs.payload {
            // KMIP 2.x requires Attributes in a Locate; PyKMIP leaves out an empty one.
            let [ours, theirs] = [&ours, &theirs].map(|item| format!("{:?}", item.payload));
            if ours.replace("attributes: Some([])", "attributes: None") != theirs || ours == theirs {
                return Err(format!("{ours}\nwas recorded as {theirs}"));
            }
        }
    }
    let ids: Vec<_> = (ours.batch_items.iter().zip(theirs.batch_items.iter()))
        .map(|(ours, theirs)| (theirs.unique_batch_item_id, ours.unique_batch_item_id))
        .collect();
    let response = ResponseMessage::decode_with(recorded_response, lenient(), &mut |_| {}).unwrap();
    if response.batch_items.iter().all(|item| item.unique_batch_item_id.is_none()) {
        return Ok(recorded_response.to_vec());
    }
    let items: Vec<_> = (response.batch_items.iter())
        .map(|mut item| {
            if let Some((_, id)) = ids.iter().find(|(theirs, _)| *theirs == item.unique_batch_item_id) {
                item.unique_batch_item_id = *id;
            }
            item
        })
        .collect();
    let renamed = ResponseMessage { header: response.header, batch_items: items.as_slice().into() };
    let mut bytes = vec![0; recorded_response.len() + 64 * items.len()];
    let len = renamed.encode_with(&mut bytes, Leniency::ALL).unwrap().len();
    bytes.truncate(len);
    Ok(bytes)
}

fn shown(refusal: &Refusal) -> (String, Option<String>) {
    let status = refusal.status.camel_name().unwrap_or_default().to_owned();
    (status, refusal.reason.map(|reason| reason.to_string()))
}

/// Asks what was asked; `None` if the client cannot say it (a version or a field that the standard does not have).
fn replay(recorded: &Recorded) -> Option<Result<Results, String>> {
    let request = RequestMessage::decode_with(&recorded.request, lenient(), &mut |_| {}).ok()?;
    let payloads: Vec<RequestPayload<'_>> = request.batch_items.iter().map(|item| item.payload).collect();
    let version = request.header.protocol_version;
    let (theirs, response) = (recorded.request.clone(), recorded.response.clone());
    let (tell, told) = std::sync::mpsc::channel();
    let client = memory::client(move |ours| {
        answer(&theirs, &response, ours).unwrap_or_else(|problem| {
            tell.send(problem).unwrap();
            Vec::new()
        })
    });
    let client = client.versions([version]).build().unwrap();
    let message = MessageOptions {
        continuation: request.header.batch_error_continuation_option,
        ..MessageOptions::default()
    };
    let reply = client.batch(&payloads, &CallOptions { message, ..CallOptions::default() });
    if let Ok(problem) = told.try_recv() {
        return Some(Err(problem));
    }
    Some(match reply {
        Err(Error::Protocol { source: ProtocolError::Encode { .. }, .. }) => return None,
        Err(Error::Protocol { source: ProtocolError::Refused(refusal), .. }) => Ok(vec![shown(&refusal)]),
        Err(error) => Err(error.to_string()),
        Ok(reply) => Ok(reply
            .outcomes()
            .iter()
            .filter_map(|outcome| match outcome {
                Outcome::Done(_) => Some(("Success".to_owned(), None)),
                Outcome::Refused(refusal) => Some(shown(refusal)),
                Outcome::NotReached => None,
                other => Some((format!("{other:?}"), None)),
            })
            .collect()),
    })
}

#[test]
fn every_recorded_exchange_comes_to_its_recorded_results() {
    let mut count = BTreeMap::<_, (usize, usize)>::new();
    for root in recordings::roots() {
        for exchange in recorded(&root) {
            let folder = exchange.name.strip_prefix(&root.display().to_string()).unwrap_or(&exchange.name);
            let folder = folder.trim_start_matches('/').split('/').next().unwrap_or_default().to_owned();
            let (replayed, unsaid) = count.entry(folder).or_default();
            match replay(&exchange) {
                None => *unsaid += 1,
                Some(results) => {
                    *replayed += 1;
                    let results = results.unwrap_or_else(|problem| panic!("{}: {problem}", exchange.name));
                    assert_eq!(results, exchange.results, "{}", exchange.name);
                }
            }
        }
    }
    for (folder, (replayed, unsaid)) in &count {
        println!("{folder}: {replayed} exchanges replayed, {unsaid} that this client cannot ask");
        assert!(replayed > unsaid, "{folder}");
    }
    assert!(count.len() >= 4, "{count:?}");
}

/// What the typed method is to give back, as text.
fn expected(exchange: &Recorded, name: &str) -> Vec<String> {
    let tree = exchange.tree.as_ref().unwrap();
    let payload = nodes(tree, "ResponsePayload");
    payload.iter().flat_map(|payload| nodes(payload, name)).filter_map(|node| text(&node["value"])).collect()
}

/// Runs one recorded request through the typed method of its operation, if that can say all of it.
fn typed(client: &Client, item: RequestBatchItem<'_>, exchange: &Recorded) -> Option<Result<(), Error>> {
    let identifiers = expected(exchange, "UniqueIdentifier");
    let first = identifiers.first().cloned().unwrap_or_default();
    let same = |given: String| assert_eq!(given, first, "{}", exchange.name);
    Some(match item.payload {
        RequestPayload::Create(request) if request.attributes.names.is_empty() => {
            let attributes: Vec<_> = request.attributes.attributes.iter().collect();
            client.create(request.object_type, &attributes).map(|made| same(made.unique_identifier))
        }
        RequestPayload::Register(request) if request.attributes.names.is_empty() => {
            let attributes: Vec<_> = request.attributes.attributes.iter().collect();
            client.register(request.object, &attributes).map(same)
        }
        RequestPayload::Locate(request)
            if request.offset_items.is_none()
                && request.storage_status_mask.is_none()
                && request.object_group_member.is_none() =>
        {
            let attributes: Vec<Attribute<'_>> =
                request.attributes.map(|attributes| attributes.iter().collect()).unwrap_or_default();
            client
                .locate(&attributes, request.maximum_items)
                .map(|found| assert_eq!(found.unique_identifiers, identifiers, "{}", exchange.name))
        }
        RequestPayload::Get(request) => client.get_with(request).map(|got| {
            same(got.unique_identifier().to_owned());
            if let Some(material) = got.key_material() {
                let hex: String = material.iter().map(|byte| format!("{byte:02x}")).collect();
                let name = if expected(exchange, "KeyMaterial").is_empty() { "Key" } else { "KeyMaterial" };
                assert_eq!([hex], *expected(exchange, name), "{}", exchange.name);
            }
            assert!(got.object().is_some());
        }),
        RequestPayload::GetAttributes(request) => {
            let id = request.unique_identifier.as_ref()?.as_text()?;
            let names: Vec<AttributeReference<'_>> = request.attribute_references.iter().collect();
            client.get_attributes(id, &names).map(|got| {
                same(got.unique_identifier().to_owned());
                let tree = exchange.tree.as_ref().unwrap();
                let attributes = match nodes(tree, "Attributes").first() {
                    Some(structure) => structure["value"].as_array().unwrap().len(),
                    None => nodes(tree, "Attribute").len(),
                };
                assert_eq!(got.attributes().len(), attributes, "{}", exchange.name);
            })
        }
        RequestPayload::GetAttributeList(request) => {
            let id = request.unique_identifier.as_ref()?.as_text()?;
            client.get_attribute_list(id).map(|names| {
                let tree = exchange.tree.as_ref().unwrap();
                let count = nodes(tree, "AttributeName").len().max(nodes(tree, "AttributeReference").len());
                assert_eq!(names.len(), count, "{}", exchange.name);
            })
        }
        RequestPayload::Activate(request) => client.activate(request.unique_identifier.as_ref()?.as_text()?),
        RequestPayload::Destroy(request) => client.destroy(request.unique_identifier.as_ref()?.as_text()?),
        RequestPayload::Revoke(request) => client.revoke(
            request.unique_identifier.as_ref()?.as_text()?,
            request.revocation_reason.revocation_reason_code,
            request.revocation_reason.revocation_message,
            request.compromise_occurrence_date,
        ),
        RequestPayload::Query(request) if request.object_groups.is_none() => {
            let functions: Vec<_> = request.query_functions.iter().collect();
            client.query(&functions).map(|facts| {
                let tree = exchange.tree.as_ref().unwrap();
                let payload = nodes(tree, "ResponsePayload");
                let operations =
                    payload.iter().map(|payload| nodes(payload, "Operation").len()).sum::<usize>();
                assert_eq!(facts.operations.len(), operations, "{}", exchange.name);
            })
        }
        RequestPayload::DiscoverVersions(request) if request.protocol_versions.is_empty() => {
            client.discover_versions().map(|versions| {
                let tree = exchange.tree.as_ref().unwrap();
                let count = nodes(nodes(tree, "ResponsePayload")[0], "ProtocolVersion").len();
                assert_eq!(versions.len(), count, "{}", exchange.name);
            })
        }
        _ => return None,
    })
}

#[test]
fn typed_methods_ask_as_recorded_clients_do_and_give_what_was_answered() {
    let mut count = BTreeMap::<String, usize>::new();
    for root in recordings::roots() {
        for exchange in recorded(&root).into_iter().filter(|exchange| exchange.tree.is_some()) {
            let Ok(request) = RequestMessage::decode_with(&exchange.request, lenient(), &mut |_| {}) else {
                continue;
            };
            if request.batch_items.len() != 1 {
                continue;
            }
            let (theirs, response) = (exchange.request.clone(), exchange.response.clone());
            let name = exchange.name.clone();
            let client = memory::client(move |ours| {
                answer(&theirs, &response, ours).unwrap_or_else(|problem| panic!("{name}: {problem}"))
            });
            let client = client.versions([request.header.protocol_version]).build().unwrap();
            let item = request.batch_items.first().unwrap();
            let operation = item.operation.to_string();
            let (status, reason) = &exchange.results[0];
            match typed(&client, item, &exchange) {
                None => continue,
                Some(Err(Error::Protocol { source: ProtocolError::Encode { .. }, .. })) => continue,
                Some(Ok(())) => assert_eq!(status, "Success", "{}", exchange.name),
                Some(Err(error)) => {
                    let refusal = error.refusal().unwrap_or_else(|| panic!("{}: {error}", exchange.name));
                    assert_eq!(refusal.status, ResultStatus::OPERATION_FAILED);
                    assert_eq!(&refusal.reason.map(|reason| reason.to_string()), reason, "{}", exchange.name);
                    let gone = matches!(reason.as_deref(), Some("ItemNotFound" | "ObjectNotFound"));
                    assert_eq!(error.is_not_found(), gone, "{}", exchange.name);
                }
            }
            *count.entry(operation).or_default() += 1;
        }
    }
    println!("{count:?}");
    for operation in ["Register", "Locate", "Get"] {
        assert!(count.contains_key(operation), "{operation} in {count:?}");
    }
}

/// The three calls of pg_tde, each payload byte for byte.
#[test]
fn pg_tdes_way_is_expressible_byte_for_byte() {
    let payload_of = |message: &[u8]| -> Vec<u8> {
        let item = tde_kmip_codec::ttlv::decode(message).unwrap();
        let batch = item
            .children()
            .map(Result::unwrap)
            .find(|item| item.tag == tde_kmip_codec::spec::tag::BATCH_ITEM);
        let payload = batch.unwrap().children().map(Result::unwrap).last().unwrap();
        payload.bytes.to_vec()
    };
    let mut compared = 0;
    for root in recordings::roots() {
        for path in recordings::files(&root.join("libkmip-pykmip"), ".request.ttlv") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !name.contains("pg_tde") {
                continue;
            }
            let request = std::fs::read(&path).unwrap();
            let response =
                std::fs::read(path.display().to_string().replace(".request.", ".response.")).unwrap();
            let decoded = RequestMessage::decode(&request).unwrap();
            let (want, called) = (payload_of(&request), name.clone());
            let client = memory::client(move |ours| {
                assert_eq!(payload_of(ours), want, "{called}");
                response.clone()
            });
            let client = client.versions([decoded.header.protocol_version]).build().unwrap();
            match decoded.batch_items.first().unwrap().payload {
                RequestPayload::Register(request) => {
                    let tde_kmip_codec::object::ManagedObject::SymmetricKey(key) = request.object else {
                        panic!()
                    };
                    let Some(tde_kmip_codec::object::KeyValue::Plain(value)) = key.key_block.key_value else {
                        panic!()
                    };
                    let tde_kmip_codec::object::KeyMaterial::Bytes(bytes) = value.key_material else {
                        panic!()
                    };
                    let label = name_in(&request.attributes.attributes);
                    let usage = CryptographicUsageMask::ENCRYPT | CryptographicUsageMask::DECRYPT;
                    client
                        .register_symmetric_key(&label, bytes.expose(), CryptographicAlgorithm::AES, usage)
                        .unwrap();
                }
                RequestPayload::Locate(request) => {
                    let attributes = request.attributes.unwrap();
                    client
                        .locate_by_name(
                            &name_in(&attributes),
                            tde_kmip_codec::spec::enumeration::ObjectType::SYMMETRIC_KEY,
                        )
                        .unwrap();
                }
                RequestPayload::Get(request) => {
                    let got = client.get(request.unique_identifier.unwrap().as_text().unwrap());
                    assert!(got.is_ok_and(|got| got.key_material().is_some()) || name.contains("unknown"));
                }
                other => panic!("{other:?}"),
            }
            compared += 1;
        }
    }
    assert!(compared >= 6, "{compared}");
}

fn name_in(attributes: &tde_kmip_codec::attribute::Attributes<'_>) -> String {
    attributes
        .iter()
        .find_map(|attribute| match attribute.value {
            tde_kmip_codec::attribute::AttributeValue::Name(name) => Some(name.name_value.to_owned()),
            _ => None,
        })
        .unwrap()
}

/// A response answers one request only.
#[test]
fn responses_to_other_requests_are_refused() {
    let root = recordings::bundled();
    let get = |kind: &str| {
        std::fs::read(root.join(format!("libkmip-pykmip/03-pg_tde-get-16.{kind}.ttlv"))).unwrap()
    };
    let (request, response) = (get("request"), get("response"));
    let decoded = RequestMessage::decode(&request).unwrap();
    let version = decoded.header.protocol_version;
    let ask = |id: &'static str, response: Vec<u8>| {
        memory::client(move |_| response.clone()).versions([version]).build().unwrap().get(id)
    };
    assert!(ask("1", response.clone()).is_ok());
    let error = ask("2", response.clone()).unwrap_err();
    assert!(matches!(&error, Error::Protocol { source: ProtocolError::OtherObject { .. }, .. }), "{error}");
    let client = memory::client(move |_| response.clone()).versions([version]).build().unwrap();
    let error = client.activate("1").unwrap_err();
    assert!(
        matches!(&error, Error::Protocol { source: ProtocolError::OtherOperation { .. }, .. }),
        "{error}"
    );
    assert!(matches!(error.advice(), Some(advice) if advice.contains("misbehaves")));
}
