"""What every vendor's tests against the sandbox need: a connector, its provider, and the failures all vendors share."""

from typing import Any

import pytest

from integrations import credentials
from integrations.calls import CallLog
from integrations.connections import open_provider
from integrations.models import Connector
from integrations.providers import errors
from integrations.providers.base import Provider
from tests.factories import ConnectorFactory, CredentialFactory

FAULTS = [
    ({"status": 503, "retry_after": "7"}, errors.RetryLater, "retry_later"),
    ({"status": 429, "retry_after": "7"}, errors.RetryLater, "rate_limited"),
    ({"status": 401}, errors.NotAuthorised, "not_authorised"),
    ({"reset": "before"}, errors.OutcomeUnknown, "no_answer"),
    ({"garbage": True}, errors.RetryLater, "garbled_reply"),
]


def connector_to(
    sandbox: Any, vendor: str, key: str, config: dict[str, Any] | None = None, *, username: str = ""
) -> Connector:
    """Return a connector to one of the sandbox's vendors, signed in with a key (or a token that doesn't end)."""
    credential = CredentialFactory.build(provider=vendor, host="127.0.0.1")
    credentials.seal(credential, {"api_key": key, "username": username})
    credential.save()
    return ConnectorFactory(
        provider=vendor,
        base_url=f"{sandbox.url}/{vendor}",
        credential=credential,
        config=config or {},
        # Faster than the vendor's window: the tests are not about it.
        quota={"requests": 1000, "seconds": 1},
    )


def provider_of(connector: Connector) -> Any:
    """Return a connector's provider, its calls going nowhere."""
    return open_provider(connector, CallLog(connector))


class Faults:
    """The failures that every vendor has; a vendor's test class says `vendor`, has a `provider`, and how to `ask`."""

    vendor: str
    over_the_limit: tuple[type[errors.ProviderError], str] = (errors.RetryLater, "rate_limited")

    def ask(self, provider: Provider) -> Any:
        raise NotImplementedError

    @pytest.mark.parametrize(("dial", "error", "code"), FAULTS)
    def test_faults_are_named_by_what_to_do_next(self, sandbox, provider, dial, error, code):
        sandbox.fault(vendor=self.vendor, **dial)
        with pytest.raises(error) as caught:
            self.ask(provider)
        assert (type(caught.value), caught.value.code) == (error, code)
        if "retry_after" in dial:
            assert caught.value.after == 7

    def test_over_the_limit_it_waits(self, sandbox, provider):
        sandbox.fault(vendor=self.vendor, rate_limit={"requests": 0, "window_ms": 3_000})
        error, code = self.over_the_limit
        with pytest.raises(error) as caught:
            self.ask(provider)
        assert (type(caught.value), caught.value.code) == (error, code)
