//! No output shows a key: not in text, not in JSON, not in messages.

use std::ffi::OsString;

use tde_testkit::to_hex;

use crate::corpus::Corpus;
use crate::tde::{Run, tde};

fn assert_no_secret(corpus: &Corpus, run: &Run) {
    let printed = [run.stdout.as_slice(), run.stderr.as_bytes()].concat();
    let digits = printed.to_ascii_lowercase();
    for secret in corpus.secrets() {
        // Half a key is a leak too.
        for part in [&secret[..8], &secret[secret.len() - 8..]] {
            assert!(
                !contains(&digits, to_hex(part).as_bytes()),
                "{}: digits of a key in {run}",
                corpus.name()
            );
            assert!(!contains(&printed, part), "{}: bytes of a key in {run}", corpus.name());
        }
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[test]
fn reports_and_messages_never_show_key_material() {
    for corpus in Corpus::all() {
        assert!(!corpus.secrets().is_empty());
        for words in [
            &["inspect"][..],
            &["inspect", "--json"],
            &["verify"],
            &["verify", "-v"],
            &["verify", "-v", "--json"],
        ] {
            for options in [corpus.key_options(), corpus.principal_key_options(), Vec::new()] {
                let mut command: Vec<OsString> = words.iter().map(Into::into).collect();
                command.insert(1, corpus.data_directory().into());
                command.extend(options);
                assert_no_secret(&corpus, &tde(command));
            }
        }
    }
}

#[test]
fn the_error_about_a_bad_key_file_does_not_quote_it() {
    let corpus = Corpus::first_of(&["D_before-excerpt"]);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("key");
    // A key with one digit too many: nearly right, and still a secret.
    let secret = to_hex(&corpus.secrets()[0]);
    std::fs::write(&file, format!("{secret}0")).unwrap();
    for option in ["--principal-key", "--keyring"] {
        let value = format!("acme-db-key={}", file.display());
        let data = corpus.data_directory();
        let run = tde(["verify".as_ref(), data.as_os_str(), option.as_ref(), value.as_ref()]);
        assert_ne!(run.status, 0);
        assert_no_secret(&corpus, &run);
    }
}
