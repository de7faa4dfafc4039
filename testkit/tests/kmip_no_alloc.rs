//! Decoding and encoding KMIP allocates nothing: an allocator that counts watches over the whole corpus.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unsafe_code)] // A test; and `GlobalAlloc` is unsafe to implement.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    fs,
    path::{Path, PathBuf},
};

use tde_kmip_codec::{
    message::{RequestMessage, ResponseMessage},
    ttlv::{self, Leniency, Options, Writer},
};

struct Counting;

std::thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on unchanged to `System`, which upholds the contract; counting touches a `Cell` in
// thread-local storage that needs neither initialisation nor destruction, so it cannot allocate or unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller upholds the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller upholds the contract of `dealloc`, and the memory came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn messages() -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let full = std::env::var_os("TDE_CORPUS").map_or_else(|| root.join("../../shared/corpus"), PathBuf::from);
    let mut folders = vec![root.join("../test-data/kmip"), full.join("kmip")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "ttlv") {
                found.push((path.clone(), fs::read(path).unwrap()));
            }
        }
    }
    found
}

fn exercise(bytes: &[u8], buffer: &mut [u8], leniency: Leniency) -> usize {
    let mut heard = 0;
    let options = Options::new().leniency(leniency);
    let _ = ttlv::decode_with(bytes, options, |_| heard += 1);
    if let Ok(request) = RequestMessage::decode_with(bytes, options, &mut |_| heard += 1) {
        heard += request.batch_items.iter().filter(|item| item.unique_batch_item_id.is_some()).count();
        let _ = request.encode_with(buffer, leniency);
        let _ = request.encoded_len();
    }
    if let Ok(response) = ResponseMessage::decode_with(bytes, options, &mut |_| heard += 1) {
        heard += response.batch_items.iter().filter(|item| item.payload.is_some()).count();
        let _ = response.encode_with(buffer, leniency);
    }
    let _ = Writer::measure().measured();
    heard
}

#[test]
fn the_whole_corpus_is_decoded_and_encoded_without_an_allocation() {
    let messages = messages();
    assert!(messages.len() >= 180, "only {} messages", messages.len());
    let mut buffer = vec![0; 1 << 20];
    let control = ALLOCATIONS.with(Cell::get);
    drop(core::hint::black_box(vec![1_u8; 100]));
    assert!(ALLOCATIONS.with(Cell::get) > control, "the allocator does not count");
    for (path, bytes) in &messages {
        let before = ALLOCATIONS.with(Cell::get);
        for leniency in [Leniency::NONE, Leniency::ALL] {
            core::hint::black_box(exercise(bytes, &mut buffer, leniency));
        }
        assert_eq!(ALLOCATIONS.with(Cell::get), before, "{}", path.display());
    }
    eprintln!("{} messages, broken ones included", messages.len());
}
