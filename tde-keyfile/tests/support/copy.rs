//! A copy of a recorded cluster that a test may damage.

#![allow(dead_code, reason = "each test binary uses its own part")]
// A helper of tests fails the test that called it: there is nobody to hand an error to.
#![allow(clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use tde_keyfile::cluster::{Cluster, OpenOptions};
use tde_keyfile::verify::{Finding, Note, Observer, Report, VerifiedFile, VerifyOptions, verify};
use tde_testkit::{RecordedCluster, recorded_clusters};

/// The full recording of that name; none where there are only excerpts.
pub(crate) fn recorded(name: &str) -> Option<RecordedCluster> {
    recorded_clusters().into_iter().find(|cluster| cluster.name == name)
}

/// The options with which everything opens: the keyrings, and the keys that a key server held.
pub(crate) fn options(cluster: &RecordedCluster, scratch: &Path) -> OpenOptions {
    let mut options = OpenOptions::new();
    for keyring in cluster.keyrings() {
        options = options.keyring(keyring);
    }
    if cluster.keyrings().is_empty() {
        for (number, (name, key)) in cluster.principal_keys().into_iter().enumerate() {
            let path = scratch.join(format!("{}-{number}", cluster.name));
            fs::write(&path, key).expect("a writable directory");
            options = options.principal_key(name.parse().expect("a name"), path);
        }
    }
    options
}

/// The report, which must be the same, as must be what the observer is told, however many threads work.
pub(crate) fn verify_both_ways(
    cluster: &Cluster,
    options: &VerifyOptions,
    observer: &mut dyn Observer,
) -> Report {
    let mut sequential = Recorder { told: Vec::new(), inner: observer };
    let report = verify(cluster, options, &mut sequential);
    let told = sequential.told;
    #[cfg(feature = "rayon")]
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        // From outside of the pool too, on the pool of the process.
        let again = tde_keyfile::verify::par_verify(cluster, options, &mut ());
        let there = pool.install(|| {
            let mut parallel = Recorder { told: Vec::new(), inner: &mut () };
            let report = tde_keyfile::verify::par_verify(cluster, options, &mut parallel);
            (report, parallel.told)
        });
        assert_eq!(format!("{again:?}"), format!("{report:?}"), "on all threads");
        assert_eq!(format!("{:?}", there.0), format!("{report:?}"), "on {threads} threads");
        assert_eq!(there.1, told, "the observer, on {threads} threads");
    }
    drop(told);
    report
}

/// What an observer was told, in order.
struct Recorder<'a> {
    told: Vec<String>,
    inner: &'a mut dyn Observer,
}

impl Observer for Recorder<'_> {
    fn total(&mut self, bytes: u64) {
        self.told.push(format!("total {bytes}"));
        self.inner.total(bytes);
    }

    fn progress(&mut self, bytes: u64) {
        self.told.push(format!("progress {bytes}"));
        self.inner.progress(bytes);
    }

    fn finding(&mut self, finding: &Finding) {
        self.told.push(format!("{finding:?}"));
        self.inner.finding(finding);
    }

    fn note(&mut self, note: &Note) {
        self.told.push(format!("{note:?}"));
        self.inner.note(note);
    }

    fn file(&mut self, file: &VerifiedFile) {
        self.told.push(format!("{file:?}"));
        self.inner.file(file);
    }
}

/// A data directory of its own.
pub(crate) struct Copy {
    directory: tempfile::TempDir,
    scratch: tempfile::TempDir,
    pub(crate) options: OpenOptions,
}

impl Copy {
    pub(crate) fn of(cluster: &RecordedCluster) -> Self {
        let directory = cluster.copy_data();
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let options = options(cluster, scratch.path());
        make_writable(directory.path());
        Self { directory, scratch, options }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.directory.path().join(file)
    }

    pub(crate) fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    pub(crate) fn write(&self, file: &str, bytes: &[u8]) {
        fs::write(self.path(file), bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
    }

    pub(crate) fn remove(&self, file: &str) {
        fs::remove_file(self.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    }

    pub(crate) fn edit(&self, file: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.read(file);
        edit(&mut bytes);
        self.write(file, &bytes);
    }

    pub(crate) fn swap(&self, one: &str, other: &str) {
        let (first, second) = (self.read(one), self.read(other));
        self.write(one, &second);
        self.write(other, &first);
    }

    pub(crate) fn verify(&self) -> Report {
        self.verify_with(&self.options)
    }

    pub(crate) fn verify_with(&self, options: &OpenOptions) -> Report {
        let cluster = Cluster::open(self.directory.path(), options).expect("a cluster");
        let report = verify_both_ways(&cluster, &VerifyOptions::default(), &mut ());
        for finding in &report.findings {
            println!("{finding}");
        }
        report
    }

    /// The findings, which must all be about one file.
    pub(crate) fn findings_of(&self, file: &str) -> Vec<Finding> {
        let report = self.verify();
        assert!(!report.findings.is_empty(), "nothing was found in {file}");
        assert_eq!(report.findings_left_out, 0);
        for finding in &report.findings {
            assert_eq!(finding.file, file, "{finding}");
        }
        report.findings
    }

    /// The only finding.
    pub(crate) fn only_finding(&self, file: &str) -> Finding {
        let mut findings = self.findings_of(file);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        findings.remove(0)
    }
}

/// Recordings are read-only, and so are copies of them.
#[allow(clippy::permissions_set_readonly_false, reason = "a temporary directory of the test's own")]
fn make_writable(path: &Path) {
    let mut permissions = fs::metadata(path).expect("metadata").permissions();
    permissions.set_readonly(false);
    fs::set_permissions(path, permissions).expect("own files");
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a directory") {
            make_writable(&entry.expect("an entry").path());
        }
    }
}
