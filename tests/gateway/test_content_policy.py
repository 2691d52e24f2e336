"""The headers that tell browsers what they may do with our answers."""

import re

import pytest
from django.test import Client, override_settings

from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _product_addresses():
    with override_settings(ROOT_URLCONF="config.urls"):
        yield


def policy(browser: Client, address: str) -> dict[str, str]:
    """Return the policy of an address: `{"script-src": "'self'", …}`."""
    said = browser.get(address)["Content-Security-Policy"]
    return dict(part.partition(" ")[::2] for part in said.split("; "))


@pytest.mark.parametrize("address", ["/healthz", "/readyz", "/v1/openapi.json", "/v1/nowhere", "/oauth/token", "/mcp"])
def test_an_answer_to_a_program_may_do_nothing(client: Client, address: str):
    assert policy(client, address) == {"default-src": "'none'", "frame-ancestors": "'none'"}


PAGES = ["/", "/docs/", "/docs/problems", "/nowhere", "/admin/login/", "/admin/second-factor/code/"]


@pytest.mark.parametrize("address", [*PAGES, "/static/config/icon.svg"])
def test_a_page_runs_nothing_inline_and_nothing_from_elsewhere(client: Client, address: str):
    said = policy(client, address)
    assert said["default-src"] == said["base-uri"] == said["frame-ancestors"] == "'none'"
    assert not [value for value in said.values() if "unsafe" in value or "http" in value or "*" in value]
    assert re.fullmatch(r"'self'( 'nonce-[\w+/=]+')?", said["script-src"])


@pytest.mark.parametrize("address", ["/", "/docs/", "/docs/problems"])
def test_what_is_inline_has_the_nonce_of_its_answer(client: Client, address: str):
    answers = [client.get(address) for _ in range(2)]
    nonces = [re.findall(r"nonce-([\w+/=]+)", answer["Content-Security-Policy"])[0] for answer in answers]
    assert nonces[0] != nonces[1]
    for answer, nonce in zip(answers, nonces, strict=True):
        assert f'<style nonce="{nonce}">' in answer.content.decode()
        assert "<style>" not in answer.content.decode()


def test_the_admin_alone_may_make_functions_from_text(client: Client):
    client.force_login(UserFactory())
    for address in ("/admin/", "/admin/leads/lead/", "/admin/gateway/user/add/"):
        said = policy(client, address)
        assert said["script-src"] == "'self' 'unsafe-eval'"
        assert said["style-src"] == "'self'"
        assert said["form-action"] == "'self'"


@pytest.mark.parametrize("address", ["/", "/admin/login/", "/docs/", "/healthz"])
def test_other_headers(client: Client, address: str):
    answer = client.get(address)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    if address != "/healthz":
        assert "camera=()" in answer["Permissions-Policy"]
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
