//! The KMIP client with the network replaced by bytes.

use std::{
    io::{self, Read, Write},
    sync::{Arc, Mutex},
};

use tde_kmip::{
    client::{
        AttributeTarget, CallOptions, Client, ConnectError, Connector, Decryption, Encryption, Error,
        Outcome, ProtocolError, ServerAddress, Transport,
    },
    framing::Deadline,
};
use tde_kmip_codec::{
    attribute::AttributeReference,
    operation::QueryRequest,
    spec::{
        ProtocolVersion,
        enumeration::{
            BatchErrorContinuationOption, CryptographicAlgorithm, ObjectType, QueryFunction,
            RevocationReasonCode,
        },
        mask::CryptographicUsageMask,
        tag,
    },
};

/// A server that says these bytes, whatever it is asked, and then nothing more.
#[derive(Debug)]
struct Bytes {
    rest: Arc<Mutex<Vec<u8>>>,
    /// How many bytes a read gives at most.
    piece: usize,
    written: u64,
}

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(!buffer.is_empty(), "a read that cannot get on");
        let mut rest = self.rest.lock().expect("one thread");
        let count = rest.len().min(buffer.len()).min(self.piece);
        buffer[..count].copy_from_slice(&rest[..count]);
        rest.drain(..count);
        Ok(count)
    }
}

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Bytes {
    fn set_deadline(&mut self, _: Deadline) {}

    fn written(&self) -> u64 {
        self.written
    }
}

#[derive(Debug)]
struct Says(Arc<Mutex<Vec<u8>>>, usize);

impl Connector for Says {
    fn connect(&self, _: &ServerAddress, _: Deadline) -> Result<Box<dyn Transport>, ConnectError> {
        Ok(Box::new(Bytes { rest: Arc::clone(&self.0), piece: self.1, written: 0 }))
    }
}

/// The first three bytes say what is asked, in which version (or that it is to be negotiated) and in which pieces the
/// rest comes, which is what the server says. Whatever it is: an answer to what was asked, or an error that can be
/// shown.
pub fn kmip_client(data: &[u8]) {
    let [asked, version, piece, said @ ..] = data else { return };
    let said = Arc::new(Mutex::new(said.to_vec()));
    let mut builder = Client::with_connector(Arc::new(Says(said, usize::from(*piece).max(1))))
        .server(ServerAddress::new("bytes", 5696))
        .maximum_response_size(1 << 20)
        .client_correlation(asked & 0x80 != 0);
    if let Some(version) = ProtocolVersion::ALL.get(usize::from(*version)) {
        builder = builder.versions([*version]);
    }
    let client = builder.build().expect("it has a server");
    if let Err(error) = ask(&client, asked & 0x7F) {
        assert!(!error.to_string().is_empty());
        let _ = (
            error.advice(),
            error.server(),
            error.operation(),
            error.may_have_happened(),
            format!("{error:?}"),
        );
        assert!(!error.is_not_found() || error.refusal().is_some());
    }
}

const ID: &str = "1";

fn ask(client: &Client, what: u8) -> Result<(), Error> {
    let name = [AttributeReference::Standard(tag::NAME)];
    match what {
        0 => {
            let got = client.get(ID)?;
            assert!(got.unique_identifier().eq_ignore_ascii_case(ID));
            let _ = (got.object(), got.key_material(), format!("{got:?}"));
        }
        1 => drop(client.locate_by_name("key", ObjectType::SYMMETRIC_KEY)?),
        2 => {
            let mask = CryptographicUsageMask::ENCRYPT;
            client.create_symmetric_key("key", CryptographicAlgorithm::AES, 256, mask)?;
        }
        3 => {
            let mask = CryptographicUsageMask::ENCRYPT;
            client.register_symmetric_key("key", &[7; 32], CryptographicAlgorithm::AES, mask)?;
        }
        4 => {
            let got = client.get_attributes(ID, &name)?;
            assert_eq!(got.attributes().iter().count(), got.attributes().len());
        }
        5 => drop(client.get_attribute_list(ID)?),
        6 => drop(client.query(&[QueryFunction::QUERY_OPERATIONS, QueryFunction::QUERY_SERVER_INFORMATION])?),
        7 => drop(client.discover_versions()?),
        8 => client.activate(ID)?,
        9 => client.revoke(ID, RevocationReasonCode::SUPERSEDED, None, None)?,
        10 => client.destroy(ID)?,
        11 => client.delete_attribute(ID, AttributeTarget::All(name[0]))?,
        12 => drop(client.encrypt(ID, b"plaintext", &Encryption::default())?),
        13 => drop(client.decrypt(ID, b"ciphertext", &Decryption::default())?),
        14 => drop(client.rng_retrieve(16)?),
        15 => drop(client.re_key(ID, None, &[])?),
        _ => batch(client, what)?,
    }
    Ok(())
}

fn batch(client: &Client, what: u8) -> Result<(), Error> {
    let functions = [QueryFunction::QUERY_OBJECTS];
    let query = || QueryRequest { query_functions: (&functions).into(), ..QueryRequest::default() }.into();
    let payloads: Vec<_> = (0..1 + what % 4).map(|_| query()).collect();
    let mut options = CallOptions::default();
    if what & 0x40 != 0 {
        options.message.continuation = Some(BatchErrorContinuationOption::CONTINUE);
    }
    let reply = client.batch(&payloads, &options)?;
    let outcomes = reply.outcomes();
    assert_eq!(outcomes.len(), payloads.len(), "an outcome for each item");
    let refused = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Refused(_)));
    let missing = outcomes.iter().any(|outcome| matches!(outcome, Outcome::NotReached));
    assert!(refused || !missing, "nothing is left undone without a reason");
    // What was taken once is taken again.
    match reply.exchange().outcomes(reply.bytes()) {
        Ok(again) => assert!(again == outcomes),
        Err(error) => panic!("{}", ProtocolError::to_string(&error)),
    }
    Ok(())
}
