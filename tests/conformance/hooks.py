"""What Schemathesis can't know of our API: what its formats look like, and what only an earlier answer can give."""

import json
import os
import re
import uuid

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode

schemathesis.openapi.format("email", st.from_regex(r"\A[a-z]{1,8}\.[a-z]{1,8}@[a-z]{2,8}\.(com|org)\Z"))
schemathesis.openapi.format("phone", st.from_regex(r"\A\+4930[1-9][0-9]{6}\Z"))
schemathesis.openapi.format("origin", st.just(os.environ["CONFORMANCE_ORIGIN"]))
schemathesis.openapi.format(
    "date-time", st.from_regex(r"\A20[0-9]{2}-0[1-9]-[12][0-8]T[01][0-9]:[0-5][0-9]:[0-5][0-9](Z|\+0[1-9]:00)\Z")
)

# What no answer tells: something that is there, so that the tests get past the 404.
_KNOWN = json.loads(os.environ["CONFORMANCE_KNOWN"])


@schemathesis.hook
def before_call(context, case, kwargs):
    """Take a new key for each request, and no cursor that we didn't give: the same key again is another test."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch(r"[\x21-\x7e]{1,255}", key):
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if case.meta is not None and case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    (case.query or {}).pop("cursor", None)
    for name, value in _KNOWN.items():
        if name in (case.path_parameters or {}):
            case.path_parameters[name] = value
