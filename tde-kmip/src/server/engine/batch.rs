//! Runs the items of a batch (KMIP 1.4, sections 6.12 to 6.15; KMIP 2.1, sections 9.5 to 9.8).

use tde_kmip_codec::{
    message::Credential,
    operation::ResponsePayload,
    spec::{
        ProtocolVersion,
        enumeration::{BatchErrorContinuationOption, Operation, ResultReason, ResultStatus},
    },
    ttlv::Item,
};
use zeroize::Zeroizing;

use super::{
    Answered, AnsweredItem, ClientIdentity, Engine, EngineOptions,
    derivation::Derived,
    envelope::{self, Envelope},
    failure::{Failure, Outcome, Stop},
    operation,
    reply::{ItemHead, MAX_CORRELATION, Reply, SizeLimit},
    streams::BatchStreams,
    transaction::Transaction,
};

/// How often an item (or, with Undo, a batch) is tried when others change the same records.
const ATTEMPTS: usize = 16;

/// A batch on its way.
pub(super) struct Batch<'e> {
    pub(super) options: &'e EngineOptions,
    pub(super) client: &'e ClientIdentity,
    /// Who owns what is made, and sees what is there.
    pub(super) owner: String,
    pub(super) version: ProtocolVersion,
    /// Seconds since 1970-01-01T00:00:00Z, the same for the whole batch.
    pub(super) now: i64,
    pub(super) store: Transaction<'e>,
    /// What is remembered between the parts of data.
    pub(super) streams: BatchStreams<'e>,
    /// ID Placeholder.
    pub(super) placeholder: Option<String>,
    /// The objects that each item so far made or found.
    pub(super) made: Vec<Made>,
    /// The data that items so far gave (KMIP 2.1, section 7.9). No more than fits into the response: all of it is there too.
    pub(super) given: Vec<(Operation, Zeroizing<Vec<u8>>)>,
    /// What was derived at a cost.
    pub(super) derived: Derived,
    /// The objects that the current item is about, for the audit log.
    pub(super) touched: Vec<String>,
    /// What the answer to the current item repeats of it.
    head: ItemHead<'e>,
    reply: Reply,
}

/// The objects that an item made or found.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) operation: Operation,
    pub(super) ids: Vec<String>,
}

pub(super) fn respond(
    engine: &Engine,
    client: &ClientIdentity,
    request: &[u8],
    out: &mut Vec<u8>,
) -> Answered {
    let options = &engine.options;
    let now = options.clock.now();
    let refused = |version, failure: &Failure, out: &mut Vec<u8>| {
        let mut reply = Reply::new(version, server_limit(options));
        reply.failure(ItemHead { operation: None, id: None }, failure);
        reply.finish(now, out);
        Answered {
            version,
            owner: client.name().to_owned(),
            correlation: None,
            items: vec![failed_item(None, Vec::new(), failure, version)],
        }
    };
    let envelope = match Envelope::open(request, options) {
        Ok(envelope) => envelope,
        Err(refusal) => return refused(refusal.version, &refusal.failure, out),
    };
    match Batch::new(engine, client, &envelope, now) {
        Ok(mut batch) => {
            let items = batch.run(&envelope);
            batch.reply.finish(now, out);
            let correlation = batch.reply.server_correlation.take();
            Answered { version: envelope.version, owner: batch.owner, correlation, items }
        }
        Err(failure) => refused(envelope.version, &failure, out),
    }
}

impl<'e> Batch<'e> {
    /// Checks what the header asks for.
    fn new(
        engine: &'e Engine,
        client: &'e ClientIdentity,
        envelope: &Envelope<'e>,
        now: i64,
    ) -> Result<Self, Failure> {
        let options = &engine.options;
        let header = &envelope.header;
        let version = envelope.version;
        if let (Some(skew), Some(stamp)) = (options.max_clock_skew, header.time_stamp)
            && stamp.0.abs_diff(now) > u64::from(skew)
        {
            let message = "the request's time stamp is too far from the server's clock";
            return Err(Failure::exactly(ResultReason::INVALID_MESSAGE, message));
        }
        if header.asynchronous_indicator.is_some_and(is_mandatory) {
            let message = "asynchronous operations are not supported";
            return Err(Failure::exactly(ResultReason::FEATURE_NOT_SUPPORTED, message));
        }
        let mut limit = server_limit(options);
        if let Some(size) = header.maximum_response_size {
            let bytes = usize::try_from(size).ok().filter(|size| *size > 0);
            let bytes =
                bytes.ok_or_else(|| Failure::invalid_field(format!("{size} is no Maximum Response Size")))?;
            if bytes <= limit.bytes {
                limit = SizeLimit { bytes, name: "Maximum Response Size" };
            }
        }
        let owner = match &options.authenticator {
            None => client.name().to_owned(),
            Some(authenticator) => {
                let credentials: Vec<Credential<'_>> =
                    header.authentication.iter().flat_map(|given| given.credentials.iter()).collect();
                authenticator.owner(client, &credentials).map_err(|error| {
                    Failure::exactly(ResultReason::AUTHENTICATION_NOT_SUCCESSFUL, error.to_string())
                })?
            }
        };
        let mut reply = Reply::new(version, limit);
        let correlation = header.client_correlation_value.or(header.server_correlation_value);
        if let Some(value) = correlation {
            if value.len() > MAX_CORRELATION {
                return Err(Failure::invalid_field(format!(
                    "a correlation value is longer than {MAX_CORRELATION} bytes"
                )));
            }
            // Only clients that use correlation values can be trusted to expect one in the answer.
            reply.client_correlation = header.client_correlation_value.map(str::to_owned);
            let mut bytes = [0; 8];
            if options.randomness.fill(&mut bytes).is_ok() {
                reply.server_correlation = Some(format!("{:016x}", u64::from_be_bytes(bytes)));
            }
        }
        Ok(Self {
            options,
            client,
            store: Transaction::new(&*engine.store, owner.clone(), &engine.applying, options.max_object),
            owner,
            version,
            now,
            streams: BatchStreams::new(&engine.streams, now, options),
            placeholder: None,
            made: Vec::new(),
            given: Vec::new(),
            derived: Derived::default(),
            touched: Vec::new(),
            head: ItemHead { operation: None, id: None },
            reply,
        })
    }

    fn run(&mut self, envelope: &Envelope<'e>) -> Vec<AnsweredItem> {
        let option = envelope.header.batch_error_continuation_option;
        match option.unwrap_or(BatchErrorContinuationOption::STOP) {
            BatchErrorContinuationOption::UNDO => self.run_undoable(&envelope.items),
            option => self.run_each(&envelope.items, option == BatchErrorContinuationOption::CONTINUE),
        }
    }

    /// Each item by itself.
    fn run_each(&mut self, items: &[Item<'e>], goes_on: bool) -> Vec<AnsweredItem> {
        let mut answered = Vec::with_capacity(items.len());
        for item in items {
            let before = self.mark();
            let mut result = Err(Stop::Conflict);
            for _ in 0..ATTEMPTS {
                result = self.run_item(item).and_then(|()| self.commit());
                if !matches!(result, Err(Stop::Conflict)) {
                    break;
                }
                self.back_to(&before);
            }
            match result {
                Ok(()) => answered.push(self.succeeded()),
                Err(stop) => {
                    self.back_to(&before);
                    answered.push(self.failed(stop));
                    if !goes_on {
                        break;
                    }
                }
            }
        }
        answered
    }

    /// All items or none.
    fn run_undoable(&mut self, items: &[Item<'e>]) -> Vec<AnsweredItem> {
        let before = self.mark();
        let mut answered = Vec::with_capacity(items.len());
        let mut stop = Stop::Conflict;
        for _ in 0..ATTEMPTS {
            self.back_to(&before);
            answered.clear();
            let run = items.iter().try_for_each(|item| {
                self.run_item(item)?;
                answered.push(self.succeeded());
                Ok(())
            });
            match run.and_then(|()| self.commit()) {
                Ok(()) => return answered,
                Err(why) => stop = why,
            }
            if matches!(stop, Stop::Failed(_)) {
                break;
            }
        }
        // The last item is the one that failed, or the one after which the changes could not be applied.
        let done = answered.len().min(items.len().saturating_sub(1));
        self.back_to(&before);
        answered.truncate(done);
        for (item, answered) in items.iter().zip(&mut answered) {
            self.reply.undone(envelope::head(item));
            answered.status = ResultStatus::OPERATION_UNDONE;
        }
        if let Some(item) = items.get(done) {
            self.head = envelope::head(item);
        }
        answered.push(self.failed(stop));
        answered
    }

    fn run_item(&mut self, item: &Item<'e>) -> Outcome {
        self.head = envelope::head(item);
        self.touched.clear();
        let item = envelope::decode(item, self.version)?;
        if let Some(extension) =
            item.message_extensions.iter().find(|extension| extension.criticality_indicator)
        {
            let message =
                format!("the message extension of {:?} is not understood", extension.vendor_identification);
            return Err(Failure::exactly(ResultReason::FEATURE_NOT_SUPPORTED, message).into());
        }
        operation::run(self, &item)
    }

    /// The answer to the current item.
    pub(super) fn answer<'p>(&mut self, payload: impl Into<ResponsePayload<'p>>) -> Outcome {
        Ok(self.reply.success(self.head, payload.into())?)
    }

    /// The objects that the current item made or found; one of them becomes the ID Placeholder.
    pub(super) fn remember(&mut self, operation: Operation, ids: Vec<String>) {
        self.placeholder = ids.first().cloned();
        self.touched.extend(ids.iter().filter(|id| !self.touched.contains(id)).cloned().collect::<Vec<_>>());
        self.made.push(Made { operation, ids });
    }

    /// Applies what changed.
    fn commit(&mut self) -> Outcome {
        let Self { store, streams, owner, now, options, .. } = self;
        streams.commit(owner, *now, options, || store.commit())
    }

    fn succeeded(&mut self) -> AnsweredItem {
        AnsweredItem {
            operation: self.head.operation,
            unique_identifiers: std::mem::take(&mut self.touched),
            status: ResultStatus::SUCCESS,
            reason: None,
            message: None,
        }
    }

    fn failed(&mut self, stop: Stop) -> AnsweredItem {
        let failure = match stop {
            Stop::Failed(failure) => failure,
            Stop::Conflict => Failure::general("other clients keep changing the same objects; try again"),
        };
        self.reply.failure(self.head, &failure);
        let touched = std::mem::take(&mut self.touched);
        failed_item(self.head.operation, touched, &failure, self.version)
    }

    fn mark(&self) -> Mark {
        Mark {
            placeholder: self.placeholder.clone(),
            made: self.made.len(),
            given: self.given.len(),
            answered: self.reply.len(),
        }
    }

    /// Forgets what came after the mark and was not applied.
    fn back_to(&mut self, mark: &Mark) {
        self.store.roll_back();
        self.streams.roll_back();
        self.placeholder.clone_from(&mark.placeholder);
        self.made.truncate(mark.made);
        self.given.truncate(mark.given);
        self.reply.truncate(mark.answered);
    }
}

/// Where a batch stood.
struct Mark {
    placeholder: Option<String>,
    made: usize,
    given: usize,
    answered: usize,
}

/// The most that is ever sent.
fn server_limit(options: &EngineOptions) -> SizeLimit {
    SizeLimit { bytes: options.response_limit(), name: "the server's largest response" }
}

fn is_mandatory(indicator: tde_kmip_codec::message::AsynchronousIndicator) -> bool {
    use tde_kmip_codec::{message::AsynchronousIndicator as Form, spec::enumeration::AsynchronousIndicator};
    matches!(indicator, Form::Mode(AsynchronousIndicator::MANDATORY))
}

fn failed_item(
    operation: Option<Operation>,
    unique_identifiers: Vec<String>,
    failure: &Failure,
    version: ProtocolVersion,
) -> AnsweredItem {
    AnsweredItem {
        operation,
        unique_identifiers,
        status: ResultStatus::OPERATION_FAILED,
        reason: Some(failure.reason(version)),
        message: Some(failure.message.to_string()),
    }
}
