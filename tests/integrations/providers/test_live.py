"""Every vendor for real, where its keys are in the environment: `pytest -m live`; else it is said what is missing."""

import json

import pytest

from integrations.providers.registry import PROVIDERS
from tests.integrations.providers import live
from tests.integrations.providers.rest.definitions import config
from tests.sandbox import HUBSPOT_TOKEN, REST_KEY, WOOCOMMERCE_KEY, WOOCOMMERCE_SECRET


@pytest.mark.live
@pytest.mark.django_db
@pytest.mark.parametrize("key", sorted(PROVIDERS))
def test_the_real_vendor_is_connected_to_and_read(key):
    said = live.told(key)
    if missing := live.lacking(key, said):
        pytest.skip(f"{', '.join(missing)} must be set to ask the real one")
    ask(live.opened(key, said))


def ask(provider):
    check = provider.check()
    assert check.ok, check.words
    for capability, what, is_well in live.READS:
        if isinstance(provider, capability):
            assert is_well(provider), f"{what}: not as it should be"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("key", "fields"),
    [
        ("hubspot", {"API_KEY": HUBSPOT_TOKEN}),
        ("woocommerce", {"USERNAME": WOOCOMMERCE_KEY, "API_KEY": WOOCOMMERCE_SECRET}),
        (
            "salesforce",
            {
                "CLIENT_ID": "sandbox-client",
                "CLIENT_SECRET": "sandbox-secret",
                "TOKEN_URL": "{url}/services/oauth2/token",
            },
        ),
        ("rest", {"API_KEY": REST_KEY, "CONFIG": json.dumps(config())}),
        ("klaviyo", {"API_KEY": "pk_sandbox_klaviyo", "CONFIG": '{"list_id": "Y6nRLr"}'}),
    ],
)
def test_the_imitation_is_asked_in_the_same_way(sandbox, monkeypatch, key, fields):
    url = f"{sandbox.url}/{key}"
    for name, value in {"BASE_URL": url, **fields}.items():
        monkeypatch.setenv(f"LIVE_{key.upper()}_{name}", value.replace("{url}", url))
    assert live.lacking(key, live.told(key)) == []
    ask(live.opened(key, live.told(key)))


@pytest.mark.parametrize(
    ("key", "missing"),
    [
        ("hubspot", ["API_KEY"]),
        ("mailchimp", ["API_KEY"]),
        ("shopify", ["API_KEY", "BASE_URL"]),
        ("woocommerce", ["API_KEY", "USERNAME", "BASE_URL"]),
        ("salesforce", ["CLIENT_SECRET", "CLIENT_ID", "BASE_URL"]),
    ],
)
def test_what_is_missing_is_named(key, missing):
    assert live.lacking(key, {}) == [f"LIVE_{key.upper()}_{name}" for name in missing]
