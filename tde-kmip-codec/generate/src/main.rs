//! Writes the tables under `tde-kmip-codec/src/spec/` from the files under `tde-kmip-codec/spec-data/`.
//!
//! `cargo run -p kmip-codec-generate` writes them.

#![forbid(unsafe_code)]

use std::path::Path;

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let codec = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the generator lies inside the codec's folder")?;
    for table in kmip_codec_generate::tables(&codec.join("spec-data"))? {
        let path = codec.join("src/spec").join(table.file);
        std::fs::write(&path, table.text).with_context(|| format!("writing {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}
