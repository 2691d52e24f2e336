"""The log of calls: what went to a vendor and what came back, without secrets and personal data."""

import re
from collections.abc import Collection
from urllib.parse import parse_qsl, urlsplit

from integrations.models import Call, Connector
from integrations.providers.base import Reply
from integrations.providers.errors import ProviderError
from runtime.scrubbing import scrub_body, scrub_text

_BODY_CHARACTERS = 4000


class CallLog:
    """Collects the calls of one piece of work in memory; `save` writes them in the caller's transaction."""

    def __init__(self, connector: Connector) -> None:
        self.connector = connector
        self.rows: list[Call] = []
        self._saved = 0

    def record(
        self,
        *,
        purpose: str,
        method: str,
        url: str,
        duration_ms: float,
        items: int = 1,
        request_body: bytes = b"",
        reply: Reply | None = None,
        failure: ProviderError | None = None,
        personal: Collection[str] = (),
    ) -> Call:
        """Note one request; bodies and address are scrubbed and cut before they are kept.

        What stands under the names in `personal` is left out of bodies, too.
        """
        also = frozenset(re.sub(r"[^a-z0-9]", "", name.lower()) for name in personal)
        row = Call(
            connector=self.connector,
            purpose=purpose[:32],
            method=method[:8],
            url=_shown(url),
            items=items,
            status=reply.status if reply else failure.status if failure else None,
            error=scrub_text(f"{failure.code}: {failure.words}")[:300] if failure else "",
            duration_ms=round(duration_ms, 1),
            request_body=scrub_body(request_body, _BODY_CHARACTERS, also),
            response_body=scrub_body(reply.body, _BODY_CHARACTERS, also) if reply else "",
        )
        self.rows.append(row)
        return row

    def save(self) -> None:
        """Write the rows that are not written yet."""
        fresh = self.rows[self._saved :]
        if fresh:
            Call.objects.bulk_create(fresh)
            self._saved += len(fresh)


def _shown(url: str) -> str:
    """Return an address as it may be stored: parameters by name alone."""
    parts = urlsplit(url)
    address = scrub_text(f"{parts.scheme}://{parts.netloc}{parts.path}")[:200]
    names = "&".join(name for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    return f"{address}?{names[:80]}" if names else address
