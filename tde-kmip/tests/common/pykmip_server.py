"""PyKMIP's server for the tests: its engine and its sessions behind a listener with today's TLS.

PyKMIP's own listener offers suites without forward secrecy or authenticated encryption only. This one takes over
listening, and nothing else: every message is read, executed and answered by PyKMIP. With --own-listener, all of the
server is PyKMIP's, as `pykmip-server` runs it, and only the suites are others.

Writes "listening PORT" once it does, and ends when its standard input does, so that it cannot outlive a test.
"""

import argparse
import copy
import logging
import os
import socket
import ssl
import sys
import threading

from kmip.core.policy import policies
from kmip.services.server.engine import KmipEngine
from kmip.services.server.server import KmipServer
from kmip.services.server.session import KmipSession


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--chain", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--clients", required=True, help="the authority of the clients")
    parser.add_argument("--database", required=True)
    parser.add_argument("--log")
    parser.add_argument("--tls12", action="store_true", help="TLS 1.2 only")
    parser.add_argument("--old-suites", action="store_true", help="only suites that PyKMIP comes with")
    parser.add_argument("--own-listener", action="store_true", help="PyKMIP's own, but for the suites")
    return parser.parse_args()


def tls(options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if options.tls12 or options.old_suites:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if options.old_suites:
        context.set_ciphers("AES128-SHA256:AES256-SHA256")
    context.load_cert_chain(options.chain, options.key)
    context.load_verify_locations(options.clients)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def serve(listener, context, engine):
    number = 0
    while True:
        connection, address = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(10)
        number += 1
        # The session does the handshake itself, on its own thread.
        wrapped = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        session = KmipSession(engine, wrapped, address, name=str(number), enable_tls_client_auth=True)
        session.daemon = True
        session.start()


def own_listener(options):
    """PyKMIP's own server; returns when it ends."""
    # It takes no port 0.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = os.path.dirname(options.database)
    server = KmipServer(
        hostname="127.0.0.1",
        port=port,
        config_path=None,
        log_path=options.log or os.path.join(folder, "server.log"),
        certificate_path=options.chain,
        key_path=options.key,
        ca_path=options.clients,
        auth_suite="TLS1.2",
        policy_path=folder,
        enable_tls_client_auth=True,
        logging_level="INFO",
        live_policies=False,
        database_path=options.database,
    )
    server.auth_suite._protocol = ssl.PROTOCOL_TLS_SERVER
    server.auth_suite._cipher_suites = "ECDHE+AESGCM"
    server.start()
    # So that nobody comes before it listens; it says so again itself.
    server._socket.listen(5)

    def until_end_of_input():
        sys.stdin.read()
        # Its helper processes end with it.
        server.policy_monitor.terminate()
        server.manager.shutdown()
        os._exit(0)

    threading.Thread(target=until_end_of_input, daemon=True).start()
    print("listening", port, flush=True)
    server.serve()


def main():
    options = arguments()
    if options.own_listener:
        return own_listener(options)
    if options.log:
        logging.basicConfig(filename=options.log, level=logging.INFO)
    else:
        logging.disable(logging.CRITICAL)
    engine = KmipEngine(policies=copy.deepcopy(policies), database_path=options.database)
    context = tls(options)
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    threading.Thread(target=serve, args=(listener, context, engine), daemon=True).start()
    print("listening", listener.getsockname()[1], flush=True)
    sys.stdin.read()
    os._exit(0)


main()
