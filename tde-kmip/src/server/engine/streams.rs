//! What is remembered between the parts of data (KMIP 1.3 and later): in memory, by Correlation Value and owner, and not
//! for long.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tde_kmip_codec::spec::enumeration::Operation;

use super::{
    EngineOptions,
    asymmetric::Scheme,
    cipher_stream::CipherStream,
    failure::{Failure, Outcome, Stop, Why},
    hashing::Running,
};

/// Work that has begun and waits for more data.
#[derive(Clone)]
pub(super) struct Stream {
    pub(super) operation: Operation,
    /// The key that is used; none for a hash.
    pub(super) object: Option<String>,
    pub(super) work: Work,
}

/// The work itself.
#[derive(Clone)]
pub(super) enum Work {
    Cipher(CipherStream),
    Digest(Digesting),
    Signature(Digesting, Scheme),
}

/// A hash, also one that is to be signed, or a MAC.
pub(super) struct Digesting {
    pub(super) running: Box<dyn Running>,
    /// The value that it is to have, if it is to be verified and that has come.
    pub(super) expected: Option<Vec<u8>>,
}

impl Clone for Digesting {
    fn clone(&self) -> Self {
        Self { running: self.running.copy(), expected: self.expected.clone() }
    }
}

impl Stream {
    /// How many bytes it holds, about.
    fn len(&self) -> usize {
        match &self.work {
            Work::Cipher(cipher) => cipher.len(),
            Work::Digest(digest) | Work::Signature(digest, _) => digest.expected.as_ref().map_or(0, Vec::len),
        }
    }
}

/// The streams of all clients.
#[derive(Default)]
pub(super) struct Streams(Mutex<BTreeMap<Vec<u8>, Open>>);

struct Open {
    owner: String,
    stream: Stream,
    /// Goes up with every part.
    parts: u64,
    /// When the last part came.
    since: i64,
}

impl Streams {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The streams as a batch sees and changes them: nothing is applied before its items are.
pub(super) struct BatchStreams<'s> {
    all: &'s Streams,
    /// Streams whose last part came before this are forgotten.
    oldest: i64,
    pending: BTreeMap<Vec<u8>, Pending>,
}

struct Pending {
    /// How many parts there had been; none for a stream that is new.
    base: Option<u64>,
    /// None once it is finished.
    stream: Option<Stream>,
}

impl<'s> BatchStreams<'s> {
    pub(super) fn new(all: &'s Streams, now: i64, options: &EngineOptions) -> Self {
        let oldest = now.saturating_sub(i64::from(options.stream_idle_time));
        Self { all, oldest, pending: BTreeMap::new() }
    }

    /// The stream with this Correlation Value, if it is one of this owner and operation.
    pub(super) fn get(&mut self, correlation: &[u8], owner: &str, operation: Operation) -> Outcome<Stream> {
        let found = match self.pending.get(correlation) {
            Some(pending) => pending.stream.clone(),
            None => {
                let all = self.all.lock();
                let open =
                    all.get(correlation).filter(|open| open.owner == owner && open.since >= self.oldest);
                open.map(|open| {
                    let base = Some(open.parts);
                    let stream = open.stream.clone();
                    self.pending.insert(correlation.to_vec(), Pending { base, stream: Some(stream.clone()) });
                    stream
                })
            }
        };
        let found = found.filter(|stream| stream.operation == operation);
        Ok(found.ok_or_else(|| {
            let message = "no data in parts is waited for under this Correlation Value";
            Failure::new(Why::NoStream, message)
        })?)
    }

    /// Keeps a stream, new or advanced.
    pub(super) fn put(&mut self, correlation: &[u8], stream: Stream) {
        self.set(correlation, Some(stream));
    }

    /// Forgets a stream that is finished.
    pub(super) fn close(&mut self, correlation: &[u8]) {
        self.set(correlation, None);
    }

    fn set(&mut self, correlation: &[u8], stream: Option<Stream>) {
        match self.pending.get_mut(correlation) {
            Some(pending) => pending.stream = stream,
            None => {
                self.pending.insert(correlation.to_vec(), Pending { base: None, stream });
            }
        }
    }

    pub(super) fn roll_back(&mut self) {
        self.pending.clear();
    }

    /// Applies the changes, together with those that `others` applies: all or none.
    pub(super) fn commit(
        &mut self,
        owner: &str,
        now: i64,
        options: &EngineOptions,
        others: impl FnOnce() -> Outcome,
    ) -> Outcome {
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() {
            return others();
        }
        let mut all = self.all.lock();
        all.retain(|_, open| open.since >= self.oldest);
        for (correlation, change) in &pending {
            if all.get(correlation).map(|open| open.parts) != change.base {
                return Err(Stop::Conflict);
            }
        }
        let kept = all.iter().filter(|(id, open)| open.owner == owner && !pending.contains_key(*id));
        let new = pending.values().filter_map(|change| change.stream.as_ref());
        let lens = kept.map(|(_, open)| open.stream.len()).chain(new.map(Stream::len));
        let (count, bytes) =
            lens.fold((0, 0_usize), |(count, bytes), len| (count + 1, bytes.saturating_add(len)));
        if count > options.max_streams || bytes > options.max_stream_bytes {
            let message = format!(
                "data in parts: more than {} at once, or more than {} bytes held for them",
                options.max_streams, options.max_stream_bytes
            );
            return Err(Failure::new(Why::ServerLimit, message).into());
        }
        others()?;
        for (correlation, change) in pending {
            match change.stream {
                Some(stream) => {
                    let parts = change.base.map_or(1, |parts| parts.saturating_add(1));
                    let owner = owner.to_owned();
                    all.insert(correlation, Open { owner, stream, parts, since: now });
                }
                None => {
                    all.remove(&correlation);
                }
            }
        }
        Ok(())
    }
}
