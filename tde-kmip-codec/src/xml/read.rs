use alloc::{borrow::ToOwned, string::String, vec::Vec};

use quick_xml::{
    XmlVersion,
    events::{BytesStart, Event},
};

use super::{Error, ErrorKind};
use crate::{
    spec::tag,
    text::{
        builder::{Builder, Mark},
        error::quoted,
        names,
        scalar::{self, Scalar, Spelling},
    },
    ttlv::{ItemType, Tag},
};

/// The elements that hold several messages, in the published test cases.
const WRAPPERS: [&str; 2] = ["KMIP", "KmipTestCase"];

const SPELLING: Spelling = Spelling {
    decimal_text: true,
    mask_separator: ' ',
    short_big_integers: true,
    cut_fractions: false,
    decimal_dates: false,
};

/// Limits of the reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    max_size: usize,
    max_depth: usize,
}

impl Options {
    /// The largest text by default: 64 MiB, four times the largest message.
    pub const DEFAULT_MAX_SIZE: usize = 64 << 20;
    /// How deep structures may nest, by default and at most.
    pub const MAX_DEPTH: usize = 64;

    /// The default limits.
    #[must_use]
    pub const fn new() -> Self {
        Self { max_size: Self::DEFAULT_MAX_SIZE, max_depth: Self::MAX_DEPTH }
    }

    /// Refuse texts of more than this many bytes.
    #[must_use]
    pub const fn max_size(mut self, bytes: usize) -> Self {
        self.max_size = bytes;
        self
    }

    /// Refuse structures nested deeper than this; values above [`Options::MAX_DEPTH`] count as that.
    #[must_use]
    pub const fn max_depth(mut self, levels: usize) -> Self {
        self.max_depth = if levels > Self::MAX_DEPTH { Self::MAX_DEPTH } else { levels };
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads one item as TTLV.
///
/// # Errors
/// What is wrong, at which line and column; values are not quoted.
pub fn read(text: &str) -> Result<Vec<u8>, Error> {
    let mut items = read_with(text, Options::new())?;
    match (items.pop(), items.is_empty()) {
        (Some(item), true) => Ok(item),
        (None, _) => Err(at(text, 0, ErrorKind::NoItem, String::new())),
        (Some(_), false) => Err(at(text, text.len(), ErrorKind::TrailingContent, String::new())),
    }
}

/// Reads the items inside a `KMIP` or `KmipTestCase` element, each as TTLV, or a single one.
///
/// # Errors
/// What is wrong, at which line and column; values are not quoted.
pub fn read_all(text: &str) -> Result<Vec<Vec<u8>>, Error> {
    read_with(text, Options::new())
}

/// As [`read_all`], with limits.
///
/// # Errors
/// What is wrong, at which line and column; values are not quoted.
pub fn read_with(text: &str, options: Options) -> Result<Vec<Vec<u8>>, Error> {
    if text.len() > options.max_size {
        let kind = ErrorKind::TooLarge { limit: options.max_size };
        return Err(Error { kind, line: 0, column: 0, path: String::new() });
    }
    let mut parser = quick_xml::Reader::from_str(text);
    let mut reading =
        Reading { options, open: Vec::new(), wrapper: None, root_seen: false, items: Vec::new() };
    loop {
        let start = parser.buffer_position();
        let step = match parser.read_event() {
            Ok(Event::Eof) => break,
            Ok(event) => reading.event(event),
            Err(error) => {
                let offset = parser.error_position();
                return Err(at(text, offset as usize, syntax(&error), reading.path()));
            }
        };
        step.map_err(|kind| at(text, start as usize, kind, reading.path()))?;
    }
    if !reading.open.is_empty() || reading.wrapper == Some(true) {
        let message = "the text ends before its elements do".to_owned();
        return Err(at(text, text.len(), ErrorKind::Syntax { message }, reading.path()));
    }
    Ok(reading.items)
}

/// An error at a byte of the text.
fn at(text: &str, offset: usize, kind: ErrorKind, path: String) -> Error {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
    Error { kind, line, column, path }
}

/// What the parser says; an unknown entity is not quoted, as it may be part of a value.
fn syntax(error: &quick_xml::Error) -> ErrorKind {
    let message = match error {
        quick_xml::Error::Escape(_) => "an entity that XML does not define".to_owned(),
        error => alloc::format!("{error}"),
    };
    ErrorKind::Syntax { message }
}

struct Reading {
    options: Options,
    /// The items under way.
    open: Vec<Open>,
    /// Whether there is an element around the items, and whether it is open.
    wrapper: Option<bool>,
    root_seen: bool,
    items: Vec<Vec<u8>>,
}

/// An item whose end has not come.
struct Open {
    name: String,
    tag: Tag,
    /// Where the structure stands in the buffer; the type of any other item, which is complete.
    body: Result<Mark, ItemType>,
    /// The attribute that the last Attribute Name inside named.
    attribute: Option<Tag>,
    /// The buffer, for the outermost item.
    builder: Option<Builder>,
}

/// The attributes of an element.
#[derive(Default)]
struct Members {
    item_type: Option<ItemType>,
    value: Option<String>,
    tag: Option<Tag>,
}

impl Reading {
    fn path(&self) -> String {
        let names: Vec<&str> = self.open.iter().map(|open| open.name.as_str()).collect();
        names.join("/")
    }

    fn event(&mut self, event: Event<'_>) -> Result<(), ErrorKind> {
        match event {
            Event::Start(element) => self.start(&element),
            Event::Empty(element) => {
                self.start(&element)?;
                self.end()
            }
            Event::End(_) => self.end(),
            // The published test cases have remarks between messages.
            Event::Text(text) => {
                let blank = text.chars().all(char::is_whitespace);
                if blank || (self.open.is_empty() && self.wrapper == Some(true)) {
                    Ok(())
                } else {
                    Err(ErrorKind::TextAmongItems)
                }
            }
            Event::CData(_) | Event::GeneralRef(_) => Err(ErrorKind::TextAmongItems),
            Event::DocType(_) => {
                Err(ErrorKind::Syntax { message: "a document type definition is not allowed".to_owned() })
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::Eof => Ok(()),
        }
    }

    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), ErrorKind> {
        let name = element.local_name();
        let name = name.as_ref();
        if self.open.is_empty() {
            if self.wrapper == Some(false) || (self.wrapper.is_none() && self.root_seen) {
                return Err(ErrorKind::TrailingContent);
            }
            if !self.root_seen && WRAPPERS.contains(&name) {
                self.root_seen = true;
                self.wrapper = Some(true);
                return Ok(());
            }
            self.root_seen = true;
        }
        if let Some(Open { body: Err(item_type), .. }) = self.open.last() {
            return Err(ErrorKind::NotThisValue { item_type: *item_type });
        }
        let members = members(element)?;
        let tag = match (name, members.tag) {
            ("TTLV", Some(tag)) => tag,
            ("TTLV", None) => return Err(ErrorKind::MissingKey { key: "tag" }),
            (_, Some(_)) => return Err(ErrorKind::UnknownKey { key: "tag".to_owned() }),
            (name, None) => scalar::tag(name)?,
        };
        let mut own = self.open.is_empty().then(Builder::default);
        let attribute = self.open.last().and_then(|parent| parent.attribute);
        let limit = self.options.max_depth;
        let depth = self.open.len();
        let Some(builder) =
            own.as_mut().or_else(|| self.open.first_mut().and_then(|root| root.builder.as_mut()))
        else {
            return Err(ErrorKind::NoItem);
        };
        let body = match (members.item_type.unwrap_or(ItemType::Structure), members.value) {
            (ItemType::Structure, None) if depth >= limit => return Err(ErrorKind::TooDeep { limit }),
            (ItemType::Structure, None) => Ok(builder.begin()),
            (ItemType::Structure, Some(_)) if members.item_type.is_none() => {
                return Err(ErrorKind::MissingKey { key: "type" });
            }
            (ItemType::Structure, Some(_)) => return Err(ErrorKind::UnknownKey { key: "value".to_owned() }),
            (_, None) => return Err(ErrorKind::MissingKey { key: "value" }),
            (item_type, Some(value)) => {
                let names = names::names_of(tag, attribute);
                scalar::put(builder, tag, item_type, Scalar::Text(&value), names, SPELLING)?;
                if let (tag::ATTRIBUTE_NAME, Some(parent)) = (tag, self.open.last_mut()) {
                    parent.attribute = names::attribute(&value);
                }
                Err(item_type)
            }
        };
        self.open.push(Open { name: quoted(name), tag, body, attribute: None, builder: own });
        Ok(())
    }

    fn end(&mut self) -> Result<(), ErrorKind> {
        let Some(mut done) = self.open.pop() else {
            self.wrapper = Some(false);
            return Ok(());
        };
        let builder =
            done.builder.as_mut().or_else(|| self.open.first_mut().and_then(|root| root.builder.as_mut()));
        if let (Ok(mark), Some(builder)) = (done.body, builder) {
            builder.end(mark, done.tag);
        }
        if let Some(builder) = done.builder {
            self.items.push(builder.finish().ok_or(ErrorKind::ValueTooLarge)?);
        }
        Ok(())
    }
}

fn members(element: &BytesStart<'_>) -> Result<Members, ErrorKind> {
    let mut members = Members::default();
    // Names are checked here, which is linear.
    for attribute in element.attributes().with_checks(false) {
        let attribute =
            attribute.map_err(|error| ErrorKind::Syntax { message: alloc::format!("{error}") })?;
        let value = || attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| syntax(&error));
        let repeated = |key| Err(ErrorKind::RepeatedKey { key });
        match attribute.key.as_ref() {
            "type" if members.item_type.is_some() => return repeated("type"),
            "type" => members.item_type = Some(scalar::item_type(&value()?)?),
            "value" if members.value.is_some() => return repeated("value"),
            "value" => members.value = Some(value()?.into_owned()),
            "tag" if members.tag.is_some() => return repeated("tag"),
            "tag" => members.tag = Some(scalar::tag(&value()?)?),
            // A name for people, and namespaces.
            "name" | "xmlns" => {}
            key if key.starts_with("xmlns:") || key.starts_with("xml:") || key.starts_with("xsi:") => {}
            key => return Err(ErrorKind::UnknownKey { key: quoted(key) }),
        }
    }
    Ok(members)
}
