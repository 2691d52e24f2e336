"""The database wrapper, where Django looks for it."""

import select
from typing import Any

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Looks at the socket before each request instead of asking the server, which costs a way there and back.

    What ends a connection arrives on it, be it the server's farewell or the kernel's after a kill.
    """

    connection: Any

    def is_usable(self) -> bool:
        is_quiet = self.connection is not None and not self.errors_occurred and not self._has_arrived()
        return is_quiet or super().is_usable()

    def _has_arrived(self) -> bool:
        """Say whether there is something to read, or the connection is known to be closed."""
        if self.connection.closed:
            return True
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return bool(poll.poll(0))
