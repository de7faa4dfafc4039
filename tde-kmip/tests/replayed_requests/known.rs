//! Where our answers differ from recorded ones, and why.

/// A difference that is known.
pub(crate) struct Deviation {
    /// A part of the set, case and label; empty for any.
    place: &'static str,
    /// A part of what differs.
    what: &'static str,
    /// Why we stay with it.
    pub(crate) reason: &'static str,
}

impl Deviation {
    pub(crate) fn covers(&self, place: &str, what: &str) -> bool {
        place.contains(self.place) && what.contains(self.what)
    }
}

const fn known(place: &'static str, what: &'static str, reason: &'static str) -> Deviation {
    Deviation { place, what, reason }
}

/// The known differences from a set. The first that covers a difference explains it.
pub(crate) fn of(set: &str) -> &'static [Deviation] {
    match set {
        "pykmip" => PYKMIP,
        "cosmian" => COSMIAN,
        "libkmip-cosmian" => LIBKMIP_COSMIAN,
        "pykmip-oasis" => PYKMIP_OASIS,
        "cosmian-oasis" => COSMIAN_OASIS,
        "oasis" => PUBLISHED,
        _ => &[],
    }
}

const NOT_SUPPORTED: &str = "an operation that this server does not have";
const NO_WRAPPING: &str = "this server does not wrap keys";
const GAP: &str =
    "the state comes of an exchange that is not in the corpus, or that we answered knowingly otherwise";
const OWN_KEY: &str = "the recorded data depends on a key that the recorded server made";
const V1_REASON: &str = "a reason of KMIP 1.x in an answer of 2.x";
const V2_REASON: &str = "a reason of KMIP 2.x in an answer of 1.x";
const PLACEHOLDER: &str = "PyKMIP keeps the ID Placeholder from one request to the next";
const STATE: &str = "the standard's state table does not allow it";
const UNPARSED: &str = "the recorded server could not parse the request";

const PYKMIP: &[Deviation] = &[
    known("", "ours OperationFailed OperationNotSupported", NOT_SUPPORTED),
    known("", "the batch has no object that the Unique Identifier could stand for", PLACEHOLDER),
    known("", "wrapping keys for Get is not supported", NO_WRAPPING),
    known(
        "bad-tag",
        "OperationFailed GeneralFailure, ours OperationFailed CryptographicFailure",
        "PyKMIP reports a wrong tag as General Failure; the standard has Cryptographic Failure",
    ),
    known(
        "locate-by-algorithm-length",
        "OperationFailed GeneralFailure, ours Success",
        "PyKMIP cannot look at the algorithm of certificates",
    ),
    known(
        "pykmip 2.0",
        "OperationFailed IllegalOperation, ours OperationFailed WrongKeyLifecycleState",
        V1_REASON,
    ),
    known(
        "pykmip 2.0",
        "OperationFailed PermissionDenied, ours OperationFailed WrongKeyLifecycleState",
        V1_REASON,
    ),
    known(
        "pykmip 2.0",
        "OperationFailed InvalidField, ours OperationFailed InvalidAttributeValue",
        V1_REASON,
    ),
    known("pykmip 2.0", "OperationFailed ItemNotFound, ours OperationFailed ObjectNotFound", V1_REASON),
    known(
        "create-names-and-group",
        "OperationFailed InvalidField, ours Success",
        "PyKMIP does not have several Object Groups in 2.0",
    ),
    known("destroy-again", "ours Success", GAP),
    known("activate-again", "ours Success", GAP),
    known(
        "-unsupported",
        "OperationFailed OperationNotSupported, ours Success",
        "PyKMIP does not have the operation; we do",
    ),
    known(
        "rekey-unsupported",
        "Template-Attribute",
        "the client encoded the Re-key of 2.0 in the form of 1.x",
    ),
    known(
        "-unsupported",
        "OperationFailed InvalidMessage, ours",
        "PyKMIP does not have the operation; we do",
    ),
    known("decrypt-", "the data cannot be decrypted so", OWN_KEY),
    known("1.0 051-register-wrapped", "Encoding Option", "KMIP 1.0 has no Encoding Option"),
    known("mac-hmac", "which does not allow MAC", STATE),
    known(
        "max-response-size-small",
        "operation",
        "PyKMIP does not repeat the operation when the answer is too long",
    ),
    known(
        "error-asynchronous-true",
        "OperationFailed InvalidMessage, ours Success",
        "the client allows asynchronous work, it does not insist on it",
    ),
    known(
        "error-batch-undo",
        "OperationFailed InvalidMessage, ours Success",
        "PyKMIP cannot undo batches; we can",
    ),
    known("", "operation; OperationFailed InvalidMessage, ours Success", UNPARSED),
    known("batch-create-activate-get", "another object has this name", UNPARSED),
];

const COSMIAN: &[Deviation] = &[
    known(
        "discover-versions",
        "ours OperationFailed OperationNotSupported",
        "KMIP 1.0 has no Discover Versions",
    ),
    known("", "is not defined in this protocol version", "the version does not have the operation"),
    known("", "ours OperationFailed OperationNotSupported", NOT_SUPPORTED),
    known("", "wrapping keys for Get is not supported", NO_WRAPPING),
    known(
        "batch-stop-after-error",
        "2 batch items, ours 1",
        "after Stop, items that were not run are not answered",
    ),
    known("batch-without-ids", "lacks its Unique Batch Item ID", "items of a batch need identifiers"),
    known("", "OperationFailed ItemNotFound, ours OperationFailed ObjectNotFound", V1_REASON),
    known("", "OperationFailed ObjectNotFound, ours OperationFailed ItemNotFound", V2_REASON),
    known(
        "error-get-destroyed",
        "OperationFailed ObjectDestroyed",
        "the text names Item Not Found and Object Not Found for Get",
    ),
    known("mac-hmac", "which does not allow MAC", STATE),
    known(
        "create-",
        "OperationFailed OperationNotSupported, ours Success",
        "Cosmian does not make keys of the algorithm",
    ),
    known("", "OperationFailed OperationNotSupported, ours Success", "Cosmian does not have it; we do"),
    known("", "OperationFailed WrongKeyLifecycleState, ours OperationFailed PermissionDenied", V2_REASON),
    known("activate-again", "ours Success", GAP),
    known(
        "batch-ten-gets",
        "WrongKeyLifecycleState, ours Success",
        "Get works in every state but the destroyed ones",
    ),
    known(
        "modify-attribute-no-such-value",
        "the attribute has no such instance",
        "Cosmian does not look at Current Attribute",
    ),
    known("delete-attribute", "the object does not have the attribute", GAP),
    known(
        "set-attribute-read-only",
        "cannot be changed by the client",
        "the text has Cryptographic Length read-only",
    ),
    known("decrypt-", "the data cannot be decrypted so", OWN_KEY),
    known("error-revoke-not-active", "which does not allow Revoke", STATE),
    known("error-create-bad-length", "AES has no keys of 129 bits", "Cosmian makes keys of any length"),
    known("1.0 051-register-wrapped", "Encoding Option", "KMIP 1.0 has no Encoding Option"),
    known(
        "modify-attribute-index",
        "the attribute has no such instance",
        "Cosmian does not look at Attribute Index",
    ),
    known(
        "rekey-unsupported",
        "Template-Attribute",
        "the client encoded the Re-key of 2.x in the form of 1.x",
    ),
    known("batch-create-activate-get", "another object has this name", UNPARSED),
    known("", "OperationFailed InvalidMessage, ours", UNPARSED),
    known(
        "by-usage-mask",
        "not located",
        "Cosmian finds keys that have one of the bits; the standard asks for all",
    ),
    known("", "y-unsupported-2_1-attribute", "Cosmian's own attribute"),
    known(
        "get-attribute",
        "payload lacks",
        "Cosmian's own attributes, or an attribute that an exchange that is not here set",
    ),
    known("delete-attribute-name", "\"Name\"", "Cosmian answers with a name that it made up"),
    known("error-version-0-1", "version", "Cosmian echoes versions that do not exist"),
];

const LIBKMIP_COSMIAN: &[Deviation] =
    &[known("", "OperationFailed ObjectNotFound, ours OperationFailed ItemNotFound", V2_REASON)];

const PYKMIP_OASIS: &[Deviation] = &[
    known("", "OperationFailed InvalidMessage, ours", UNPARSED),
    known("", "ours OperationFailed OperationNotSupported", NOT_SUPPORTED),
    known("", "wrapping keys for Get is not supported", NO_WRAPPING),
    known("", "OperationFailed ItemNotFound, ours OperationFailed ObjectNotFound", V1_REASON),
    known(
        "",
        "OperationFailed ItemNotFound, ours OperationFailed IllegalOperation",
        "PyKMIP forgets destroyed objects",
    ),
    known("", "OperationFailed GeneralFailure, ours Success", "PyKMIP fails on custom attributes"),
    known(
        "",
        "OperationFailed InvalidField, ours Success",
        "PyKMIP does not support an attribute of the request",
    ),
    known("", "OperationFailed IllegalOperation, ours Success", GAP),
    known(
        "Client_side_Group",
        "OperationFailed ItemNotFound, ours Success",
        "PyKMIP does not look at Object Group Member",
    ),
    known("Re_key_Key_Pair", "ours OperationFailed ItemNotFound", NOT_SUPPORTED),
    known(
        "",
        "OperationFailed OperationNotSupported, ours Success",
        "PyKMIP does not have the operation; we do",
    ),
    known("TC_101", "the object is archived", "PyKMIP does not have Archive; we do"),
    known("TC_92", "", "an activation date in the past of the case's own clock"),
    known("TC_94", "", "Re-key moved the name; PyKMIP does not have Re-key"),
    known("Query", "operation", "PyKMIP does not repeat the operation when the answer is too long"),
    known("MSGENC", "operation", "PyKMIP does not repeat the operation when the answer is too long"),
];

const COSMIAN_OASIS: &[Deviation] = &[
    known("", "OperationFailed InvalidMessage, ours", UNPARSED),
    known("TL", "", "an earlier case of the series is not in the corpus"),
    known("SASED", "", "an earlier case of the series is not in the corpus"),
    known("", "ours OperationFailed OperationNotSupported", NOT_SUPPORTED),
    known("", "wrapping keys for Get is not supported", NO_WRAPPING),
    known("TC_94", "", "Re-key moved the name; Cosmian does not have it so"),
    known("TC_92", "", "an activation date in the past of the case's own clock"),
    known("", "OperationFailed ObjectNotFound, ours OperationFailed ItemNotFound", V2_REASON),
    known("CHACHA20", "", "ChaCha20 is not supported"),
    known("CS-BC-M-12-12", "OperationFailed CryptographicFailure, ours", GAP),
    known(
        "",
        "OperationFailed CryptographicFailure, ours Success",
        "Cosmian judges keys that it registers; we keep them as they came",
    ),
    known("QS-M-2", "", "Quantum Safe is kept, and not judged"),
    known("SKFF_O_2", "SKIPJACK", "SKIPJACK keys are not made"),
    known("", "OperationFailed OperationNotSupported, ours Success", "Cosmian does not have it; we do"),
    known("", "OperationFailed WrongKeyLifecycleState, ours OperationFailed PermissionDenied", V2_REASON),
    known("GCM", "the IV/Counter/Nonce has not the size", "GCM takes nonces of 12 or 16 bytes here"),
    known("GCM", "payload lacks Data", "the initialization vector is random"),
    known("", "only symmetric keys can be used so here", "RSA is not supported"),
    known("TC_101", "the object is archived", "Cosmian does not have Archive; we do"),
    known("TC_133", "ours OperationFailed ItemNotFound", NOT_SUPPORTED),
    known("TC_152", "ours OperationFailed ItemNotFound", "Cosmian does not look at Object Group Member"),
    known("AddAttribute", "\"Comment\"", "Cosmian answers with a Comment instead of the attribute"),
    known("Get", "payload lacks", "Cosmian's own attributes, and conversions of keys"),
];

const PUBLISHED: &[Deviation] = &[
    known("TL", "located", "an earlier case of the series is not in the corpus"),
    known("SASED", "located", "an earlier case of the series is not in the corpus"),
    known("TC-CREG-3", "located", "an earlier case of the series is not in the corpus"),
    known("", "OperationPending", "nothing is done asynchronously here"),
    known("", "ours OperationFailed OperationNotSupported", NOT_SUPPORTED),
    known("", "wrapping keys for Get is not supported", NO_WRAPPING),
    known("", "the key was registered wrapped and is kept so", NO_WRAPPING),
    known("TC_134", "\"Link\"", "the certificate that it links to was not made: no Certify"),
    known(
        "TC_94",
        "",
        "the case's own clock: dates up to 2020 that replace those of 2070, and a key that is active by then",
    ),
    known("TC_92", "", "an activation date in the past of the case's own clock"),
    known(
        "TC_112",
        "OperationFailed PermissionDenied, ours Success",
        "owners are told apart by certificate, not by device credential",
    ),
    known("TC_NP_2_12", "Key Format Type", "the case puts a field of 1.1 into a Digest under a name of 1.2"),
    known("TC_ECC_2", "", "keys are kept as they came; the case has PKCS#8 decrypted"),
    known("TC-ECC-2", "", "keys are kept as they came; the case has PKCS#8 decrypted"),
    known("TC-PKCS12-2", "", "PKCS#12 is kept, and not taken apart"),
    known("3DES", "", "3DES keys are kept, and not used"),
    known("", "data in several parts is not supported", "no streaming, as Query Capabilities says"),
    known(
        "TC-CS-CORVAL-1-14",
        "Cryptographic Usage Mask is needed",
        "the text requires Cryptographic Usage Mask in Create",
    ),
    known("SKFF-O-2", "SKIPJACK", "SKIPJACK keys are not made"),
    known("SKFF-O-6-11", "payload lacks AttributeName", GAP),
    known(
        "CS-BC-M-6-13",
        "payload lacks Data",
        "the case has another key's ciphertext: that of its neighbours in 1.4 to 2.1 comes out right",
    ),
    known("CS-RNG-O-1", "DataLength", "seeds are accepted and not used, as in CS-RNG-O-3"),
    known("CS-AC-M-6", "ValidityIndicator", "a MAC under a key that the recorded server made"),
    known("GCM", "the IV/Counter/Nonce has not the size", "GCM takes nonces of 12 or 16 bytes here"),
    known("GCM", "payload lacks Data", "the initialization vector is random"),
    known("GCM", "the data cannot be decrypted so", "the initialization vector was random"),
    known("", "only symmetric keys can be used so here", "RSA is not supported"),
    known("OMOS-O-1-14", "version", "the request says 1.4, the response that is expected another version"),
    known("CHACHA20", "", "ChaCha20 is not supported"),
    known("CS-AC-M", "Cryptographic Algorithm is missing or not supported", "a MAC that is no HMAC of SHA-2"),
    known("QS-M-2", "", "Quantum Safe is kept, and not judged"),
    known(
        "TC-OFFSET-1",
        "",
        "the case has the newest first without Maximum Items, and the oldest first with it",
    ),
    known("TC_133", "located", "the key pair was not made: no Create Key Pair"),
    known("SKFF-O-2", "located", "SKIPJACK keys are not made"),
    known(
        "TC-OTP",
        "located",
        "1.3 has no Cryptographic Algorithm for Secret Data, so that TC-OTP-SETUP fails",
    ),
    known(
        "TC-OTP-SETUP",
        "such an object has no Cryptographic Algorithm",
        "1.3 has no Cryptographic Algorithm for Secret Data",
    ),
    known("TC-LOGIN", "", "Login is not supported"),
    known("TC-DLOGIN", "", "Delegated Login is not supported"),
];
