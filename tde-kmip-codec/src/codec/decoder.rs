use core::{cell::Cell, fmt};

use super::Found;
use crate::{
    spec::{ProtocolVersion, Versions},
    ttlv::{Error, ErrorKind, ItemType, Leniency, Options, Reader, Tag, Tolerated, Walk, error::Fault, raw},
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

    /// Whether fields have to be looked for, since they may stand anywhere, or begin at no multiple of eight bytes.
    #[inline(always)]
    pub(crate) const fn searches(self) -> bool {
        const SEARCH: Leniency = Leniency::ANY_ORDER
            .union(Leniency::UNKNOWN_FIELDS)
            .union(Leniency::REPEATED_FIELDS)
            .union(Leniency::SHORT_PADDING);
        self.leniency.intersects(SEARCH)
    }
}

/// Something is wrong; the [`Decoder`] knows what. Results with this in them are as small as what they are about.
#[derive(Clone, Copy, Debug)]
pub struct Failed;

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
    /// What was last found to be wrong.
    fault: Cell<Fault>,
    observer: Cell<Option<&'o mut dyn FnMut(Tolerated)>>,
}

impl<'a, 'o> Decoder<'a, 'o> {
    #[inline]
    pub(crate) const fn new(
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
            fault: Cell::new(Fault { kind: ErrorKind::NoItem, offset: 0 }),
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
            fault: Cell::new(Fault { kind: ErrorKind::NoItem, offset: 0 }),
            observer: Cell::new(None),
        }
    }

    /// Decodes an item that is no message: what `read` makes of it as a whole.
    pub(crate) fn item<T>(
        input: &'a [u8],
        version: ProtocolVersion,
        options: Options,
        read: impl FnOnce(Found<'a>, &Self) -> Result<T, Failed>,
    ) -> Result<T, Error> {
        let decoder = Self::new(input, version, options, None);
        decoder.root().and_then(|found| read(found, &decoder)).map_err(|failed| decoder.error(failed))
    }

    /// From here on, an Attribute may lack its value, or may not.
    #[inline]
    pub(crate) fn allow_absent_values(&self, allowed: bool) {
        self.absent_values.set(allowed || self.again);
    }

    /// Whether the input was decoded before.
    pub(crate) const fn is_again(&self) -> bool {
        self.again
    }

    pub(crate) const fn allows_absent_values(&self) -> bool {
        self.absent_values.get()
    }

    /// Goes on in another version; the header says which, and comes first.
    pub(crate) const fn set_version(&mut self, version: ProtocolVersion) {
        self.cx.version = Versions::only(nearest(version));
    }

    /// The outermost item, whose size is checked here and whose contents are not.
    #[inline]
    pub(crate) fn root(&self) -> Result<Found<'a>, Failed> {
        let limit = self.options.max_size;
        if self.input.len() > limit {
            return Err(self.fail(ErrorKind::TooLarge { limit: limit as u32 }, 0));
        }
        if self.input.is_empty() {
            return Err(self.fail(ErrorKind::NoItem, 0));
        }
        if self.input.len() / raw::HEADER_LEN > self.options.max_items as usize {
            self.count_items()?;
        }
        let (found, rest) = self.split(self.input).map_err(|fault| self.failed(fault))?;
        if !rest.is_empty() {
            let kind = ErrorKind::TrailingBytes { count: rest.len() as u32 };
            self.tolerate(Leniency::TRAILING_BYTES, kind, self.offset_of(rest))?;
        }
        Ok(found)
    }

    /// Counts the items of an input that may hold more than the limit. What is broken is for others to find.
    #[cold]
    #[inline(never)]
    fn count_items(&self) -> Result<(), Failed> {
        let options = self.options.leniency(Leniency::ALL).max_size(usize::MAX);
        let mut walk = Walk::new(Reader::with_options(self.input, options));
        loop {
            match walk.step() {
                Ok(Some(_)) => {}
                Err(fault) if matches!(fault.kind, ErrorKind::TooManyItems { .. }) => {
                    return Err(self.failed(fault));
                }
                Ok(None) | Err(_) => return Ok(()),
            }
        }
    }

    /// Keeps what is wrong, for [`Decoder::fault`].
    #[cold]
    #[inline(never)]
    pub(crate) fn failed(&self, fault: Fault) -> Failed {
        self.fault.set(fault);
        Failed
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn fail(&self, kind: ErrorKind, offset: usize) -> Failed {
        self.failed(Fault::new(kind, offset))
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn fail_at(&self, kind: ErrorKind, found: Found<'_>) -> Failed {
        self.fail(kind, self.offset(found))
    }

    /// What is wrong, once something has failed.
    #[cold]
    #[inline(never)]
    pub(crate) fn error(&self, _: Failed) -> Error {
        Error::in_input(self.fault.get(), self.input)
    }

    /// Goes along with a deviation and reports it, if leniency allows; else it is an error.
    #[cold]
    #[inline(never)]
    pub(crate) fn tolerate(&self, switch: Leniency, kind: ErrorKind, offset: usize) -> Result<(), Failed> {
        self.allows(switch, kind, offset).map_err(|fault| self.failed(fault))
    }

    /// As [`Decoder::tolerate`], of a whole item.
    #[cold]
    #[inline(never)]
    pub(crate) fn tolerate_at(
        &self,
        switch: Leniency,
        kind: ErrorKind,
        found: Found<'_>,
    ) -> Result<(), Failed> {
        self.tolerate(switch, kind, self.offset(found))
    }

    /// As [`Decoder::tolerate`], of an item's type.
    #[cold]
    #[inline(never)]
    pub(crate) fn tolerate_type(&self, switch: Leniency, found: Found<'_>) -> Result<(), Failed> {
        let fault = self.why_wrong_type(found);
        self.tolerate(switch, fault.kind, fault.offset as usize)
    }

    /// As [`Decoder::tolerate`], without keeping the error.
    #[cold]
    pub(super) fn allows(&self, switch: Leniency, kind: ErrorKind, offset: usize) -> Result<(), Fault> {
        if !self.cx.leniency.contains(switch) {
            return Err(Fault::new(kind, offset));
        }
        if let Some(observer) = self.observer.take() {
            observer(Tolerated { switch, kind, offset });
            self.observer.set(Some(observer));
        }
        Ok(())
    }

    /// Counts levels while a structure is open.
    #[inline(always)]
    pub(crate) fn enter(&self, structure: Found<'_>) -> Result<(), Failed> {
        let depth = self.depth.get();
        if depth >= self.cx.max_depth {
            return Err(self.fail_at(ErrorKind::TooDeep { limit: self.cx.max_depth }, structure));
        }
        self.depth.set(depth + 1);
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn leave(&self) {
        self.depth.set(self.depth.get().wrapping_sub(1));
    }

    /// The items inside a structure, everything below them checked.
    pub(crate) fn checked_items(&self, found: Found<'_>) -> Result<Reader<'a>, Failed> {
        let depth = self.depth.get() + 1;
        if depth > self.cx.max_depth {
            return Err(self.fail_at(ErrorKind::TooDeep { limit: self.cx.max_depth }, found));
        }
        let start = self.offset(found) + raw::HEADER_LEN;
        let mut options = self.options;
        options.max_size = u32::MAX as usize;
        let reader = Reader::inside(self.input, start, start + found.len(), depth, options);
        let mut walk = Walk::new(reader);
        while let Some(visit) = walk.step().map_err(|fault| self.failed(fault))? {
            for (switch, _) in visit.item.tolerated.iter() {
                let deviation = visit.item.deviation(switch);
                self.tolerate(switch, deviation.kind, deviation.offset)?;
            }
        }
        Ok(reader)
    }

    /// A field of the wrong type.
    #[cold]
    #[inline(never)]
    pub(crate) fn wrong_type(&self, found: Found<'_>) -> Failed {
        self.failed(self.why_wrong_type(found))
    }

    pub(super) fn why_wrong_type(&self, found: Found<'_>) -> Fault {
        let type_byte = found.type_byte();
        let kind = match ItemType::from_byte(type_byte) {
            Some(item_type) => ErrorKind::WrongType { tag: found.tag(), found: item_type },
            None => ErrorKind::UnknownType { type_byte },
        };
        Fault::new(kind, self.offset(found) + 3)
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn invalid_length(&self, found: Found<'_>, item_type: ItemType) -> Failed {
        self.fail_at(ErrorKind::InvalidLength { item_type, length: found.len() as u32 }, found)
    }

    /// A structure whose length is no multiple of eight.
    #[cold]
    #[inline(never)]
    pub(super) fn odd_length(&self, structure: Found<'_>) -> Result<(), Failed> {
        let length = structure.len() as u32;
        let kind = ErrorKind::InvalidLength { item_type: ItemType::Structure, length };
        self.tolerate_at(Leniency::SHORT_PADDING, kind, structure)
    }

    /// A field that is there in other versions only.
    #[cold]
    #[inline(never)]
    pub(crate) fn not_in_version(&self, found: Found<'_>) -> Result<(), Failed> {
        let kind = ErrorKind::FieldNotInVersion { tag: found.tag() };
        self.tolerate_at(Leniency::OTHER_VERSIONS, kind, found)
    }

    /// Padding that is not zero.
    #[cold]
    #[inline(never)]
    pub(crate) fn bad_padding(&self, found: Found<'_>) -> Result<(), Failed> {
        let padding = found.padded().get(found.len()..).unwrap_or_default();
        match padding.iter().position(|byte| *byte != 0) {
            Some(bad) => {
                let at = self.offset_of(padding) + bad;
                self.tolerate(Leniency::NONZERO_PADDING, ErrorKind::NonZeroPadding, at)
            }
            None => Ok(()),
        }
    }

    /// The value of a field contradicts the standard.
    #[cold]
    pub(crate) fn invalid(&self, tag: Tag, found: Found<'_>) -> Failed {
        self.fail_at(ErrorKind::InvalidValue { tag }, found)
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
