//! The key server's request path, without its socket: requests in, responses out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tde_kmip::server::engine::{ClientIdentity, Clock, Engine, EngineOptions, Randomness, RandomnessError};
use tde_kmip::server::store::MemoryStore;
use tde_kmip_codec::message::ResponseMessage;
use tde_kmip_codec::ttlv::{Leniency, Options, framed_len};

/// Ten seconds go by with every look.
#[derive(Debug, Default)]
struct Steps(AtomicU64);

impl Clock for Steps {
    fn now(&self) -> i64 {
        1_700_000_000 + 10 * self.0.fetch_add(1, Ordering::Relaxed) as i64
    }
}

/// The same bytes in every run, so that the identifiers of a seed are the same as well.
#[derive(Debug, Default)]
struct Counted(AtomicU64);

impl Randomness for Counted {
    fn fill(&self, room: &mut [u8]) -> Result<(), RandomnessError> {
        for chunk in room.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            chunk.iter_mut().rev().zip(next.iter().rev()).for_each(|(to, from)| *to = *from);
        }
        Ok(())
    }
}

/// Requests one after another: each gets an answer that can be read, in a version that is spoken, with an item for
/// each that was run.
pub fn kmip_server(data: &[u8]) {
    let mut options = EngineOptions::default();
    options.clock = Arc::new(Steps::default());
    options.randomness = Arc::new(Counted::default());
    // Looking for large primes takes longer than all the rest, and is not what is tested.
    options.max_rsa_bits_made = 0;
    options.max_rsa_bits_used = 1024;
    options.max_derivation_rounds = 64;
    let engine = Engine::new(Arc::new(MemoryStore::new()), options);
    let client = ClientIdentity::new("fuzzer");
    // The operation of a request is repeated, whether or not the version has it.
    let lenient =
        Leniency::OTHER_VERSIONS | Leniency::UNKNOWN_ENUMERATION_VALUES | Leniency::UNKNOWN_OPERATIONS;
    let mut rest = data;
    let mut response = Vec::new();
    loop {
        let framed = rest.first_chunk::<8>().and_then(|header| framed_len(header).ok());
        let len = framed.and_then(|len| usize::try_from(len).ok()).unwrap_or(rest.len()).min(rest.len());
        let (request, next) = rest.split_at(len);
        let answered = engine.respond(&client, request, &mut response);
        let read = ResponseMessage::decode_with(&response, Options::new().leniency(lenient), &mut |_| ())
            .expect("a response that can be read");
        assert!(read.header.protocol_version.is_known());
        assert_eq!(read.header.protocol_version, answered.version);
        assert_eq!(read.batch_items.len(), answered.items.len());
        assert!(!answered.items.is_empty());
        for (said, noted) in read.batch_items.iter().zip(&answered.items) {
            assert_eq!((said.result_status, said.result_reason), (noted.status, noted.reason));
        }
        if next.is_empty() || len == 0 {
            break;
        }
        rest = next;
    }
}
