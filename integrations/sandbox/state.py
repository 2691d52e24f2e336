"""Everything one running sandbox holds: store, vendors, dials, the last requests."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from integrations.sandbox.faults import Faults
from integrations.sandbox.store import Store
from integrations.sandbox.vendor import Vendor
from integrations.sandbox.vendors import VENDORS
from integrations.sandbox.wire import utc_now

REQUESTS_KEPT = 1_000


class State:
    """What all connections share."""

    def __init__(self, path: str, *, may_kill: bool = False) -> None:
        self.store = Store(path, [vendor.schema for vendor in VENDORS])
        self.vendors: dict[str, Vendor] = {vendor.key: vendor(self.store) for vendor in VENDORS}
        self.faults = Faults(tuple(self.vendors), may_kill=may_kill)
        self._requests: deque[dict[str, Any]] = deque(maxlen=REQUESTS_KEPT)
        self._requests_lock = threading.Lock()
        self._last_request = 0
        if self.store.is_new:
            self._seed()
        for vendor in self.vendors.values():
            vendor.reload()

    def _seed(self) -> None:
        for vendor in self.vendors.values():
            vendor.seed()

    def reset(self) -> None:
        """Clear state, dials and requests, and begin as on the first start."""
        self.faults.clear()
        # One transaction at a time may run: nobody sees the empty tables.
        with self.store.exclusive():
            self.store.clear()
            self._seed()
            for vendor in self.vendors.values():
                vendor.reload()
        with self._requests_lock:
            self._requests.clear()

    def note_request(self, method: str, path: str) -> dict[str, Any]:
        """Begin the log line of a request; its status is filled in when it is known."""
        with self._requests_lock:
            self._last_request += 1
            line = {"seq": self._last_request, "at": utc_now(), "method": method, "path": path}
            line |= {"status": None, "outcome": "open", "dials": []}
            self._requests.append(line)
            return line

    def is_busy(self) -> bool:
        """Whether a request is still being answered."""
        return any(line["outcome"] == "open" for line in self.requests())

    def requests(self, after: int = 0) -> list[dict[str, Any]]:
        """The last requests, oldest first."""
        with self._requests_lock:
            return [dict(line) for line in self._requests if line["seq"] > after]
