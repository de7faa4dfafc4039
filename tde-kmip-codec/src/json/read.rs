use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Error;
use crate::{
    spec::tag,
    text::{
        builder::{Builder, Mark},
        error::{ErrorKind, quoted},
        names,
        scalar::{self, Scalar, Spelling},
    },
    ttlv::{ItemType, Tag},
};

/// Limits of the reader, and what it goes along with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    max_size: usize,
    max_depth: usize,
    cut_fractions: bool,
}

impl Options {
    /// The largest text by default: 64 MiB, four times the largest message.
    pub const DEFAULT_MAX_SIZE: usize = 64 << 20;
    /// How deep structures may nest, by default and at most.
    pub const MAX_DEPTH: usize = 64;

    /// Strict, with the default limits.
    #[must_use]
    pub const fn new() -> Self {
        Self { max_size: Self::DEFAULT_MAX_SIZE, max_depth: Self::MAX_DEPTH, cut_fractions: false }
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

    /// Cut off fractions of seconds in a Date-Time, which counts whole ones; Cosmian KMS sends them.
    #[must_use]
    pub const fn cut_fractions(mut self, cut: bool) -> Self {
        self.cut_fractions = cut;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads one item, in the form of the JSON profile or in the tree form, as TTLV.
///
/// # Errors
/// What is wrong, at which line and column; values are not quoted.
pub fn read(text: &str) -> Result<Vec<u8>, Error> {
    read_with(text, Options::new())
}

/// As [`read`], with limits and leniency.
///
/// # Errors
/// What is wrong, at which line and column; values are not quoted.
pub fn read_with(text: &str, options: Options) -> Result<Vec<u8>, Error> {
    read_naming(text, options, scalar::tag)
}

/// Reads one item whose outermost name `root` explains.
pub(super) fn read_naming(
    text: &str,
    options: Options,
    root: impl Fn(&str) -> Result<Tag, ErrorKind>,
) -> Result<Vec<u8>, Error> {
    let whole = |kind| Error { kind, line: 0, column: 0, path: String::new() };
    if text.len() > options.max_size {
        return Err(whole(ErrorKind::TooLarge { limit: options.max_size }));
    }
    let spelling = Spelling {
        decimal_text: true,
        mask_separator: '|',
        short_big_integers: false,
        cut_fractions: options.cut_fractions,
        decimal_dates: true,
    };
    let mut state = State {
        builder: Builder::default(),
        root: &root,
        options,
        spelling,
        path: Vec::new(),
        failure: None,
    };
    let mut parser = serde_json::Deserializer::from_str(text);
    // The depth is bounded by `max_depth`, which allows more levels than serde_json's own bound.
    parser.disable_recursion_limit();
    let item = ItemSeed { state: &mut state, depth: 0, attribute: &mut None };
    let result = item
        .deserialize(&mut parser)
        .and_then(|()| parser.end().inspect_err(|_| state.failure = Some(ErrorKind::TrailingContent)));
    if let Err(error) = result {
        let syntax = || ErrorKind::Syntax { message: message(&error) };
        return Err(Error {
            kind: state.failure.take().unwrap_or_else(syntax),
            line: error.line(),
            column: error.column(),
            path: state.path.join("/"),
        });
    }
    state.builder.finish().ok_or_else(|| whole(ErrorKind::ValueTooLarge))
}

/// What serde_json says, without the position, which stands elsewhere. Of values that cannot be here it quotes some.
fn message(error: &serde_json::Error) -> String {
    if error.is_data() {
        return "neither an item nor a value that an item can have".to_owned();
    }
    let text = alloc::format!("{error}");
    match text.rfind(" at line ") {
        Some(end) => text.get(..end).unwrap_or_default().to_owned(),
        None => text,
    }
}

struct State<'s> {
    builder: Builder,
    root: &'s dyn Fn(&str) -> Result<Tag, ErrorKind>,
    options: Options,
    spelling: Spelling,
    /// The names of the items under way; after an error, those that it is about.
    path: Vec<String>,
    /// What went wrong, apart from syntax.
    failure: Option<ErrorKind>,
}

impl State<'_> {
    /// An error for serde to carry to the top, where the kind is waiting.
    fn fail<E: serde::de::Error>(&mut self, kind: ErrorKind) -> E {
        self.failure = Some(kind);
        E::custom("")
    }
}

/// One item: an object.
struct ItemSeed<'a, 's> {
    state: &'a mut State<'s>,
    /// How many structures are around it.
    depth: usize,
    /// The attribute named by the Attribute Name that stood before it among its siblings.
    attribute: &'a mut Option<Tag>,
}

/// The value of an item.
enum Held {
    Items(Mark),
    Text(String),
    Number(i128),
    Boolean(bool),
}

impl<'de> DeserializeSeed<'de> for ItemSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ItemSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an item, such as {\"tag\": ..., \"type\": ..., \"value\": ...}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { state, depth, attribute } = self;
        let mut tag = None;
        let mut item_type = None;
        let mut value = None;
        let place = state.path.len();
        state.path.push("?".to_owned());
        while let Some(key) = map.next_key_seed(TextSeed)? {
            match key.as_str() {
                "tag" => {
                    let name = map.next_value_seed(TextSeed)?;
                    let found = if depth == 0 { (state.root)(&name) } else { scalar::tag(&name) };
                    if let Some(last) = state.path.last_mut() {
                        *last = quoted(&name);
                    }
                    let found = found.map_err(|kind| state.fail(kind))?;
                    if tag.replace(found).is_some() {
                        return Err(state.fail(ErrorKind::RepeatedKey { key: "tag" }));
                    }
                }
                "type" => {
                    let name = map.next_value_seed(TextSeed)?;
                    let found = scalar::item_type(&name).map_err(|kind| state.fail(kind))?;
                    if item_type.replace(found).is_some() {
                        return Err(state.fail(ErrorKind::RepeatedKey { key: "type" }));
                    }
                }
                "value" => {
                    let held = map.next_value_seed(ValueSeed { state, depth })?;
                    if value.replace(held).is_some() {
                        return Err(state.fail(ErrorKind::RepeatedKey { key: "value" }));
                    }
                }
                // The profile's `name` and the tree's `name` and `enum` say again what is known already.
                "name" | "enum" => drop(map.next_value::<Option<String>>()?),
                other => return Err(state.fail(ErrorKind::UnknownKey { key: quoted(other) })),
            }
        }
        let Some(tag) = tag else { return Err(state.fail(ErrorKind::MissingKey { key: "tag" })) };
        finish(state, tag, item_type, value, attribute).map_err(|kind| state.fail(kind))?;
        state.path.truncate(place);
        Ok(())
    }
}

/// Puts an item whose members are all known.
fn finish(
    state: &mut State<'_>,
    tag: Tag,
    item_type: Option<ItemType>,
    value: Option<Held>,
    attribute: &mut Option<Tag>,
) -> Result<(), ErrorKind> {
    let scalar = match &value {
        None => return Err(ErrorKind::MissingKey { key: "value" }),
        Some(Held::Items(mark)) => {
            let item_type = item_type.unwrap_or(ItemType::Structure);
            if item_type != ItemType::Structure {
                return Err(ErrorKind::NotThisValue { item_type });
            }
            state.builder.end(*mark, tag);
            return Ok(());
        }
        Some(Held::Text(text)) => Scalar::Text(text),
        Some(Held::Number(number)) => Scalar::Number(*number),
        Some(Held::Boolean(value)) => Scalar::Boolean(*value),
    };
    let item_type = item_type.ok_or(ErrorKind::MissingKey { key: "type" })?;
    let names = names::names_of(tag, *attribute);
    scalar::put(&mut state.builder, tag, item_type, scalar, names, state.spelling)?;
    if let (tag::ATTRIBUTE_NAME, Scalar::Text(name)) = (tag, scalar) {
        *attribute = names::attribute(name);
    }
    Ok(())
}

/// What stands at `value`.
struct ValueSeed<'a, 's> {
    state: &'a mut State<'s>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, '_> {
    type Value = Held;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Held, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_, '_> {
    type Value = Held;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a whole number, true, false, or a list of items")
    }

    fn visit_str<E>(self, text: &str) -> Result<Held, E> {
        Ok(Held::Text(text.to_owned()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Held, E> {
        Ok(Held::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Held, E> {
        Ok(Held::Number(value.into()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Held, E> {
        Ok(Held::Boolean(value))
    }

    /// The profile allows `null` for a structure without items.
    fn visit_unit<E>(self) -> Result<Held, E> {
        Ok(Held::Items(self.state.builder.begin()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Held, A::Error> {
        let Self { state, depth } = self;
        let limit = state.options.max_depth;
        if depth >= limit {
            return Err(state.fail(ErrorKind::TooDeep { limit }));
        }
        let mark = state.builder.begin();
        let mut attribute = None;
        while items
            .next_element_seed(ItemSeed { state, depth: depth + 1, attribute: &mut attribute })?
            .is_some()
        {}
        Ok(Held::Items(mark))
    }
}

/// Text, for names.
struct TextSeed;

impl<'de> DeserializeSeed<'de> for TextSeed {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for TextSeed {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}
