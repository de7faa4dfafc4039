//! Runs every target's body over its seeds, and over cuts of them.

use std::fs;
use std::path::Path;

#[test]
fn every_target_holds_on_its_seeds() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../seeds");
    for (name, body) in tde_fuzz_bodies::TARGETS {
        body(&[]);
        let dir = seeds.join(name);
        let mut count = 0;
        for entry in fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
            let bytes = fs::read(entry.expect("a directory entry").path()).expect("a readable seed");
            for cut in [0, 1, bytes.len() / 3, bytes.len() / 2] {
                body(&bytes[..bytes.len() - cut]);
            }
            count += 1;
        }
        assert!(count > 0, "{}: no seeds", dir.display());
        println!("{name}: {count} seeds");
    }
}

#[test]
fn every_target_can_be_fuzzed() {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz_targets");
    for (name, _) in tde_fuzz_bodies::TARGETS {
        let source = targets.join(format!("{name}.rs"));
        let text =
            fs::read_to_string(&source).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
        assert!(text.contains(&format!("tde_fuzz_bodies::{name}(")), "{}", source.display());
    }
}
