"""What an API that nobody here knows says when something went wrong. Pure."""

import json
import re
from collections.abc import Mapping
from typing import Any

from integrations.providers.base import Reply
from integrations.providers.replies import raise_for_status

# Codes are written like this; a person's name or address isn't.
_CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+\Z|[a-z][a-z0-9]*([_-][a-z0-9]+)+\Z")
_LONGEST_CODE = 60


def raise_for(reply: Reply) -> None:
    """Raise what an answer means that is no success; its words are the API's code alone, its messages quote people."""
    if not 200 <= reply.status < 300:
        raise_for_status(reply, _code(reply))


def _code(reply: Reply) -> str:
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        return ""
    told = body if isinstance(body, Mapping) else {}
    inner = told.get("error")
    found: list[Any] = [told.get("code"), told.get("error_code"), inner]
    found += [inner.get("code"), inner.get("type")] if isinstance(inner, Mapping) else []
    codes = (each for each in found if isinstance(each, str) and len(each) <= _LONGEST_CODE and _CODE.match(each))
    return next(codes, "")
