//! Two pieces of work timed turn by turn, so that whatever slows the machine slows both.

use std::time::Instant;

/// Rounds of each, of which the median is taken.
const ROUNDS: usize = 301;

/// How long one round should last, in seconds: long beside the clock's resolution, short beside a scheduler's
/// time slice, so that most rounds are not interrupted.
const ROUND: f64 = 150e-6;

/// Medians and minima, in seconds for one call.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Median of the first, then of the second.
    pub median: [f64; 2],
    /// Minimum of the first, then of the second.
    pub best: [f64; 2],
}

/// Times `ours` and `theirs` turn by turn.
pub fn measure(ours: &mut dyn FnMut(), theirs: &mut dyn FnMut()) -> Times {
    let (ours_calls, theirs_calls) = (calls(ours), calls(theirs));
    let mut samples = [Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS)];
    for _ in 0..ROUNDS {
        samples[0].push(round(ours, ours_calls));
        samples[1].push(round(theirs, theirs_calls));
    }
    let median = samples.each_mut().map(|samples| {
        samples.sort_by(f64::total_cmp);
        samples[ROUNDS / 2]
    });
    Times { median, best: samples.map(|samples| samples[0]) }
}

/// How many calls fill a round.
fn calls(work: &mut dyn FnMut()) -> u32 {
    let _warm = round(work, 3);
    let once = round(work, 3);
    (ROUND / once).clamp(1.0, 1e6) as u32
}

fn round(work: &mut dyn FnMut(), calls: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        work();
    }
    start.elapsed().as_secs_f64() / f64::from(calls)
}
