"""Small servers on this machine that misbehave, for tests of what leaves the house."""

import gzip
import socket
import socketserver
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Server:
    """A listening server: where it is, and what was sent to it."""

    port: int
    connections: int = 0
    received: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def allow(self) -> str:
        return f"127.0.0.1:{self.port}"


Behaviour = Callable[[socket.socket], None]


@contextmanager
def serve(behave: Behaviour, *, keeps_alive: bool = False, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Run a server that reads each request whole and then lets `behave` do what it likes with the connection."""

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            server.connections += 1
            if tls is not None:
                try:
                    self.request = tls.wrap_socket(self.request, server_side=True)
                except OSError:
                    return
            while request := _read_request(self.request):
                server.received.append(request)
                try:
                    behave(self.request)
                except OSError:
                    return
                if not keeps_alive:
                    return

    class Listener(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Listener(("127.0.0.1", 0), Connection) as listener:
        server = Server(listener.server_address[1])
        threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        listener.shutdown()


def certificate(directory: Path, name: str) -> Path:
    """Write a certificate for a host name, signed by itself, and its key; returns the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = directory / f"{name}.pem"
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65_536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    while len(body) < length:
        piece = connection.recv(65_536)
        if not piece:
            return b""
        body += piece
    return head + b"\r\n\r\n" + body


def answer(body: bytes = b"{}", status: str = "200 OK", **headers: str) -> Behaviour:
    """Answer with a whole reply; header names have underscores for hyphens."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode()
    return lambda connection: connection.sendall(head + body)


def drip_head(seconds: float = 0.1) -> Behaviour:
    """Send a header that never ends, a byte at a time."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            connection.sendall(b"a")
            time.sleep(seconds)

    return behave


def drip_body(seconds: float = 0.1) -> Behaviour:
    """Send a body a byte at a time."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            connection.sendall(b" ")
            time.sleep(seconds)

    return behave


def hang() -> Behaviour:
    """Read the request and say nothing."""
    return lambda connection: time.sleep(30)


def hang_up() -> Behaviour:
    """Read the request and close."""
    return lambda connection: connection.close()


def endless() -> Behaviour:
    """Send a body without an end."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + b"a" * 65_536 + b"\r\n")

    return behave


def bomb(megabytes: int = 300, *, times: int = 1) -> Behaviour:
    """Send a small body that unpacks to a huge one, packed `times` times."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    body = b"".join(packer.compress(b"\0" * 1_000_000) for _ in range(megabytes)) + packer.flush()
    for _ in range(times - 1):
        body = gzip.compress(body)
    return answer(body, Content_Encoding=", ".join(["gzip"] * times))
