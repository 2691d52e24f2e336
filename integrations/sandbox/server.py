"""The HTTP loop: reads a request whole, lets the dials at it, hands it to its vendor, writes the answer."""

from __future__ import annotations

import socket
import socketserver
import struct
import sys
import threading
import time
import traceback
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs

from integrations.sandbox import control
from integrations.sandbox.dials import Dials
from integrations.sandbox.faults import send_padding
from integrations.sandbox.state import State
from integrations.sandbox.store import ClearedMeanwhileError
from integrations.sandbox.vendor import Vendor
from integrations.sandbox.wire import BODILESS, JSON_TYPE, Reply, Request, json_reply

BODY_LIMIT = 16 * 1024 * 1024
GARBAGE = b'<html>\xff\xfe{"results": [{"id": \x00'


class HungUpError(Exception):
    """The connection ends without an answer; how is said in the text."""


class Listener(ThreadingHTTPServer):
    """The listening socket and a thread per connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], state: State) -> None:
        self.state = state
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, Connection)

    def server_bind(self) -> None:
        # HTTPServer would look its own name up in DNS here.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong, unless the client has merely gone."""
        if not isinstance(sys.exception(), OSError):
            traceback.print_exc()


class Connection(BaseHTTPRequestHandler):
    """One client's connection, request after request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 600
    server: Listener

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing: paths and header values may hold personal data."""

    def serve(self) -> None:
        """Answer one request."""
        try:
            body = self._read_body()
            path, _, query = self.path.partition("?")
            key, _, rest = path.lstrip("/").partition("/")
            vendor = self.server.state.vendors.get(key)
            if vendor is None:
                self._send(control.respond(self.server.state, self.command, path, query, self._headers(), body))
            else:
                with self.server.state.store.request():
                    self._serve_vendor(vendor, f"/{rest}", query, body)
        except (HungUpError, ConnectionError, TimeoutError):
            self.close_connection = True

    # The names http.server looks for.
    do_GET = serve  # noqa: N815
    do_HEAD = serve  # noqa: N815
    do_POST = serve  # noqa: N815
    do_PUT = serve  # noqa: N815
    do_PATCH = serve  # noqa: N815
    do_DELETE = serve  # noqa: N815

    def _headers(self) -> dict[str, str]:
        return {name.title(): value for name, value in self.headers.items()}

    def _read_body(self) -> bytes:
        """The body. Raises: HungUpError when the request was refused for it."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal():
            raise self._refuse_body(400, "Content-Length is not a number")
        if int(length) > BODY_LIMIT:
            raise self._refuse_body(413, f"a body may have {BODY_LIMIT} bytes")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionResetError("the client went away inside its body")
        return body

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while True:
            line = self.rfile.readline(1024).partition(b";")[0].strip()
            try:
                size = int(line, 16)
            except ValueError:
                raise self._refuse_body(400, "a chunk has no size") from None
            if size < 0 or len(body) + size > BODY_LIMIT:
                raise self._refuse_body(413, f"a body may have {BODY_LIMIT} bytes")
            body += self.rfile.read(size)
            ending = self.rfile.readline(1024)
            if size == 0:
                while ending.strip():
                    ending = self.rfile.readline(65_536)
                return bytes(body)

    def _refuse_body(self, status: int, why: str) -> HungUpError:
        # What is left of the body can't be told from a next request.
        self.close_connection = True
        self._send(json_reply(status, {"error": why}))
        return HungUpError("refused")

    def _serve_vendor(self, vendor: Vendor, path: str, query: str, body: bytes) -> None:
        state = self.server.state
        dials = state.faults.take(vendor.key, path)
        line = state.note_request(self.command, f"/{vendor.key}{path}")
        line["dials"] = [dial.id for dial in dials.taken]
        base_url = f"http://{self.headers.get('Host', 'localhost')}/{vendor.key}"
        request = Request(
            self.command, path, parse_qs(query), self._headers(), body, str(uuid.uuid4()), base_url, dials
        )
        try:
            reply = self._reply(vendor, request) if dials.taken else self._ask(vendor, request)
            self._send(reply, dials)
            line["status"], line["outcome"] = reply.status, "answered"
        except (HungUpError, ConnectionError, TimeoutError) as err:
            line["outcome"] = str(err) if isinstance(err, HungUpError) else "client gone"
            raise
        dials.kill("answered")

    def _ask(self, vendor: Vendor, request: Request) -> Reply:
        try:
            return vendor.respond(request)
        except ClearedMeanwhileError:
            raise HungUpError("reset meanwhile") from None
        except Exception:  # noqa: BLE001 - the edge: a defect here must look like a vendor's 500, not end the program
            traceback.print_exc()
            return vendor.refuse(request, 500)

    def _reply(self, vendor: Vendor, request: Request) -> Reply:
        """The vendor's answer, or what the dials make of it."""
        dials, faults = request.dials, self.server.state.faults
        if dials.kill("received") and faults.goes(self.connection):
            # It died with the request in its hands; a vendor that had acted on it is what "committed" is for.
            raise HungUpError("sender killed")
        faults.pause(dials.delay_seconds())
        if dials.value("hang") == "before" and not faults.hang(dials, self.connection):
            raise HungUpError("hung")
        if dials.value("reset") == "before":
            self._reset("reset before")
        status = dials.value("status")
        reply = vendor.refuse(request, status) if status else self._ask(vendor, request)
        dials.kill("committed")
        if dials.value("hang") == "after" and not faults.hang(dials, self.connection):
            raise HungUpError("hung after")
        if dials.value("reset") == "after":
            self._reset("reset after")
        return _spoil(reply, dials)

    def _reset(self, outcome: str) -> None:
        """Drop the connection with a RST instead of a FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The socket stays open as long as a file made from it does.
        self.rfile.close()
        self.connection.close()
        raise HungUpError(outcome)

    def _send(self, reply: Reply, dials: Dials | None = None) -> None:
        head = reply.head(keep_alive=not self.close_connection)
        has_body = self.command != "HEAD" and reply.status not in BODILESS
        payload = head + reply.body if has_body else head
        if dials and dials.value("drip"):
            self.server.state.faults.drip(dials, payload, self.connection)
        else:
            self.connection.sendall(payload)
        if reply.padding and has_body:
            send_padding(self.connection, reply.padding)


def _spoil(reply: Reply, dials: Dials) -> Reply:
    """The reply as the dials want it."""
    if dials.value("retry_after") is not None:
        reply.headers["Retry-After"] = dials.value("retry_after")
    if dials.value("body") is not None:
        reply.body = dials.value("body").encode("utf-8", "surrogatepass")
    if dials.value("garbage"):
        reply.body = GARBAGE
    if dials.value("huge"):
        start = b'{"padding":"'
        reply.body, reply.padding = start, max(2, dials.value("huge") - len(start))
        reply.headers["Content-Type"] = JSON_TYPE
    return reply


class Sandbox:
    """A running sandbox; a context manager, so that tests can hold one."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, path: str = ":memory:") -> None:
        self.state = State(path, may_kill=host in ("127.0.0.1", "localhost", "::1"))
        self._listener = Listener((host, port), self.state)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._listener.server_port}"
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.1,), daemon=True)

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()

    def stop(self) -> None:
        """Let go of whatever hangs and close; a transaction that has begun ends first."""
        self.state.faults.stop()
        self._listener.shutdown()
        self._listener.server_close()
        end = time.monotonic() + 0.5
        while self.state.is_busy() and time.monotonic() < end:
            time.sleep(0.01)
        self.state.store.close()

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
