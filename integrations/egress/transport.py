"""What carries requests: pooled connections to addresses that have been checked."""

import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import httpcore2
import httpx2

from integrations.egress.deadline import CONNECT_SECONDS, left
from integrations.egress.resolution import checked
from integrations.providers import errors

Transport = httpx2.BaseTransport
"""What carries a session's requests; tests put their own in its place."""

_MOST_CONNECTIONS = 20
_KEEP_ALIVE_SECONDS = 20.0
_MOST_ORIGINS = 100
_PIECE = 16_384


class _CheckedBackend(httpcore2.NetworkBackend):
    """Connects to an address that has been checked, whatever the name says a moment later."""

    def __init__(self, *, is_plain: bool) -> None:
        self._is_plain = is_plain
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        ends_at = time.monotonic() + left(timeout or CONNECT_SECONDS, error=httpcore2.ConnectTimeout)
        found = checked(host, port, ends_at - time.monotonic(), is_plain=self._is_plain)
        failure: Exception = httpcore2.ConnectTimeout("Connecting took too long.")
        for tried, address in enumerate(found):
            # A share of the time each: an address that swallows packets must not use up what the next one needs.
            seconds = (ends_at - time.monotonic()) / (len(found) - tried)
            if seconds <= 0:
                break
            try:
                return _TimedStream(self._inner.connect_tcp(address, port, seconds, None, socket_options))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as err:
                failure = err
        raise failure


class _TimedStream(httpcore2.NetworkStream):
    """A stream whose every read and write ends when the request's total time does, however slowly bytes drip in."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # In pieces: the time left is looked at between them, and a peer may take in a large body ever so slowly.
        for start in range(0, len(buffer), _PIECE):
            self._inner.write(buffer[start : start + _PIECE], left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        seconds = left(timeout, error=httpcore2.ConnectTimeout)
        return _TimedStream(self._inner.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


@cache
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)


class _CheckedTransport(httpx2.HTTPTransport):
    """httpx2's transport over a pool that connects through `_CheckedBackend`; no proxies, no redirects, no cookies."""

    def __init__(self, *, is_plain: bool) -> None:
        # In place of the parent's own, which would resolve the name once more and connect to whatever it says then.
        self._pool = httpcore2.ConnectionPool(
            ssl_context=None if is_plain else _tls(),
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=_MOST_CONNECTIONS,
            keepalive_expiry=_KEEP_ALIVE_SECONDS,
            network_backend=_CheckedBackend(is_plain=is_plain),
        )


_transports: OrderedDict[tuple[str, str, int | None], httpx2.BaseTransport] = OrderedDict()
_transports_lock = threading.Lock()


def transport_for(base: httpx2.URL) -> httpx2.BaseTransport:
    """Return the connections to one origin, shared by all threads."""
    origin = (base.scheme, base.host, base.port)
    with _transports_lock:
        if origin not in _transports:
            _transports[origin] = _CheckedTransport(is_plain=base.scheme == "http")
        _transports.move_to_end(origin)
        if len(_transports) > _MOST_ORIGINS:
            # Only forgotten: another thread may be using it; its sockets close with their last user.
            _transports.popitem(last=False)
        return _transports[origin]


@contextmanager
def named_failures() -> Iterator[None]:
    """Turn the library's errors into ours: what surely was not sent may be retried, everything else is unknown."""
    try:
        yield
    # Before the other time-outs, of which these are a kind: here nothing was sent.
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as err:
        code = "tls_failed" if _is_tls(err) else "connect_failed"
        raise errors.RetryLater(str(err)[:200] or "No connection.", code=code) from err
    except (httpx2.PoolTimeout, httpcore2.PoolTimeout) as err:
        raise errors.RetryLater("Too many requests are under way already.", code="busy") from err
    except (httpx2.LocalProtocolError, httpx2.UnsupportedProtocol) as err:
        raise errors.Misconfigured("The request could not be written: a header holds characters it must not.") from err
    except (httpx2.TimeoutException, httpcore2.TimeoutException) as err:
        raise errors.OutcomeUnknown("No whole answer came in time.") from err
    except httpx2.DecodingError as err:
        raise errors.OutcomeUnknown("The answer could not be unpacked.", code="garbled_reply") from err
    except (httpx2.TransportError, httpx2.StreamError, OSError) as err:
        raise errors.OutcomeUnknown("The connection broke before the whole answer came.") from err


def _is_tls(err: BaseException | None) -> bool:
    while err is not None:
        if isinstance(err, ssl.SSLError):
            return True
        err = err.__cause__ or err.__context__
    return False
