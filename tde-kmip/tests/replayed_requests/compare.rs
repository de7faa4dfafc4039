//! Whether our response says what the recorded one says, in every field that the standard fixes.

use std::collections::{BTreeMap, BTreeSet};

use tde_kmip_codec::{
    spec::{
        self,
        enumeration::{Operation, ResultReason, ResultStatus},
        tag,
    },
    ttlv::Tag,
};

use crate::tree::{Leaf, Node};

/// What is known of the objects while a case runs.
#[derive(Default)]
pub(crate) struct Known {
    /// Recorded identifiers and ours.
    pub(crate) ids: BTreeMap<String, String>,
    /// What recorded servers made with keys, and their Correlation Values, and what ours made in their place: items that
    /// later requests bring back.
    pub(crate) made: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Ours, of objects whose material the server chose.
    pub(crate) generated: BTreeSet<String>,
    /// Whether exchanges are missing, so that the recorded server had more objects.
    pub(crate) gaps: bool,
    /// Whether the request asks for a part of what there is.
    pub(crate) partial: bool,
}

/// The differences, worst first; none if the responses agree.
pub(crate) fn differences(recorded: &Node, ours: &Node, known: &mut Known) -> Vec<String> {
    let mut found = Vec::new();
    let version = |message: &Node| message.children()[0].find(tag::PROTOCOL_VERSION).map(Node::encode);
    if version(recorded) != version(ours) {
        found.push("version".to_owned());
    }
    let (recorded, ours): (Vec<&Node>, Vec<&Node>) = (recorded.items().collect(), ours.items().collect());
    if recorded.len() != ours.len() {
        found.push(format!("{} batch items, ours {}", recorded.len(), ours.len()));
    }
    for (recorded, ours) in recorded.into_iter().zip(ours) {
        item(recorded, ours, known, &mut found);
    }
    found
}

fn item(recorded: &Node, ours: &Node, known: &mut Known, found: &mut Vec<String>) {
    let operation = recorded.find(tag::OPERATION).and_then(Node::number);
    if operation != ours.find(tag::OPERATION).and_then(Node::number) {
        found.push("operation".to_owned());
    }
    let id = |item: &Node| item.find(tag::UNIQUE_BATCH_ITEM_ID).map(Node::encode);
    if id(recorded) != id(ours) {
        found.push("unique batch item id".to_owned());
    }
    let status =
        |item: &Node| item.find(tag::RESULT_STATUS).and_then(Node::number).map(ResultStatus).unwrap();
    let reason = |item: &Node| {
        item.find(tag::RESULT_REASON)
            .and_then(Node::number)
            .map_or(String::new(), |reason| ResultReason(reason).to_string())
    };
    if status(recorded) != status(ours) || reason(recorded) != reason(ours) {
        let message = ours.find(tag::RESULT_MESSAGE).and_then(Node::text).unwrap_or_default();
        let name = |item: &Node| format!("{} {}", status(item), reason(item)).trim_end().to_owned();
        found.push(format!("{}, ours {} ({message})", name(recorded), name(ours)));
        return;
    }
    let empty = Node { tag: tag::RESPONSE_PAYLOAD, value: Leaf::Structure(Vec::new()) };
    let payload = |item: &Node| item.find(tag::RESPONSE_PAYLOAD).unwrap_or(&empty).clone();
    let (recorded, ours) = (payload(recorded), payload(ours));
    if let Some(operation) = operation {
        learn(Operation(operation), &recorded, &ours, known);
        self::payload(Operation(operation), &recorded.with_ids(&known.ids), &ours, known, found);
    }
}

/// Identifiers that stand at the same place are of the same object, Correlation Values of the same data.
fn learn(operation: Operation, recorded: &Node, ours: &Node, known: &mut Known) {
    for (theirs, ours) in recorded.ids().into_iter().zip(ours.ids()) {
        if operation != Operation::LOCATE || recorded.ids().len() == 1 {
            known.ids.entry(theirs.to_owned()).or_insert_with(|| ours.to_owned());
        }
        if matches!(
            operation,
            Operation::CREATE
                | Operation::CREATE_KEY_PAIR
                | Operation::RE_KEY
                | Operation::RE_KEY_KEY_PAIR
                | Operation::DERIVE_KEY
        ) {
            known.generated.insert(ours.to_owned());
        }
    }
    for recorded in recorded.children() {
        let (Leaf::Other(theirs), Some(ours)) = (&recorded.value, ours.find(recorded.tag)) else { continue };
        if recorded.tag == tag::CORRELATION_VALUE {
            // The last one: a case repeats its own.
            known.made.insert(theirs.clone(), ours.encode());
        } else if matches!(operation, Operation::ENCRYPT | Operation::SIGN | Operation::MAC) {
            known.made.entry(theirs.clone()).or_insert_with(|| ours.encode());
        }
    }
}

fn payload(operation: Operation, recorded: &Node, ours: &Node, known: &Known, found: &mut Vec<String>) {
    match operation {
        // What the server says of itself.
        Operation::QUERY | Operation::DISCOVER_VERSIONS => return,
        Operation::LOCATE => {
            let set = |node: &Node| node.ids().into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
            let (mut theirs, ours_set) = (set(recorded), set(ours));
            if known.gaps {
                // Of the objects that both servers have, all that were found there must be found here.
                theirs.retain(|id| known.ids.values().any(|ours| ours == id));
                theirs.retain(|id| !ours_set.contains(id));
                if !theirs.is_empty() && !ours.ids().is_empty() && !known.partial {
                    found.push(format!("{} not located", theirs.len()));
                }
            } else if theirs != ours_set {
                found.push(format!("{} located, ours {}", theirs.len(), ours_set.len()));
            }
            return;
        }
        _ => {}
    }
    let generated = ours.ids().iter().any(|id| known.generated.contains(*id));
    for wanted in recorded.children() {
        let has = ours.children().iter().any(|has| agrees(wanted, has, generated, operation));
        if !has {
            found.push(format!("payload lacks {}", describe(wanted)));
        }
    }
    let whole = !matches!(
        operation,
        Operation::GET_ATTRIBUTES
            | Operation::GET_ATTRIBUTE_LIST
            | Operation::EXPORT
            | Operation::OBTAIN_LEASE
    );
    if whole && ours.children().len() > recorded.children().len() {
        let more = ours.children().iter().filter(|has| recorded.find(has.tag).is_none()).map(Node::name);
        found.push(format!("payload has more: {:?}", more.collect::<Vec<_>>()));
    }
}

/// Whether an item of ours says what the recorded one says.
fn agrees(wanted: &Node, has: &Node, generated: bool, operation: Operation) -> bool {
    if wanted.tag != has.tag {
        return false;
    }
    let attribute = wanted.attribute();
    if wanted.tag == tag::ATTRIBUTE && attribute.is_some() {
        return attribute == has.attribute()
            && index(wanted) == index(has)
            && (attribute.is_some_and(chosen)
                || wanted
                    .find(tag::ATTRIBUTE_VALUE)
                    .zip(has.find(tag::ATTRIBUTE_VALUE))
                    .is_some_and(|(wanted, has)| agrees(wanted, has, generated, operation)));
    }
    if chosen(wanted.tag)
        || (generated
            && matches!(
                wanted.tag,
                tag::KEY_MATERIAL
                    | tag::KEY
                    | tag::DATA
                    | tag::MAC_DATA
                    | tag::SIGNATURE_DATA
                    | tag::AUTHENTICATED_ENCRYPTION_TAG
            ))
    {
        return true;
    }
    if operation == Operation::RNG_RETRIEVE && wanted.tag == tag::DATA {
        return wanted.encode().len() == has.encode().len();
    }
    match (&wanted.value, &has.value) {
        // Wrapped.
        (Leaf::Other(_), Leaf::Other(_)) if generated && wanted.tag == tag::KEY_VALUE => true,
        (Leaf::Structure(wanted_children), Leaf::Structure(_)) => {
            wanted_children.iter().all(|wanted_child| {
                // Attributes in the Key Value of a Get are the server's free choice.
                (wanted.tag == tag::KEY_VALUE && wanted_child.tag != tag::KEY_MATERIAL)
                    || has.children().iter().any(|has| agrees(wanted_child, has, generated, operation))
            })
        }
        // The published cases break names over lines.
        (Leaf::Text(wanted), Leaf::Text(has)) => wanted.split_whitespace().eq(has.split_whitespace()),
        (wanted, has) => wanted == has,
    }
}

fn index(attribute: &Node) -> i32 {
    attribute.find(tag::ATTRIBUTE_INDEX).and_then(Node::integer).unwrap_or_default()
}

/// Attributes and fields whose value the server chooses.
fn chosen(tag: Tag) -> bool {
    matches!(
        tag,
        tag::TIME_STAMP
            | tag::INITIAL_DATE
            | tag::LAST_CHANGE_DATE
            | tag::ACTIVATION_DATE
            | tag::DEACTIVATION_DATE
            | tag::DESTROY_DATE
            | tag::COMPROMISE_DATE
            | tag::COMPROMISE_OCCURRENCE_DATE
            | tag::ORIGINAL_CREATION_DATE
            | tag::ARCHIVE_DATE
            | tag::LEASE_TIME
            | tag::DIGEST
            | tag::SHORT_UNIQUE_IDENTIFIER
            | tag::RANDOM_NUMBER_GENERATOR
            | tag::PROTECTION_STORAGE_MASK
            | tag::IV_COUNTER_NONCE
            | tag::CORRELATION_VALUE
    )
}

fn describe(node: &Node) -> String {
    if node.tag == tag::ATTRIBUTE {
        let name = node.find(tag::ATTRIBUTE_NAME).and_then(Node::text).unwrap_or_default();
        return format!("Attribute {name:?} {:?}", node.find(tag::ATTRIBUTE_VALUE).map(|value| &value.value));
    }
    match &node.value {
        Leaf::Enumeration(value) if node.tag == tag::ATTRIBUTE_REFERENCE => {
            let tag = Tag::new(*value).ok().and_then(spec::tag_facts);
            format!("AttributeReference {}", tag.map_or("?", |facts| facts.camel_name))
        }
        value => format!("{} {value:?}", node.name()).chars().take(400).collect(),
    }
}
