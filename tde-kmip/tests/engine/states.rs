//! Random sequences of operations, against a model of an object's life that is written after the standard's text.

use proptest::prelude::*;
use tde_kmip_codec::DateTime;
use tde_kmip_codec::{
    attribute::{AttributeReference, AttributeValue, RevocationReason},
    operation::{ActivateRequest, DestroyRequest, GetAttributesRequest, ResponsePayload, RevokeRequest},
    spec::{
        ProtocolVersion,
        enumeration::{ResultStatus, RevocationReasonCode, State},
        tag,
    },
};

use crate::{
    objects::get,
    support::{NOW, Server},
};

#[derive(Clone, Copy, Debug)]
enum Step {
    Activate,
    Revoke,
    Compromise,
    Destroy,
    Get,
    /// Seconds go by.
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        Just(Step::Activate),
        Just(Step::Revoke),
        Just(Step::Compromise),
        Just(Step::Destroy),
        Just(Step::Get),
        (1..200_i64).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 1..16)
}

/// The states of KMIP 1.4, section 3.22, figure 1, with its transitions by number.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Life {
    PreActive,
    Active,
    Deactivated,
    Compromised,
    Destroyed,
    DestroyedCompromised,
}

impl Life {
    /// The state after a step, if the step is allowed.
    fn after(self, step: Step) -> Option<Self> {
        use Life::{Active, Compromised, Deactivated, Destroyed, DestroyedCompromised, PreActive};
        match (step, self) {
            (Step::Activate, PreActive) => Some(Active), // 4
            (Step::Revoke, Active) => Some(Deactivated), // 6
            (Step::Compromise, PreActive | Active | Deactivated) => Some(Compromised), // 3, 5, 8
            (Step::Compromise, Destroyed) => Some(DestroyedCompromised), // 10
            (Step::Destroy, PreActive | Deactivated) => Some(Destroyed), // 2, 7
            (Step::Destroy, Compromised) => Some(DestroyedCompromised), // 9
            (Step::Get, Destroyed | DestroyedCompromised) => None,
            (Step::Get | Step::Wait(_), state) => Some(state),
            _ => None,
        }
    }

    fn on_the_wire(self) -> State {
        State(self as u32 + 1)
    }
}

fn run(version: ProtocolVersion, activation: Option<i64>, deactivation: Option<i64>, steps: &[Step]) {
    let server = Server::new();
    let mut dates = Vec::new();
    dates.extend(activation.map(|after| AttributeValue::ActivationDate(DateTime(NOW + after))));
    dates.extend(deactivation.map(|after| AttributeValue::DeactivationDate(DateTime(NOW + after))));
    let id = server.register(version, "key", &dates).id();
    let (mut now, mut life) = (NOW, Life::PreActive);
    let mut deactivation = deactivation;
    for step in steps {
        if let Step::Wait(seconds) = step {
            now += seconds;
            server.set_time(now);
        }
        if life == Life::PreActive && activation.is_some_and(|after| NOW + after <= now) {
            life = Life::Active;
        }
        if life == Life::Active && deactivation.is_some_and(|after| NOW + after <= now) {
            life = Life::Deactivated;
        }
        let revoke = |code| {
            let mut request = RevokeRequest::new(RevocationReason::new(code));
            request.unique_identifier = Some(id.as_str().into());
            request
        };
        let answer = match step {
            Step::Activate => {
                let mut request = ActivateRequest::default();
                request.unique_identifier = Some(id.as_str().into());
                Some(server.ask(version, request))
            }
            Step::Revoke => Some(server.ask(version, revoke(RevocationReasonCode::SUPERSEDED))),
            Step::Compromise => Some(server.ask(version, revoke(RevocationReasonCode::KEY_COMPROMISE))),
            Step::Destroy => {
                let mut request = DestroyRequest::default();
                request.unique_identifier = Some(id.as_str().into());
                Some(server.ask(version, request))
            }
            Step::Get => Some(server.ask(version, get(&id))),
            Step::Wait(_) => None,
        };
        let next = life.after(*step);
        if let Some(answer) = answer {
            let expected =
                if next.is_some() { ResultStatus::SUCCESS } else { ResultStatus::OPERATION_FAILED };
            assert_eq!(answer.status(), expected, "{step:?} when {life:?} in {version}");
        }
        life = next.unwrap_or(life);
        // An activation ends a Deactivation Date that has come before it: the key is deactivated at once.
        if life == Life::Active && deactivation.is_some_and(|after| NOW + after <= now) {
            life = Life::Deactivated;
        }
        if matches!((step, life), (Step::Revoke, Life::Deactivated)) {
            deactivation = None;
        }
        let references = [AttributeReference::Standard(tag::STATE)];
        let mut request = GetAttributesRequest::default();
        request.unique_identifier = Some(id.as_str().into());
        request.attribute_references = (&references).into();
        let answer = server.ask(version, request);
        let ResponsePayload::GetAttributes(got) = answer.payload() else { panic!() };
        let state = got.attributes.unwrap().iter().next().unwrap().value;
        assert_eq!(state, AttributeValue::State(life.on_the_wire()), "after {step:?} in {version}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn objects_live_as_the_standard_says(
        version in proptest::sample::select(ProtocolVersion::ALL.to_vec()),
        activation in proptest::option::of(-50..300_i64),
        life in proptest::option::of(0..300_i64),
        steps in steps(),
    ) {
        let deactivation = life.map(|life| activation.unwrap_or_default() + life);
        run(version, activation, deactivation, &steps);
    }
}
