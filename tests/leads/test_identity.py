"""E-mail addresses are read as the library reads them, whichever way is taken."""

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from leads.identity import NotAnIdentifier, email_normalized

_locals = st.text(alphabet="abzAZ019._+-'!é ", min_size=0, max_size=70)
_domains = st.sampled_from(
    [
        "example.com",
        "EXAMPLE.Com",
        "münchen.example.org",
        "a.b",
        "localhost",
        "shop.test",
        "-a.com",
        "a..com",
        "",
        "x.c",
    ]
)


def librarys(text: str) -> str | None:
    try:
        return validate_email(text.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return None


def ours(text: str) -> str | None:
    try:
        return email_normalized(text)
    except NotAnIdentifier:
        return None


@given(_locals, _domains)
@example("a" * 64, "example.com")
@example("a" * 65, "example.com")
@example("a.b.c", "example.com")
@example(".a", "example.com")
@example("a..b", "example.com")
def test_an_address_is_what_the_library_says(local: str, domain: str):
    text = f"{local}@{domain}"

    assert ours(text) == librarys(text)


@pytest.mark.parametrize("length", [252, 253, 254, 255, 256])
def test_the_longest_address_is_the_librarys(length: int):
    domain = ".".join(["d" * 60] * 3) + ".example.com"
    text = f"{'a' * (length - len(domain) - 1)}@{domain}"

    assert ours(text) == librarys(text)
