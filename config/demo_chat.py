"""The example chat, served by the demo with its publishable key filled in."""

import json
from html import escape
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config import demo

_FOLDER = Path(settings.BASE_DIR) / "examples" / "chat"
_TYPES = {"chat.html": "text/html", "chat.css": "text/css", "chat.js": "text/javascript"}
_KEY = 'data-key="sb_pk_…"'
# Nothing inline and nothing from elsewhere: should a text ever get out as HTML, it could still do nothing.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@never_cache
@require_safe
def page(request: HttpRequest, name: str = "chat.html") -> HttpResponse:
    """Return the chat's page, its styles or its script; outside the demo there is no such thing."""
    if not settings.DEMO_MODE or name not in _TYPES:
        raise Http404
    text = (_FOLDER / name).read_text(encoding="utf-8")
    if name == "chat.html":
        text = text.replace(_KEY, f'data-key="{escape(_publishable_key())}"')
    answer = HttpResponse(text, content_type=f"{_TYPES[name]}; charset=utf-8")
    answer["Content-Security-Policy"] = _POLICY
    return answer


def _publishable_key() -> str:
    try:
        return str(json.loads(demo.file().read_text(encoding="utf-8"))["publishable_key"])
    except (OSError, ValueError, KeyError):
        return ""
