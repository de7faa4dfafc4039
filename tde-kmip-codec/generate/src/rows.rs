//! The rows of a CSV file, by the names of their columns.

use std::{collections::HashMap, path::Path};

use anyhow::{Context, Result};

/// One row, which knows where it stands.
pub(crate) struct Row {
    fields: HashMap<String, String>,
    at: String,
}

impl Row {
    /// The text in a column.
    pub(crate) fn get(&self, column: &str) -> Result<&str> {
        self.fields
            .get(column)
            .map(String::as_str)
            .with_context(|| format!("{}: no column {column:?}", self.at))
    }

    /// What `convert` makes of the text in a column, with the row's place in the error.
    pub(crate) fn with<T>(&self, column: &str, convert: impl FnOnce(&str) -> Result<T>) -> Result<T> {
        convert(self.get(column)?).with_context(|| format!("{}, column {column:?}", self.at))
    }
}

/// Every row of a file.
pub(crate) fn read(folder: &Path, file: &str) -> Result<Vec<Row>> {
    let path = folder.join(file);
    let mut reader = csv::Reader::from_path(&path).with_context(|| format!("opening {}", path.display()))?;
    let head: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.with_context(|| format!("reading {file}"))?;
        let line = record.position().map_or(0, csv::Position::line);
        let fields = head.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
        rows.push(Row { fields, at: format!("{file}, line {line}") });
    }
    Ok(rows)
}

/// Rows that stand one after another and agree in a column, in groups.
pub(crate) fn groups<'r>(rows: &'r [Row], columns: &[&str]) -> Result<Vec<Vec<&'r Row>>> {
    let mut groups: Vec<(Vec<&str>, Vec<&Row>)> = Vec::new();
    for row in rows {
        let key = columns.iter().map(|column| row.get(column)).collect::<Result<Vec<_>>>()?;
        match groups.last_mut() {
            Some((last, group)) if *last == key => group.push(row),
            _ => groups.push((key, vec![row])),
        }
    }
    Ok(groups.into_iter().map(|(_, group)| group).collect())
}
