"""Enquiries as they are added to a text that a vendor keeps: what is sent twice stands there once. Pure."""

import re
from collections.abc import Sequence
from html import escape, unescape

from integrations.providers.base import Enquiry


def added_as_text(known: str, enquiries: Sequence[Enquiry]) -> str:
    """Return a text with the enquiries that don't stand in it yet."""
    fresh = [line for line in map(_line, enquiries) if line not in known]
    return "\n\n".join(filter(None, [known, *fresh]))


def added_as_html(known: str, enquiries: Sequence[Enquiry]) -> str:
    """Return an HTML text with the enquiries that don't stand in it yet."""
    # Vendors clean HTML up, each in its own way: what counts is the text without blanks.
    there = "".join(unescape(re.sub(r"<[^<>]*>", "", known)).split())
    fresh = [line for line in map(_line, enquiries) if "".join(line.split()) not in there]
    return known + "".join(f"<p>{escape(line).replace(chr(10), '<br>')}</p>" for line in fresh)


def _line(enquiry: Enquiry) -> str:
    return f"{enquiry.at:%Y-%m-%d %H:%M} UTC: {enquiry.message}"
