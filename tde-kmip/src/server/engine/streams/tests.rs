use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tde_kmip_codec::spec::enumeration::{BlockCipherMode, PaddingMethod};

use super::*;

fn stream(held: usize) -> Stream {
    let settings = (BlockCipherMode::GCM, PaddingMethod::NONE, 16);
    let mut cipher = CipherStream::new(true, settings, &[], &[]);
    cipher.advance(&[7; 16], &vec![0; held], false).unwrap();
    Stream { operation: Operation::ENCRYPT, object: None, work: Work::Cipher(cipher) }
}

fn put(streams: &Streams, owner: &str, id: &[u8], held: usize, others: impl FnOnce() -> Outcome) -> Outcome {
    let options = EngineOptions::default();
    let mut batch = BatchStreams::new(streams, 0, &options);
    // Whether it is there or not.
    let _ = batch.get(id, owner, Operation::ENCRYPT);
    batch.put(id, stream(held));
    batch.commit(owner, 0, &options, others)
}

fn held(streams: &Streams, owner: &str, id: &[u8]) -> Option<usize> {
    let mut batch = BatchStreams::new(streams, 0, &EngineOptions::default());
    batch.get(id, owner, Operation::ENCRYPT).ok().map(|stream| stream.len())
}

#[test]
fn a_slow_store_keeps_nobody_else_waiting() {
    let streams = Streams::default();
    put(&streams, "alice", b"one", 10, || Ok(())).unwrap();
    let (begun, has_begun) = mpsc::channel();
    let (go_on, goes_on) = mpsc::channel();
    let (done, is_done) = mpsc::channel();
    thread::scope(|scope| {
        let streams = &streams;
        scope.spawn(move || {
            let others = || {
                begun.send(()).unwrap();
                goes_on.recv().unwrap();
                Ok(())
            };
            put(streams, "alice", b"one", 20, others).unwrap();
        });
        has_begun.recv().unwrap();
        // Another stream, and what the same one was.
        put(streams, "bob", b"two", 1, || Ok(())).unwrap();
        assert_eq!((held(streams, "bob", b"two"), held(streams, "alice", b"one")), (Some(1), Some(10)));
        // The same stream, which is another one afterwards.
        scope.spawn(move || done.send(put(streams, "alice", b"one", 30, || Ok(()))).unwrap());
        assert!(is_done.recv_timeout(Duration::from_millis(100)).is_err(), "it did not wait");
        go_on.send(()).unwrap();
        assert!(matches!(is_done.recv().unwrap(), Err(Stop::Conflict)));
    });
    assert_eq!(held(&streams, "alice", b"one"), Some(20));
}

#[test]
fn what_is_reserved_counts_and_is_free_again_after_a_failure() {
    let streams = Streams::default();
    let most = EngineOptions::default().max_stream_bytes;
    put(&streams, "alice", b"one", 10, || Ok(())).unwrap();
    let failed = put(&streams, "alice", b"one", most, || {
        let beside = put(&streams, "alice", b"two", 1, || Ok(()));
        assert!(matches!(beside, Err(Stop::Failed(_))), "more than may be held");
        put(&streams, "bob", b"two", 1, || Ok(()))?;
        Err(Stop::Conflict)
    });
    assert!(matches!(failed, Err(Stop::Conflict)));
    let failed = put(&streams, "alice", b"new", most - 10, || {
        assert_eq!(held(&streams, "alice", b"new"), None, "it is there too soon");
        Err(Stop::Conflict)
    });
    assert!(matches!(failed, Err(Stop::Conflict)));
    assert_eq!((held(&streams, "alice", b"one"), held(&streams, "alice", b"new")), (Some(10), None));
    put(&streams, "alice", b"new", most - 10, || Ok(())).unwrap();
}

#[test]
fn any_batch_forgets_what_nobody_goes_on_with() {
    let streams = Streams::default();
    let options = EngineOptions::default();
    put(&streams, "alice", b"one", 10, || Ok(())).unwrap();
    let idle = i64::from(options.stream_idle_time);
    BatchStreams::new(&streams, idle, &options);
    assert_eq!(streams.lock().len(), 1);
    BatchStreams::new(&streams, idle + 1, &options);
    assert_eq!(streams.lock().len(), 0);
}
