//! Where the recordings are: the full corpus if it is there, else the copy in the repository.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value as Json;

/// The corpus of `TDE_CORPUS`, or `../shared/corpus` beside the repository; says so if there is none.
pub(crate) fn full() -> Option<PathBuf> {
    let root = std::env::var_os("TDE_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"), PathBuf::from)
        .join("kmip");
    if root.is_dir() {
        return Some(root);
    }
    eprintln!("SKIPPED: no corpus at {}; set TDE_CORPUS", root.display());
    None
}

/// The recordings copied into the repository.
pub(crate) fn bundled() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-data/kmip")
}

/// Every root there is, the copy first.
pub(crate) fn roots() -> Vec<PathBuf> {
    [Some(bundled()).filter(|path| path.is_dir()), full()].into_iter().flatten().collect()
}

/// Every file below `folder` whose name ends so, sorted.
pub(crate) fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(suffix) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

pub(crate) fn json(path: &Path) -> Json {
    serde_json::from_slice(&fs::read(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "odd hex");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// A message of the corpus, wherever it stood.
#[derive(Clone)]
pub(crate) struct Message {
    /// File and place in it.
    pub(crate) name: String,
    /// The corpus folder.
    pub(crate) folder: String,
    pub(crate) bytes: Vec<u8>,
    /// The tree that an independent decoder found.
    pub(crate) tree: Option<Json>,
}

/// Every good message of a corpus: recordings, OASIS cases and their exchanges.
pub(crate) fn messages(root: &Path) -> Vec<Message> {
    let mut all = Vec::new();
    for folder in ["pykmip", "cosmian", "libkmip-pykmip", "libkmip-cosmian"] {
        for path in files(&root.join(folder), ".ttlv") {
            let tree = json(&path.with_extension("json"))["tree"].take();
            all.push(message(&path, folder, String::new(), fs::read(&path).unwrap(), Some(tree)));
        }
    }
    for path in files(&root.join("oasis"), ".ttlv.json") {
        for entry in json(&path)["messages"].as_array().unwrap() {
            if let Some(text) = entry["ttlv"].as_str() {
                all.push(message(&path, "oasis", format!("#{}", entry["index"]), hex(text), None));
            }
        }
    }
    for folder in ["pykmip-oasis", "cosmian-oasis"] {
        for path in files(&root.join(folder), ".json") {
            for (index, exchange) in json(&path)["exchanges"].as_array().unwrap().iter().enumerate() {
                for direction in ["request", "response"] {
                    if let Some(text) = exchange[direction].as_str() {
                        let place = format!("#{index}.{direction}");
                        all.push(message(&path, folder, place, hex(text), None));
                    }
                }
            }
        }
    }
    for path in files(&root.join("cosmian-json"), ".ttlv") {
        all.push(message(&path, "cosmian-json", String::new(), fs::read(&path).unwrap(), None));
    }
    all
}

fn message(path: &Path, folder: &str, place: String, bytes: Vec<u8>, tree: Option<Json>) -> Message {
    Message { name: format!("{}{place}", path.display()), folder: folder.to_owned(), bytes, tree }
}
