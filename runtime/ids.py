"""Public identifiers."""

import uuid

from uuid_utils.compat import uuid7 as _uuid7


def uuid7() -> uuid.UUID:
    """Return a new time-ordered identifier. Source: RFC 9562, section 5.7."""
    return uuid.UUID(int=_uuid7().int)
