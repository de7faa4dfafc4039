//! Rules between fields: one must be there, or may not, when others are so.
//!
//! The standard's tables declare them ([`RuleFacts`]). Whoever decodes or encodes a structure asks in two steps. The
//! first is quick and stands in the hot path: a few comparisons, which the compiler makes of the table, with fields inside
//! of fields passed over. A structure that this suspects is looked at in full by the second.

use super::{Decoder, Encoder, Failed, FieldValue, Found};
use crate::{
    spec::{Content, Demand, FieldFacts, FieldState, RuleFacts, Versions},
    ttlv::{Because, ErrorKind, Leniency, Tag},
};

/// What a rule asks about a field.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    there: bool,
    /// What the field's value is to [`FieldState`].
    number: u32,
}

impl Seen {
    pub(crate) const ABSENT: Self = Self { there: false, number: 0 };

    #[inline(always)]
    pub(crate) const fn there(number: u32) -> Self {
        Self { there: true, number }
    }

    #[inline(always)]
    pub(crate) const fn if_there(there: bool) -> Self {
        Self { there, number: 0 }
    }
}

/// What the rules of a structure ask about one of its fields.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    /// Where it is kept whether the field is there, if a rule asks.
    there: Option<usize>,
    /// Where its number is kept, if a rule asks.
    number: Option<usize>,
}

impl Asked {
    /// What the rules in `facts` ask about the field under `tag`.
    pub(crate) const fn about(facts: &[FieldFacts], tag: Tag) -> Self {
        let asked = Questions::of(facts);
        Self { there: place(&asked.there, tag), number: place(&asked.numbers, tag) }
    }
}

/// Which fields of a structure are there, and the numbers that rules ask for.
///
/// Places are known to the compiler, so that each is a register at most.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    there: [bool; FIELDS],
    numbers: [u32; NUMBERS],
}

impl Shape {
    pub(crate) const EMPTY: Self = Self { there: [false; FIELDS], numbers: [0; NUMBERS] };

    #[inline(always)]
    pub(crate) fn note(&mut self, asked: Asked, seen: Seen) {
        if let Some(there) = asked.there.and_then(|place| self.there.get_mut(place)) {
            *there |= seen.there;
        }
        if let Some(number) = asked.number.and_then(|place| self.numbers.get_mut(place)) {
            *number |= seen.number;
        }
    }

    /// Whether any rule may be broken.
    #[inline(always)]
    pub(crate) fn is_suspicious(self, quick: Quick, version: Versions) -> bool {
        let [first, second, third, fourth] = quick.0;
        first.fits(self, version)
            || second.fits(self, version)
            || third.fits(self, version)
            || fourth.fits(self, version)
    }
}

/// About how many fields the rules of one structure ask at most, whether they are there.
const FIELDS: usize = 6;
/// About how many they ask at most for the number.
const NUMBERS: usize = 2;
/// How many rules one structure has at most.
const RULES: usize = 4;

/// The rules of a structure in their quick form.
#[derive(Clone, Copy)]
pub(crate) struct Quick([QuickRule; RULES]);

/// When a rule may be broken: sometimes when it is not, never not when it is.
#[derive(Clone, Copy)]
struct QuickRule {
    versions: Versions,
    /// What the numbers must be, or may not.
    numbers: [Option<(u32, bool)>; NUMBERS],
    /// Which fields must be there, or may not.
    there: [Option<bool>; FIELDS],
}

impl QuickRule {
    const NONE: Self = Self { versions: Versions::NONE, numbers: [None; NUMBERS], there: [None; FIELDS] };

    #[inline(always)]
    fn fits(self, shape: Shape, version: Versions) -> bool {
        // What is asked is known to the compiler, which leaves the rest out.
        let [one, two] = self.numbers;
        let [first, second] = shape.numbers;
        let [a, b, c, d, e, f] = self.there;
        let [in_a, in_b, in_c, in_d, in_e, in_f] = shape.there;
        let number =
            |wanted: Option<(u32, bool)>, number| wanted.is_none_or(|(value, is)| (value == number) == is);
        let is = |wanted: Option<bool>, there| wanted.is_none_or(|wanted| wanted == there);
        !self.versions.is_empty()
            && number(one, first)
            && number(two, second)
            && is(a, in_a)
            && is(b, in_b)
            && is(c, in_c)
            && is(d, in_d)
            && is(e, in_e)
            && is(f, in_f)
            && self.versions.covers(version)
    }

    #[allow(clippy::indexing_slicing)] // Only ever evaluated by the compiler.
    const fn of(facts: &[FieldFacts], rule: &RuleFacts) -> Self {
        let asked = Questions::of(facts);
        let mut quick = Self { versions: rule.versions, ..Self::NONE };
        if let Some(at) = place(&asked.there, rule.field[0]) {
            match (rule.demand, rule.field) {
                (Demand::Required, [_]) => quick.there[at] = Some(false),
                // What is inside of a field needs the field, and may be there with it or not.
                (Demand::Required, _) => {}
                (Demand::Forbidden, _) => quick.there[at] = Some(true),
            }
        }
        let mut rest = rule.when;
        while let [condition, tail @ ..] = rest {
            let is_own = matches!(condition.field, [_]);
            let there = place(&asked.there, condition.field[0]);
            match (condition.state, there) {
                (FieldState::Present | FieldState::OneOf(_), Some(at)) => quick.there[at] = Some(true),
                (FieldState::Absent, Some(at)) if is_own => quick.there[at] = Some(false),
                _ => {}
            }
            // Several values are too many for the quick form.
            if let (Some((value, is)), Some(at)) =
                (single(condition.state), place(&asked.numbers, condition.field[0]))
                && is_own
            {
                quick.numbers[at] = Some((value, is));
            }
            rest = tail;
        }
        quick
    }
}

/// The one value that a state is about, and whether it must be that or may not.
const fn single(state: FieldState) -> Option<(u32, bool)> {
    match state {
        FieldState::OneOf([value]) => Some((*value, true)),
        FieldState::NoneOf([value]) => Some((*value, false)),
        _ => None,
    }
}

impl Quick {
    /// The rules in `facts`.
    #[allow(clippy::panic, clippy::indexing_slicing)] // Only ever evaluated by the compiler.
    pub(crate) const fn of(facts: &[FieldFacts]) -> Self {
        let mut quick = [QuickRule::NONE; RULES];
        let mut count = 0;
        let mut fields = facts;
        while let [field, others @ ..] = fields {
            let mut rules = field.rules;
            while let [rule, tail @ ..] = rules {
                assert!(count < RULES, "a structure has more rules than there is room for");
                quick[count] = QuickRule::of(facts, rule);
                count += 1;
                rules = tail;
            }
            fields = others;
        }
        Self(quick)
    }
}

/// Whether there are rules between these fields.
pub(crate) const fn has_rules(facts: &[FieldFacts]) -> bool {
    let mut rest = facts;
    while let [field, tail @ ..] = rest {
        if !field.rules.is_empty() {
            return true;
        }
        rest = tail;
    }
    false
}

/// The tags of the fields that the rules of a structure ask about.
#[derive(Clone, Copy)]
struct Questions {
    there: [u32; FIELDS],
    numbers: [u32; NUMBERS],
}

impl Questions {
    const fn of(facts: &[FieldFacts]) -> Self {
        let mut asked = Self { there: [0; FIELDS], numbers: [0; NUMBERS] };
        let mut fields = facts;
        while let [field, others @ ..] = fields {
            let mut rules = field.rules;
            while let [rule, more @ ..] = rules {
                add(&mut asked.there, facts, rule.field);
                let mut when = rule.when;
                while let [condition, tail @ ..] = when {
                    if !matches!(condition.state, FieldState::NoneOf(_)) {
                        add(&mut asked.there, facts, condition.field);
                    }
                    if single(condition.state).is_some() && matches!(condition.field, [_]) {
                        add(&mut asked.numbers, facts, condition.field);
                    }
                    when = tail;
                }
                rules = more;
            }
            fields = others;
        }
        asked
    }
}

/// Adds the first field of a path, if it is one of the structure's own and not known yet.
#[allow(clippy::panic, clippy::indexing_slicing)] // Only ever evaluated by the compiler.
const fn add(known: &mut [u32], facts: &[FieldFacts], path: &[Tag]) {
    let [first, ..] = path else { return };
    let mut rest = facts;
    let mut is_own = false;
    while let [field, tail @ ..] = rest {
        is_own |= matches!(field.content, Content::Tagged(tag) if tag.get() == first.get());
        rest = tail;
    }
    if !is_own || place(known, *first).is_some() {
        return;
    }
    match place_of(known, 0) {
        Some(free) => known[free] = first.get(),
        None => panic!("the rules of a structure ask about more fields than there is room for"),
    }
}

/// Where a tag stands among the ones asked about.
const fn place(known: &[u32], tag: Tag) -> Option<usize> {
    place_of(known, tag.get())
}

#[allow(clippy::indexing_slicing)] // Only ever evaluated by the compiler.
const fn place_of(known: &[u32], number: u32) -> Option<usize> {
    let mut place = 0;
    while place < known.len() {
        if known[place] == number {
            return Some(place);
        }
        place += 1;
    }
    None
}

impl RuleFacts {
    /// How a structure breaks the rule, if it does.
    fn broken(&self, version: Versions, seen: &dyn Fn(&[Tag]) -> Seen) -> Option<ErrorKind> {
        let there = seen(self.field).there;
        let (tag, first) = (*self.field.last()?, self.when.first()?);
        if !self.versions.covers(version)
            || there == (self.demand == Demand::Required)
            || !self.when.iter().all(|condition| condition.state.holds(seen(condition.field)))
        {
            return None;
        }
        let other = *first.field.last()?;
        let because = match (first.state, seen(first.field).there) {
            (FieldState::Present, _) => Because::Present,
            (_, false) => Because::Absent,
            _ => Because::Value,
        };
        Some(match self.demand {
            Demand::Required => ErrorKind::ConditionalFieldMissing { tag, other, because },
            Demand::Forbidden => ErrorKind::ConditionalFieldPresent { tag, other, because },
        })
    }
}

impl FieldState {
    fn holds(self, seen: Seen) -> bool {
        match self {
            Self::Present => seen.there,
            Self::Absent => !seen.there,
            Self::OneOf(values) => seen.there && values.contains(&seen.number),
            Self::NoneOf(values) => !seen.there || !values.contains(&seen.number),
        }
    }
}

fn rules(facts: &'static [FieldFacts]) -> impl Iterator<Item = &'static RuleFacts> {
    facts.iter().flat_map(|field| field.rules)
}

impl<'a> Decoder<'a, '_> {
    /// A structure that may break a rule: whether it does, which leniency may allow.
    #[cold]
    #[inline(never)]
    pub(crate) fn check_rules<T: FieldValue<'a>>(
        &self,
        structure: Found<'a>,
        facts: &'static [FieldFacts],
    ) -> Result<(), Failed> {
        if self.is_again() {
            return Ok(());
        }
        // Built once more, and in silence: what was built so far stays out of memory.
        let built = T::decode(structure, &Decoder::again(self.input, self.cx))?;
        for rule in rules(facts) {
            if let Some(kind) = rule.broken(self.cx.version, &|path| built.seen(path)) {
                let place = match rule.demand {
                    // What lacks the field.
                    Demand::Required => rule.field.split_last().map_or(&[][..], |(_, around)| around),
                    Demand::Forbidden => rule.field,
                };
                self.tolerate_at(Leniency::CONDITIONAL_FIELDS, kind, self.inside(structure, place))?;
            }
        }
        Ok(())
    }

    /// The item at the end of a path of tags, as far as that goes.
    fn inside(&self, structure: Found<'a>, path: &[Tag]) -> Found<'a> {
        let mut place = structure;
        for tag in path {
            let mut room = place.padded();
            while let Ok((found, next)) = self.split(room) {
                if found.tag() == *tag {
                    place = found;
                    break;
                }
                room = next;
            }
        }
        place
    }
}

impl Encoder<'_> {
    /// A structure, whose item begins at `at`, that may break a rule: whether it does and leniency does not allow it.
    #[cold]
    #[inline(never)]
    pub(crate) fn check_rules<'a, T: FieldValue<'a>>(
        &mut self,
        value: &T,
        facts: &'static [FieldFacts],
        at: usize,
    ) {
        if self.leniency.contains(Leniency::CONDITIONAL_FIELDS) {
            return;
        }
        for rule in rules(facts) {
            if let Some(kind) = rule.broken(self.version, &|path| value.seen(path)) {
                self.fail_at(kind, at);
            }
        }
    }
}
