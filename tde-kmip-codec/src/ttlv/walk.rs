use core::{fmt, iter::FusedIterator};

use super::{
    Error, ErrorKind, Item, ItemType, Leniency, Options, Reader, Tolerated, Value, error::Fault, raw,
    reader::Checked,
};

/// Decodes `input` as exactly one item and checks everything in it, at every level.
///
/// # Errors
/// Every error of the item layer ([`super::Layer::Item`]); [`ErrorKind::NoItem`] if the input is empty.
pub fn decode(input: &[u8]) -> Result<Item<'_>, Error> {
    decode_with(input, Options::new(), |_| {})
}

/// As [`decode`], with limits and leniency; `tolerated` hears of each deviation gone along with.
///
/// # Errors
/// Every error of the item layer that `options` does not tolerate.
pub fn decode_with(
    input: &[u8],
    options: Options,
    mut tolerated: impl FnMut(Tolerated),
) -> Result<Item<'_>, Error> {
    let mut reader = Reader::with_options(input, options);
    let root = reader.read()?;
    check(input, &root, &options, &mut tolerated).map_err(|fault| Error::in_input(fault, input))?;
    if !reader.is_empty() && options.leniency.contains(Leniency::TRAILING_BYTES) {
        let kind = ErrorKind::TrailingBytes { count: reader.remaining().len() as u32 };
        tolerated(Tolerated { switch: Leniency::TRAILING_BYTES, kind, offset: reader.offset() });
    }
    reader.finish()?;
    Ok(root)
}

/// Checks an item and everything in it: what [`Walk`] does, without making items of it.
fn check(
    input: &[u8],
    root: &Item<'_>,
    options: &Options,
    tolerated: &mut impl FnMut(Tolerated),
) -> Result<(), Fault> {
    let mut ends = [0_u32; Options::DEPTH_CEILING as usize];
    let (mut depth, mut items) = (0_u8, 0_u32);
    let (mut at, mut end) = (root.offset, root.offset + root.bytes.len());
    loop {
        while at >= end {
            let Some(outer) = depth.checked_sub(1) else { return Ok(()) };
            depth = outer;
            end = ends.get(usize::from(outer)).copied().unwrap_or_default() as usize;
        }
        if items >= options.max_items {
            return Err(Fault::new(ErrorKind::TooManyItems { limit: options.max_items }, at));
        }
        items += 1;
        let item = Checked::at(input, at, end, options.leniency)?;
        if !item.tolerated.is_empty() {
            report(input, at, end, options, tolerated)?;
        }
        if item.item_type == ItemType::Structure {
            let slot = ends.get_mut(usize::from(depth)).filter(|_| depth < options.max_depth);
            let Some(slot) = slot else {
                return Err(Fault::new(ErrorKind::TooDeep { limit: options.max_depth }, at));
            };
            *slot = end as u32;
            depth += 1;
            at += raw::HEADER_LEN;
            end = item.next;
        } else {
            item.check_value(input)?;
            at = item.next;
        }
    }
}

/// Tells of the deviations of the item at `at`.
#[cold]
fn report(
    input: &[u8],
    at: usize,
    end: usize,
    options: &Options,
    tolerated: &mut impl FnMut(Tolerated),
) -> Result<(), Fault> {
    let item = Reader::inside(input, at, end, 0, options.max_size(usize::MAX)).read_item()?;
    for (switch, _) in item.tolerated.iter() {
        tolerated(item.deviation(switch));
    }
    Ok(())
}

/// An item met on a walk.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct Visit<'a> {
    /// How many structures are around it.
    pub depth: u8,
    /// The item; if it is a structure, its children come next.
    pub item: Item<'a>,
}

/// Every item below a reader, each structure before its children: a walk of the whole tree without recursion.
///
/// After an error the walk is over.
#[derive(Clone)]
pub struct Walk<'a> {
    reader: Reader<'a>,
    /// Where the structures around the reader end.
    ends: [u32; Options::DEPTH_CEILING as usize],
    depth: u8,
    items: u32,
    failed: bool,
}

impl<'a> Walk<'a> {
    /// A walk over what `reader` has left.
    #[must_use]
    pub const fn new(reader: Reader<'a>) -> Self {
        Self { reader, ends: [0; Options::DEPTH_CEILING as usize], depth: 0, items: 0, failed: false }
    }

    pub(crate) fn step(&mut self) -> Result<Option<Visit<'a>>, Fault> {
        while self.reader.is_empty() {
            let Some(outer) = self.depth.checked_sub(1) else {
                return Ok(None);
            };
            self.depth = outer;
            let end = self.ends.get(usize::from(outer)).copied().unwrap_or_default();
            self.reader.leave(end as usize);
        }
        let limit = self.reader.options().max_items;
        if self.items >= limit {
            return Err(Fault::new(ErrorKind::TooManyItems { limit }, self.reader.offset()));
        }
        let outer_end = self.reader.end();
        let item = self.reader.read_item()?;
        self.items += 1;
        let visit = Visit { depth: self.depth, item };
        if let Value::Structure(children) = item.value
            && let Some(slot) = self.ends.get_mut(usize::from(self.depth))
        {
            *slot = outer_end as u32;
            self.depth += 1;
            self.reader = children;
        }
        Ok(Some(visit))
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<Visit<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let step = self.step();
        self.failed = step.is_err();
        step.map_err(|fault| self.reader.error(fault)).transpose()
    }
}

impl FusedIterator for Walk<'_> {}

impl fmt::Debug for Walk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk").field("at", &self.reader).field("depth", &self.depth).finish_non_exhaustive()
    }
}
