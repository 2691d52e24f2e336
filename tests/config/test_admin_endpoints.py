"""Endpoints in the admin: picked from a description, tried, stored; for those who may change connectors."""

import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from integrations import endpoints, openapi
from integrations.models import Call, Connector
from integrations.providers.endpoints import Endpoint
from integrations.providers.errors import Misconfigured
from tests.factories import ConnectorFactory
from tests.integrations.providers.rest.definitions import CUSTOMER, LEAD, LEAD_UPDATE, ORDER, STOCK, config
from tests.integrations.providers.sandboxed import connector_to
from tests.integrations.test_openapi import DOCUMENT
from tests.sandbox import REST_KEY

pytestmark = pytest.mark.django_db


@pytest.fixture
def connector(sandbox):
    row = connector_to(sandbox, "rest", REST_KEY, config(STOCK))
    Connector.objects.filter(pk=row.pk).update(operations=[])
    return Connector.objects.get(pk=row.pk)


def at(connector, below=""):
    return f"/admin/integrations/connector/{connector.pk}/endpoints/{below}"


def upload(browser, connector, content=None, name="api.json"):
    file = SimpleUploadedFile(name, content if content is not None else DOCUMENT.read_bytes())
    return browser.post(at(connector), {"file": file})


def posted(stored, **changes):
    """Return an endpoint as its form posts it."""
    stored = {**stored, **changes}
    plain = ("label", "name", "method", "path", "record", "missing_if", "failed_if", "idempotency_header", "effect")
    data = {"method": "GET", "effect": "at_least_once", "missing_status": "404"}
    data |= {name: stored[name] for name in plain if name in stored}
    if stored.get("has_personal_address"):
        data["has_personal_address"] = "on"
    for name in ("query", "body", "answer"):
        for number, row in enumerate([*stored.get(name, []), {"field": ""}]):
            data |= {
                f"{name}-{number}-{part}": row.get(part, "") for part in ("field", "source", "function", "argument")
            }
    return data


def defined(connector):
    return [each["name"] for each in Connector.objects.get(pk=connector.pk).config["endpoints"]]


def test_a_description_is_uploaded_searched_and_picked_from(admin_browser, connector):
    assert upload(admin_browser, connector).headers["Location"] == at(connector, "pick/")
    page = admin_browser.get(at(connector, "pick/?q=order")).content.decode()
    assert "Get an order" in page
    assert "Create a contact" not in page
    assert f'href="{at(connector)}"' in page
    assert re.search(f"<h1[^>]*>.*{connector}: Pick an operation.*</h1>", page, re.DOTALL)
    page = admin_browser.get(at(connector, "new/?operation=GET+/v1/orders/{orderNumber}")).content.decode()
    assert 'value="/v1/orders/{number}"' in page
    assert 'value="customer.email"' in page


@pytest.mark.parametrize("content", [b"<script>alert(1)</script>", b"", b"{" * 1000])
def test_what_is_no_description_says_so(admin_browser, connector, content):
    page = upload(admin_browser, connector, content).content.decode()
    assert "errorlist" in page
    assert endpoints.document_of(connector) is None


def test_hostile_words_of_a_description_are_inert(admin_browser, connector):
    bad = "<script>alert(1)</script>"
    path = {"get": {"summary": bad, "parameters": [{"name": bad, "in": "query", "required": True}]}}
    upload(admin_browser, connector, json.dumps({"openapi": "3.0.0", "paths": {f"/{bad}": path}}).encode())
    for below in ("pick/", "pick/?q=%3Cscript%3E", f"new/?operation=GET+/{bad}"):
        assert bad not in admin_browser.get(at(connector, below)).content.decode()


def test_an_order_is_tried_then_stored(admin_browser, connector):
    form = posted(ORDER) | {"_try": "1", "sample-number": "R-1001"}
    page = admin_browser.post(at(connector, "new/?use=order"), form).content.decode()
    assert "It was found" in page
    assert "shipped" in page
    assert "anna@example.com" not in page
    assert defined(connector) == ["stock"]
    assert "anna" not in Call.objects.get().response_body.replace("a***", "")
    assert admin_browser.post(at(connector, "new/?use=order"), posted(ORDER)).status_code == 302
    assert defined(connector) == ["stock", "order"]


def test_a_trial_says_what_went_wrong(admin_browser, connector):
    wrong = posted(ORDER, answer=[{"field": "status", "source": "currency"}]) | {"_try": "1", "sample-number": "R-1001"}
    page = admin_browser.post(at(connector, "new/?use=order"), wrong).content.decode()
    assert "translated" in page
    unknown = posted(ORDER) | {"_try": "1", "sample-number": "NO-SUCH"}
    assert "Nothing of that is known" in admin_browser.post(at(connector, "new/?use=order"), unknown).content.decode()


def test_a_change_is_shown_and_not_sent(admin_browser, sandbox, connector):
    before = len(sandbox.requests())
    page = admin_browser.post(at(connector, "new/?use=lead"), posted(LEAD) | {"_try": "1"}).content.decode()
    assert f"POST {connector.base_url}/v1/contacts" in page
    assert "Idempotency-Key: one-per-lead-and-state" in page
    assert len(sandbox.requests()) == before
    assert REST_KEY not in page
    assert sandbox.rows("rest", "contacts") == []


def test_what_can_not_work_is_refused_in_words(admin_browser, connector):
    page = admin_browser.post(at(connector, "new/?use=order"), posted(ORDER, path="/a/../b")).content.decode()
    assert "holds no “.” or “..”" in page
    personal = admin_browser.post(at(connector, "new/?use=customer"), posted(CUSTOMER, has_personal_address=False))
    assert "would hold somebody" in personal.content.decode()
    again = admin_browser.post(at(connector, "new/?use=stock"), posted(STOCK)).content.decode()
    assert "already" in again
    assert defined(connector) == ["stock"]


def test_the_connectors_page_offers_what_is_defined(admin_browser, connector):
    change = f"/admin/integrations/connector/{connector.pk}/change/"
    page = admin_browser.get(change).content.decode()
    assert 'name="lookup_order"' in page
    assert 'value="upsert"' not in page
    endpoints.endpoint_save(connector=connector, endpoint=Endpoint.of(LEAD))
    assert 'value="upsert"' in admin_browser.get(change).content.decode()
    assert "once you tick it" in admin_browser.get(at(connector)).content.decode()


def test_saving_the_connector_keeps_its_endpoints(admin_browser, connector):
    told = {"name": "API", "base_url": connector.base_url, "credential": connector.credential_id, "lookup_order": "100"}
    answer = admin_browser.post(
        f"/admin/integrations/connector/{connector.pk}/change/",
        {**told, "config_auth": "header", "config_auth_name": "X-Api-Key", "is_active": "on"},
    )
    assert answer.status_code == 302
    assert defined(connector) == ["stock"]
    assert Connector.objects.get(pk=connector.pk).config["auth"] == "header"


@pytest.mark.parametrize("name", ["Host", "content-length", "X Key", "a\r\nb"])
def test_a_key_goes_into_no_header_that_is_ours(admin_browser, connector, name):
    told = {"name": "API", "base_url": connector.base_url, "credential": connector.credential_id, "lookup_order": "1"}
    page = admin_browser.post(
        f"/admin/integrations/connector/{connector.pk}/change/",
        {**told, "config_auth": "header", "config_auth_name": name, "is_active": "on"},
    )
    assert page.status_code == 200
    assert Connector.objects.get(pk=connector.pk).config["auth"] == "bearer"


def test_an_endpoint_that_goes_takes_along_what_needs_it(admin_browser, connector):
    endpoints.endpoint_save(connector=connector, endpoint=Endpoint.of(LEAD))
    Connector.objects.filter(pk=connector.pk).update(operations=["upsert"])
    admin_browser.post(at(connector, "remove/create_contact/"))
    row = Connector.objects.get(pk=connector.pk)
    assert (defined(connector), row.operations) == (["stock"], [])


def test_writing_again_needs_writing_first(connector):
    trial = endpoints.endpoint_try(connector=connector, endpoint=Endpoint.of(LEAD_UPDATE), replaces="", told={})
    assert "written first" in trial.words
    endpoints.endpoint_save(connector=connector, endpoint=Endpoint.of(LEAD))
    trial = endpoints.endpoint_try(
        connector=Connector.objects.get(pk=connector.pk), endpoint=Endpoint.of(LEAD_UPDATE), replaces="", told={}
    )
    assert "PUT" in trial.request
    assert "/v1/contacts/4711" in trial.request


def test_two_of_a_use_or_a_name_are_refused(connector):
    with pytest.raises(Misconfigured, match="already"):
        endpoints.endpoint_save(connector=connector, endpoint=Endpoint.of({**STOCK, "name": "other"}))


def test_the_descriptions_address_is_taken_if_the_key_belongs_there(admin_browser, sandbox, connector):
    document = json.loads(DOCUMENT.read_text())
    for url, said in [
        ("https://elsewhere.example.com", "is sent to 127.0.0.1 alone"),
        ("http://169.254.169.254/latest", "may not"),
        (f"{sandbox.url}/rest", ""),
    ]:
        upload(admin_browser, connector, json.dumps({**document, "servers": [{"url": url}]}).encode())
        page = admin_browser.post(at(connector, "address/"), {"server": url}, follow=True).content.decode()
        if said:
            assert Connector.objects.get(pk=connector.pk).base_url == connector.base_url
        else:
            assert Connector.objects.get(pk=connector.pk).base_url == url
        assert said in page or "169" in url


def test_an_address_that_was_not_shown_is_not_taken(admin_browser, sandbox, connector):
    document = json.loads(DOCUMENT.read_text())
    upload(admin_browser, connector, json.dumps({**document, "servers": [{"url": f"{sandbox.url}/rest/v2"}]}).encode())
    shown = {"server": f"{sandbox.url}/rest"}
    page = admin_browser.post(at(connector, "address/"), shown, follow=True).content.decode()
    assert "Another description was uploaded meanwhile" in page
    assert Connector.objects.get(pk=connector.pk).base_url == connector.base_url


def test_a_description_is_the_connectors_it_was_uploaded_for(admin_browser, sandbox, connector):
    other = ConnectorFactory(provider="rest")
    upload(admin_browser, connector)
    upload(admin_browser, other, json.dumps({**json.loads(DOCUMENT.read_text()), "servers": []}).encode())
    assert openapi.server(endpoints.document_of(connector)) != ""
    assert openapi.server(endpoints.document_of(other)) == ""


def test_nothing_is_asked_without_a_value_to_ask_for(admin_browser, sandbox, connector):
    before = len(sandbox.requests())
    page = admin_browser.post(at(connector, "new/?use=order"), posted(ORDER) | {"_try": "1"}).content.decode()
    assert "Nothing was asked. Type what to ask for: number." in page
    assert len(sandbox.requests()) == before


def test_who_may_only_look_and_other_systems_have_no_such_pages(viewer_browser, admin_browser, connector):
    for below in ("", "pick/", "new/?use=order", "change/stock/"):
        assert viewer_browser.get(at(connector, below)).status_code == 403
    for below in ("address/", "remove/stock/", "new/?use=order", "change/stock/"):
        assert viewer_browser.post(at(connector, below), posted(ORDER)).status_code == 403
    assert defined(connector) == ["stock"]
    assert admin_browser.get(at(ConnectorFactory())).status_code == 404
    assert admin_browser.get(at(connector, "change/nosuch/")).status_code == 404
    assert admin_browser.get(at(connector, "new/?use=nosuch")).status_code == 404
