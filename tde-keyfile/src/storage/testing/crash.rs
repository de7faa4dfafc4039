//! The states that a crash may leave.

use alloc::vec;
use alloc::vec::Vec;

use super::forgetting::{DirectoryNode, FileNode, Node, State, Version};

/// How many of the states that a crash may leave are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct SampleLimit(pub usize);

impl Default for SampleLimit {
    fn default() -> Self {
        Self(256)
    }
}

/// A node whose survival is uncertain, and in how many ways it may turn out.
struct Uncertain {
    node: usize,
    outcomes: u64,
}

/// Every state that may be left, or a sample that holds the two extremes: nothing survived, and all.
pub(super) fn survivors(state: &State, limit: SampleLimit) -> Vec<State> {
    let uncertain = uncertain(state);
    let total = uncertain.iter().try_fold(1_u64, |total, one| total.checked_mul(one.outcomes));
    match total {
        Some(total) if total <= limit.0 as u64 => (0..total)
            .map(|mut number| {
                let outcomes = uncertain.iter().map(|one| {
                    let outcome = number % one.outcomes;
                    number /= one.outcomes;
                    outcome
                });
                survivor(state, &uncertain, &outcomes.collect::<Vec<_>>())
            })
            .collect(),
        _ => {
            let nothing = vec![0; uncertain.len()];
            let all: Vec<_> = uncertain.iter().map(|one| one.outcomes - 1).collect();
            let mut samples = vec![survivor(state, &uncertain, &nothing), survivor(state, &uncertain, &all)];
            let mut random = 0x9e37_79b9_7f4a_7c15_u64;
            while samples.len() < limit.0 {
                let outcomes = uncertain.iter().map(|one| {
                    // xorshift64: any spread will do, as long as every run takes the same.
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    random % one.outcomes
                });
                let outcomes: Vec<_> = outcomes.collect();
                samples.push(survivor(state, &uncertain, &outcomes));
            }
            samples
        }
    }
}

fn uncertain(state: &State) -> Vec<Uncertain> {
    let reachable = state.reachable_files();
    let outcomes = |(id, node): (usize, &Node)| match node {
        Node::File(file) if reachable.contains(&id) && file.cached != file.durable => Some(4),
        // Any subset of the changes; a later one may survive an earlier one.
        Node::Directory(directory) => Some(1_u64 << directory.pending.len().min(40)),
        _ => None,
    };
    let nodes = state.nodes.iter().enumerate();
    nodes
        .filter_map(|(node, one)| outcomes((node, one)).map(|outcomes| Uncertain { node, outcomes }))
        .filter(|one| one.outcomes > 1)
        .collect()
}

fn survivor(state: &State, uncertain: &[Uncertain], outcomes: &[u64]) -> State {
    let mut survivor = state.clone();
    for (one, &outcome) in uncertain.iter().zip(outcomes) {
        match survivor.nodes.get_mut(one.node) {
            Some(Node::File(file)) => file.settle(outcome),
            Some(Node::Directory(directory)) => directory.settle(outcome),
            _ => {}
        }
    }
    for node in &mut survivor.nodes {
        match node {
            Node::File(file) => file.cached = file.durable.clone(),
            Node::Directory(directory) => {
                directory.cached = directory.durable.clone();
                directory.pending.clear();
            }
            Node::Symlink => {}
        }
    }
    survivor
}

impl FileNode {
    fn settle(&mut self, outcome: u64) {
        let whole = &self.cached;
        self.durable = match outcome {
            0 => return,
            1 => Version {
                content: whole.content.split_at(whole.content.len() / 2).0.to_vec(),
                ..whole.clone()
            },
            2 => Version { content: vec![0; whole.content.len()], ..whole.clone() },
            _ => whole.clone(),
        };
    }
}

impl DirectoryNode {
    fn settle(&mut self, outcome: u64) {
        for (index, change) in self.pending.iter().enumerate() {
            if (outcome >> index.min(63)) & 1 == 1 || (index >= 40 && outcome & 1 == 1) {
                change.apply(&mut self.durable);
            }
        }
    }
}
