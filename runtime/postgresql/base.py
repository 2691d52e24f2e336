"""The database wrapper, where Django looks for it."""

import select
import time
from typing import Any

from django.db.backends.postgresql import base

_TRUSTED_SECONDS = 10.0


class DatabaseWrapper(base.DatabaseWrapper):
    """Looks at the socket of a connection in use instead of asking the server, which costs a way there and back.

    A server's end arrives on it, be it a farewell or the kernel's after a kill. What a router forgets, or a host that
    lost its power, doesn't: whoever wasn't needed for ten seconds asks.
    """

    connection: Any
    _looked_at = float("-inf")

    def is_usable(self) -> bool:
        before, self._looked_at = self._looked_at, time.monotonic()
        is_in_use = self._looked_at - before < _TRUSTED_SECONDS and not self.errors_occurred
        is_quiet = is_in_use and self.connection is not None and not self._has_arrived()
        return is_quiet or super().is_usable()

    def _has_arrived(self) -> bool:
        """Say whether there is something to read, or the connection is known to be closed."""
        if self.connection.closed:
            return True
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return bool(poll.poll(0))
