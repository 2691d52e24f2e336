"""What the API takes as a body.

Apart from `gateway.parsing`, which workers use, too: the framework's parsers bring 6 MB along that only answers need.
"""

import re
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser

from gateway.parsing import loads

_ACCEPTED = re.compile(r"(application/([\w.+-]+\+)?json|text/plain)?", re.IGNORECASE)


class StrictJSONParser(BaseParser):
    """Parses JSON that means one thing only: no duplicate names, no NaN, no NUL, at most 20 levels.

    Taken as `application/json`, `…+json`, `text/plain` (what `fetch` sends for a string body) or undeclared.
    """

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        _check_type(media_type or "")
        request = (parser_context or {}).get("request")
        # Through `body`, so that the raw bytes stay readable for the idempotency fingerprint.
        return loads(request._request.body if request is not None else stream.read())


def _check_type(media_type: str) -> None:
    essence, _, parameters = media_type.partition(";")
    if not _ACCEPTED.fullmatch(essence.strip()):
        detail = "Send JSON and say so: add the header `Content-Type: application/json`."
        raise UnsupportedMediaType(essence[:80], detail=detail)
    charset = re.search(r"charset=\"?([\w-]+)", parameters, re.IGNORECASE)
    if charset and charset[1].lower() not in {"utf-8", "utf8", "us-ascii"}:
        raise UnsupportedMediaType(media_type[:80], detail="Send JSON encoded as UTF-8.")
