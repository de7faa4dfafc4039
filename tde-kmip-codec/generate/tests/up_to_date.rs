//! The tables in the repository are those that the data makes.

use std::path::Path;

#[test]
fn generated_tables_are_what_the_data_says() {
    let codec = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let tables = kmip_codec_generate::tables(&codec.join("spec-data")).unwrap();
    assert_eq!(tables.len(), 8);
    for table in tables {
        let path = codec.join("src/spec").join(table.file);
        let kept = std::fs::read_to_string(&path).unwrap();
        assert!(
            kept == table.text,
            "{} is out of date: run `cargo run -p kmip-codec-generate`",
            path.display()
        );
    }
}
