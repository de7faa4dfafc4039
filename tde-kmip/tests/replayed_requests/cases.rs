//! The recorded exchanges, in their order.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value as Json;

use crate::{
    recordings::{hex, json},
    tree::Node,
};

/// Exchanges that one server answered one after another.
pub(crate) struct Case {
    /// The folder of the corpus.
    pub(crate) set: String,
    /// Where in it.
    pub(crate) name: String,
    pub(crate) exchanges: Vec<Exchange>,
}

/// What `$NOW` of the published cases is in the corpus.
pub(crate) const NOW: i64 = 1_700_000_000;
/// The farthest from now that the published cases go, in seconds.
const YEAR: u64 = 366 * 24 * 3600;

impl Case {
    /// Whether the requests name dates around [`NOW`]; the stamps of some published responses are older.
    pub(crate) fn counts_from_now(&self) -> bool {
        let requests =
            self.exchanges.iter().filter(|exchange| tde_kmip_codec::ttlv::decode(&exchange.request).is_ok());
        self.set.contains("oasis")
            && requests
                .flat_map(|exchange| Node::parse(&exchange.request).dates())
                .any(|date| NOW.abs_diff(date) < YEAR)
    }

    /// Takes the responses that are expected, for as long as the requests are the same.
    fn expect(&mut self, expected: &[Exchange]) {
        let operations =
            |exchange: &Exchange| exchange.label.split_once(' ').map(|(_, rest)| rest.to_owned());
        let mut pairs = self.exchanges.iter_mut().zip(expected);
        while let Some((exchange, expected)) = pairs.next()
            && operations(exchange) == operations(expected)
        {
            exchange.expected = Some(expected.response.clone());
        }
    }

    /// What is before the number of the case, if it goes on where the one before ended.
    pub(crate) fn family(&self) -> &str {
        let parts = ["TL-M", "TL_M", "SASED-M", "SASED_M", "TC-CREG"];
        match parts
            .iter()
            .find(|part| self.name.rsplit('/').next().is_some_and(|name| name.starts_with(**part)))
        {
            // In the folders of answers, the version is part of the name.
            Some(_) => {
                self.name.split_at(self.name.find("-M").or_else(|| self.name.find("_M")).unwrap_or(7)).0
            }
            None => &self.name,
        }
    }
}

/// A request and the recorded response.
pub(crate) struct Exchange {
    pub(crate) label: String,
    pub(crate) request: Vec<u8>,
    pub(crate) response: Vec<u8>,
    /// What the published case expects instead of `response`, if that is of a real server.
    pub(crate) expected: Option<Vec<u8>>,
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// Recordings, a case for each folder with messages.
pub(crate) fn recordings(root: &Path, set: &str) -> Vec<Case> {
    let folder = root.join(set);
    let inner: Vec<PathBuf> = sorted(&folder).into_iter().filter(|path| path.is_dir()).collect();
    let folders = if inner.is_empty() { vec![folder] } else { inner };
    folders
        .into_iter()
        .map(|folder| {
            let exchanges = sorted(&folder).into_iter().filter_map(|path| {
                let label = path.to_str()?.strip_suffix(".request.ttlv")?.to_owned();
                let response = fs::read(format!("{label}.response.ttlv")).ok()?;
                let label = label.rsplit('/').next()?.to_owned();
                Some(Exchange { label, request: fs::read(&path).ok()?, response, expected: None })
            });
            Case {
                set: set.to_owned(),
                name: folder.file_name().unwrap().to_string_lossy().into_owned(),
                exchanges: exchanges.collect(),
            }
        })
        .collect()
}

/// The published test cases, with the responses that they expect.
pub(crate) fn published(root: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    for path in sorted(&root.join("oasis")).iter().flat_map(|folder| sorted(folder)) {
        if !path.to_string_lossy().ends_with(".ttlv.json") {
            continue;
        }
        let file = json(&path);
        let mut exchanges = Vec::new();
        let mut request: Option<(String, Vec<u8>)> = None;
        for message in file["messages"].as_array().unwrap() {
            let Some(bytes) = message["ttlv"].as_str().map(hex) else {
                request = None;
                continue;
            };
            if message["direction"] == "request" {
                let operations = message["operations"].as_array().unwrap().iter().filter_map(Json::as_str);
                let label = format!("{} {}", message["index"], operations.collect::<Vec<_>>().join("+"));
                request = Some((label, bytes));
            } else if let Some((label, request)) = request.take() {
                exchanges.push(Exchange { label, request, response: bytes, expected: None });
            }
        }
        let name = path.file_name().unwrap().to_string_lossy().replace(".ttlv.json", "");
        let set = path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        cases.push(Case { set: format!("oasis/{set}"), name, exchanges });
    }
    cases
}

/// The published requests as real servers answered them.
pub(crate) fn answered(root: &Path, set: &str) -> Vec<Case> {
    let mut expected: BTreeMap<String, Vec<Exchange>> = BTreeMap::new();
    for case in published(root) {
        expected.entry(case.name.replace('_', "-")).or_insert(case.exchanges);
    }
    let mut cases = Vec::new();
    for path in sorted(&root.join(set)).iter().flat_map(|folder| sorted(folder)) {
        let file = json(&path);
        let exchanges =
            file["exchanges"].as_array().unwrap().iter().enumerate().filter_map(|(index, exchange)| {
                let operations = exchange["operations"].as_array()?.iter().filter_map(Json::as_str);
                Some(Exchange {
                    label: format!("{index} {}", operations.collect::<Vec<_>>().join("+")),
                    request: hex(exchange["request"].as_str()?),
                    response: hex(exchange["response"].as_str()?),
                    expected: None,
                })
            });
        let version = path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        let title = path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut case =
            Case { set: set.to_owned(), name: format!("{version}/{title}"), exchanges: exchanges.collect() };
        // Some of the published names are longer here.
        let title = title.replace('_', "-");
        let named = expected.iter().rev().find(|(name, _)| {
            title.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        });
        if let Some((_, expected)) = named {
            case.expect(expected);
        }
        cases.push(case);
    }
    cases
}
