"""Dials that make a vendor misbehave.

A request takes every dial that matches it, in the order they were set. Delays add up, and `drip`, `kill`,
`rate_limit`, `batch_conflict` and `partial` combine. Of the dials that decide the answer (`status`, `body`, `hang`,
`reset`, `garbage`, `huge`) the first takes the request and the later ones keep their count: three dials with `count`
play out one after another.
"""

from __future__ import annotations

import random
import select
import socket
import threading
from typing import Any

from integrations.sandbox.dials import Dial, DialRefusedError, Dials, parse, process_start

NO_DIALS = Dials()


class Faults:
    """All dials in force."""

    def __init__(self, vendors: tuple[str, ...], *, may_kill: bool) -> None:
        self._vendors = vendors
        self._may_kill = may_kill
        self._dials: dict[int, Dial] = {}
        self._last_id = 0
        self._changed = threading.Condition()
        self._is_stopping = threading.Event()

    def add(self, spec: Any) -> int:
        """Put a dial in force and tell its id. Raises: DialRefusedError."""
        values = parse(spec, self._vendors)
        if "kill" in values and not self._may_kill:
            raise DialRefusedError(
                "kill", "is only for a sandbox that nobody else can reach: let it listen on 127.0.0.1"
            )
        started = process_start(values["kill"]["pid"]) if "kill" in values else None
        with self._changed:
            self._last_id += 1
            rng = random.Random(values.get("seed"))
            self._dials[self._last_id] = Dial(self._last_id, values, values.get("count"), rng, started)
            return self._last_id

    def in_force(self) -> list[dict[str, Any]]:
        """The dials in force, with how many requests took each and how many it has left."""
        with self._changed:
            return [
                {
                    "id": dial.id,
                    **dial.values,
                    "taken": dial.taken,
                    **({"left": dial.left} if dial.left is not None else {}),
                }
                for dial in self._dials.values()
            ]

    def clear(self, dial_id: int | None = None) -> bool:
        """Take one dial or all away, wake what hangs on them, and tell whether there was one."""
        with self._changed:
            known = bool(self._dials) if dial_id is None else self._dials.pop(dial_id, None) is not None
            if dial_id is None:
                self._dials.clear()
            self._changed.notify_all()
            return known

    def stop(self) -> None:
        """Wake everything that waits; nothing waits any more."""
        self._is_stopping.set()
        with self._changed:
            self._changed.notify_all()

    def take(self, vendor: str, path: str) -> Dials:
        """The dials this request falls under."""
        if not self._dials:
            return NO_DIALS
        chosen: list[Dial] = []
        is_decided = False
        with self._changed:
            for dial in list(self._dials.values()):
                if dial.left == 0 or not dial.matches(vendor, path) or (dial.decides and is_decided):
                    continue
                if dial.rng.random() >= dial.values.get("share", 1):
                    continue
                dial.taken += 1
                is_decided = is_decided or dial.decides
                chosen.append(dial)
                if dial.left is not None:
                    dial.left -= 1
                    # One that holds its last request stays until it is cleared, so that clearing it lets go.
                    if dial.left == 0 and not (dial.values.get("hang") or "drip" in dial.values):
                        del self._dials[dial.id]
        return Dials(chosen)

    def pause(self, seconds: float) -> None:
        """Wait, but not past the end of the program."""
        if seconds > 0:
            self._is_stopping.wait(seconds)

    def hang(self, dials: Dials, connection: socket.socket) -> bool:
        """Hold the request until its dial is cleared (True) or the client goes or the program ends (False)."""
        ids = [dial.id for dial in dials.taken if dial.values.get("hang")]
        with self._changed:
            while any(dial_id in self._dials for dial_id in ids) and not self._is_stopping.is_set():
                self._changed.wait(0.05)
                if is_gone(connection):
                    return False
        return not self._is_stopping.is_set()

    def goes(self, connection: socket.socket) -> bool:
        """Whether the other side closes within the moment a killed process needs for it."""
        for _ in range(20):
            if is_gone(connection):
                return True
            self.pause(0.01)
        return False

    def drip(self, dials: Dials, payload: bytes, connection: socket.socket) -> None:
        """Write slowly; the rest at once when the dial is cleared."""
        dial = next(dial for dial in dials.taken if "drip" in dial.values)
        per_second = dial.values["drip"]["bytes_per_second"]
        size = max(1, per_second // 10)
        while payload and not self._is_stopping.is_set():
            if dial.id not in self._dials:
                size = len(payload)
            connection.sendall(payload[:size])
            payload = payload[size:]
            if payload:
                self.pause(size / per_second)


def is_gone(connection: socket.socket) -> bool:
    """Whether the other side has closed."""
    try:
        readable, _, _ = select.select([connection], [], [], 0)
        return bool(readable) and connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except (OSError, ValueError):
        return True


def send_padding(connection: socket.socket, size: int) -> None:
    """Write that many filler bytes, the last two of which end a JSON string and its object."""
    block = b"a" * 65_536
    for _ in range((size - 2) // len(block)):
        connection.sendall(block)
    connection.sendall(block[: (size - 2) % len(block)] + b'"}')
