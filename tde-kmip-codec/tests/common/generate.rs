//! Random messages of any operation and version, made from the standard's tables and nothing else.

use tde_kmip_codec::{
    spec::{
        self, Content, Demand, FieldFacts, FieldState, Names, OperationFacts, ProtocolVersion, RuleFacts,
        StructureFacts, Versions,
        enumeration::{
            CredentialType, EncodingOption, KeyFormatType, ObjectType, ResultReason, ResultStatus,
            RevocationReasonCode,
        },
        tag,
    },
    ttlv::{BigInteger, ItemType, Tag, Writer},
};

/// How much of what may be there is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fill {
    /// Every field that the version has, repeatable ones twice.
    All,
    /// By chance.
    Some,
    /// What a version requires, little else, and texts in ASCII: what most implementations know.
    Plain,
}

/// Writes messages; every choice comes from a small generator, so that a seed is a message.
pub(crate) struct Generator {
    state: u64,
    fill: Fill,
    version: ProtocolVersion,
    only: Versions,
    /// The value of the field that selects the form of the next Key Material or Credential Value.
    form: String,
    /// Values that rules between fields ask for.
    chosen: Vec<(Tag, u32)>,
    /// Fields further in that such rules require.
    needed: Vec<Tag>,
    /// Whether the next object must be a wrapped key, or may not be one.
    wrapped: Option<bool>,
    buffer: Vec<u8>,
}

impl Generator {
    pub(crate) fn new(seed: u64, fill: Fill, version: ProtocolVersion) -> Self {
        Self {
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            fill,
            version,
            only: Versions::only(version),
            form: String::new(),
            chosen: Vec::new(),
            needed: Vec::new(),
            wrapped: None,
            buffer: vec![0; 1 << 16],
        }
    }

    fn pick(&mut self, count: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) as usize % count.max(1)
    }

    /// A request with one batch item.
    pub(crate) fn request(&mut self, operation: &OperationFacts) -> Vec<u8> {
        self.message(operation, tag::REQUEST_MESSAGE, tag::REQUEST_HEADER, &spec::structure::REQUEST_HEADER)
    }

    /// A response with one batch item.
    pub(crate) fn response(&mut self, operation: &OperationFacts) -> Vec<u8> {
        self.message(
            operation,
            tag::RESPONSE_MESSAGE,
            tag::RESPONSE_HEADER,
            &spec::structure::RESPONSE_HEADER,
        )
    }

    fn message(
        &mut self,
        operation: &OperationFacts,
        root: Tag,
        header: Tag,
        facts: &StructureFacts,
    ) -> Vec<u8> {
        let mut buffer = core::mem::take(&mut self.buffer);
        let mut writer = Writer::new(&mut buffer);
        let outer = writer.begin(root);
        self.structure(&mut writer, header, facts);
        let item = writer.begin(tag::BATCH_ITEM);
        writer.enumeration(tag::OPERATION, operation.operation.0);
        if root == tag::REQUEST_MESSAGE {
            if self.version.major >= 2 && self.fill != Fill::Plain {
                writer.boolean(tag::EPHEMERAL, self.pick(2) == 0);
            }
            writer.byte_string(tag::UNIQUE_BATCH_ITEM_ID, b"id");
            self.fields(&mut writer, tag::REQUEST_PAYLOAD, operation.request);
        } else {
            let (status, reason) = (self.value_of::<ResultStatus>(), self.value_of::<ResultReason>());
            writer.enumeration(tag::RESULT_STATUS, status);
            if status != ResultStatus::SUCCESS.0 {
                writer.enumeration(tag::RESULT_REASON, reason);
                writer.text_string(tag::RESULT_MESSAGE, "no");
                writer.byte_string(tag::ASYNCHRONOUS_CORRELATION_VALUE, b"later");
            }
            self.fields(&mut writer, tag::RESPONSE_PAYLOAD, operation.response);
        }
        if self.fill != Fill::Plain {
            self.structure(&mut writer, tag::MESSAGE_EXTENSION, &spec::structure::MESSAGE_EXTENSION);
        }
        writer.end(item);
        writer.end(outer);
        let message = writer.finish().unwrap().to_vec();
        self.buffer = buffer;
        message
    }

    fn structure(&mut self, writer: &mut Writer<'_>, tag: Tag, facts: &StructureFacts) {
        self.fields(writer, tag, facts.fields);
    }

    fn fields(&mut self, writer: &mut Writer<'_>, tag: Tag, fields: &[FieldFacts]) {
        let open = writer.begin(tag);
        let only = self.only;
        let in_header = matches!(tag, tag::REQUEST_HEADER | tag::RESPONSE_HEADER);
        let mut plan: Vec<(&FieldFacts, usize)> = Vec::new();
        for field in fields.iter().filter(|field| field.versions.includes(only)) {
            let required = field.required.includes(self.only);
            let repeatable = field.repeatable.includes(self.only);
            let count = match self.fill {
                Fill::All => 1 + usize::from(repeatable),
                Fill::Some => {
                    let least = usize::from(required);
                    least + self.pick(if repeatable { 3 } else { 2 - least })
                }
                Fill::Plain if required => 1 + self.pick(1 + usize::from(repeatable)),
                Fill::Plain => usize::from(!in_header && self.pick(4) == 0),
            };
            let needed = matches!(field.content, Content::Tagged(tag) if self.needed.contains(&tag));
            plan.push((field, count.max(usize::from(needed))));
        }
        let (chosen, needed) = (self.chosen.len(), self.needed.len());
        self.keep_rules(&mut plan);
        for (field, count) in plan {
            for _ in 0..count {
                self.field(writer, field);
            }
        }
        self.chosen.truncate(chosen);
        self.needed.truncate(needed);
        writer.end(open);
    }

    /// Changes which fields are there until the rules between them hold, and chooses the values that these ask for.
    fn keep_rules(&mut self, plan: &mut [(&FieldFacts, usize)]) {
        let only = self.only;
        let all: Vec<&RuleFacts> = plan.iter().flat_map(|(field, _)| field.rules).collect();
        let rules: Vec<_> = all.into_iter().filter(|rule| rule.versions.includes(only)).collect();
        let own =
            |tag: Tag| move |field: &FieldFacts| matches!(field.content, Content::Tagged(own) if own == tag);
        for rule in &rules {
            for condition in rule.when {
                if let ([tag], FieldState::OneOf([value]) | FieldState::NoneOf([value])) =
                    (condition.field, condition.state)
                    && !self.chosen.iter().any(|(known, _)| known == tag)
                {
                    // Half of the time what the rule is about.
                    let other = self.any_value(*tag, *value);
                    let value = if self.pick(2) == 0 { *value } else { other };
                    self.chosen.push((*tag, value));
                }
            }
        }
        for rule in &rules {
            let count =
                |tag: Tag| plan.iter().find(|(field, _)| own(tag)(field)).map_or(0, |(_, count)| *count);
            let chosen =
                |tag: Tag| self.chosen.iter().find(|(known, _)| *known == tag).map(|(_, value)| *value);
            let mut inside = None;
            let holds = rule.when.iter().all(|condition| {
                let [tag] = *condition.field else {
                    inside = Some(*condition);
                    return true;
                };
                let there = count(tag) > 0;
                match condition.state {
                    FieldState::Present => there,
                    FieldState::Absent => !there,
                    FieldState::OneOf(values) => {
                        there && chosen(tag).is_some_and(|value| values.contains(&value))
                    }
                    FieldState::NoneOf(values) => {
                        !there || chosen(tag).is_some_and(|value| !values.contains(&value))
                    }
                    state => panic!("{state:?}"),
                }
            });
            let field = *rule.field.first().unwrap();
            match (inside.map(|condition| condition.field[0]), rule.field, rule.demand) {
                // What is further in follows from what is here.
                (Some(tag::REVOCATION_REASON), ..) => {
                    if count(tag::COMPROMISE_OCCURRENCE_DATE) > 0 {
                        self.chosen
                            .push((tag::REVOCATION_REASON_CODE, RevocationReasonCode::CA_COMPROMISE.0));
                    }
                }
                (Some(tag::KEY_BLOCK), ..) => self.wrapped = Some(count(tag::KEY_WRAP_TYPE) > 0),
                (None, [_, needed], Demand::Required) if holds => self.needed.push(*needed),
                (None, [_], demand) if holds => {
                    let row = plan.iter_mut().find(|(row, _)| own(field)(row)).unwrap();
                    row.1 = match demand {
                        Demand::Required => row.1.max(1),
                        Demand::Forbidden => 0,
                    };
                }
                (None, ..) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// A value that the field can have; where values have no names, 0 for no and 1 for yes.
    fn any_value(&mut self, tag: Tag, besides: u32) -> u32 {
        match spec::tag_facts(tag).unwrap().names {
            Names::Enumeration(facts) => {
                let values: Vec<_> =
                    facts.values.iter().filter(|value| value.versions.includes(self.only)).collect();
                values[self.pick(values.len())].value
            }
            _ => 1 - besides,
        }
    }

    fn field(&mut self, writer: &mut Writer<'_>, field: &FieldFacts) {
        match field.content {
            Content::Any => writer.text_string(Tag::known(0x54_0001), "vendor"),
            Content::AnyAttribute => self.attribute_v2(writer),
            Content::ManagedObject => self.object(writer),
            Content::Tagged(tag::ATTRIBUTE) if self.version.major == 1 => self.attribute_v1(writer),
            Content::Tagged(tag) => self.item(writer, tag, field),
            other => panic!("{other:?}"),
        }
    }

    fn item(&mut self, writer: &mut Writer<'_>, tag: Tag, field: &FieldFacts) {
        match tag {
            tag::PROTOCOL_VERSION => {
                let open = writer.begin(tag);
                writer.integer(tag::PROTOCOL_VERSION_MAJOR, self.version.major);
                writer.integer(tag::PROTOCOL_VERSION_MINOR, self.version.minor);
                writer.end(open);
            }
            tag::BATCH_COUNT => writer.integer(tag, 1),
            tag::KEY_BLOCK => self.key_block(writer),
            tag::CREDENTIAL_TYPE => {
                let value = self.value_of::<CredentialType>();
                self.form = CredentialType(value).camel_name().unwrap().to_owned();
                writer.enumeration(tag, value);
            }
            tag::VENDOR_EXTENSION => {
                let open = writer.begin(tag);
                writer.integer(Tag::known(0x54_0002), -1);
                writer.end(open);
            }
            tag::ATTRIBUTE_REFERENCE if self.pick(2) == 0 => {
                let attribute = self.attribute_tag();
                writer.enumeration(tag, attribute.get());
            }
            tag::ATTRIBUTE_REFERENCE => self.value(writer, tag, tag, ItemType::Structure),
            tag::ADJUSTMENT_VALUE => self.value(writer, tag, tag, ItemType::Interval),
            tag::ATTRIBUTE_NAME if self.version.major == 1 => {
                let attribute = self.attribute_tag();
                writer.text_string(tag, spec::attribute_rows(attribute)[0].name);
            }
            _ => {
                let types: Vec<ItemType> = field.types.at(self.version).iter().collect();
                let item_type = types[self.pick(types.len())];
                self.value(writer, tag, tag, item_type);
            }
        }
    }

    /// A value of an item that stands under `tag` and means what `meaning` means.
    fn value(&mut self, writer: &mut Writer<'_>, tag: Tag, meaning: Tag, item_type: ItemType) {
        match item_type {
            ItemType::Structure => {
                let forms: Vec<_> = spec::structures_of(meaning)
                    .iter()
                    .filter(|facts| facts.versions.includes(self.only))
                    .filter(|facts| facts.variant.is_empty() || facts.variant == self.form)
                    .collect();
                let facts = forms.first().unwrap_or_else(|| panic!("no form of {meaning} for {}", self.form));
                self.structure(writer, tag, facts);
            }
            ItemType::Integer => writer.integer(tag, self.pick(1 << 20) as i32 - 1000),
            ItemType::LongInteger => writer.long_integer(tag, self.pick(usize::MAX) as i64),
            ItemType::BigInteger => {
                let bytes = [self.pick(256) as u8; 16];
                writer.big_integer(tag, BigInteger::from_wire(&bytes).unwrap());
            }
            ItemType::Enumeration => {
                let chosen = self.chosen.iter().rev().find(|(known, _)| *known == meaning);
                let value = match spec::tag_facts(meaning).unwrap().names {
                    _ if chosen.is_some() => chosen.unwrap().1,
                    Names::Enumeration(facts) => {
                        let values: Vec<_> =
                            facts.values.iter().filter(|value| value.versions.includes(self.only)).collect();
                        if values.is_empty() { 0x8000_0001 } else { values[self.pick(values.len())].value }
                    }
                    _ => 0x8000_0001,
                };
                writer.enumeration(tag, value);
            }
            ItemType::Boolean => {
                let chosen = self.chosen.iter().rev().find(|(known, _)| *known == meaning).copied();
                let value = chosen.map_or_else(|| self.pick(2) == 1, |(_, value)| value == 1);
                writer.boolean(tag, value);
            }
            ItemType::TextString => {
                let texts: &[&str] = match self.fill {
                    Fill::Plain => &["k", "a longer piece of text"],
                    Fill::All | Fill::Some => &["", "k", "ключ", "a longer piece of text"],
                };
                writer.text_string(tag, texts[self.pick(texts.len())]);
            }
            ItemType::ByteString => {
                // The length may be chosen, to be nothing or not.
                let least = match self.chosen.iter().rev().find(|(known, _)| *known == meaning) {
                    Some((_, 0)) => return writer.byte_string(tag, b""),
                    Some(_) => 1,
                    None => 0,
                };
                let len = least + self.pick(33 - least);
                writer.byte_string(tag, &b"0123456789abcdef0123456789abcdef"[..len]);
            }
            ItemType::DateTime => writer.date_time(tag, self.pick(1 << 40) as i64 - 7),
            ItemType::Interval => writer.interval(tag, self.pick(1 << 32) as u32),
            ItemType::DateTimeExtended => writer.date_time_extended(tag, self.pick(1 << 50) as i64),
        }
    }

    fn value_of<E: spec::Enumerated>(&mut self) -> u32 {
        let values: Vec<_> =
            E::FACTS.values.iter().filter(|value| value.versions.includes(self.only)).collect();
        values[self.pick(values.len())].value
    }

    fn key_block(&mut self, writer: &mut Writer<'_>) {
        let open = writer.begin(tag::KEY_BLOCK);
        let format = KeyFormatType(self.value_of::<KeyFormatType>());
        let transparent = spec::structures_of(tag::KEY_MATERIAL)
            .iter()
            .any(|facts| Some(facts.variant) == format.camel_name() && facts.versions.includes(self.only));
        let known = transparent || !format.camel_name().unwrap().starts_with("Transparent");
        let format = if known { format } else { KeyFormatType::RAW };
        let asked = self.wrapped.take();
        let wrapped = asked.unwrap_or_else(|| self.pick(4) == 0);
        // Where the material alone is encrypted, the structures around it stay (KMIP 1.4, section 9.1.3.2.32).
        let only_material =
            asked.is_none() && !wrapped && self.version >= ProtocolVersion::V1_1 && self.pick(8) == 0;
        let named = self.fill == Fill::All || self.pick(2) == 0;
        for field in spec::structure::KEY_BLOCK.fields.iter() {
            match field.content {
                Content::Tagged(tag::KEY_FORMAT_TYPE) => writer.enumeration(tag::KEY_FORMAT_TYPE, format.0),
                Content::Tagged(tag::KEY_VALUE) if wrapped => {
                    writer.byte_string(tag::KEY_VALUE, b"wrapped");
                }
                Content::Tagged(tag::KEY_VALUE) => {
                    let value = writer.begin(tag::KEY_VALUE);
                    if transparent {
                        self.form = format.camel_name().unwrap().to_owned();
                        self.value(writer, tag::KEY_MATERIAL, tag::KEY_MATERIAL, ItemType::Structure);
                    } else {
                        writer.byte_string(tag::KEY_MATERIAL, &[7; 32]);
                    }
                    for field in spec::structure::KEY_VALUE.fields.iter().skip(1) {
                        if field.versions.includes(self.only) {
                            self.field(writer, field);
                        }
                    }
                    writer.end(value);
                }
                Content::Tagged(tag::CRYPTOGRAPHIC_ALGORITHM | tag::CRYPTOGRAPHIC_LENGTH) if named => {
                    self.field(writer, field);
                }
                Content::Tagged(tag::CRYPTOGRAPHIC_ALGORITHM | tag::CRYPTOGRAPHIC_LENGTH) => {}
                Content::Tagged(tag::KEY_WRAPPING_DATA) => {
                    if only_material {
                        self.chosen.push((tag::ENCODING_OPTION, EncodingOption::NO_ENCODING.0));
                        self.needed.push(tag::ENCODING_OPTION);
                        self.field(writer, field);
                        self.chosen.pop();
                        self.needed.pop();
                    } else if wrapped {
                        self.field(writer, field);
                    }
                }
                _ if field.versions.includes(self.only) && (self.fill == Fill::All || self.pick(2) == 0) => {
                    self.field(writer, field);
                }
                _ => {}
            }
        }
        writer.end(open);
    }

    fn object(&mut self, writer: &mut Writer<'_>) {
        let object_type = match self.wrapped {
            Some(true) => ObjectType::SYMMETRIC_KEY,
            _ => ObjectType(self.value_of::<ObjectType>()),
        };
        let tag = spec::tag_named(object_type.camel_name().unwrap()).unwrap();
        self.value(writer, tag, tag, ItemType::Structure);
        self.wrapped = None;
    }

    fn attribute_tag(&mut self) -> Tag {
        let rows: Vec<_> = spec::attribute::TABLE
            .iter()
            .filter(|facts| facts.versions.includes(self.only) && facts.tag != tag::CUSTOM_ATTRIBUTE)
            .collect();
        rows[self.pick(rows.len())].tag
    }

    fn attribute_v1(&mut self, writer: &mut Writer<'_>) {
        let open = writer.begin(tag::ATTRIBUTE);
        if self.pick(8) == 0 {
            writer.text_string(tag::ATTRIBUTE_NAME, "x-colour");
            writer.text_string(tag::ATTRIBUTE_VALUE, "green");
        } else {
            let attribute = self.attribute_tag();
            writer.text_string(tag::ATTRIBUTE_NAME, spec::attribute_rows(attribute)[0].name);
            if self.pick(2) == 0 {
                writer.integer(tag::ATTRIBUTE_INDEX, self.pick(3) as i32);
            }
            self.attribute_value(writer, tag::ATTRIBUTE_VALUE, attribute);
        }
        writer.end(open);
    }

    fn attribute_v2(&mut self, writer: &mut Writer<'_>) {
        if self.pick(8) == 0 {
            let open = writer.begin(tag::ATTRIBUTE);
            writer.text_string(tag::VENDOR_IDENTIFICATION, "x");
            writer.text_string(tag::ATTRIBUTE_NAME, "colour");
            writer.integer(tag::ATTRIBUTE_VALUE, 3);
            writer.end(open);
        } else if self.pick(8) == 0 {
            writer.boolean(Tag::known(0x54_0003), true);
        } else {
            let attribute = self.attribute_tag();
            self.attribute_value(writer, attribute, attribute);
        }
    }

    fn attribute_value(&mut self, writer: &mut Writer<'_>, tag: Tag, attribute: Tag) {
        let types: Vec<ItemType> =
            spec::tag_facts(attribute).unwrap().types.at(self.version).iter().collect();
        let item_type = types[self.pick(types.len())];
        self.value(writer, tag, attribute, item_type);
    }
}
