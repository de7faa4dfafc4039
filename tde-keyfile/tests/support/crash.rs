//! Changes that are interrupted at every call of the storage: by a crash of the machine, a kill, or an error.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::panic, reason = "helpers of tests")]

use tde_keyfile::edit::EditError;
use tde_keyfile::storage::Storage;
use tde_keyfile::storage::testing::{FailingStorage, Fault, ForgettingStorage, Persistence, SampleLimit};

/// More calls than any change makes: a loop over them ends even if the change never works.
const CALLS: usize = 1000;

/// A change that is interrupted, and what must be there afterwards.
pub(crate) trait Interrupted {
    fn name(&self) -> &str;

    /// A copy of the state before, all of it durable.
    fn fresh(&self) -> ForgettingStorage;

    fn run(&self, storage: &dyn Storage) -> Result<(), EditError>;

    /// Opens what is left as the next command would, checks it, and runs the change again if it was not done.
    fn reopen(&self, storage: &ForgettingStorage, done: bool, context: &dyn Fn() -> String);
}

/// Halts the change at each call (or each `step`th); `check` gets what is there then, until the change is done.
pub(crate) fn for_every_halt(
    change: &impl Interrupted,
    step: usize,
    mut check: impl FnMut(&ForgettingStorage, bool, usize),
) {
    for halt_at in (0..CALLS).step_by(step) {
        let storage = change.fresh();
        storage.halt_at(halt_at);
        let done = change.run(&storage).is_ok();
        check(&storage, done, halt_at);
        if done {
            return;
        }
    }
    panic!("{}: not done after {CALLS} calls", change.name());
}

/// A crash of the machine, and a kill, at every call. Gives the number of states that crashes left.
pub(crate) fn crash_at_every_call(change: &impl Interrupted, samples: SampleLimit) -> usize {
    let mut states = 0;
    for_every_halt(change, 1, |storage, done, halt_at| {
        for survivor in storage.crash(samples) {
            change.reopen(&survivor, done, &|| format!("halted at {halt_at}"));
            states += 1;
        }
        change.reopen(&storage.kill(), done, &|| format!("killed at {halt_at}"));
    });
    states
}

/// An error at every call; what is called after it works, or does not.
pub(crate) fn fail_at_every_call(change: &impl Interrupted) {
    for (fault, persistence) in [
        (Fault::NoSpace, Persistence::FromThenOn),
        (Fault::Device, Persistence::Once),
        (Fault::ReadOnly, Persistence::FromThenOn),
    ] {
        let finished = (0..CALLS).any(|fail_at| {
            let storage = FailingStorage::new(change.fresh());
            storage.fail_at(fail_at, fault, persistence);
            let result = change.run(&storage);
            let context = || format!("{fault:?} {persistence:?} at {fail_at}: {result:?}");
            let finished = storage.calls() <= fail_at;
            change.reopen(&storage.inner().kill(), result.is_ok(), &context);
            for survivor in storage.inner().crash(SampleLimit(2)) {
                change.reopen(&survivor, result.is_ok(), &context);
            }
            assert!(!finished || result.is_ok(), "{}: {}", change.name(), context());
            finished
        });
        assert!(finished, "{}: not finished after {CALLS} calls", change.name());
    }
}

/// A kill at every call (or each of the first `steps`), and a crash of the machine at every call (or each of the second)
/// of what `recover` does then; it says whether it came to its end.
pub(crate) fn crash_while_recovering(
    change: &impl Interrupted,
    steps: (usize, usize),
    samples: SampleLimit,
    recover: impl Fn(&ForgettingStorage) -> bool,
) {
    for_every_halt(change, steps.0, |storage, done, halt_at| {
        let recovered = (0..CALLS).step_by(steps.1).any(|recovery_halt| {
            let killed = storage.kill();
            killed.halt_at(recovery_halt);
            let recovered = recover(&killed);
            for survivor in killed.crash(samples) {
                let context = || format!("killed at {halt_at}, halted at {recovery_halt}");
                change.reopen(&survivor, done, &context);
            }
            recovered
        });
        assert!(recovered, "{}: not recovered after {CALLS} calls", change.name());
    });
}
