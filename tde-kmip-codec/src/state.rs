//! The life of a managed object: which operation its state allows, what it becomes, and the result reason if not.
//!
//! KMIP 1.4, section 3.22; KMIP 2.1, section 4.57. The table is [`TABLE`]; [`step`] reads it, [`decide`] puts an
//! operation to it. A server calls [`decide`] before it does what was asked and keeps the state that comes back.
//!
//! ```
//! use tde_kmip_codec::{
//!     spec::{
//!         ProtocolVersion,
//!         enumeration::{ObjectType, Operation, ResultReason, RevocationReasonCode},
//!     },
//!     state::{self, ObjectState},
//! };
//!
//! let decide = |operation, reason, state| {
//!     state::decide(operation, reason, ObjectType::SYMMETRIC_KEY, state, ProtocolVersion::V2_1)
//! };
//! // The usual trap: an active key cannot be destroyed, it must be revoked first.
//! let refused = decide(Operation::DESTROY, None, ObjectState::Active);
//! assert_eq!(refused, Err(ResultReason::WRONG_KEY_LIFECYCLE_STATE));
//! let reason = Some(RevocationReasonCode::CESSATION_OF_OPERATION);
//! let revoked = decide(Operation::REVOKE, reason, ObjectState::Active);
//! assert_eq!(revoked, Ok(ObjectState::Deactivated));
//! assert_eq!(decide(Operation::DESTROY, None, ObjectState::Deactivated), Ok(ObjectState::Destroyed));
//! ```

use self::{
    Answer::{Become, Gone, Stay, WrongState},
    ObjectState::{Active, Compromised, Deactivated, Destroyed, DestroyedCompromised},
};
use crate::spec::{
    self, ProtocolVersion,
    enumeration::{ObjectType, Operation, ResultReason, RevocationReasonCode, State},
    tag,
};

/// The state of a managed object: the six values of [`State`] and no others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(clippy::exhaustive_enums)] // Six in every edition.
pub enum ObjectState {
    /// Exists, may not be used yet.
    PreActive,
    /// May protect and process, within its usage mask and dates.
    Active,
    /// May process what it protected before.
    Deactivated,
    /// Suspected to be known to others: may process, with care.
    Compromised,
    /// Its material is gone.
    Destroyed,
    /// Its material is gone, and it is or was compromised.
    DestroyedCompromised,
}

impl ObjectState {
    /// Every state, in the order of the numbers on the wire.
    pub const ALL: [Self; 6] = [
        Self::PreActive,
        Self::Active,
        Self::Deactivated,
        Self::Compromised,
        Self::Destroyed,
        Self::DestroyedCompromised,
    ];

    /// The state of an object that is created or registered at `now` (both in seconds since 1970-01-01T00:00:00Z).
    #[must_use]
    pub const fn initial(activation_date: Option<i64>, now: i64) -> Self {
        match activation_date {
            Some(date) if date <= now => Self::Active,
            _ => Self::PreActive,
        }
    }

    /// The value on the wire.
    #[must_use]
    pub const fn to_wire(self) -> State {
        State(self as u32 + 1)
    }

    /// The state with this value on the wire, if there is one.
    #[must_use]
    pub fn from_wire(state: State) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.to_wire() == state)
    }
}

/// What is to be done with an object, as far as its state is concerned.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Event {
    /// Activate, or the Activation Date comes or is set to now or the past.
    Activate,
    /// Revoke for a reason other than a compromise, or the Deactivation Date comes or is set to the past.
    Deactivate,
    /// Revoke with Key Compromise or CA Compromise.
    Compromise,
    /// Destroy.
    Destroy,
    /// Apply protection: encrypt, sign, MAC, derive; the wrapping key of a Get.
    Protect,
    /// Process what is protected: decrypt, verify; the key that unwraps a Register.
    Process,
    /// Use the object itself: Get, Export, Re-key and the like.
    Retrieve,
    /// Read or change its attributes. State itself is never set by a client.
    Attributes,
}

/// What a state says to an event.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// Allowed; the state stays.
    Stay,
    /// Allowed; the object is then in this state.
    Become(ObjectState),
    /// Refused: another state is needed.
    WrongState,
    /// Refused: there is no material any more.
    Gone,
}

/// The answers of the states Pre-Active, Active, Deactivated, Compromised, Destroyed, Destroyed Compromised.
///
/// The text of Destroy allows Pre-Active and Deactivated only; the state diagram and the 1.x error table allow
/// Compromised as well, and so does this table.
#[rustfmt::skip]
pub const TABLE: [(Event, [Answer; 6]); 8] = [
    //                  Pre-Active           Active               Deactivated          Compromised                   Destroyed                     Destroyed Compromised
    (Event::Activate,   [Become(Active),      WrongState,          WrongState,          WrongState,                   WrongState,                   WrongState]),
    (Event::Deactivate, [WrongState,          Become(Deactivated), WrongState,          WrongState,                   WrongState,                   WrongState]),
    (Event::Compromise, [Become(Compromised), Become(Compromised), Become(Compromised), WrongState,                   Become(DestroyedCompromised), WrongState]),
    (Event::Destroy,    [Become(Destroyed),   WrongState,          Become(Destroyed),   Become(DestroyedCompromised), Gone,                         Gone]),
    (Event::Protect,    [WrongState,          Stay,                WrongState,          WrongState,                   WrongState,                   WrongState]),
    (Event::Process,    [WrongState,          Stay,                Stay,                Stay,                         WrongState,                   WrongState]),
    (Event::Retrieve,   [Stay,                Stay,                Stay,                Stay,                         Gone,                         Gone]),
    (Event::Attributes, [Stay,                Stay,                Stay,                Stay,                         Stay,                         Stay]),
];

/// What the state says to the event.
#[must_use]
pub fn step(state: ObjectState, event: Event) -> Answer {
    // The rows stand in the order of `Event`, the columns in that of `ObjectState`.
    TABLE
        .get(event as usize)
        .and_then(|(_, answers)| answers.get(state as usize))
        .copied()
        .unwrap_or(WrongState)
}

/// What an operation does to the object that it names; none if it names no object that exists.
///
/// Validate is not among them: it judges a certificate in any state, and answers with a Validity Indicator.
/// `revocation` is the Revocation Reason Code of a Revoke; without one it counts as no compromise.
#[must_use]
pub fn event_of(operation: Operation, revocation: Option<RevocationReasonCode>) -> Option<Event> {
    let compromise = [RevocationReasonCode::KEY_COMPROMISE, RevocationReasonCode::CA_COMPROMISE];
    Some(match operation {
        Operation::ACTIVATE => Event::Activate,
        Operation::REVOKE if revocation.is_some_and(|code| compromise.contains(&code)) => Event::Compromise,
        Operation::REVOKE => Event::Deactivate,
        Operation::DESTROY => Event::Destroy,
        Operation::ENCRYPT | Operation::SIGN | Operation::MAC | Operation::DERIVE_KEY => Event::Protect,
        Operation::DECRYPT | Operation::SIGNATURE_VERIFY | Operation::MAC_VERIFY => Event::Process,
        Operation::GET
        | Operation::RE_KEY
        | Operation::RE_KEY_KEY_PAIR
        | Operation::CERTIFY
        | Operation::RE_CERTIFY
        | Operation::CHECK
        | Operation::OBTAIN_LEASE
        | Operation::GET_USAGE_ALLOCATION
        | Operation::ARCHIVE
        | Operation::RECOVER
        | Operation::CREATE_SPLIT_KEY
        | Operation::JOIN_SPLIT_KEY => Event::Retrieve,
        // Of a destroyed object, Export gives the attributes.
        Operation::EXPORT
        | Operation::GET_ATTRIBUTES
        | Operation::GET_ATTRIBUTE_LIST
        | Operation::ADD_ATTRIBUTE
        | Operation::MODIFY_ATTRIBUTE
        | Operation::SET_ATTRIBUTE
        | Operation::ADJUST_ATTRIBUTE
        | Operation::DELETE_ATTRIBUTE => Event::Attributes,
        _ => return None,
    })
}

/// Whether objects of this type have a state: in KMIP 1.x the cryptographic ones, in 2.x all.
#[must_use]
pub fn has_state(object_type: ObjectType, version: ProtocolVersion) -> bool {
    spec::attribute_facts(tag::STATE, version).is_some_and(|facts| facts.applies_to.includes(object_type))
}

/// Decides on an operation: the state of the object afterwards, or the result reason to fail with.
///
/// An object without a state (KMIP 1.x: Template, Opaque Object) can be read and destroyed; its `state` is
/// then [`ObjectState::PreActive`] for as long as it exists. Usage masks, dates, archiving and access are for the
/// server to check.
///
/// # Errors
/// In 1.x Permission Denied (Revoke: Illegal Operation) in a wrong state, Illegal Operation for an object without a
/// state, Item Not Found for a destroyed one; in 2.x Wrong Key Lifecycle State, Invalid Object Type, and Object Not
/// Found (Destroy: Object Destroyed).
pub fn decide(
    operation: Operation,
    revocation: Option<RevocationReasonCode>,
    object_type: ObjectType,
    state: ObjectState,
    version: ProtocolVersion,
) -> Result<ObjectState, ResultReason> {
    let Some(event) = event_of(operation, revocation) else { return Ok(state) };
    let first = version.major < 2;
    if !has_state(object_type, version)
        && matches!(
            event,
            Event::Activate | Event::Deactivate | Event::Compromise | Event::Protect | Event::Process
        )
    {
        return Err(match (first, event) {
            (true, Event::Protect | Event::Process) => ResultReason::PERMISSION_DENIED,
            (true, _) => ResultReason::ILLEGAL_OPERATION,
            (false, _) => ResultReason::INVALID_OBJECT_TYPE,
        });
    }
    match step(state, event) {
        Answer::Stay => Ok(state),
        Answer::Become(next) => Ok(next),
        Answer::WrongState => Err(match (first, operation) {
            (true, Operation::REVOKE) => ResultReason::ILLEGAL_OPERATION,
            (true, _) => ResultReason::PERMISSION_DENIED,
            (false, _) => ResultReason::WRONG_KEY_LIFECYCLE_STATE,
        }),
        Answer::Gone => Err(match (first, operation) {
            (true, _) => ResultReason::ITEM_NOT_FOUND,
            (false, Operation::DESTROY) => ResultReason::OBJECT_DESTROYED,
            // Certify and Create Split Key kept the reason of KMIP 1.x.
            (false, Operation::CERTIFY | Operation::CREATE_SPLIT_KEY) => ResultReason::ITEM_NOT_FOUND,
            (false, _) => ResultReason::OBJECT_NOT_FOUND,
        }),
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use alloc::vec::Vec;

    use super::*;

    const NEVER: [ResultReason; 0] = [];

    #[test]
    fn rows_and_columns_stand_in_the_order_that_step_counts_on() {
        for (place, (event, _)) in TABLE.iter().enumerate() {
            assert_eq!(*event as usize, place);
        }
        for state in ObjectState::ALL {
            assert_eq!(ObjectState::from_wire(state.to_wire()), Some(state));
        }
        assert_eq!(ObjectState::DestroyedCompromised.to_wire(), State::DESTROYED_COMPROMISED);
        assert_eq!(ObjectState::from_wire(State(0)), None);
        assert_eq!(ObjectState::from_wire(State(7)), None);
    }

    #[test]
    fn only_the_moves_of_the_state_diagram_exist() {
        use ObjectState::PreActive;
        let mut moves = Vec::new();
        for (event, answers) in TABLE {
            for (from, answer) in ObjectState::ALL.into_iter().zip(answers) {
                if let Become(to) = answer {
                    moves.push((from, to, event));
                }
            }
        }
        moves.sort();
        let mut expected = [
            (PreActive, Active, Event::Activate),
            (PreActive, Destroyed, Event::Destroy),
            (PreActive, Compromised, Event::Compromise),
            (Active, Compromised, Event::Compromise),
            (Deactivated, Compromised, Event::Compromise),
            (Active, Deactivated, Event::Deactivate),
            (Deactivated, Destroyed, Event::Destroy),
            (Compromised, DestroyedCompromised, Event::Destroy),
            (Destroyed, DestroyedCompromised, Event::Compromise),
        ];
        expected.sort();
        assert_eq!(moves, expected);
    }

    #[test]
    fn new_objects_are_active_once_their_activation_date_is_reached() {
        assert_eq!(ObjectState::initial(None, 0), ObjectState::PreActive);
        assert_eq!(ObjectState::initial(Some(101), 100), ObjectState::PreActive);
        assert_eq!(ObjectState::initial(Some(100), 100), Active);
    }

    #[test]
    fn every_reason_given_is_one_that_the_text_names_for_the_operation() {
        let codes =
            [None, Some(RevocationReasonCode::KEY_COMPROMISE), Some(RevocationReasonCode::SUPERSEDED)];
        let mut refusals = 0;
        for version in ProtocolVersion::ALL {
            for row in spec::operation::TABLE.iter().filter(|row| row.versions.contains(version)) {
                let named = spec::result_reasons(row.operation, version).collect::<Vec<_>>();
                for object_type in (1..=10).map(ObjectType) {
                    for (state, code) in
                        ObjectState::ALL.into_iter().flat_map(|state| codes.map(|code| (state, code)))
                    {
                        let Err(reason) = decide(row.operation, code, object_type, state, version) else {
                            continue;
                        };
                        refusals += 1;
                        assert!(
                            named.contains(&reason),
                            "{} in {version}: {reason:?} for {object_type:?} when {state:?}",
                            row.name
                        );
                    }
                }
            }
        }
        assert!(refusals > 1000, "{refusals}");
    }

    #[test]
    fn a_destroyed_object_keeps_its_attributes_and_nothing_else() {
        for state in [Destroyed, DestroyedCompromised] {
            for (operation, expected) in [
                (Operation::GET_ATTRIBUTES, Ok(state)),
                (Operation::EXPORT, Ok(state)),
                (Operation::GET, Err(ResultReason::OBJECT_NOT_FOUND)),
                (Operation::DESTROY, Err(ResultReason::OBJECT_DESTROYED)),
                (Operation::DECRYPT, Err(ResultReason::WRONG_KEY_LIFECYCLE_STATE)),
            ] {
                let got = decide(operation, None, ObjectType::SECRET_DATA, state, ProtocolVersion::V2_0);
                assert_eq!(got, expected, "{operation:?}");
            }
        }
    }

    #[test]
    fn templates_and_opaque_objects_of_1x_cannot_be_activated() {
        let activate = |object_type, version| {
            decide(Operation::ACTIVATE, None, object_type, ObjectState::PreActive, version)
        };
        let illegal = Err(ResultReason::ILLEGAL_OPERATION);
        assert_eq!(activate(ObjectType::TEMPLATE, ProtocolVersion::V1_2), illegal);
        assert_eq!(activate(ObjectType::OPAQUE_OBJECT, ProtocolVersion::V1_4), illegal);
        assert_eq!(activate(ObjectType::OPAQUE_OBJECT, ProtocolVersion::V2_0), Ok(Active));
        assert_eq!(activate(ObjectType::SYMMETRIC_KEY, ProtocolVersion::V1_0), Ok(Active));
    }

    #[test]
    fn operations_on_no_object_are_none_of_the_state_machines_business() {
        let mut reasons = NEVER.to_vec();
        for operation in
            [Operation::QUERY, Operation::LOCATE, Operation::CREATE, Operation::HASH, Operation(0x999)]
        {
            let got = decide(operation, None, ObjectType::SYMMETRIC_KEY, Destroyed, ProtocolVersion::V1_4);
            reasons.extend(got.err());
        }
        assert_eq!(reasons, NEVER);
    }
}
