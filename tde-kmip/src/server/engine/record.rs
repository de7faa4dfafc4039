//! Managed objects as the engine works with them, and the form in which records keep them.
//!
//! A record's contents are one TTLV item, every item in it one of KMIP's or under a tag of the extension range:
//!
//! ```text
//! Record 540001 Structure
//!   Format 540002 Integer, 1
//!   Object Type 420057
//!   State 42008D
//!   Kept Attribute 540003 Structure, any number
//!     Attribute Index 420009 Integer, missing if 0
//!     the attribute under its own tag, as inside Attributes of KMIP 2.1, those of 1.x included
//!   Protocol Version 420069, of the object that follows; both are missing once the object is destroyed
//!   the object under its own tag
//! ```

use tde_kmip_codec::{
    object::ManagedObject,
    spec::{
        ProtocolVersion,
        enumeration::{ObjectType, State},
        tag,
    },
    state::ObjectState,
    ttlv::{self, Leniency, Options, Reader, Tag, Value, Writer},
};
use zeroize::Zeroizing;

use super::{
    attributes::{AttributeSet, Kept},
    failure::{Failure, Outcome},
};
use crate::server::store::Record;

const RECORD: Tag = Tag::known(0x54_0001);
const FORMAT: Tag = Tag::known(0x54_0002);
const KEPT_ATTRIBUTE: Tag = Tag::known(0x54_0003);
const CURRENT_FORMAT: i32 = 1;

/// A managed object.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) id: String,
    pub(super) owner: String,
    /// The revision of the record that this was read from; none if it is new.
    pub(super) revision: Option<u64>,
    pub(super) sequence: u64,
    pub(super) object_type: ObjectType,
    pub(super) state: ObjectState,
    pub(super) attributes: AttributeSet,
    /// The object itself; none once it is destroyed.
    pub(super) material: Option<Material>,
}

/// An object's own structure, encoded.
#[derive(Clone)]
pub(super) struct Material {
    version: ProtocolVersion,
    item: Zeroizing<Vec<u8>>,
}

impl Material {
    /// Keeps an object as it came.
    pub(super) fn new(object: &ManagedObject<'_>, version: ProtocolVersion) -> Result<Self, ttlv::Error> {
        let item =
            encoded(|room| object.to_item(version, Leniency::OTHER_VERSIONS, room).map(|item| item.len()))?;
        Ok(Self { version, item })
    }

    /// The version in whose form it is kept.
    pub(super) const fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// The object.
    pub(super) fn object(&self) -> Result<ManagedObject<'_>, ttlv::Error> {
        let options = Options::new().leniency(Leniency::OTHER_VERSIONS);
        ManagedObject::from_item(&self.item, self.version, options)
    }
}

/// How many bytes `write` wants to write.
pub(super) fn needed(
    write: impl FnOnce(&mut [u8]) -> Result<usize, ttlv::Error>,
) -> Result<usize, ttlv::Error> {
    match write(&mut []) {
        Err(error) => match error.kind() {
            ttlv::ErrorKind::BufferTooSmall { needed } => Ok(needed),
            _ => Err(error),
        },
        written => written,
    }
}

/// What `write` writes into a buffer that is as long as it asks for. Wiped, also if it fails half-way.
pub(super) fn encoded(
    mut write: impl FnMut(&mut [u8]) -> Result<usize, ttlv::Error>,
) -> Result<Zeroizing<Vec<u8>>, ttlv::Error> {
    let mut bytes = Zeroizing::new(vec![0; needed(&mut write)?]);
    write(&mut bytes)?;
    Ok(bytes)
}

impl Object {
    /// The object in a record.
    pub(super) fn load(record: &Record) -> Outcome<Self> {
        Ok(Self::read(record).ok_or_else(|| {
            tracing::error!(id = record.id, "a record of the object store cannot be read");
            Failure::general("the record of the object cannot be read")
        })?)
    }

    fn read(record: &Record) -> Option<Self> {
        let mut reader = Reader::new(&record.contents);
        let mut items = reader.read().ok().filter(|item| item.tag == RECORD)?.children();
        let mut format = None;
        let mut object_type = None;
        let mut state = None;
        let mut attributes = AttributeSet::default();
        let mut version = None;
        let mut material = None;
        while !items.is_empty() {
            let item = items.read().ok()?;
            match (item.tag, item.value) {
                (FORMAT, Value::Integer(number)) => format = Some(number),
                (tag::OBJECT_TYPE, Value::Enumeration(number)) => object_type = Some(ObjectType(number)),
                (tag::STATE, Value::Enumeration(number)) => state = ObjectState::from_wire(State(number)),
                (KEPT_ATTRIBUTE, Value::Structure(mut inside)) => {
                    let mut first = inside.read().ok()?;
                    let mut index = 0;
                    if let (tag::ATTRIBUTE_INDEX, Value::Integer(number)) = (first.tag, first.value) {
                        index = number;
                        first = inside.read().ok()?;
                    }
                    attributes.keep(Kept::from_item(&first, index)?);
                }
                (tag::PROTOCOL_VERSION, _) => {
                    let mut numbers = item.children();
                    let (Value::Integer(major), Value::Integer(minor)) =
                        (numbers.read().ok()?.value, numbers.read().ok()?.value)
                    else {
                        return None;
                    };
                    version = Some(ProtocolVersion::new(major, minor));
                }
                _ => {
                    let bytes = Zeroizing::new(item.bytes.to_vec());
                    material = Some(Material { version: version?, item: bytes });
                }
            }
        }
        (format == Some(CURRENT_FORMAT)).then_some(Self {
            id: record.id.clone(),
            owner: record.owner.clone(),
            revision: Some(record.revision),
            sequence: record.sequence,
            object_type: object_type?,
            state: state?,
            attributes,
            material,
        })
    }

    /// The record that keeps the object.
    pub(super) fn to_record(&self, revision: u64) -> Outcome<Record> {
        let contents = encoded(|room| {
            let mut writer = Writer::new(room);
            self.write(&mut writer);
            let len = writer.len();
            writer.finish()?;
            Ok(len)
        });
        let contents =
            contents.map_err(|error| Failure::general(format!("the object cannot be kept: {error}")))?;
        Ok(Record {
            id: self.id.clone(),
            owner: self.owner.clone(),
            revision,
            sequence: self.sequence,
            names: self.attributes.names().map(str::to_owned).collect(),
            contents,
        })
    }

    fn write(&self, writer: &mut Writer<'_>) {
        let record = writer.begin(RECORD);
        writer.integer(FORMAT, CURRENT_FORMAT);
        writer.enumeration(tag::OBJECT_TYPE, self.object_type.0);
        writer.enumeration(tag::STATE, self.state.to_wire().0);
        for attribute in self.attributes.kept() {
            let kept = writer.begin(KEPT_ATTRIBUTE);
            if attribute.index != 0 {
                writer.integer(tag::ATTRIBUTE_INDEX, attribute.index);
            }
            copy(writer, attribute.item());
            writer.end(kept);
        }
        if let Some(material) = &self.material {
            let version = writer.begin(tag::PROTOCOL_VERSION);
            writer.integer(tag::PROTOCOL_VERSION_MAJOR, material.version.major);
            writer.integer(tag::PROTOCOL_VERSION_MINOR, material.version.minor);
            writer.end(version);
            copy(writer, &material.item);
        }
        writer.end(record);
    }
}

/// An item that was encoded before.
fn copy(writer: &mut Writer<'_>, item: &[u8]) {
    if let Ok(item) = Reader::new(item).read() {
        writer.item(&item);
    }
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Object")
            .field("id", &self.id)
            .field("owner", &self.owner)
            .field("object_type", &self.object_type)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
