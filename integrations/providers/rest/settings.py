"""What a REST connector may be told besides its endpoints."""

from typing import Any

from django import forms
from django.core.validators import RegexValidator

AUTHS = {
    "bearer": "As a bearer token (Authorization: Bearer …)",
    "basic": "As user name and password (Basic)",
    "header": "In a header of its own",
    "query": "As a parameter of the address",
    "none": "Not at all: the API is open",
}
_OURS = r"(?i:host|connection|te|upgrade|expect|cookie|content-\w+|transfer-\w+|accept(-\w+)?|x-forwarded-\w+)\Z"
_CHECKS = {
    "auth_name": (
        rf"\A(?!{_OURS})[A-Za-z][A-Za-z0-9_-]*\Z",
        "A name has letters, digits, - and _, and is none that is set by itself.",
    ),
    "auth_prefix": (r"\A[A-Za-z0-9=_-]+\Z", "One word of letters and digits."),
    "check_path": (
        r"\A/(?!/)[A-Za-z0-9._~!$&'()*+,;=:@%/-]*\Z",
        "A path begins with one “/” and holds no spaces, no “?” and no “#”.",
    ),
}


def _text(name: str, **options: Any) -> forms.CharField:
    return forms.CharField(required=False, validators=[RegexValidator(*_CHECKS[name])], **options)


class RestForm(forms.Form):
    """How the key travels, and how the connection is tested."""

    auth = forms.ChoiceField(label="How the key is sent", choices=list(AUTHS.items()), initial="bearer")
    auth_name = _text(
        "auth_name",
        label="Name of the header or parameter",
        max_length=60,
        help_text="Such as X-Api-Key; for those two ways alone.",
    )
    auth_prefix = _text(
        "auth_prefix",
        label="Word before the key",
        max_length=40,
        help_text="Such as Token, where a header wants one.",
    )
    check_path = _text(
        "check_path",
        label="Path to test with",
        max_length=200,
        help_text="One that answers with JSON when the key is right, such as /me. “Test connection” asks for it.",
    )
