//! What is remembered between the parts of data (KMIP 1.3 and later): in memory, by Correlation Value and owner, and not
//! for long.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
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
pub(super) struct Streams {
    open: Mutex<BTreeMap<Vec<u8>, Open>>,
    /// Notified when streams that were reserved no longer are.
    released: Condvar,
    /// No stream waits for longer than since then.
    earliest: AtomicI64,
}

struct Open {
    owner: String,
    /// None while it is new and its batch is not applied yet.
    stream: Option<Arc<Stream>>,
    /// Goes up with every part.
    parts: u64,
    /// When the last part came.
    since: i64,
    /// How many bytes it holds, or will hold if that is more.
    len: usize,
    /// Whether a batch is being applied that changes it: others wait.
    reserved: bool,
}

impl Streams {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets those whose last part came before this.
    fn sweep(&self, oldest: i64) {
        if self.earliest.load(Ordering::Relaxed) >= oldest {
            return;
        }
        let mut open = self.lock();
        let expired = open.iter().filter(|(_, open)| open.since < oldest && !open.reserved);
        let expired: Vec<Vec<u8>> = expired.map(|(id, _)| id.clone()).collect();
        let forgotten: Vec<Option<Open>> = expired.iter().map(|id| open.remove(id)).collect();
        let earliest = open.values().map(|open| open.since).min();
        self.earliest.store(earliest.unwrap_or(i64::MAX), Ordering::Relaxed);
        drop(open);
        // What they held is wiped without the lock.
        drop(forgotten);
    }

    /// Keeps others from the streams that are to change, and room for what they will hold.
    fn reserve(
        &self,
        owner: &str,
        now: i64,
        options: &EngineOptions,
        pending: BTreeMap<Vec<u8>, Pending>,
    ) -> Outcome<Reserved<'_>> {
        let mut open = self.lock();
        // Nothing is reserved while this waits, so that two cannot wait for each other.
        while pending.keys().any(|id| open.get(id).is_some_and(|open| open.reserved)) {
            open = self.released.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
        for (id, change) in &pending {
            if open.get(id).map(|open| open.parts) != change.base {
                return Err(Stop::Conflict);
            }
        }
        let kept = open.iter().filter(|(id, open)| open.owner == owner && !pending.contains_key(*id));
        let new = pending.values().filter_map(|change| change.stream.as_ref());
        let lens = kept.map(|(_, open)| open.len).chain(new.map(|stream| stream.len()));
        let (count, bytes) =
            lens.fold((0, 0_usize), |(count, bytes), len| (count + 1, bytes.saturating_add(len)));
        if count > options.max_streams || bytes > options.max_stream_bytes {
            let message = format!(
                "data in parts: more than {} at once, or more than {} bytes held for them",
                options.max_streams, options.max_stream_bytes
            );
            return Err(Failure::new(Why::ServerLimit, message).into());
        }
        for (id, change) in &pending {
            let Some(stream) = &change.stream else {
                if let Some(open) = open.get_mut(id) {
                    open.reserved = true;
                }
                continue;
            };
            let place = open.entry(id.clone()).or_insert_with(|| Open {
                owner: owner.to_owned(),
                stream: None,
                parts: 0,
                since: now,
                len: 0,
                reserved: true,
            });
            place.reserved = true;
            place.len = place.len.max(stream.len());
        }
        drop(open);
        Ok(Reserved { streams: self, pending })
    }
}

/// Streams that are about to change. Dropped before, they stay as they were.
struct Reserved<'s> {
    streams: &'s Streams,
    pending: BTreeMap<Vec<u8>, Pending>,
}

impl Reserved<'_> {
    /// Makes the changes.
    fn publish(mut self, owner: &str, now: i64) {
        let mut replaced = Vec::new();
        let mut open = self.streams.lock();
        for (id, change) in std::mem::take(&mut self.pending) {
            replaced.push(match change.stream {
                Some(stream) => {
                    let parts = change.base.map_or(1, |parts| parts.saturating_add(1));
                    let (owner, len) = (owner.to_owned(), stream.len());
                    let stream = Some(stream);
                    open.insert(id, Open { owner, stream, parts, since: now, len, reserved: false })
                }
                None => open.remove(&id),
            });
        }
        self.streams.earliest.fetch_min(now, Ordering::Relaxed);
        drop(open);
        self.streams.released.notify_all();
        // What they held is wiped without the lock.
        drop(replaced);
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let mut open = self.streams.lock();
        for id in self.pending.keys() {
            let Some(place) = open.get_mut(id) else { continue };
            match &place.stream {
                Some(stream) => {
                    place.len = stream.len();
                    place.reserved = false;
                }
                None => {
                    open.remove(id);
                }
            }
        }
        drop(open);
        self.streams.released.notify_all();
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
    stream: Option<Arc<Stream>>,
}

impl<'s> BatchStreams<'s> {
    pub(super) fn new(all: &'s Streams, now: i64, options: &EngineOptions) -> Self {
        let oldest = now.saturating_sub(i64::from(options.stream_idle_time));
        all.sweep(oldest);
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
                let open = open.and_then(|open| Some((open.parts, Arc::clone(open.stream.as_ref()?))));
                drop(all);
                open.map(|(parts, stream)| {
                    let pending = Pending { base: Some(parts), stream: Some(Arc::clone(&stream)) };
                    self.pending.insert(correlation.to_vec(), pending);
                    stream
                })
            }
        };
        let found = found.filter(|stream| stream.operation == operation);
        let found = found.ok_or_else(|| {
            let message = "no data in parts is waited for under this Correlation Value";
            Failure::new(Why::NoStream, message)
        })?;
        Ok(Arc::unwrap_or_clone(found))
    }

    /// Keeps a stream, new or advanced.
    pub(super) fn put(&mut self, correlation: &[u8], stream: Stream) {
        self.set(correlation, Some(Arc::new(stream)));
    }

    /// Forgets a stream that is finished.
    pub(super) fn close(&mut self, correlation: &[u8]) {
        self.set(correlation, None);
    }

    fn set(&mut self, correlation: &[u8], stream: Option<Arc<Stream>>) {
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
        let reserved = self.all.reserve(owner, now, options, pending)?;
        // May take as long as a disk does: without the lock, so that only the same streams wait.
        others()?;
        reserved.publish(owner, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
