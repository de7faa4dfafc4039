//! The steps of the demonstration: timed, printed as they are done, or all of them as JSON.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{HEADING, Printer, Shown};
use crate::failure::Failure;
use crate::output::GOOD;

/// Collects the steps, and prints them unless a document is wanted.
#[derive(Debug)]
pub(super) struct Steps<'o> {
    out: &'o mut Printer,
    json: bool,
    begun: Instant,
    done: Vec<StepReport>,
}

/// One step. The schema is documented in `docs/json-output.md`.
#[derive(Debug, Serialize)]
struct StepReport {
    step: &'static str,
    milliseconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    text: String,
}

#[derive(Debug, Serialize)]
struct DemoReport<'a> {
    schema: &'static str,
    kept: Option<String>,
    milliseconds: f64,
    steps: &'a [StepReport],
}

impl<'o> Steps<'o> {
    pub(super) fn new(out: &'o mut Printer, json: bool) -> Self {
        Self { out, json, begun: Instant::now(), done: Vec::new() }
    }

    /// Carries a step out, which tells what it did.
    pub(super) fn run<T>(
        &mut self,
        step: &'static str,
        work: impl FnOnce() -> Result<(T, String), Failure>,
    ) -> Result<T, Failure> {
        let begun = Instant::now();
        let (outcome, text) = work().map_err(|error| error.context(step))?;
        self.add(step, begun.elapsed(), None, text)?;
        Ok(outcome)
    }

    /// The same for a step that tells how many bytes it worked on.
    pub(super) fn timed(
        &mut self,
        step: &'static str,
        work: impl FnOnce() -> Result<(u64, String), Failure>,
    ) -> Result<(), Failure> {
        let begun = Instant::now();
        let (bytes, text) = work().map_err(|error| error.context(step))?;
        self.add(step, begun.elapsed(), Some(bytes), text)
    }

    fn add(
        &mut self,
        step: &'static str,
        time: Duration,
        bytes: Option<u64>,
        text: String,
    ) -> Result<(), Failure> {
        let milliseconds = milliseconds(time);
        if !self.json {
            let amount = bytes.map_or_else(String::new, |bytes| format!("{}, ", rate(bytes, time)));
            writeln!(self.out, "{milliseconds:>9.1} ms  {HEADING}{step:<14}{HEADING:#}  {amount}{text}")?;
            self.out.flush()?;
        }
        self.done.push(StepReport { step, milliseconds, bytes, text });
        Ok(())
    }

    /// Prints what is to be seen at the end.
    pub(super) fn finish(self, kept: Option<&Path>, shown: &Shown) -> Result<(), Failure> {
        let total = milliseconds(self.begun.elapsed());
        if self.json {
            let report = DemoReport {
                schema: "tde.demo/1",
                kept: kept.map(|path| path.display().to_string()),
                milliseconds: total,
                steps: &self.done,
            };
            serde_json::to_writer_pretty(&mut *self.out, &report)?;
            writeln!(self.out)?;
            return Ok(self.out.flush()?);
        }
        let stored: String = shown.stored.iter().take(24).map(|byte| format!("{byte:02x} ")).collect();
        writeln!(self.out, "\na row on disk  {stored}…\ndecrypted      {}", shown.plain)?;
        if let Some(kept) = kept {
            let kept = kept.display();
            writeln!(self.out, "\nkept; the key server is gone, its keys were written to {kept}/keys:")?;
            write!(self.out, "  tde verify {kept}/data")?;
            for name in &shown.keys {
                write!(self.out, " --principal-key {name}={kept}/keys/{name}")?;
            }
            writeln!(self.out)?;
        }
        writeln!(self.out, "\n{GOOD}all good{GOOD:#} in {total:.0} ms")?;
        Ok(self.out.flush()?)
    }
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// `64 MiB, 1.2 GiB/s`.
fn rate(bytes: u64, time: Duration) -> String {
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    let speed = mebibytes / time.as_secs_f64().max(1e-9);
    if speed < 1024.0 {
        format!("{mebibytes:.1} MiB, {speed:.0} MiB/s")
    } else {
        format!("{mebibytes:.1} MiB, {:.1} GiB/s", speed / 1024.0)
    }
}
