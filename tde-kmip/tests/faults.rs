//! Servers that misbehave, and networks: clear errors, bounded memory, no wait beyond the time given.
#![cfg(all(feature = "client", feature = "server"))]
// A test reports by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "common/bad_server.rs"]
mod bad_server;
#[path = "common/certificates.rs"]
#[allow(dead_code)] // Shared with tests that need the rest.
mod certificates;
#[path = "common/memory.rs"]
mod memory;

use std::{
    io::Write,
    net::TcpListener,
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use bad_server::{Tls, resetting, send, tcp, tls};
use certificates::{Authority, Issued, Odd};
use tde_kmip::{
    client::{CallOptions, Client, ClientBuilder, Error, Outcome, ProtocolError, ServerAddress},
    framing::FramingError,
    tls::ClientTls,
};
use tde_kmip_codec::{
    DateTime,
    message::{RequestMessage, ResponseBatchItem, ResponseHeader, ResponseMessage},
    operation::{
        ActivateResponse, CreateResponse, DiscoverVersionsResponse, QueryRequest, QueryResponse,
        ResponsePayload,
    },
    spec::{
        ProtocolVersion,
        enumeration::{
            CryptographicAlgorithm, ObjectType, Operation, QueryFunction, ResultReason, ResultStatus,
        },
        mask::CryptographicUsageMask,
    },
};

const QUERY: &[QueryFunction] = &[QueryFunction::QUERY_OPERATIONS];
const V1_4: ProtocolVersion = ProtocolVersion::V1_4;
/// Far more than any of these servers needs to be noticed, far less than a test may hang.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an honest server would say.
fn honest(request: &[u8]) -> Vec<u8> {
    let request = RequestMessage::decode(request).unwrap();
    let items: Vec<_> =
        request.batch_items.iter().map(|item| answered(item.operation, item.unique_batch_item_id)).collect();
    let mut header =
        ResponseHeader::new(request.header.protocol_version, DateTime(0), items.len().try_into().unwrap());
    header.client_correlation_value = request.header.client_correlation_value;
    ResponseMessage { header, batch_items: items.as_slice().into() }.encode_to_vec().unwrap()
}

fn answered(operation: Operation, id: Option<&[u8]>) -> ResponseBatchItem<'_> {
    let mut item = ResponseBatchItem::new(ResultStatus::SUCCESS);
    item.operation = Some(operation);
    item.unique_batch_item_id = id;
    item.payload = Some(match operation {
        Operation::QUERY => QueryResponse::default().into(),
        Operation::ACTIVATE => ActivateResponse::new("1".into()).into(),
        Operation::CREATE => CreateResponse::new(ObjectType::SYMMETRIC_KEY, "1".into()).into(),
        Operation::DISCOVER_VERSIONS => {
            let versions: &[ProtocolVersion] = &[ProtocolVersion::V1_4, ProtocolVersion::V1_0];
            let payload = DiscoverVersionsResponse {
                protocol_versions: versions.into(),
                ..DiscoverVersionsResponse::default()
            };
            ResponsePayload::from(payload)
        }
        other => panic!("{other:?}"),
    });
    item
}

/// A client that trusts the authority; in one version, so that the first message is the request.
fn client(authority: &Authority, server: ServerAddress) -> ClientBuilder {
    let tls = ClientTls::new().authorities_pem(authority.pem().as_bytes()).unwrap().build().unwrap();
    Client::builder(tls).server(server).versions([V1_4])
}

fn create(client: &Client) -> Result<String, Error> {
    let usage = CryptographicUsageMask::ENCRYPT;
    client
        .create_symmetric_key("key", CryptographicAlgorithm::AES, 256, usage)
        .map(|created| created.unique_identifier)
}

/// A server over TLS that answers so, and a client for it.
fn against(
    answer: impl Fn(&[u8], &mut Tls) -> bool + Send + Sync + 'static,
) -> (ClientBuilder, bad_server::Seen) {
    let authority = Authority::new("authority");
    let config = bad_server::config(&authority, &authority.server(&["127.0.0.1"]));
    let (address, seen) = tls(config, answer);
    (client(&authority, address), seen)
}

#[test]
fn a_message_cut_short_is_asked_for_again_only_if_that_is_safe() {
    let cut = |request: &[u8], stream: &mut Tls| {
        let response = honest(request);
        send(stream, &response[..response.len() / 2]);
        false
    };
    let (builder, seen) = against(cut);
    let client = builder.retries(2).build().unwrap();
    let error = client.query(QUERY).unwrap_err();
    assert!(
        matches!(&error, Error::Connection { source: FramingError::Truncated { .. }, sent: true, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("Query: the connection ended inside a message"), "{error}");
    assert_eq!((seen.requests(), seen.connections()), (3, 3), "once and two repetitions");

    let error = create(&client).unwrap_err();
    assert!(error.may_have_happened(), "{error}");
    assert_eq!(seen.requests(), 4, "a Create that went out is not repeated");
}

#[test]
fn a_server_that_closes_is_connected_to_again() {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let (builder, seen) = against(move |request, stream| {
        send(stream, &honest(request));
        stream.conn.send_close_notify();
        let _ = stream.conn.write_tls(&mut stream.sock);
        stream.sock.shutdown(std::net::Shutdown::Write).unwrap();
        tell.lock().unwrap().send(()).unwrap();
        false
    });
    let client = builder.build().unwrap();
    for _ in 0..3 {
        // Even what is not repeatable: the close is seen before the request goes out.
        create(&client).unwrap();
        told.recv().unwrap();
        client.query(QUERY).unwrap();
        told.recv().unwrap();
    }
    assert_eq!(seen.requests(), 6);
}

#[test]
fn connections_are_kept_unless_they_are_idle_for_too_long() {
    let (builder, seen) = against(|request, stream| send(stream, &honest(request)));
    let client = builder.build().unwrap();
    for _ in 0..5 {
        client.query(QUERY).unwrap();
    }
    assert_eq!((seen.requests(), seen.connections()), (5, 1));
    client.disconnect();
    client.query(QUERY).unwrap();
    assert_eq!(seen.connections(), 2);

    let (builder, seen) = against(|request, stream| send(stream, &honest(request)));
    let client = builder.idle_limit(Duration::ZERO).build().unwrap();
    for _ in 0..3 {
        client.query(QUERY).unwrap();
    }
    assert_eq!((seen.requests(), seen.connections()), (3, 3));
}

#[test]
fn the_version_is_settled_once_for_several_connections() {
    let (builder, seen) = against(|request, stream| send(stream, &honest(request)));
    let client = builder.versions(ProtocolVersion::ALL).idle_limit(Duration::ZERO).build().unwrap();
    for _ in 0..3 {
        client.query(QUERY).unwrap();
    }
    assert_eq!((seen.requests(), seen.connections()), (4, 3));
}

/// Sends that, a byte now and then, until the client is gone.
fn trickle(stream: &mut impl Write, bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| {
        std::thread::sleep(Duration::from_millis(20));
        send(stream, &[*byte])
    })
}

#[test]
fn a_server_that_trickles_costs_no_more_than_the_time_given() {
    let time = Duration::from_millis(300);
    let (builder, _) = against(|_, stream| {
        let announced = [&[0x42, 0, 0x7B, 1, 0, 0, 0x40, 0][..], &[0; 1000]].concat();
        trickle(stream, &announced)
    });
    let client = builder.request_timeout(time).build().unwrap();
    let begin = Instant::now();
    let error = client.query(QUERY).unwrap_err();
    let took = begin.elapsed();
    assert!(
        matches!(
            &error,
            Error::Connection { source: FramingError::TimedOut { expected: Some(0x4008), .. }, .. }
        ),
        "{error}"
    );
    assert!(took >= time && took < PATIENCE, "{took:?}");

    // The same below TLS: a record whose bytes trickle is one read up there.
    let (address, _) = tcp(|mut stream| {
        let record = [&[0x16, 3, 3, 0x20, 0][..], &[0; 1000]].concat();
        trickle(&mut stream, &record);
    });
    let client = client_of(address).connect_timeout(time).build().unwrap();
    let begin = Instant::now();
    let error = client.query(QUERY).unwrap_err();
    let took = begin.elapsed();
    assert!(error.to_string().contains("no TLS with 127.0.0.1"), "{error}");
    assert!(error.to_string().contains("the time was up"), "{error}");
    assert!(took >= time && took < PATIENCE, "{took:?}");
}

fn client_of(address: ServerAddress) -> ClientBuilder {
    client(&Authority::new("authority"), address)
}

#[test]
fn a_silent_server_costs_no_more_than_the_time_given() {
    let (builder, seen) = against(|_, stream| {
        let _ = std::io::Read::read(stream, &mut [0]);
        false
    });
    let time = Duration::from_millis(200);
    let client = builder.request_timeout(PATIENCE).build().unwrap();
    let query = || QueryRequest { query_functions: QUERY.into(), ..QueryRequest::default() };
    let begin = Instant::now();
    let options = CallOptions { timeout: Some(time), ..CallOptions::default() };
    let error = client.call(query().into(), &options).unwrap_err();
    let took = begin.elapsed();
    assert!(
        matches!(&error, Error::Connection { source: FramingError::TimedOut { received: 0, .. }, .. }),
        "{error}"
    );
    assert!(took >= time && took < PATIENCE, "{took:?}");
    assert_eq!(seen.requests(), 1, "what timed out is not asked again");

    // A port that takes connections and nothing else: not even TLS begins.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = ServerAddress::new("127.0.0.1", listener.local_addr().unwrap().port());
    let client = client_of(address).connect_timeout(time).build().unwrap();
    let begin = Instant::now();
    let error = client.query(QUERY).unwrap_err();
    assert!(matches!(error, Error::Connect { .. }) && begin.elapsed() < PATIENCE, "{error}");
}

#[test]
fn sizes_are_refused_before_anything_is_allocated() {
    for (length, text) in [
        ([0xFF, 0xFF, 0xFF, 0xF8], "a message of 4294967296 bytes was announced; the limit is 16777216"),
        ([0x01, 0, 0, 0], "a message of 16777224 bytes was announced; the limit is 16777216"),
        ([0, 0, 0, 1], "a message of 9 bytes was announced, which is no multiple of 8"),
    ] {
        let answer = move |_: &[u8], stream: &mut Tls| {
            send(stream, &[[0x42, 0, 0x7B, 1], length].concat());
            // The connection stays open: the client must not wait for the rest.
            std::io::Read::read(stream, &mut [0]).is_ok_and(|count| count != 0)
        };
        let begin = Instant::now();
        let error = against(answer).0.build().unwrap().query(QUERY).unwrap_err();
        assert!(error.to_string().ends_with(text), "{error}");
        assert!(error.advice().is_some() && begin.elapsed() < PATIENCE);
    }
    let (builder, _) = against(|request, stream| send(stream, &honest(request)));
    let error = builder.maximum_response_size(64).build().unwrap().query(QUERY).unwrap_err();
    assert!(error.to_string().contains("the limit is 64"), "{error}");
}

#[test]
fn garbage_is_named() {
    for (garbage, text) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "what came is no KMIP response: it begins with \"HTTP\""),
        (&[0x42, 0, 0x78, 1, 0, 0, 0, 0], "it begins with 0x42007801"),
        (&[0x42, 0, 0x7B, 1, 0, 0, 0, 0], "the response cannot be read: required field"),
        (&[0x42, 0, 0x7B, 1, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8], "the response cannot be read"),
    ] {
        let answer = |_: &[u8], stream: &mut Tls| send(stream, garbage);
        let error = against(answer).0.build().unwrap().query(QUERY).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
        assert!(error.advice().is_some(), "{error}");
    }
}

/// The honest answer, changed.
fn changed(
    change: fn(&mut ResponseHeader<'_>, &mut Vec<ResponseBatchItem<'_>>),
) -> impl FnMut(&[u8]) -> Vec<u8> {
    move |request| {
        let honest = honest(request);
        let response = ResponseMessage::decode(&honest).unwrap();
        let (mut header, mut items) = (response.header, response.batch_items.iter().collect());
        change(&mut header, &mut items);
        header.batch_count = items.len().try_into().unwrap();
        ResponseMessage { header, batch_items: items.as_slice().into() }.encode_to_vec().unwrap()
    }
}

fn two_queries(answer: impl FnMut(&[u8]) -> Vec<u8> + Send + 'static) -> Result<usize, ProtocolError> {
    let client = memory::client(answer).versions([V1_4]).client_correlation(true).build().unwrap();
    let query = || QueryRequest { query_functions: QUERY.into(), ..QueryRequest::default() }.into();
    match client.batch(&[query(), query()], &CallOptions::default()) {
        Ok(reply) => {
            Ok(reply.outcomes().iter().filter(|outcome| matches!(outcome, Outcome::Done(_))).count())
        }
        Err(Error::Protocol { source, .. }) => Err(source),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn responses_are_matched_to_requests() {
    assert_eq!(two_queries(changed(|_, _| {})), Ok(2));
    // Another order, told by the identifiers; or no identifiers, and the same order.
    assert_eq!(two_queries(changed(|_, items| items.reverse())), Ok(2));
    let nameless = changed(|_, items| items.iter_mut().for_each(|item| item.unique_batch_item_id = None));
    assert_eq!(two_queries(nameless), Ok(2));
    // No correlation value is given back: servers may leave it out.
    assert_eq!(two_queries(changed(|header, _| header.client_correlation_value = None)), Ok(2));

    let stranger = changed(|_, items| items[1].unique_batch_item_id = Some(b"stranger"));
    assert_eq!(two_queries(stranger), Err(ProtocolError::UnknownItem { place: 2 }));
    let twice = changed(|_, items| items[1] = items[0].clone());
    assert_eq!(two_queries(twice), Err(ProtocolError::UnknownItem { place: 2 }));
    let half_named = changed(|_, items| items[1].unique_batch_item_id = None);
    assert_eq!(two_queries(half_named), Err(ProtocolError::UnknownItem { place: 2 }));
    let more = changed(|_, items| items.push(items[0].clone()));
    assert_eq!(two_queries(more), Err(ProtocolError::TooManyItems { asked: 2, answered: 3 }));
    let fewer = changed(|_, items| items.truncate(1));
    let operation = Operation::QUERY;
    assert_eq!(two_queries(fewer), Err(ProtocolError::Unanswered { place: 2, operation }));
    let other = changed(|header, _| header.client_correlation_value = Some("other"));
    assert_eq!(two_queries(other), Err(ProtocolError::OtherRequest));
    let version = changed(|header, _| {
        header.protocol_version = ProtocolVersion::V1_3;
        header.client_correlation_value = None;
    });
    let answered = ProtocolVersion::V1_3;
    assert_eq!(two_queries(version), Err(ProtocolError::OtherVersion { asked: V1_4, answered }));
    let operation = changed(|_, items| items[0] = answered_activate());
    assert!(two_queries(operation).is_err());
}

fn answered_activate() -> ResponseBatchItem<'static> {
    answered(Operation::ACTIVATE, None)
}

/// A refusal of the whole message, in the version that the server fell back to.
fn refusing(version: ProtocolVersion, reason: ResultReason) -> Vec<u8> {
    let mut item = ResponseBatchItem::new(ResultStatus::OPERATION_FAILED);
    item.result_reason = Some(reason);
    item.result_message = Some("no\u{1b}[31m!");
    let header = ResponseHeader::new(version, DateTime(0), 1);
    ResponseMessage { header, batch_items: (&[item]).into() }.encode_to_vec().unwrap()
}

#[test]
fn versions_are_settled_with_servers_old_and_new() {
    let settle = |answer: fn(&RequestMessage<'_>, &[u8]) -> Vec<u8>| {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&asked);
        let client = memory::client(move |bytes| {
            let request = RequestMessage::decode(bytes).unwrap();
            told.lock().unwrap().push(request.header.protocol_version);
            answer(&request, bytes)
        });
        let version = client.build().unwrap().version();
        (version, asked.lock().unwrap().clone())
    };
    let (version, asked) = settle(|_, bytes| honest(bytes));
    assert_eq!((version.unwrap(), asked), (ProtocolVersion::V1_4, vec![ProtocolVersion::V1_1]));

    // A server of 1.0 does not know the operation; nor what 1.1 is.
    let (version, _) = settle(|request, _| {
        let mut item = ResponseBatchItem::new(ResultStatus::OPERATION_FAILED);
        item.operation = Some(Operation::DISCOVER_VERSIONS);
        item.result_reason = Some(ResultReason::OPERATION_NOT_SUPPORTED);
        let header = ResponseHeader::new(request.header.protocol_version, DateTime(0), 1);
        ResponseMessage { header, batch_items: (&[item]).into() }.encode_to_vec().unwrap()
    });
    assert_eq!(version.unwrap(), ProtocolVersion::V1_0);
    let (version, _) = settle(|_, _| refusing(ProtocolVersion::V1_0, ResultReason::INVALID_MESSAGE));
    assert_eq!(version.unwrap(), ProtocolVersion::V1_0);

    // A server of 2.x only.
    let (version, asked) = settle(|request, bytes| {
        if request.header.protocol_version < ProtocolVersion::V2_0 {
            return refusing(ProtocolVersion::V2_0, ResultReason::UNSUPPORTED_PROTOCOL_VERSION);
        }
        let honest = honest(bytes);
        let response = ResponseMessage::decode(&honest).unwrap();
        let mut item = response.batch_items.first().unwrap();
        let versions = [ProtocolVersion::V2_1, ProtocolVersion::V2_0];
        let payload = DiscoverVersionsResponse {
            protocol_versions: (&versions).into(),
            ..DiscoverVersionsResponse::default()
        };
        item.payload = Some(payload.into());
        ResponseMessage { header: response.header, batch_items: (&[item]).into() }.encode_to_vec().unwrap()
    });
    assert_eq!(version.unwrap(), ProtocolVersion::V2_1);
    assert_eq!(asked, [ProtocolVersion::V1_1, ProtocolVersion::V2_0]);

    // Who may not ask is told so, and is not put off with 1.0.
    let (version, _) =
        settle(|_, _| refusing(ProtocolVersion::V1_1, ResultReason::AUTHENTICATION_NOT_SUCCESSFUL));
    let error = version.unwrap_err();
    assert!(error.to_string().contains("Authentication Not Successful"), "{error}");
    assert!(!error.to_string().contains('\u{1b}'), "control characters of a server's");

    let client =
        memory::client(honest).versions([ProtocolVersion::V2_1, ProtocolVersion::V1_3]).build().unwrap();
    let error = client.version().unwrap_err();
    assert!(
        error.to_string().ends_with("no version in common: the server has 1.4, 1.0, the client 2.1, 1.3"),
        "{error}"
    );
}

/// The best first.
const OLD_AND_NEW: [ProtocolVersion; 3] =
    [ProtocolVersion::V1_4, ProtocolVersion::V1_2, ProtocolVersion::V1_0];

/// A server of before Discover Versions: it closes the connection on what it does not know.
fn old(request: &[u8], stream: &mut Tls) -> bool {
    let version = RequestMessage::decode(request).unwrap().header.protocol_version;
    version == ProtocolVersion::V1_0 && send(stream, &honest(request))
}

#[test]
fn a_server_that_hangs_up_on_discover_versions_is_spoken_to_in_1_0() {
    let (builder, seen) = against(old);
    let client = builder.versions(OLD_AND_NEW).idle_limit(Duration::ZERO).build().unwrap();
    assert_eq!(client.version().unwrap(), ProtocolVersion::V1_0);
    assert_eq!((seen.requests(), seen.connections()), (2, 2), "the question, and the same in 1.0");
    // It might have been ending: that is not for good until it does so again.
    client.query(QUERY).unwrap();
    assert_eq!((seen.requests(), seen.connections()), (5, 4));
    create(&client).unwrap();
    assert_eq!((seen.requests(), seen.connections()), (6, 5), "it is not asked any more");

    // Without 1.0 there is nothing to ask again in.
    let (builder, seen) = against(old);
    let client = builder.versions([ProtocolVersion::V1_4, ProtocolVersion::V1_2]).build().unwrap();
    let error = client.version().unwrap_err();
    assert!(matches!(&error, Error::Connection { source: FramingError::Closed, .. }), "{error}");
    assert_eq!(seen.connections(), 1);
}

#[test]
fn a_server_that_hangs_up_once_is_not_taken_for_an_old_one() {
    let first = Mutex::new(true);
    let (builder, seen) = against(move |request, stream| {
        !std::mem::take(&mut *first.lock().unwrap()) && send(stream, &honest(request))
    });
    let client = builder.versions(OLD_AND_NEW).build().unwrap();
    assert_eq!(client.version().unwrap(), ProtocolVersion::V1_0, "as far as one connection can tell");
    client.disconnect();
    assert_eq!(client.version().unwrap(), ProtocolVersion::V1_4);
    assert_eq!(seen.connections(), 3);
}

/// What a server of 1.2 and 1.1 says to a message of 1.4.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Older {
    Refuses,
    AnswersIn1_2,
    HangsUp,
}

/// A client that learnt 1.4 of a server whose place one of 1.2 then took.
fn downgraded(older: Older) -> Client {
    let asked = Mutex::new(0);
    let answer = move |bytes: &[u8]| {
        let request = RequestMessage::decode(bytes).unwrap();
        let operation = request.batch_items.first().unwrap().operation;
        let version = request.header.protocol_version;
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        // The question for the versions, and a request.
        if *asked <= 2 {
            return honest(bytes);
        }
        let spoken = match (version, older) {
            (ProtocolVersion::V1_4, Older::Refuses) => {
                return refusing(ProtocolVersion::V1_2, ResultReason::INVALID_MESSAGE);
            }
            (ProtocolVersion::V1_4, Older::HangsUp) => return Vec::new(),
            (ProtocolVersion::V1_4, Older::AnswersIn1_2) => ProtocolVersion::V1_2,
            (version, _) => version,
        };
        let mut item = answered(operation, None);
        if operation == Operation::DISCOVER_VERSIONS {
            let payload = DiscoverVersionsResponse {
                protocol_versions: (&[ProtocolVersion::V1_2, ProtocolVersion::V1_1]).into(),
                ..DiscoverVersionsResponse::default()
            };
            item.payload = Some(payload.into());
        }
        let header = ResponseHeader::new(spoken, DateTime(0), 1);
        ResponseMessage { header, batch_items: (&[item]).into() }.encode_to_vec().unwrap()
    };
    let client = memory::client(answer).build().unwrap();
    client.query(QUERY).unwrap();
    assert_eq!(client.version().unwrap(), ProtocolVersion::V1_4);
    client.disconnect();
    client
}

#[test]
fn a_version_is_forgotten_when_the_server_no_longer_speaks_it() {
    for older in [Older::Refuses, Older::AnswersIn1_2, Older::HangsUp] {
        let client = downgraded(older);
        client.query(QUERY).unwrap_or_else(|error| panic!("{older:?}: {error}"));
        assert_eq!(client.version().unwrap(), ProtocolVersion::V1_2, "{older:?}");

        // What may have been done is not repeated, and the next call is as good as one of a new client.
        let client = downgraded(older);
        match create(&client) {
            Ok(_) => assert_eq!(older, Older::Refuses),
            Err(error) => {
                assert!(older != Older::Refuses && error.may_have_happened(), "{older:?}: {error}");
                create(&client).unwrap_or_else(|error| panic!("{older:?}: {error}"));
            }
        }
        assert_eq!(client.version().unwrap(), ProtocolVersion::V1_2, "{older:?}");
    }
}

#[test]
fn a_server_that_hangs_up_on_everything_is_named_and_left_alone() {
    let authority = Authority::new("authority");
    let config = bad_server::config(&authority, &authority.server(&["127.0.0.1"]));
    for (address, seen) in [tls(Arc::clone(&config), |_, _| false), resetting(config)] {
        let client = client(&authority, address.clone()).versions(OLD_AND_NEW).retries(3);
        let error = create(&client.build().unwrap()).unwrap_err();
        assert!(matches!(error, Error::HangsUp { .. }), "{error}");
        let text =
            format!("{address}: DiscoverVersions: the server closes the connection instead of answering");
        assert!(error.to_string().starts_with(&text), "{error}");
        assert!(error.advice().unwrap().contains("client certificate"), "{:?}", error.advice());
        assert!(!error.may_have_happened(), "the Create did not go out");
        assert_eq!(seen.connections(), 2);
    }
}

/// What is said of a server with that certificate.
fn refused(authority: &Authority, trusted: &Authority, issued: &Issued) -> Error {
    let config = bad_server::config(authority, issued);
    let (address, _) = tls(config, |request, stream| send(stream, &honest(request)));
    client(trusted, address).build().unwrap().query(QUERY).unwrap_err()
}

#[test]
fn certificates_that_are_not_right_are_told_apart() {
    let authority = Authority::new("authority");
    let names = ["127.0.0.1"];
    let good = authority.server(&names);
    let says = |error: Error, text: &str, advice: &str| {
        assert!(matches!(error, Error::Connect { .. }), "{error}");
        assert!(error.to_string().contains(text), "{error}");
        assert!(error.advice().unwrap().contains(advice), "{:?}", error.advice());
    };
    let other = Authority::new("another authority");
    let error = refused(&authority, &other, &good);
    says(error, "certificate (CN=server) is of an authority that is not trusted (CN=authority)", "CA file");

    let odd = |days_from, days_to| Odd { days_from, days_to, ..Odd::default() };
    let expired = authority.issue("server", &names, true, odd(-10, -1));
    says(refused(&authority, &authority, &expired), "the server's certificate expired at 20", "Renew");
    let early = authority.issue("server", &names, true, odd(1, 10));
    says(
        refused(&authority, &authority, &early),
        "the server's certificate is not valid before 20",
        "clocks",
    );

    let elsewhere = authority.server(&["kms.example", "192.0.2.1"]);
    let error = refused(&authority, &authority, &elsewhere);
    says(error, "is not for 127.0.0.1; it is for kms.example, 192.0.2.1", "kms.example");
    let nowhere = authority.issue("127.0.0.1", &[], true, Odd::default());
    let error = refused(&authority, &authority, &nowhere);
    says(error, "it is for no name (its common name is 127.0.0.1)", "subject alternative name");

    let wrong_usage = Odd { wrong_usage: true, ..Odd::default() };
    let a_client = authority.issue("server", &names, true, wrong_usage);
    says(refused(&authority, &authority, &a_client), "may not be used by a server", "serverAuth");

    // Only by its ugly name.
    let config = bad_server::config(&authority, &elsewhere);
    let (address, _) = tls(config, |request, stream| send(stream, &honest(request)));
    let tls = ClientTls::new().dangerous().without_server_verification().build().unwrap();
    Client::builder(tls).server(address).versions([V1_4]).build().unwrap().query(QUERY).unwrap();
}

#[test]
fn an_rsa_certificate_will_do() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out chain.pem -days 2 -subj /CN=rsa \
                     -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE";
    let mut command = std::process::Command::new("openssl");
    match command.args(arguments.split_whitespace()).current_dir(folder.path()).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => return eprintln!("SKIPPED: no openssl here: {error}"),
    }
    let read = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let issued = Issued { chain: read("chain.pem"), key: read("key.pem") };
    let config = bad_server::config(&Authority::new("clients"), &issued);
    let (address, _) = tls(config, |request, stream| send(stream, &honest(request)));
    let tls = ClientTls::new().authorities_pem(issued.chain.as_bytes()).unwrap().build().unwrap();
    Client::builder(tls).server(address).versions([V1_4]).build().unwrap().query(QUERY).unwrap();
}

#[test]
fn peers_that_speak_no_tls_are_named() {
    for greeting in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        &[0x42, 0, 0x7B, 1, 0, 0, 0, 0],
    ] {
        let (address, _) = tcp(move |mut stream| {
            send(&mut stream, greeting);
            let _ = std::io::Read::read_to_end(&mut stream, &mut Vec::new());
        });
        let error = client_of(address).build().unwrap().query(QUERY).unwrap_err();
        assert!(error.to_string().contains("does not speak TLS on this port"), "{error}");
        assert!(error.advice().unwrap().contains("5696"), "{error}");
    }
    let (address, _) = tcp(drop);
    let error = client_of(address).build().unwrap().query(QUERY).unwrap_err();
    assert!(error.to_string().contains("the server closed the connection"), "{error}");

    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error =
        client_of(ServerAddress::new("127.0.0.1", closed.port())).build().unwrap().query(QUERY).unwrap_err();
    assert!(error.to_string().contains(&format!("no connection to {closed}")), "{error}");
    let error =
        client_of(ServerAddress::new("no such host", 5696)).build().unwrap().query(QUERY).unwrap_err();
    assert!(error.to_string().contains("neither a DNS name nor an IP address"), "{error}");
}

#[test]
fn the_next_server_takes_over() {
    let authority = Authority::new("authority");
    let issued = authority.server(&["127.0.0.1"]);
    let config = bad_server::config(&authority, &issued);
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // The first of the living takes requests and hangs up; the second answers.
    let (rude, rude_seen) = tls(Arc::clone(&config), |_, _| false);
    let (good, good_seen) = tls(config, |request, stream| send(stream, &honest(request)));
    let client =
        client(&authority, ServerAddress::new("127.0.0.1", dead)).server(rude.clone()).server(good.clone());
    let client = client.build().unwrap();
    client.query(QUERY).unwrap();
    assert_eq!((rude_seen.requests(), good_seen.requests()), (1, 1));
    assert_eq!(client.connect().unwrap().server, good);
    // The connection is kept, so that what must not be repeated goes there as well.
    create(&client).unwrap();
    assert_eq!((rude_seen.requests(), good_seen.requests()), (1, 2));
    client.disconnect();
    let error = create(&client).unwrap_err();
    assert_eq!(error.server(), Some(&rude));
    assert!(error.may_have_happened(), "{error}");
}

/// As one behind a firewall that drops packets: it would take all the time there is.
#[test]
fn a_server_that_does_not_answer_leaves_time_for_the_next() {
    let authority = Authority::new("authority");
    let config = bad_server::config(&authority, &authority.server(&["127.0.0.1"]));
    let silent = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        (ServerAddress::new("127.0.0.1", listener.local_addr().unwrap().port()), listener)
    };
    let ((first, _one), (second, _two)) = (silent(), silent());
    let (good, seen) = tls(config, |request, stream| send(stream, &honest(request)));
    let time = Duration::from_secs(3);
    let client = client(&authority, first).server(second).server(good.clone());
    let client = client.connect_timeout(time).request_timeout(time).build().unwrap();
    let begin = Instant::now();
    create(&client).unwrap();
    assert!(begin.elapsed() < time, "{:?}", begin.elapsed());
    assert_eq!((client.connect().unwrap().server, seen.requests()), (good, 1));
}
