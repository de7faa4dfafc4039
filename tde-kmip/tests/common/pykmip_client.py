"""PyKMIP's client against a server: every operation that both have, in every version that the client speaks.

Says how many calls came out as expected in each version; the first that does not ends it.
"""

import argparse
import logging

from kmip.core import attributes, enums
from kmip.pie import client, objects
from kmip.pie.exceptions import KmipOperationFailure

MASKS = enums.CryptographicUsageMask
USE = [MASKS.ENCRYPT, MASKS.DECRYPT]


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ca", required=True)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--other-certificate", required=True)
    parser.add_argument("--other-key", required=True)
    return parser.parse_args()


class Calls:
    """Counts what was tried."""

    def __init__(self, connection, version):
        self.connection = connection
        self.version = version
        self.count = 0

    def __getattr__(self, name):
        def call(*values, **named):
            self.count += 1
            return getattr(self.connection, name)(*values, **named)

        return call

    def fails(self, reasons, operation, *values, **named):
        self.count += 1
        try:
            getattr(self.connection, operation)(*values, **named)
        except KmipOperationFailure as failure:
            assert failure.reason in reasons, failure
        else:
            raise AssertionError(f"{operation} should have failed")

    def named(self, name):
        value = attributes.Name.create(name, enums.NameType.UNINTERPRETED_TEXT_STRING)
        return self.connection.attribute_factory.create_attribute(enums.AttributeType.NAME, value)


NOT_FOUND = {enums.ResultReason.ITEM_NOT_FOUND, enums.ResultReason.OBJECT_NOT_FOUND}
WRONG_STATE = {enums.ResultReason.PERMISSION_DENIED, enums.ResultReason.WRONG_KEY_LIFECYCLE_STATE}
NAME_TAKEN = {enums.ResultReason.INVALID_FIELD, enums.ResultReason.NON_UNIQUE_NAME_ATTRIBUTE}


def made_and_destroyed(calls):
    name = f"made in {calls.version.name}"
    uid = calls.create(enums.CryptographicAlgorithm.AES, 256, name=name, cryptographic_usage_mask=USE)
    key = calls.get(uid)
    assert key.cryptographic_algorithm == enums.CryptographicAlgorithm.AES and len(key.value) == 32
    assert calls.locate(attributes=[calls.named(name)]) == [uid]
    assert calls.locate(attributes=[calls.named("nobody")]) == []
    assert uid in calls.locate()
    assert calls.locate(maximum_items=1) == [uid]
    calls.fails(NAME_TAKEN, "create", enums.CryptographicAlgorithm.AES, 128, name=name, cryptographic_usage_mask=USE)
    assert "State" in calls.get_attribute_list(uid)
    state = calls.get_attributes(uid, ["State", "Cryptographic Length"])[1]
    assert len(state) == 2, state
    assert calls.check(uid, cryptographic_usage_mask=[MASKS.ENCRYPT]) == uid
    calls.activate(uid)
    calls.fails(WRONG_STATE, "activate", uid)
    calls.fails(WRONG_STATE, "destroy", uid)
    calls.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, uid)
    calls.destroy(uid)
    calls.fails(NOT_FOUND, "get", uid)
    calls.fails(NOT_FOUND, "get", "4711")


def registered(calls):
    material = bytes(range(16))
    key = objects.SymmetricKey(
        enums.CryptographicAlgorithm.AES, 128, material, masks=USE, name=f"registered in {calls.version.name}"
    )
    uid = calls.register(key)
    assert calls.get(uid).value == material
    # Without a name, the client would call all of a kind the same.
    secret = objects.SecretData(
        b"hunter2", enums.SecretDataType.PASSWORD, name=f"secret in {calls.version.name}"
    )
    assert calls.get(calls.register(secret)).value == b"hunter2"
    opaque = objects.OpaqueObject(b"anything", enums.OpaqueDataType.NONE, name=f"opaque in {calls.version.name}")
    assert calls.get(calls.register(opaque)).value == b"anything"
    if calls.version < enums.KMIPVersion.KMIP_2_0:
        again = calls.rekey(uid, offset=0)
        assert again != uid and calls.get(again).value != material
        assert calls.locate(attributes=[calls.named(f"registered in {calls.version.name}")]) == [again]
    return uid


def changed(calls, uid):
    if calls.version < enums.KMIPVersion.KMIP_2_0:
        name = f"renamed in {calls.version.name}"
        first = objects.SymmetricKey(
            enums.CryptographicAlgorithm.AES, 128, bytes(16), masks=USE, name=f"named in {calls.version.name}"
        )
        uid = calls.register(first)
        calls.modify_attribute(uid, attribute=calls.named(name))
        assert calls.locate(attributes=[calls.named(name)]) == [uid]
        calls.delete_attribute(uid, attribute_name="Name", attribute_index=0)
        assert calls.locate(attributes=[calls.named(name)]) == []
    else:
        calls.set_attribute(uid, attribute_name="Sensitive", attribute_value=True)
        calls.fails({enums.ResultReason.SENSITIVE}, "get", uid)


def used(calls):
    if calls.version < enums.KMIPVersion.KMIP_1_2:
        return
    uid = calls.create(enums.CryptographicAlgorithm.AES, 256, cryptographic_usage_mask=USE)
    calls.activate(uid)
    for mode, padding in [
        (enums.BlockCipherMode.CBC, enums.PaddingMethod.PKCS5),
        (enums.BlockCipherMode.CTR, None),
    ]:
        parameters = {
            "cryptographic_algorithm": enums.CryptographicAlgorithm.AES,
            "block_cipher_mode": mode,
            "padding_method": padding,
        }
        parameters = {name: value for name, value in parameters.items() if value is not None}
        vector = bytes(range(16))
        secret, _ = calls.encrypt(b"attack at dawn", uid, parameters, vector)[:2]
        assert calls.decrypt(secret, uid, parameters, vector) == b"attack at dawn"
    mac = calls.create(
        enums.CryptographicAlgorithm.HMAC_SHA256, 256, cryptographic_usage_mask=[MASKS.MAC_GENERATE, MASKS.MAC_VERIFY]
    )
    calls.activate(mac)
    assert len(calls.mac(b"data", mac, enums.CryptographicAlgorithm.HMAC_SHA256)[1]) == 32


def asked(calls):
    functions = [enums.QueryFunction.QUERY_OPERATIONS, enums.QueryFunction.QUERY_OBJECTS]
    calls.count += 1
    said = calls.connection.proxy.query(query_functions=functions)
    assert said.result_status.value == enums.ResultStatus.SUCCESS, said.result_message
    assert enums.Operation.LOCATE in said.operations
    if calls.version >= enums.KMIPVersion.KMIP_1_1:
        calls.count += 1
        said = calls.connection.proxy.discover_versions()
        assert said.result_status.value == enums.ResultStatus.SUCCESS
        assert len(said.protocol_versions) == 7, said.protocol_versions


def main():
    options = arguments()
    logging.disable(logging.CRITICAL)

    def connect(version, certificate, key):
        return client.ProxyKmipClient(
            hostname="127.0.0.1",
            port=options.port,
            cert=certificate,
            key=key,
            ca=options.ca,
            ssl_version="PROTOCOL_TLS",
            kmip_version=version,
        )

    for version in enums.KMIPVersion:
        with connect(version, options.certificate, options.key) as connection:
            calls = Calls(connection, version)
            made_and_destroyed(calls)
            uid = registered(calls)
            with connect(version, options.other_certificate, options.other_key) as other:
                other = Calls(other, version)
                other.fails(NOT_FOUND, "get", uid)
                assert uid not in other.locate()
                calls.count += other.count
            changed(calls, uid)
            used(calls)
            asked(calls)
            print(f"{version.name}: {calls.count} calls", flush=True)


main()
