"""PyKMIP's client against a server: each of its operations, in one version.

Prints a line for each: the operation, then "ok" or what went wrong.
"""

import argparse
import logging
import os

from kmip import enums
from kmip.core import enums as core
from kmip.core.attributes import PrivateKeyUniqueIdentifier
from kmip.core.factories.attributes import AttributeFactory
from kmip.pie import objects
from kmip.pie.client import ProxyKmipClient

parser = argparse.ArgumentParser()
parser.add_argument("--port", required=True)
parser.add_argument("--folder", required=True, help="with ca.pem, and NAME.pem and NAME.key")
parser.add_argument("--name", default="client")
parser.add_argument("--other", help="another client, who must see nothing")
parser.add_argument("--version", default="1.2")
parser.add_argument("--username")
parser.add_argument("--password")
options = parser.parse_args()
logging.disable(logging.CRITICAL)


def connect(name):
    def path(file):
        return os.path.join(options.folder, file)

    version = getattr(enums.KMIPVersion, "KMIP_" + options.version.replace(".", "_"))
    return ProxyKmipClient(
        hostname="127.0.0.1", port=options.port, cert=path(name + ".pem"), key=path(name + ".key"),
        ca=path("ca.pem"), ssl_version="PROTOCOL_SSLv23", kmip_version=version,
        username=options.username, password=options.password)


def attempt(operation, run):
    try:
        result = run()
        print(operation, "ok", flush=True)
        return result
    except Exception as error:
        print(operation, type(error).__name__, str(error).replace("\n", " "), flush=True)
        return None


def equal(found, expected):
    if found != expected:
        raise AssertionError("%r is not %r" % (found, expected))


def refused(run):
    try:
        run()
    except Exception as error:
        if type(error).__name__ == "KmipOperationFailure":
            return
        raise
    raise AssertionError("was not refused")


AES = enums.CryptographicAlgorithm.AES
MASK = [enums.CryptographicUsageMask.ENCRYPT, enums.CryptographicUsageMask.DECRYPT]
name = "key of " + options.version
factory = AttributeFactory()


def by_name(text):
    return [factory.create_attribute(core.AttributeType.NAME, text)]


def pairs(client):
    """Keys of pairs; what they do is checked with the cryptography library."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    usage = enums.CryptographicUsageMask
    made = attempt("create-key-pair", lambda: client.create_key_pair(
        enums.CryptographicAlgorithm.RSA, 2048,
        public_name="public " + options.version, public_usage_mask=[usage.VERIFY, usage.ENCRYPT],
        private_name="private " + options.version, private_usage_mask=[usage.SIGN, usage.DECRYPT]))
    if made is None:
        return
    public_uid, private_uid = made
    private = client.get(private_uid)
    public = client.get(public_uid)
    attempt("get-private-key", lambda: equal(private.cryptographic_length, 2048))
    attempt("get-public-key", lambda: equal(public.key_format_type, enums.KeyFormatType.PKCS_1))
    attempt("locate-private-key", lambda: equal(
        client.locate(attributes=by_name("private " + options.version)), [private_uid]))
    attempt("activate-private-key", lambda: client.activate(private_uid))
    attempt("activate-public-key", lambda: client.activate(public_uid))

    ours = serialization.load_der_private_key(private.value, None)
    theirs = serialization.load_der_public_key(public.value)
    attempt("key-pair", lambda: equal(ours.public_key().public_numbers(), theirs.public_numbers()))

    if options.version not in ("1.0", "1.1"):
        data = b"a page to sign"
        for name, method, check in (
                ("pkcs1", enums.PaddingMethod.PKCS1v15, padding.PKCS1v15()),
                ("pss", enums.PaddingMethod.PSS, padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH))):
            parameters = {"padding_method": method, "hashing_algorithm": enums.HashingAlgorithm.SHA_256,
                          "cryptographic_algorithm": enums.CryptographicAlgorithm.RSA}

            def sign():
                signature = client.sign(data, private_uid, parameters)
                theirs.verify(signature, data, check, hashes.SHA256())
                valid = enums.ValidityIndicator.VALID
                equal(client.signature_verify(data, signature, public_uid, parameters), valid)
                other = ours.sign(data, check, hashes.SHA256())
                equal(client.signature_verify(data, other, public_uid, parameters), valid)
                equal(client.signature_verify(b"another", other, public_uid, parameters), enums.ValidityIndicator.INVALID)
            attempt("sign-verify-" + name, sign)

        parameters = {"padding_method": enums.PaddingMethod.OAEP, "hashing_algorithm": enums.HashingAlgorithm.SHA_256,
                      "cryptographic_algorithm": enums.CryptographicAlgorithm.RSA}
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)

        def oaep_both_ways():
            sealed, _ = client.encrypt(b"a key", public_uid, parameters)
            equal(ours.decrypt(sealed, oaep), b"a key")
            equal(client.decrypt(theirs.encrypt(b"a key", oaep), private_uid, parameters), b"a key")
        attempt("rsa-encrypt-decrypt", oaep_both_ways)

    if options.version != "1.0":
        def rekey_pair():
            found = client.proxy.rekey_key_pair(
                private_key_uuid=PrivateKeyUniqueIdentifier(private_uid))
            equal(found.result_status.value, enums.ResultStatus.SUCCESS)
        attempt("rekey-key-pair", rekey_pair)


def activated(client, thing):
    uid = client.register(thing)
    client.activate(uid)
    return uid


def derivations(client):
    import hashlib
    import hmac as python_hmac
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    material = bytes(range(100, 132))
    data, salt, vector = b"label and context", b"some salt", bytes(range(16))
    sha256 = {"hashing_algorithm": enums.HashingAlgorithm.SHA_256}
    base = activated(client, objects.SymmetricKey(
        AES, 256, material, [enums.CryptographicUsageMask.DERIVE_KEY], name="base of " + options.version))
    password = activated(client, objects.SecretData(
        b"a password", enums.SecretDataType.PASSWORD, [enums.CryptographicUsageMask.DERIVE_KEY],
        name="password of " + options.version))

    def mac(*parts):
        return python_hmac.new(material, b"".join(parts), hashlib.sha256).digest()

    def pipeline(length):
        chain, output = data, b""
        for count in range(1, 1 + -(-length // 32)):
            chain = mac(chain)
            output += mac(chain, count.to_bytes(4, "big"), data)
        return output[:length]

    def feedback(length):
        block, output = vector, b""
        for count in range(1, 1 + -(-length // 32)):
            block = mac(block, count.to_bytes(4, "big"), data)
            output += block
        return output[:length]

    encryptor = Cipher(algorithms.AES(material), modes.CBC(vector)).encryptor()
    filler = 16 - len(data) % 16
    sealed = encryptor.update(data + bytes([filler]) * filler) + encryptor.finalize()
    counter = KBKDFHMAC(
        algorithm=hashes.SHA256(), mode=Mode.CounterMode, length=40, rlen=4, llen=None,
        location=CounterLocation.BeforeFixed, label=None, context=None, fixed=data)
    method = enums.DerivationMethod
    cases = [
        (method.PBKDF2, password, 256, {"cryptographic_parameters": sha256, "salt": salt, "iteration_count": 1000},
         PBKDF2HMAC(hashes.SHA256(), 32, salt, 1000).derive(b"a password")),
        (method.HASH, base, 128, {"cryptographic_parameters": {"hashing_algorithm": enums.HashingAlgorithm.MD5}},
         hashlib.md5(material).digest()),
        (method.HMAC, base, 256, {"cryptographic_parameters": sha256, "derivation_data": data}, mac(data)),
        # What PyKMIP's own server takes this to mean.
        (method.HMAC, base, 320, {"cryptographic_parameters": sha256, "derivation_data": data, "salt": salt},
         HKDF(hashes.SHA256(), 40, salt, data).derive(material)),
        (method.NIST800_108_C, base, 320, {"cryptographic_parameters": sha256, "derivation_data": data},
         counter.derive(material)),
        (method.NIST800_108_F, base, 320,
         {"cryptographic_parameters": sha256, "derivation_data": data, "initialization_vector": vector},
         feedback(40)),
        (method.NIST800_108_DPI, base, 320, {"cryptographic_parameters": sha256, "derivation_data": data},
         pipeline(40)),
    ]
    parameters = {"block_cipher_mode": enums.BlockCipherMode.CBC, "padding_method": enums.PaddingMethod.PKCS5}
    cases.append((method.ENCRYPT, base, 256, {
        "cryptographic_parameters": parameters, "derivation_data": data, "initialization_vector": vector}, sealed))
    for derivation, uid, bits, given, expected in cases:
        def derive():
            made = client.derive_key(
                enums.ObjectType.SECRET_DATA, [uid], derivation, given, cryptographic_length=bits)
            equal(client.get(made).value, expected)
        attempt("derive-key-" + derivation.name, derive)

    def key():
        made = client.derive_key(
            enums.ObjectType.SYMMETRIC_KEY, [base], method.HASH, {"cryptographic_parameters": sha256},
            cryptographic_length=256, cryptographic_algorithm=AES)
        got = client.get(made)
        equal((got.value, got.cryptographic_length), (hashlib.sha256(material).digest(), 256))
    attempt("derive-key-symmetric", key)


def wrapping(client):
    from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_unwrap_with_padding

    kek = bytes(range(200, 232))
    wrapper = activated(client, objects.SymmetricKey(
        AES, 256, kek, [enums.CryptographicUsageMask.WRAP_KEY], name="kek of " + options.version))
    material = bytes(range(50, 66))
    key = client.register(objects.SymmetricKey(AES, 128, material, MASK, name="wrapped " + options.version))
    secret = client.register(objects.SecretData(
        b"a password", enums.SecretDataType.PASSWORD, name="wrapped secret " + options.version))
    for uid, mode, unwrap, expected in [
            (key, enums.BlockCipherMode.NIST_KEY_WRAP, aes_key_unwrap, material),
            (secret, enums.BlockCipherMode.AES_KEY_WRAP_PADDING, aes_key_unwrap_with_padding, b"a password")]:
        def get():
            got = client.get(uid, {
                "wrapping_method": enums.WrappingMethod.ENCRYPT,
                "encryption_key_information": {
                    "unique_identifier": wrapper, "cryptographic_parameters": {"block_cipher_mode": mode}},
                "encoding_option": enums.EncodingOption.NO_ENCODING})
            equal(unwrap(kek, got.value), expected)
        attempt("get-wrapped-" + mode.name, get)


def main(client):
    proxy = client.proxy
    if options.version != "1.0":
        def discover():
            found = proxy.discover_versions()
            equal(found.result_status.value, enums.ResultStatus.SUCCESS)
            versions = {str(version) for version in found.protocol_versions}
            if not {"1.0", "1.1", "1.2", "1.3", "1.4", "2.0", "2.1"} <= versions:
                raise AssertionError(versions)
        attempt("discover-versions", discover)

    def query():
        found = proxy.query(query_functions=[enums.QueryFunction.QUERY_OPERATIONS, enums.QueryFunction.QUERY_OBJECTS])
        equal(found.result_status.value, enums.ResultStatus.SUCCESS)
        if enums.Operation.GET not in found.operations:
            raise AssertionError(found.operations)
    attempt("query", query)

    uid = attempt("create", lambda: client.create(AES, 256, name=name, cryptographic_usage_mask=MASK))
    got = attempt("get", lambda: client.get(uid))
    attempt("get-length", lambda: equal(len(got.value), 32))
    attempt("locate", lambda: equal(client.locate(attributes=by_name(name)), [uid]))
    attempt("locate-nothing", lambda: equal(client.locate(attributes=by_name("no such name")), []))

    def attributes():
        found, all_of_it = client.get_attributes(uid, ["Cryptographic Length", "State", "Object Type"])
        equal(found, uid)
        values = {one.attribute_name.value: one.attribute_value.value for one in all_of_it}
        equal(values["Cryptographic Length"], 256)
        equal(values["State"], enums.State.PRE_ACTIVE)
    attempt("get-attributes", attributes)

    def names():
        listed = client.get_attribute_list(uid)
        if "Cryptographic Algorithm" not in listed or "State" not in listed:
            raise AssertionError(listed)
    attempt("get-attribute-list", names)

    attempt("destroy-other", lambda: refused(lambda: client.destroy("no such object")))
    attempt("activate", lambda: client.activate(uid))
    attempt("destroy-active", lambda: refused(lambda: client.destroy(uid)))
    if options.version not in ("1.0", "1.1"):
        parameters = {"block_cipher_mode": enums.BlockCipherMode.CBC, "padding_method": enums.PaddingMethod.PKCS5,
                      "cryptographic_algorithm": AES}

        def crypt():
            sealed, nonce = client.encrypt(b"a page of data", uid, parameters, bytes(16))
            from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
            engine = Cipher(algorithms.AES(got.value), modes.CBC(bytes(16))).encryptor()
            equal(sealed, engine.update(b"a page of data\x02\x02") + engine.finalize())
            equal(client.decrypt(sealed, uid, parameters, bytes(16)), b"a page of data")
        attempt("encrypt-decrypt", crypt)

        def gcm(length, tag_length):
            from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
            chosen = {"block_cipher_mode": enums.BlockCipherMode.GCM, "cryptographic_algorithm": AES,
                      "tag_length": tag_length}
            nonce = bytes(range(length))
            engine = Cipher(algorithms.AES(got.value), modes.GCM(nonce)).encryptor()
            expected = engine.update(b"a page of data") + engine.finalize()
            followed = expected + engine.tag[:tag_length]
            sealed, _ = client.encrypt(b"a page of data", uid, chosen, nonce)
            # From KMIP 1.4 on, the tag has a field of its own.
            equal(sealed, followed if options.version in ("1.2", "1.3") else expected)
            equal(client.decrypt(followed, uid, chosen, nonce), b"a page of data")
            refused(lambda: client.decrypt(followed[:-1] + bytes([followed[-1] ^ 1]), uid, chosen, nonce))
        # As long as nonces of OpenSSL may be.
        for length in (8, 11, 12, 13, 16, 17, 60, 128):
            attempt(f"gcm-nonce-{length}", lambda: gcm(length, 16))
            attempt(f"gcm-nonce-{length}-short-tag", lambda: gcm(length, 13))

    material = bytes(range(32))
    key = objects.SymmetricKey(AES, 256, material, MASK, name="registered " + options.version)
    registered = attempt("register-key", lambda: client.register(key))
    attempt("get-registered", lambda: equal(client.get(registered).value, material))
    secret = objects.SecretData(b"a password", enums.SecretDataType.PASSWORD, name="secret " + options.version)
    secret_uid = attempt("register-secret", lambda: client.register(secret))
    attempt("get-secret", lambda: equal(client.get(secret_uid).value, b"a password"))
    opaque = objects.OpaqueObject(b"anything", enums.OpaqueDataType.NONE, name="opaque " + options.version)
    opaque_uid = attempt("register-opaque", lambda: client.register(opaque))
    attempt("get-opaque", lambda: equal(client.get(opaque_uid).value, b"anything"))
    attempt("rekey", lambda: equal(client.get(client.rekey(registered)).value == material, False))
    if options.version not in ("1.0", "1.1"):
        mac_key = objects.SymmetricKey(enums.CryptographicAlgorithm.HMAC_SHA256, 256, material,
                                       [enums.CryptographicUsageMask.MAC_GENERATE], name="mac " + options.version)

        def mac():
            import hashlib
            import hmac
            mac_uid = client.register(mac_key)
            client.activate(mac_uid)
            _, code = client.mac(b"message", mac_uid, enums.CryptographicAlgorithm.HMAC_SHA256)
            equal(code, hmac.new(material, b"message", hashlib.sha256).digest())
        attempt("mac", mac)

    pairs(client)
    derivations(client)
    wrapping(client)

    if options.version == "2.0":
        attempt("set-attribute", lambda: client.set_attribute(
            secret_uid, attribute_name="Sensitive", attribute_value=True))
    else:
        attempt("modify-attribute", lambda: client.modify_attribute(
            secret_uid, attribute=factory.create_attribute(core.AttributeType.NAME, "renamed " + options.version, 0)))
        attempt("locate-renamed", lambda: equal(client.locate(attributes=by_name("renamed " + options.version)), [secret_uid]))

    if options.other:
        with connect(options.other) as other:
            attempt("get-of-another", lambda: refused(lambda: other.get(uid)))
            attempt("destroy-of-another", lambda: refused(lambda: other.destroy(registered)))
            attempt("locate-of-another", lambda: equal(other.locate(attributes=by_name(name)), []))

    attempt("revoke", lambda: client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, uid))
    attempt("destroy", lambda: client.destroy(uid))
    attempt("get-destroyed", lambda: refused(lambda: client.get(uid)))


with connect(options.name) as connected:
    main(connected)
