//! A message for people: an indented tree with offsets, names, types and values, and a finger on the byte where it is
//! malformed.
//!
//! Secrets (key material, passwords, data to be encrypted, tickets: [`crate::spec::TagFacts::secret`]) show their size
//! only, unless asked for. Nothing here allocates or recurses, and any bytes can be printed.
//!
//! ```
//! use tde_kmip_codec::{pretty::Pretty, spec::tag, ttlv::Writer};
//!
//! let mut buffer = [0; 64];
//! let mut writer = Writer::new(&mut buffer);
//! let credential = writer.begin(tag::CREDENTIAL_VALUE);
//! writer.text_string(tag::USERNAME, "tde");
//! writer.text_string(tag::PASSWORD, "hunter2");
//! writer.end(credential);
//! let message = writer.finish()?;
//!
//! assert_eq!(
//!     Pretty::new(message).to_string(),
//!     "\
//! 0000  CredentialValue Structure, 32 bytes
//! 0008    Username TextString \"tde\"
//! 0018    Password TextString, 7 bytes hidden
//! "
//! );
//! let cut = Pretty::new(&message[..30]).to_string();
//! assert_eq!(
//!     cut,
//!     "\
//! 0000  ! value of 32 bytes runs past its container, which has 22 left
//!         42 00 25 01 00 00 00 20
//!         ^^
//! "
//! );
//! # Ok::<(), tde_kmip_codec::ttlv::Error>(())
//! ```

mod line;

use core::fmt::{self, Write as _};

use crate::{
    spec::tag,
    text::names,
    ttlv::{Error, ErrorKind, Item, Leniency, Options, Reader, TagPath, Value, Walk, raw},
};

/// Bytes to be printed as a tree.
#[derive(Clone, Copy)]
pub struct Pretty<'a> {
    input: &'a [u8],
    options: Options,
    secrets: bool,
}

impl fmt::Debug for Pretty<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pretty").field("bytes", &self.input.len()).finish_non_exhaustive()
    }
}

impl<'a> Pretty<'a> {
    /// A printer of items, strict and with secrets hidden.
    #[must_use]
    pub const fn new(input: &'a [u8]) -> Self {
        Self { input, options: Options::new(), secrets: false }
    }

    /// Reads with these limits and this leniency; what is tolerated is marked where it stands.
    #[must_use]
    pub const fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Shows secrets.
    #[must_use]
    pub const fn show_secrets(mut self, show: bool) -> Self {
        self.secrets = show;
        self
    }
}

/// How deep the printer keeps count of what is around it: as deep as structures nest.
const LEVELS: usize = Options::DEPTH_CEILING as usize + 1;

impl fmt::Display for Pretty<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Per level: the attribute that the last Attribute Name named, and whether the structure around is secret.
        let mut attributes = [None; LEVELS];
        let mut secret = [false; LEVELS];
        let mut after_secret = false;
        for visit in Walk::new(Reader::with_options(self.input, self.options)) {
            let visit = match visit {
                Ok(visit) => visit,
                Err(error) => return self.point(&error, after_secret, f),
            };
            let (item, level) = (visit.item, usize::from(visit.depth).min(LEVELS - 1));
            let hidden = secret.get(level).copied().unwrap_or_default() || names::is_secret(&item);
            after_secret = hidden;
            let attribute = attributes.get(level).copied().flatten();
            let indent = Indent(level);
            write!(f, "{:04X}  {indent}", item.offset)?;
            line::write(f, &item, names::names_of(item.tag, attribute), hidden && !self.secrets)?;
            f.write_char('\n')?;
            self.deviations(&item, level, f)?;
            if let (tag::ATTRIBUTE_NAME, Value::TextString(name), Some(slot)) =
                (item.tag, item.value, attributes.get_mut(level))
            {
                *slot = names::attribute(name);
            }
            if let (Value::Structure(_), Some(attribute), Some(slot)) =
                (item.value, attributes.get_mut(level + 1), secret.get_mut(level + 1))
            {
                *attribute = None;
                *slot = hidden;
            }
        }
        Ok(())
    }
}

impl Pretty<'_> {
    /// What is wrong at a byte, as the tree has it: without numbers that may be part of a secret.
    ///
    /// Takes a walk through the input.
    #[must_use]
    pub fn told(&self, kind: ErrorKind, offset: usize) -> impl fmt::Display + use<> {
        let options = self.options.leniency(Leniency::ALL);
        let mut last = None;
        for visit in Walk::new(Reader::with_options(self.input, options)).map_while(Result::ok) {
            if visit.item.offset >= offset {
                break;
            }
            last = Some(visit.item);
        }
        let after_secret = last
            .is_some_and(|item| is_in_secret(&TagPath::locate(self.input, item.offset + raw::HEADER_LEN)));
        let hidden = !self.secrets && (after_secret || is_in_secret(&TagPath::locate(self.input, offset)));
        Told { kind, hidden, after_secret: hidden && after_secret }
    }

    /// What a strict reader would have said about the item.
    fn deviations(&self, item: &Item<'_>, level: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (switch, _) in item.tolerated.iter() {
            let deviation = item.deviation(switch);
            writeln!(f, "{:04X}  {}! {}", deviation.offset, Indent(level), deviation.kind)?;
        }
        Ok(())
    }

    /// Where the message is malformed, and the bytes there, unless they may be part of a secret.
    fn point(&self, error: &Error, after_secret: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = error.offset();
        let path = TagPath::locate(self.input, offset);
        let level = path.as_slice().len().saturating_sub(1);
        let hidden = !self.secrets && (after_secret || is_in_secret(&path));
        writeln!(
            f,
            "{offset:04X}  {}! {}",
            Indent(level),
            Told { kind: error.kind(), hidden, after_secret: hidden && after_secret }
        )?;
        if hidden {
            return Ok(());
        }
        // A bad type stands in the fourth byte of its item, and makes more sense with the tag before it.
        let before = if matches!(error.kind(), ErrorKind::UnknownType { .. }) { 3 } else { 0 };
        let start = offset.saturating_sub(before);
        let bytes = self.input.get(start..).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(());
        }
        write!(f, "      {}  ", Indent(level))?;
        for (index, byte) in bytes.iter().take(8).enumerate() {
            write!(f, "{}{byte:02X}", if index == 0 { "" } else { " " })?;
        }
        writeln!(f, "\n      {}  {:width$}^^", Indent(level), "", width = 3 * (offset - start))
    }
}

/// Whether what a path leads to may be part of a secret. What lies too deep for the path may.
fn is_in_secret(path: &TagPath) -> bool {
    path.is_cut() || path.as_slice().iter().any(|tag| names::is_secret_tag(*tag))
}

/// What is wrong with an item, without bytes of its value or header if they may be part of a secret: where a secret says
/// that it is shorter than it is, the rest of it stands where the next header should.
struct Told {
    kind: ErrorKind,
    hidden: bool,
    /// The header itself may be part of a secret.
    after_secret: bool,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ErrorKind::TagOutOfRange { .. } if self.hidden => {
                f.write_str("tag begins with neither 0x42 nor 0x54")
            }
            ErrorKind::UnknownType { .. } if self.hidden => f.write_str("unknown item type"),
            ErrorKind::InvalidBoolean { .. } if self.hidden => f.write_str("boolean is neither 0 nor 1"),
            ErrorKind::InvalidLength { item_type, .. } if self.after_secret => {
                write!(f, "length is not valid for {item_type}")
            }
            ErrorKind::ValueTooLong { .. } if self.after_secret => {
                f.write_str("value runs past its container")
            }
            kind => kind.fmt(f),
        }
    }
}

/// Two blanks a level.
struct Indent(usize);

impl fmt::Display for Indent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:width$}", "", width = 2 * self.0)
    }
}
