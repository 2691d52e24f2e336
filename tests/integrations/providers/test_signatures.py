"""Signatures: what fits is taken, everything else is refused."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from integrations.providers.errors import BadSignature
from integrations.providers.signatures import check_hmac, check_recent, check_token

BODY = b'{"id": 1}'
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def mac(secret="one", body=BODY, algorithm="sha256"):
    return hmac.new(secret.encode(), body, algorithm).digest()


def test_the_right_signature_is_taken_in_either_writing_and_under_any_secret_in_force():
    check_hmac(base64.b64encode(mac()).decode(), BODY, ["zero", "one"])
    check_hmac(mac().hex(), BODY, ["one"], encoding="hex")
    check_hmac(mac(algorithm="sha1").hex(), BODY, ["one"], encoding="hex", algorithm="sha1")


@pytest.mark.parametrize("given", ["", " ", "=", "ä", "\udcff", mac().hex(), base64.b64encode(mac("two")).decode()])
def test_any_other_signature_is_refused(given):
    with pytest.raises(BadSignature) as caught:
        check_hmac(given, BODY, ["one"])
    assert caught.value.code == "bad_signature"


def test_a_changed_body_is_refused():
    with pytest.raises(BadSignature):
        check_hmac(base64.b64encode(mac()).decode(), BODY + b" ", ["one"])


@pytest.mark.parametrize("secrets", [[], [""], [" "]])
def test_without_a_secret_nothing_is_taken_not_even_what_is_signed_with_nothing(secrets):
    empty = base64.b64encode(hmac.new(b"", BODY, hashlib.sha256).digest()).decode()
    for check in (lambda: check_hmac(empty, BODY, secrets), lambda: check_token("", secrets)):
        with pytest.raises(BadSignature) as caught:
            check()
        assert caught.value.code == "no_secret"


def test_a_token_is_taken_whole():
    check_token("abc", ["old", "abc"])
    for given in ("", "ab", "abcd", "ABC"):
        with pytest.raises(BadSignature):
            check_token(given, ["abc"])


def test_what_was_sent_long_ago_or_in_the_future_is_refused():
    check_recent(NOW - timedelta(seconds=299), NOW)
    for seconds in (-301, 301):
        with pytest.raises(BadSignature):
            check_recent(NOW + timedelta(seconds=seconds), NOW)
