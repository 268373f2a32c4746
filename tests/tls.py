"""Certificates of a private CA, and TLS in front of servers that have none; the front is a process of its own."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import trustme


@dataclass(frozen=True)
class Certificates:
    """PEM files: the authority's certificate, a server's, and its key."""

    ca: Path
    server: Path
    key: Path


def certificates(folder: Path, *names: str) -> Certificates:
    """Make an authority and a certificate for the names, by default those of loopback."""
    folder.mkdir()
    authority = trustme.CA()
    own = authority.issue_cert(*(names or ("localhost", "127.0.0.1")))
    made = Certificates(ca=folder / "ca.pem", server=folder / "server.pem", key=folder / "server.key")
    authority.cert_pem.write_to_path(made.ca)
    own.private_key_pem.write_to_path(made.key)
    for pem in own.cert_chain_pems:
        pem.write_to_path(made.server, append=True)
    return made


@contextmanager
def tls_front(port: int, certificates: Certificates) -> Iterator[int]:
    """Give a port of loopback that passes on to another, and takes both TLS and plain connections."""
    command = [sys.executable, "-m", "tests.tls", str(port), str(certificates.server), str(certificates.key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def _serve(port: int, server: str, key: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            Thread(target=_pass_on, args=(listener.accept()[0], port, context), daemon=True).start()


def _pass_on(client: socket.socket, port: int, context: ssl.SSLContext) -> None:
    with suppress(OSError):
        if client.recv(1, socket.MSG_PEEK) == b"\x16":  # the first byte of a TLS handshake
            client = context.wrap_socket(client, server_side=True)
        target = socket.create_connection(("127.0.0.1", port))
        Thread(target=_pump, args=(target, client), daemon=True).start()
        _pump(client, target)
        return
    client.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2], sys.argv[3])
