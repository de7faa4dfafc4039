use core::{cell::Cell, fmt};

use super::{Found, fields::load_found};
use crate::{
    spec::{ProtocolVersion, Versions},
    ttlv::{ErrorKind, ItemType, Leniency, Options, Reader, Tag, Tolerated, Walk, error::Fault, raw},
};

/// What views keep of their decoder, so that they read later what was checked before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Context {
    /// The one version in force.
    pub(crate) version: Versions,
    pub(crate) leniency: Leniency,
    pub(crate) max_depth: u8,
}

impl Context {
    pub(crate) const fn new(version: ProtocolVersion, options: &Options) -> Self {
        Self {
            version: Versions::only(nearest(version)),
            leniency: options.leniency,
            max_depth: options.max_depth,
        }
    }

    #[inline(always)]
    pub(crate) const fn is_v1(self) -> bool {
        Versions::V1.covers(self.version)
    }

    /// Whether fields have to be looked for, since they may stand anywhere.
    #[inline(always)]
    pub(crate) const fn searches(self) -> bool {
        const SEARCH: Leniency =
            Leniency::ANY_ORDER.union(Leniency::UNKNOWN_FIELDS).union(Leniency::REPEATED_FIELDS);
        self.leniency.intersects(SEARCH)
    }
}

/// One decoding: the input, the rules, and who hears of deviations.
pub struct Decoder<'a, 'o> {
    pub(crate) input: &'a [u8],
    pub(crate) cx: Context,
    options: Options,
    /// The Key Format Type of the Key Block that is being read; 0 outside of one.
    pub(crate) key_format: Cell<u32>,
    /// Whether an Attribute may lack its value.
    absent_values: Cell<bool>,
    /// Whether the input was decoded before, by a decoder that knew more of the surroundings.
    again: bool,
    depth: Cell<u8>,
    /// How many items may still come.
    items: Cell<u32>,
    observer: Cell<Option<&'o mut dyn FnMut(Tolerated)>>,
}

impl<'a, 'o> Decoder<'a, 'o> {
    pub(crate) fn new(
        input: &'a [u8],
        version: ProtocolVersion,
        options: Options,
        observer: Option<&'o mut dyn FnMut(Tolerated)>,
    ) -> Self {
        Self {
            input,
            cx: Context::new(version, &options),
            options,
            key_format: Cell::new(0),
            absent_values: Cell::new(false),
            again: false,
            depth: Cell::new(0),
            items: Cell::new(options.max_items),
            observer: Cell::new(observer),
        }
    }

    /// A decoder of what another one has checked: nobody needs to hear of its deviations again.
    #[inline]
    pub(crate) const fn again(input: &'a [u8], cx: Context) -> Self {
        let options = Options::new().leniency(cx.leniency).max_depth(cx.max_depth).max_items(u32::MAX);
        Self {
            input,
            cx,
            options,
            key_format: Cell::new(0),
            absent_values: Cell::new(true),
            again: true,
            depth: Cell::new(0),
            items: Cell::new(u32::MAX),
            observer: Cell::new(None),
        }
    }

    /// From here on, an Attribute may lack its value, or may not.
    pub(crate) fn allow_absent_values(&self, allowed: bool) {
        self.absent_values.set(allowed || self.again);
    }

    pub(crate) const fn allows_absent_values(&self) -> bool {
        self.absent_values.get()
    }

    /// Goes on in another version; the header says which, and comes first.
    pub(crate) const fn set_version(&mut self, version: ProtocolVersion) {
        self.cx.version = Versions::only(nearest(version));
    }

    /// The outermost item, whose size is checked here and whose contents are not.
    pub(crate) fn root(&self) -> Result<Found<'a>, Fault> {
        let limit = self.options.max_size;
        if self.input.len() > limit {
            return Err(Fault::new(ErrorKind::TooLarge { limit: limit as u32 }, 0));
        }
        if self.input.is_empty() {
            return Err(Fault::new(ErrorKind::NoItem, 0));
        }
        let (found, next) = load_found(self, 0, self.input.len())?;
        if next != self.input.len() {
            let kind = ErrorKind::TrailingBytes { count: (self.input.len() - next) as u32 };
            self.tolerate(Leniency::TRAILING_BYTES, kind, next)?;
        }
        Ok(found)
    }

    /// Goes along with a deviation and reports it, if leniency allows; else it is an error.
    #[cold]
    #[inline(never)]
    pub(crate) fn tolerate(&self, switch: Leniency, kind: ErrorKind, offset: usize) -> Result<(), Fault> {
        if !self.cx.leniency.contains(switch) {
            return Err(Fault::new(kind, offset));
        }
        if let Some(observer) = self.observer.take() {
            observer(Tolerated { switch, kind, offset });
            self.observer.set(Some(observer));
        }
        Ok(())
    }

    /// Counts items, and levels while a structure is open.
    #[inline(always)]
    pub(crate) fn enter(&self, offset: usize) -> Result<(), Fault> {
        let depth = self.depth.get();
        if depth >= self.cx.max_depth {
            return Err(Fault::new(ErrorKind::TooDeep { limit: self.cx.max_depth }, offset));
        }
        self.depth.set(depth + 1);
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn leave(&self, items: u32, offset: usize) -> Result<(), Fault> {
        self.depth.set(self.depth.get().wrapping_sub(1));
        match self.items.get().checked_sub(items) {
            Some(left) => {
                self.items.set(left);
                Ok(())
            }
            None => Err(Fault::new(ErrorKind::TooManyItems { limit: self.options.max_items }, offset)),
        }
    }

    /// The items inside a structure, everything below them checked.
    pub(crate) fn checked_items(&self, found: Found<'_>) -> Result<Reader<'a>, Fault> {
        let depth = self.depth.get() + 1;
        if depth > self.cx.max_depth {
            return Err(Fault::new(ErrorKind::TooDeep { limit: self.cx.max_depth }, found.offset()));
        }
        let start = found.start();
        let mut options = self.options;
        options.max_size = u32::MAX as usize;
        let reader = Reader::inside(self.input, start, start + found.len(), depth, options);
        let mut walk = Walk::new(reader);
        let mut items = 0;
        while let Some(visit) = walk.step()? {
            items += 1;
            for (switch, _) in visit.item.tolerated.iter() {
                let deviation = visit.item.deviation(switch);
                self.tolerate(switch, deviation.kind, deviation.offset)?;
            }
        }
        self.depth.set(depth);
        self.leave(items, found.offset())?;
        Ok(reader)
    }

    /// Refuses, or goes along with, a field of the wrong type.
    #[cold]
    #[inline(never)]
    pub(crate) fn wrong_type(&self, found: Found<'_>) -> Fault {
        let type_byte = found.type_byte();
        let kind = match ItemType::from_byte(type_byte) {
            Some(item_type) => ErrorKind::WrongType { tag: found.tag(), found: item_type },
            None => ErrorKind::UnknownType { type_byte },
        };
        Fault::new(kind, found.offset() + 3)
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn invalid_length(&self, found: Found<'_>, item_type: ItemType) -> Fault {
        Fault::new(ErrorKind::InvalidLength { item_type, length: found.len() as u32 }, found.offset())
    }

    /// Padding that is not zero.
    #[cold]
    #[inline(never)]
    pub(crate) fn bad_padding(&self, found: Found<'_>) -> Result<(), Fault> {
        let end = found.start() + found.len();
        let padding = self.input.get(end..).unwrap_or_default();
        let padding = padding.get(..raw::padded(found.len()) - found.len()).unwrap_or(padding);
        match padding.iter().position(|byte| *byte != 0) {
            Some(bad) => self.tolerate(Leniency::NONZERO_PADDING, ErrorKind::NonZeroPadding, end + bad),
            None => Ok(()),
        }
    }

    /// The value of a field contradicts the standard.
    #[cold]
    pub(crate) fn invalid(&self, tag: Tag, found: Found<'_>) -> Fault {
        Fault::new(ErrorKind::InvalidValue { tag }, found.offset())
    }
}

/// The edition that a version is read as: itself, or the closest one before it, or the first.
pub(crate) const fn nearest(version: ProtocolVersion) -> ProtocolVersion {
    if version.is_known() {
        version
    } else if version.major >= 2 {
        ProtocolVersion::V2_1
    } else if version.major == 1 && version.minor > 0 {
        ProtocolVersion::V1_4
    } else {
        ProtocolVersion::V1_0
    }
}

impl fmt::Debug for Decoder<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("cx", &self.cx).finish_non_exhaustive()
    }
}
