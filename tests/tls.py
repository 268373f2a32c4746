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

_EXTENSIONS = """
[req]
distinguished_name = nobody
[nobody]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


@dataclass(frozen=True)
class Certificates:
    """PEM files: the authority's certificate, a server's, and its key."""

    ca: Path
    server: Path
    key: Path


def certificates(folder: Path, *, names: str = "DNS:localhost, IP:127.0.0.1") -> Certificates:
    """Make an authority and a certificate for the names, with the `openssl` command."""
    folder.mkdir()
    (folder / "extensions").write_text(_EXTENSIONS.format(names=names))
    _certificate(folder, "ca")
    _certificate(folder, "server", "-CA", "ca.pem", "-CAkey", "ca.key")
    return Certificates(ca=folder / "ca.pem", server=folder / "server.pem", key=folder / "server.key")


def _certificate(folder: Path, name: str, *by: str) -> None:
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key")
    says = ("-subj", f"/CN={name}", "-days", "2", "-config", "extensions", "-extensions", name)
    command = ["openssl", "req", "-x509", *curve, *says, *by, "-out", f"{name}.pem"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


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
