//! The tables of a store file, and what is read from and written to them in one transaction.

use std::io;

use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata, Table,
    TableDefinition, TableError, WriteTransaction,
};

use super::seal::{HEADER_LEN, HeaderFault, State, StoreKeys};
use crate::server::store::{Change, Record, StoreError};

/// "header" and "state".
const META: TableDefinition<&str, &[u8]> = TableDefinition::new("tde-key-server");
/// Sequence number to sealed record.
const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records");
/// Keyed hash of an id to sequence number.
const IDS: TableDefinition<&[u8; 32], u64> = TableDefinition::new("ids");
/// Keyed hash of a name with the sequence number of a record that has it.
const NAMES: TableDefinition<(&[u8; 32], u64), ()> = TableDefinition::new("names");

/// Why a transaction was given up.
#[derive(Debug)]
pub(super) enum Fault {
    Header(HeaderFault),
    Record { id: String, reason: &'static str },
    State(&'static str),
    Conflict { id: String },
    Panicked,
    Storage(Box<redb::Error>),
}

impl Fault {
    pub(super) fn closed() -> Self {
        Self::Storage(Box::new(redb::Error::DatabaseClosed))
    }

    pub(super) fn into_store_error(self, operation: &'static str) -> StoreError {
        let failed = |source| StoreError::Failed { operation, source };
        match self {
            Self::Conflict { id } => StoreError::Conflict { id },
            Self::Record { id, reason } => StoreError::Damaged { id, reason },
            Self::State(reason) => failed(reason.into()),
            Self::Header(HeaderFault::Random) => failed("the system gives no random bytes".into()),
            Self::Header(_) => failed("its header is damaged".into()),
            Self::Panicked => failed("the pages of the file contradict each other".into()),
            Self::Storage(error) => match *error {
                redb::Error::Io(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::StorageFull
                            | io::ErrorKind::QuotaExceeded
                            | io::ErrorKind::FileTooLarge
                    ) =>
                {
                    StoreError::Full
                }
                redb::Error::Io(error) => failed(Box::new(error)),
                other => failed(Box::new(other)),
            },
        }
    }
}

impl From<HeaderFault> for Fault {
    fn from(fault: HeaderFault) -> Self {
        Self::Header(fault)
    }
}

macro_rules! from_redb {
    ($($error:ident)*) => {
        $(impl From<redb::$error> for Fault {
            fn from(error: redb::$error) -> Self {
                Self::Storage(Box::new(error.into()))
            }
        })*
    };
}
from_redb!(DatabaseError TransactionError StorageError CommitError);

impl From<TableError> for Fault {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Storage(error) => error.into(),
            // A database, but not one of ours.
            _ => Self::Header(HeaderFault::NotStore),
        }
    }
}

/// The rows of which each change writes one anew: as long as they are the same, no change was made.
pub(super) type Marks = [Option<Vec<u8>>; 2];

fn marks(meta: &impl ReadableTable<&'static str, &'static [u8]>) -> Result<Marks, Fault> {
    let row = |name| Ok::<_, Fault>(meta.get(name)?.map(|row| row.value().to_vec()));
    Ok([row("header")?, row("state")?])
}

/// One moment of the store.
pub(super) struct Reading(ReadTransaction);

impl Reading {
    pub(super) fn begin(database: &Database) -> Result<Self, Fault> {
        Ok(Self(database.begin_read()?))
    }

    pub(super) fn header(&self) -> Result<Vec<u8>, Fault> {
        let meta = self.0.open_table(META)?;
        let header = meta.get("header")?.ok_or(HeaderFault::NotStore)?;
        Ok(header.value().to_vec())
    }

    pub(super) fn marks(&self) -> Result<Marks, Fault> {
        marks(&self.0.open_table(META)?)
    }

    pub(super) fn by_id(&self, keys: &StoreKeys, id: &str) -> Result<Option<Record>, Fault> {
        let Some(sequence) = self.0.open_table(IDS)?.get(&keys.id_index(id))? else { return Ok(None) };
        let record = open_record(&self.0.open_table(RECORDS)?, keys, sequence.value(), id)?;
        if record.id != id {
            return Err(Fault::Record { id: id.to_owned(), reason: "is not the one that its id leads to" });
        }
        Ok(Some(record))
    }

    pub(super) fn by_name(&self, keys: &StoreKeys, name: &str) -> Result<Vec<Record>, Fault> {
        let hash = keys.name_index(name);
        let records = self.0.open_table(RECORDS)?;
        let mut found = Vec::new();
        for entry in self.0.open_table(NAMES)?.range((&hash, 0)..=(&hash, u64::MAX))? {
            let sequence = entry?.0.value().1;
            let record = open_record(&records, keys, sequence, &format!("number {sequence}"))?;
            if !record.names.iter().any(|own| own == name) {
                return Err(Fault::Record {
                    id: record.id,
                    reason: "does not have the name that leads to it",
                });
            }
            found.push(record);
        }
        Ok(found)
    }

    pub(super) fn after(&self, keys: &StoreKeys, sequence: u64, count: usize) -> Result<Vec<Record>, Fault> {
        let mut found = Vec::new();
        for entry in self.0.open_table(RECORDS)?.range(sequence.saturating_add(1)..)?.take(count) {
            let (sequence, row) = entry?;
            found.push(open_row(keys, sequence.value(), row.value(), None)?);
        }
        Ok(found)
    }

    /// That every record opens, that all of them are there in their last revision, and that the indices fit.
    pub(super) fn check(&self, keys: &StoreKeys) -> Result<(), Fault> {
        let meta = self.0.open_table(META)?;
        let state = meta.get("state")?.and_then(|row| keys.open_state(row.value()));
        let state = state.ok_or(Fault::State("its state row is missing or fails its authentication code"))?;
        let (ids, names) = (self.0.open_table(IDS)?, self.0.open_table(NAMES)?);
        let mut found = State { last_sequence: state.last_sequence, ..State::default() };
        let mut named = 0;
        for entry in self.0.open_table(RECORDS)?.iter()? {
            let (sequence, row) = entry?;
            let record = open_row(keys, sequence.value(), row.value(), None)?;
            found.count += 1;
            found.sum = found.sum.wrapping_add(keys.share(record.sequence, record.revision));
            let by_id = ids.get(&keys.id_index(&record.id))?.map(|sequence| sequence.value());
            let mut indexed = by_id == Some(record.sequence);
            for name in distinct(&record.names) {
                indexed &= names.get((&keys.name_index(name), record.sequence))?.is_some();
                named += 1;
            }
            if !indexed {
                return Err(Fault::Record { id: record.id, reason: "is missing from the index" });
            }
        }
        if found != state {
            return Err(Fault::State("records are missing, or were put back to an older state"));
        }
        if ids.len()? != found.count || names.len()? != named {
            return Err(Fault::State("the index has entries without a record"));
        }
        Ok(())
    }
}

pub(super) fn begin_write(database: &Database) -> Result<WriteTransaction, Fault> {
    Ok(database.begin_write()?)
}

/// Returns once the change is on the device: `redb` syncs the file by default.
pub(super) fn commit(transaction: WriteTransaction) -> Result<(), Fault> {
    Ok(transaction.commit()?)
}

/// The tables, open for a change. One change at a time: `redb` makes the others wait.
pub(super) struct Writing<'t> {
    meta: Table<'t, &'static str, &'static [u8]>,
    records: Table<'t, u64, &'static [u8]>,
    ids: Table<'t, &'static [u8; 32], u64>,
    names: Table<'t, (&'static [u8; 32], u64), ()>,
}

impl<'t> Writing<'t> {
    pub(super) fn begin(transaction: &'t WriteTransaction) -> Result<Self, Fault> {
        Ok(Self {
            meta: transaction.open_table(META)?,
            records: transaction.open_table(RECORDS)?,
            ids: transaction.open_table(IDS)?,
            names: transaction.open_table(NAMES)?,
        })
    }

    pub(super) fn marks(&self) -> Result<Marks, Fault> {
        marks(&self.meta)
    }

    pub(super) fn put_header(&mut self, header: &[u8; HEADER_LEN]) -> Result<(), Fault> {
        self.meta.insert("header", &header[..])?;
        Ok(())
    }

    pub(super) fn put_first_state(&mut self, keys: &StoreKeys) -> Result<(), Fault> {
        self.meta.insert("state", &keys.seal_state(State::default())[..])?;
        Ok(())
    }

    pub(super) fn apply(&mut self, keys: &StoreKeys, changes: Vec<Change>) -> Result<(), Fault> {
        let state = self.meta.get("state")?.and_then(|row| keys.open_state(row.value()));
        let mut state = state.ok_or(Fault::State("its state row fails its authentication code"))?;
        let mut seen = std::collections::BTreeSet::new();
        for change in &changes {
            if !seen.insert(change.id()) {
                return Err(Fault::Conflict { id: change.id().to_owned() });
            }
        }
        for change in changes {
            self.make(keys, &mut state, change)?;
        }
        self.meta.insert("state", &keys.seal_state(state)[..])?;
        Ok(())
    }

    fn make(&mut self, keys: &StoreKeys, state: &mut State, change: Change) -> Result<(), Fault> {
        let id = change.id().to_owned();
        let id_index = keys.id_index(&id);
        let sequence = self.ids.get(&id_index)?.map(|sequence| sequence.value());
        let old = sequence.map(|sequence| open_record(&self.records, keys, sequence, &id)).transpose()?;
        let expected = match &change {
            Change::Insert(_) => None,
            Change::Replace { revision, .. } | Change::Remove { revision, .. } => Some(*revision),
        };
        if old.as_ref().map(|old| old.revision) != expected {
            return Err(Fault::Conflict { id });
        }
        if let Some(old) = &old {
            state.count = state.count.saturating_sub(1);
            state.sum = state.sum.wrapping_sub(keys.share(old.sequence, old.revision));
            for name in distinct(&old.names) {
                self.names.remove((&keys.name_index(name), old.sequence))?;
            }
        }
        let (Change::Insert(mut record) | Change::Replace { mut record, .. }) = change else {
            self.ids.remove(&id_index)?;
            self.records.remove(sequence.unwrap_or_default())?;
            return Ok(());
        };
        (record.sequence, record.revision) = match &old {
            Some(old) => (old.sequence, old.revision.saturating_add(1)),
            None => {
                state.last_sequence += 1;
                (state.last_sequence, 1)
            }
        };
        state.count += 1;
        state.sum = state.sum.wrapping_add(keys.share(record.sequence, record.revision));
        for name in distinct(&record.names) {
            self.names.insert((&keys.name_index(name), record.sequence), ())?;
        }
        self.ids.insert(&id_index, record.sequence)?;
        self.records.insert(record.sequence, &keys.seal(&record)?[..])?;
        Ok(())
    }
}

trait RecordTable: ReadableTable<u64, &'static [u8]> {}
impl RecordTable for ReadOnlyTable<u64, &'static [u8]> {}
impl RecordTable for Table<'_, u64, &'static [u8]> {}

fn open_record(
    records: &impl RecordTable,
    keys: &StoreKeys,
    sequence: u64,
    id: &str,
) -> Result<Record, Fault> {
    match records.get(sequence)? {
        Some(row) => open_row(keys, sequence, row.value(), Some(id)),
        None => Err(Fault::Record { id: id.to_owned(), reason: "is missing although the index has it" }),
    }
}

fn open_row(keys: &StoreKeys, sequence: u64, row: &[u8], id: Option<&str>) -> Result<Record, Fault> {
    keys.open(sequence, row).map_err(|reason| {
        let id = id.map_or_else(|| format!("number {sequence}"), str::to_owned);
        Fault::Record { id, reason }
    })
}

/// Names without those that came before.
fn distinct(names: &[String]) -> impl Iterator<Item = &String> {
    names.iter().enumerate().filter(|(index, name)| !names[..*index].contains(name)).map(|(_, name)| name)
}
