//! `tde kmip ping`: each step to a key server, and where it fails.

use std::io::Write as _;
use std::time::{Instant, SystemTime};

use anstyle::Style;
use clap::Args;
use serde_json::{Value, json};
use tde_kmip::client::{Client, ConnectError, ConnectionFacts, Error};
use tde_kmip::provider::KmipSettings;
use tde_kmip::tls::CertificateFacts;
use tde_kmip_codec::attribute::{Attribute, AttributeValue};
use tde_kmip_codec::spec::enumeration::{ObjectType, Operation, QueryFunction};

use super::connection::ConnectionArgs;
use crate::failure::{Failure, Status};
use crate::output::{self, ERROR, GOOD, Printer, WARNING, printable};

const AFTER_HELP: &str = "\
The steps: our certificate and key; TCP; TLS, with what was negotiated and the certificates; the
versions of KMIP; whether the server lets us in (Query and Locate). Several servers are tried one by
one.

Exit status:
  0  every step is good
  1  a server was reached and a step behind TCP failed
  2  could not run: usage, a file that cannot be read, a server that cannot be reached

Examples:
  tde kmip ping --server kms.example --ca ca.pem --cert client.pem --key client.key
  tde kmip ping --datadir /srv/pgdata --provider kms --json";

/// Try each step to a key server, and say where it fails
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct PingArgs {
    /// Print one JSON document instead (schema `tde.kmip.ping/1`)
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    connection: ConnectionArgs,
}

/// One step and what came of it.
#[derive(Clone)]
struct Step {
    name: &'static str,
    outcome: Outcome,
    /// What there is to say, a clause a line.
    details: Vec<String>,
    advice: Option<String>,
    facts: Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Good,
    /// It works, and somebody should look into it.
    Odd,
    Failed,
    NotReached,
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Odd => "odd",
            Self::Failed => "failed",
            Self::NotReached => "not reached",
        }
    }

    const fn style(self) -> Style {
        match self {
            Self::Good => GOOD,
            Self::Odd => WARNING,
            Self::Failed => ERROR,
            Self::NotReached => Style::new(),
        }
    }
}

/// The steps behind our own certificate, in their order.
const STEPS: [&str; 4] = ["TCP", "TLS", "KMIP", "access"];

pub(crate) fn run(args: &PingArgs) -> Result<Status, Failure> {
    let settings = args.connection.settings()?;
    let identity = own_certificate(&settings)?;
    let mut out = Printer::new();
    let mut status = Status::Good;
    let mut reports = Vec::new();
    for server in &settings.servers {
        let mut one = settings.clone();
        one.servers = vec![server.clone()];
        let begin = Instant::now();
        let mut steps = vec![identity.clone()];
        let client = one.client().map_err(|error| Failure::message(error.to_string()))?;
        steps.extend(try_server(&client));
        let took = begin.elapsed();
        let failed = steps.iter().find(|step| step.outcome == Outcome::Failed);
        status = status.max(match failed {
            None => Status::Good,
            Some(step) if step.name == "TCP" => Status::CouldNotRun,
            Some(_) => Status::Wrong,
        });
        if args.json {
            reports.push(json!({
                "server": server.to_string(),
                "good": failed.is_none(),
                "failed_step": failed.map(|step| step.name),
                "milliseconds": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                "steps": steps.iter().map(|step| json!({
                    "step": step.name, "outcome": step.outcome.name(), "details": step.details,
                    "advice": step.advice, "facts": step.facts,
                })).collect::<Vec<_>>(),
            }));
            continue;
        }
        writeln!(out, "{}", printable(&server.to_string()))?;
        for step in &steps {
            let style = step.outcome.style();
            let mut details = step.details.iter().map(|detail| printable(detail));
            let first = details.next().unwrap_or_default();
            writeln!(out, "  {:<12} {style}{:<12}{style:#} {first}", step.name, step.outcome.name())?;
            for detail in details {
                writeln!(out, "  {:<25} {detail}", "")?;
            }
            if let Some(advice) = &step.advice {
                writeln!(out, "  {:<25} try: {}", "", printable(advice))?;
            }
        }
        match failed {
            None => writeln!(out, "{GOOD}good{GOOD:#}: {} ms", took.as_millis())?,
            Some(step) => writeln!(out, "{ERROR}failed{ERROR:#} at: {}", step.name)?,
        }
    }
    if args.json {
        serde_json::to_writer_pretty(&mut out, &json!({"schema": "tde.kmip.ping/1", "servers": reports}))?;
        writeln!(out)?;
    }
    out.flush()?;
    Ok(status)
}

fn own_certificate(settings: &KmipSettings) -> Result<Step, Failure> {
    let identity = settings.identity().map_err(|error| Failure::message(error.to_string()))?;
    Ok(match identity {
        Some(identity) => {
            let (details, facts, odd) = certificates(std::slice::from_ref(identity.certificate()));
            Step {
                name: "certificate",
                outcome: odd,
                details,
                advice: None,
                facts: json!({"certificates": facts}),
            }
        }
        None => Step {
            name: "certificate",
            outcome: Outcome::Odd,
            details: vec!["none is shown: few servers know their clients otherwise".into()],
            advice: Some("give `--cert FILE` and `--key FILE`".into()),
            facts: json!({"certificates": []}),
        },
    })
}

fn try_server(client: &Client) -> Vec<Step> {
    let facts = match client.connect() {
        Ok(facts) => facts,
        Err(error) => return failed_at(&error, Vec::new()),
    };
    let steps = connected(&facts);
    // A version that is given is spoken without asking: then these are the first messages, and the first chance of a
    // server of TLS 1.3 to refuse our certificate.
    match access(client) {
        Ok(step) => steps.into_iter().chain([step]).collect(),
        Err(error) => failed_at(&error, steps),
    }
}

/// TCP, TLS and KMIP, all good.
fn connected(facts: &ConnectionFacts) -> Vec<Step> {
    let transport = &facts.transport;
    let good = |name, details, facts| Step { name, outcome: Outcome::Good, details, advice: None, facts };
    let address = transport.address.map(|address| address.to_string()).unwrap_or_default();
    let (version, suite) = (&transport.tls_version, &transport.cipher_suite);
    let (mut details, shown, odd) = certificates(&transport.server_certificates);
    details.insert(
        0,
        format!(
            "{}, {}",
            version.as_deref().unwrap_or("version unknown"),
            suite.as_deref().unwrap_or("cipher suite unknown")
        ),
    );
    let tls_facts = json!({"version": version, "cipher_suite": suite, "certificates": shown});
    let mut tls = good("TLS", details, tls_facts);
    tls.outcome = odd;
    let spoken = facts.version.to_string();
    let versions: Vec<_> = facts.server_versions.iter().map(ToString::to_string).collect();
    let text = if versions.is_empty() {
        format!("speaks {spoken}")
    } else {
        format!("speaks {spoken}; the server has {}", versions.join(", "))
    };
    vec![
        good("TCP", vec![address.clone()], json!({"address": address})),
        tls,
        good("KMIP", vec![text], json!({"version": spoken, "server_versions": versions})),
    ]
}

/// The steps up to the one that failed, which the error tells; `known` is what was found out about them.
fn failed_at(error: &Error, known: Vec<Step>) -> Vec<Step> {
    let failed = match error {
        Error::Connect { source: ConnectError::Tls { .. }, .. } => "TLS",
        Error::Connect { .. } => "TCP",
        // A client certificate is refused only when the handshake is over for us.
        Error::Connection { failure: Some(_), .. } => "TLS",
        // It answered, and does not let us do it.
        Error::Pending { .. } => "access",
        error if error.refusal().is_some() && error.operation() != Some(Operation::DISCOVER_VERSIONS) => {
            "access"
        }
        _ => "KMIP",
    };
    let mut known = known.into_iter();
    let mut outcome = Outcome::Good;
    let steps = STEPS.iter().map(|&name| {
        let known = known.next();
        if name == failed {
            outcome = Outcome::NotReached;
            return refused(name, error);
        }
        let unknown = Step { name, outcome, details: Vec::new(), advice: None, facts: Value::Null };
        known.filter(|_| outcome == Outcome::Good).unwrap_or(unknown)
    });
    steps.collect()
}

fn refused(name: &'static str, error: &Error) -> Step {
    let text = error.to_string();
    let advice = error.advice().map(|advice| output::as_clause(&advice));
    Step { name, outcome: Outcome::Failed, details: vec![text], advice, facts: Value::Null }
}

/// Whether the server lets us ask.
fn access(client: &Client) -> Result<Step, Error> {
    let functions = [QueryFunction::QUERY_OPERATIONS, QueryFunction::QUERY_SERVER_INFORMATION];
    let mut details = Vec::new();
    let server = client.query(&functions)?;
    if let Some(vendor) = &server.vendor_identification {
        details.push(format!("the server is {vendor}"));
    }
    let operations: Vec<_> = server.operations.iter().map(ToString::to_string).collect();
    details.push(format!("{} operations", operations.len()));
    let facts = json!({"vendor": server.vendor_identification, "operations": operations});
    let symmetric = Attribute { index: None, value: AttributeValue::ObjectType(ObjectType::SYMMETRIC_KEY) };
    client.locate(&[symmetric], Some(1))?;
    details.push("symmetric keys may be located".into());
    Ok(Step { name: "access", outcome: Outcome::Good, details, advice: None, facts })
}

/// What certificates say, and whether one of them has expired or soon will.
fn certificates(all: &[CertificateFacts]) -> (Vec<String>, Vec<Value>, Outcome) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let (mut details, mut facts, mut outcome) = (Vec::new(), Vec::new(), Outcome::Good);
    for one in all {
        let names =
            if one.names.is_empty() { String::new() } else { format!(" (for {})", one.names.join(", ")) };
        details.push(format!("{}{names}, issued by {}", one.subject, one.issuer));
        let days = one.not_after.0.saturating_sub(now).div_euclid(24 * 3600);
        let left = match days {
            ..0 => "expired".to_owned(),
            0..30 => format!("{days} days are left"),
            _ => String::new(),
        };
        let separator = if left.is_empty() { "" } else { ": " };
        details.push(format!("valid from {} to {}{separator}{left}", one.not_before, one.not_after));
        if !left.is_empty() {
            outcome = Outcome::Odd;
        }
        facts.push(json!({
            "subject": one.subject, "issuer": one.issuer, "serial_number": one.serial_number, "names": one.names,
            "not_before": one.not_before.to_string(), "not_after": one.not_after.to_string(),
            "days_left": days,
        }));
    }
    (details, facts, outcome)
}
