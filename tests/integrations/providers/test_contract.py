"""What every registered provider keeps to, whoever the vendor is."""

import ast
import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from django import forms
from django.core.checks import run_checks

from integrations.checks import check_providers, lacks
from integrations.mapping import check_mapping, map_fields
from integrations.providers import registry
from integrations.providers.base import (
    CAPABILITIES,
    CatalogSource,
    Changes,
    ChangeSource,
    Check,
    Confirmer,
    Contact,
    ContactEraser,
    ContactSink,
    CustomerSource,
    Enquiry,
    InventorySource,
    Operations,
    OrderSource,
    Outcome,
    Page,
    Provider,
    SchemaSource,
    Statement,
    SubscriberSink,
)
from integrations.providers.errors import NotAuthorised, OutcomeUnknown, ProviderError, RetryLater
from integrations.providers.registry import PROVIDERS, provider_class
from tests.integrations.providers.rest import definitions
from tests.integrations.providers.vendors import Vendor, arguments_of, says

FOLDER = Path(registry.__file__).parent
VALUES = {"id": "1", "email": "anna@example.com", "first_name": "Anna", "last_name": "Berg", "phone": "+49305550101"}
AGREED = Statement(granted=True, at=datetime(2026, 11, 23, tzinfo=UTC))
WITHDRAWN = Statement(granted=False, at=datetime(2026, 11, 23, tzinfo=UTC))
CONTACT = Contact(id="0190aaaa-1111-7000-8000-000000000001", values=VALUES, statement=AGREED)
GONE = replace(CONTACT, statement=WITHDRAWN)
# What a connector must be told before it can do anything.
CONFIG = {
    "tryton": {"database": "shop", "warehouse": "WH"},
    "brevo": {"list_id": 2, "template_id": 5, "redirect_url": "https://shop.example.com/thanks", "import_list_id": 7},
    "klaviyo": {"list_id": "Y6nRLr"},
    "mailchimp": {"list_id": "3f2a91bc07"},
    "rest": definitions.strict(),
    "salesforce": {"organisation": "00D5g000004K3vq"},
}

# Who doesn't say by 404 that somebody isn't known.
NOT_KNOWN = {
    "odoo": (404, {"name": "werkzeug.exceptions.NotFound", "message": "the model 'crm.lead' does not exist"}),
    "tryton": (200, []),
    "shopify": (200, {"data": {"customerByIdentifier": None}}),
}

every_provider = pytest.mark.parametrize("key", sorted(PROVIDERS))
every_sink = pytest.mark.parametrize(
    "key",
    [key for key in sorted(PROVIDERS) if issubclass(provider_class(key).configured(CONFIG.get(key, {})), ContactSink)],
)


def uses(provider, *, that="tell"):
    """Every way a provider can be asked, as functions of it; `that` "end" something succeed with any body.

    One that "ask"s what became of a job is told nothing by a 404.
    """
    told = [
        (Provider, "tell", lambda p: p.check()),
        (ContactSink, "tell", lambda p: p.upsert([CONTACT])),
        (Confirmer, "ask", lambda p: p.confirm("194", [CONTACT])),
        (SubscriberSink, "tell", lambda p: p.subscribe([CONTACT])),
        (SubscriberSink, "end", lambda p: p.unsubscribe([GONE])),
        (ContactEraser, "end", lambda p: p.erase(CONTACT)),
        (SchemaSource, "tell", lambda p: p.fields()),
        (InventorySource, "tell", lambda p: p.stock("LAMP-01")),
        (OrderSource, "tell", lambda p: p.order("1001")),
        (CatalogSource, "tell", lambda p: p.products()),
        (CustomerSource, "tell", lambda p: p.customer("anna@example.com")),
        (ChangeSource, "tell", lambda p: p.since("")),
    ]
    if isinstance(provider, Operations):
        told += [(Operations, "tell", partial(_do, one)) for one in provider.operations()]
    wanted = {"tell", "end", "ask"} if that == "all" else {that}
    return [use for capability, kind, use in told if isinstance(provider, capability) and kind in wanted]


def _do(operation, provider):
    return provider.call(operation.name, arguments_of(operation), "" if operation.is_read_only else "key-1")


def vendor_of(key, *answers):
    return Vendor(key, *answers, config=CONFIG.get(key))


@every_provider
def test_it_declares_what_it_must(key):
    assert lacks(key, provider_class(key)) == []


@every_provider
def test_its_settings_are_a_form_that_may_be_left_empty_or_says_what_is_missing(key):
    form = provider_class(key).config_form({})
    assert isinstance(form, forms.Form)
    assert form.is_valid() or all(form.errors.values())


@every_provider
def test_its_default_mapping_can_be_evaluated(key):
    mapping = provider_class(key).default_mapping
    check_mapping(dict(mapping))
    map_fields(mapping, VALUES)


@every_provider
def test_it_is_a_small_folder_that_imports_only_its_contract(key):
    folder = FOLDER / PROVIDERS[key].split(".")[2]
    files = sorted(folder.glob("*.py"))
    able = [name for name, kind in CAPABILITIES.items() if issubclass(provider_class(key), kind)]
    assert sum(len(file.read_text().splitlines()) for file in files) <= (600 if len(able) >= 3 else 400)
    own = f"integrations.providers.{folder.name}"
    allowed = (own, "integrations.providers.base", "integrations.providers.errors", "integrations.providers.replies")
    allowed += ("integrations.providers.signatures", "integrations.mapping")
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            for name in _imported(node):
                inside = name.split(".")[0] in {
                    "integrations",
                    "runtime",
                    "gateway",
                    "leads",
                    "engine",
                    "webhooks",
                    "config",
                }
                assert not inside or (
                    name.startswith((*allowed, "integrations.providers"))
                    and not name.startswith("integrations.providers.registry")
                ), f"{file.name} imports {name}"


def _imported(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


@every_provider
@pytest.mark.parametrize("status", [401, 403, 404, 408, 410, 422, 429, 500, 502, 503, 301])
@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b'{"x', b"[]", b'"text"', b"null"])
def test_any_failure_with_any_body_is_a_provider_error(key, status, body):
    provider = vendor_of(key, says(200)).provider
    for use in uses(provider) + (uses(provider, that="ask") if status != 404 else []):
        vendor = vendor_of(key, says(status, body))
        with pytest.raises(ProviderError) as caught:
            use(vendor.provider)
        assert caught.value.status == status
        if status == 401:
            assert isinstance(caught.value, NotAuthorised)
        if status in {408, 429, 502, 503}:
            assert type(caught.value) is RetryLater


@every_provider
@pytest.mark.parametrize("body", [b"<html>", b'{"x', b"[" * 100_000, b"\xff\xfe"])
def test_a_success_that_can_not_be_read_is_tried_again(key, body):
    for use in uses(vendor_of(key, says(200)).provider):
        with pytest.raises(RetryLater):
            use(vendor_of(key, says(200, body)).provider)


@every_provider
@pytest.mark.parametrize(
    "body", [None, [], {}, "text", 5, [None], [[]], {"results": 5, "errors": [1]}, {"results": [{"id": 5}]}]
)
def test_a_success_of_an_unexpected_shape_never_counts_as_delivered_and_breaks_nothing(key, body):
    for use in uses(vendor_of(key, says(200)).provider):
        try:
            result = use(vendor_of(key, says(200, body)).provider)
        except ProviderError:
            continue
        if isinstance(result, list) and result != []:
            assert [outcome.kind for outcome in result] == ["unknown"]
        elif isinstance(result, Page):
            assert result == Page([])
        elif isinstance(result, Changes):
            assert list(result.events) == []
        else:
            # An empty list is a vendor without fields.
            assert result in (None, []) or isinstance(result, Check)


@every_provider
def test_retry_after_is_passed_on(key):
    for use in uses(vendor_of(key, says(200)).provider):
        with pytest.raises(RetryLater) as caught:
            use(vendor_of(key, says(429, {}, Retry_After="17")).provider)
        assert caught.value.after == 17
        assert not isinstance(caught.value, OutcomeUnknown)


@every_provider
def test_no_error_tells_what_a_person_entered(key):
    told = "anna@example.com Anna Berg +49305550101"
    # Wherever a vendor puts its words.
    said = dict.fromkeys(("message", "name", "error", "debug", "detail", "title", "description", "code", "in"), told)
    body = {**said, "errors": [said]}
    for status in (400, 409, 422, 500):
        for use in uses(vendor_of(key, says(200)).provider):
            with pytest.raises(ProviderError) as caught:
                use(vendor_of(key, says(status, body)).provider)
            assert "anna" not in f"{caught.value.words} {getattr(caught.value, 'field', '')}".lower()


@every_provider
@pytest.mark.parametrize("status", [401, 403, 408, 422, 429, 500, 503])
def test_who_is_not_erased_or_unsubscribed_is_never_said_to_be(key, status):
    for use in uses(vendor_of(key, says(200)).provider, that="end"):
        with pytest.raises(ProviderError) as caught:
            use(vendor_of(key, says(status, {"message": "anna@example.com"})).provider)
        # What is said about a key or a limit is told; anything else may be about a person.
        assert status in {401, 403, 429} or "anna" not in caught.value.words


@every_provider
def test_who_is_not_known_counts_as_erased_and_unsubscribed(key):
    for use in uses(vendor_of(key, says(200)).provider, that="end"):
        result = use(vendor_of(key, says(*NOT_KNOWN.get(key, (404, {"message": "not found"})))).provider)
        outcomes = result if isinstance(result, list) else [result]
        assert outcomes == [Outcome.delivered()]


@every_provider
def test_an_address_never_reaches_the_log_of_calls(key):
    for use in uses(vendor_of(key, says(200)).provider, that="all"):
        vendor = vendor_of(key, says(404, {}))
        with contextlib.suppress(ProviderError):
            use(vendor.provider)
        assert vendor.calls.rows
        for call in vendor.calls.rows:
            assert "anna@" not in f"{call.url} {call.request_body} {call.response_body} {call.error}"
            assert "anna%40" not in call.url


@every_sink
@pytest.mark.parametrize("answer", [(404, {}), (200, []), (200, {}), (200, {"id": 1})])
def test_what_people_enter_never_reaches_the_log_of_calls(key, answer):
    entered = {"first_name": "Zaphod", "last_name": "Beeblebrox", "phone": "+493055501042", "message": "Wormwood"}
    values = {**VALUES, **entered}
    enquiries = (Enquiry(at=AGREED.at, message="Wormwood"),)
    fields = map_fields(provider_class(key).default_mapping, values)
    person = replace(CONTACT, values=values, fields=fields, enquiries=enquiries)
    vendor = vendor_of(key, says(*answer))
    with contextlib.suppress(ProviderError):
        vendor.provider.upsert([person])
    assert vendor.calls.rows
    for call in vendor.calls.rows:
        logged = f"{call.url} {call.request_body} {call.response_body} {call.error}"
        assert [text for text in entered.values() if text in logged] == []


def test_the_system_check_finds_nothing_wrong():
    assert [message for message in run_checks() if message.id.startswith("integrations.")] == []


def test_the_system_check_reports_what_can_not_be_loaded_or_is_undeclared(monkeypatch):
    monkeypatch.setitem(PROVIDERS, "broken", "integrations.providers.nosuch.Provider")
    monkeypatch.setitem(PROVIDERS, "empty", f"{__name__}.Empty")
    found = [message.id for message in check_providers()]
    assert found[0] == "integrations.E001"
    assert "integrations.E002" in found


class Empty(Provider):
    key = "other"
