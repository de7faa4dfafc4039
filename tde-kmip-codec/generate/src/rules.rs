//! The rules between fields, each in the row of the field that it is about.

use std::{collections::HashMap, path::Path};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    names::{constant, versions},
    rows::{Row, read},
};

/// Holder, payload and variant of a field, and its name.
type Place = [String; 4];

/// The rules as the tables write them.
pub(crate) struct Rules {
    texts: HashMap<Place, Vec<String>>,
}

impl Rules {
    pub(crate) fn read(data: &Path) -> Result<Self> {
        let numbers = Numbers::read(data)?;
        let mut texts: HashMap<Place, Vec<String>> = HashMap::new();
        for row in &read(data, "rules.csv")? {
            let path = row.get("field")?;
            let first = path.split(" > ").next().unwrap_or(path);
            let place = [row.get("holder")?, row.get("payload")?, row.get("variant")?, first];
            texts.entry(place.map(str::to_owned)).or_default().push(rule(row, &numbers)?);
        }
        Ok(Self { texts })
    }

    /// Takes the rules of a field, in the order of the file.
    pub(crate) fn take(&mut self, holder: &str, payload: &str, variant: &str, field: &str) -> Vec<String> {
        self.texts.remove(&[holder, payload, variant, field].map(str::to_owned)).unwrap_or_default()
    }

    /// Every rule of these holders has found its field.
    pub(crate) fn check_taken(&self, of_payloads: bool) -> Result<()> {
        match self.texts.keys().find(|[_, payload, ..]| payload.is_empty() != of_payloads) {
            Some(place) => bail!("rules.csv: there is no field {place:?}"),
            None => Ok(()),
        }
    }
}

fn rule(row: &Row, numbers: &Numbers) -> Result<String> {
    let demand = row.with("demand", |demand| match demand {
        "required" => Ok("Required"),
        "absent" => Ok("Forbidden"),
        demand => bail!("{demand:?} is no demand"),
    })?;
    let conditions = row.with("when", |when| {
        when.split("; ").map(|condition| self::condition(condition, numbers)).collect::<Result<Vec<_>>>()
    })?;
    Ok(format!(
        "=> {demand} [{}], [{}], {}, {:?};",
        tags(row.get("field")?),
        row.with("versions", versions)?,
        conditions.join(" "),
        row.get("section")?,
    ))
}

/// `Revocation Reason > Revocation Reason Code` as the constants of the tags.
fn tags(path: &str) -> String {
    path.split(" > ").map(constant).collect::<Vec<_>>().join(" ")
}

/// `Result Status is Success` as `([RESULT_STATUS] OneOf [0x0000_0000])`.
fn condition(text: &str, numbers: &Numbers) -> Result<String> {
    let (path, state) = text.split_once(" is ").with_context(|| format!("{text:?} says nothing"))?;
    let state = match state {
        "there" => "Present".to_owned(),
        "absent" => "Absent".to_owned(),
        state => {
            let (which, values) =
                state.strip_prefix("not ").map_or(("OneOf", state), |values| ("NoneOf", values));
            let field = path.rsplit(" > ").next().unwrap_or(path);
            let values: Vec<String> =
                values.split(" or ").map(|value| numbers.of(field, value)).collect::<Result<_>>()?;
            format!("{which} [{}]", values.join(" "))
        }
    };
    Ok(format!("([{}] {state})", tags(path)))
}

/// What the words for values are as numbers.
struct Numbers {
    /// The enumeration of a field.
    enumerations: HashMap<String, String>,
    /// Of an enumeration and a name, the number.
    values: HashMap<(String, String), String>,
}

impl Numbers {
    fn read(data: &Path) -> Result<Self> {
        let mut enumerations = HashMap::new();
        for row in &read(data, "tags.csv")? {
            enumerations.insert(row.get("name")?.to_owned(), row.get("enumeration")?.to_owned());
        }
        let mut values = HashMap::new();
        for row in &read(data, "enumerations.csv")? {
            let place = (row.get("enumeration")?.to_owned(), row.get("camel_name")?.to_owned());
            values.insert(place, row.get("value")?.to_owned());
        }
        Ok(Self { enumerations, values })
    }

    /// The number that stands for a word; see `FieldState` in `src/spec/facts.rs`.
    fn of(&self, field: &str, word: &str) -> Result<String> {
        let enumeration =
            self.enumerations.get(field).with_context(|| format!("there is no field {field:?}"))?;
        Ok(match word {
            "empty" => "0".to_owned(),
            "true" => "1".to_owned(),
            "a Structure" => "1".to_owned(),
            "a ByteString" => "8".to_owned(),
            word => {
                ensure!(!enumeration.is_empty(), "the values of {field:?} have no names");
                let place = (enumeration.clone(), word.to_owned());
                let value = self.values.get(&place).with_context(|| format!("no value {word:?}"))?;
                u32::from_str_radix(value.trim_start_matches("0x"), 16)?.to_string()
            }
        })
    }
}
