"""Questions and events against the sandbox ERP, over real HTTP."""

from urllib.parse import urlsplit

import pytest
from rest_framework.test import APIClient

from engine.starter import starter_install
from gateway.services import client_create, key_create
from integrations.services import credential_save
from runtime import jobs
from runtime.models import Event
from tests.factories import ConnectorFactory
from tests.sandbox import ODOO_KEY, sandbox, sandbox_server
from webhooks.models import InboundEvent
from webhooks.services import source_create

__all__ = ["sandbox", "sandbox_server"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def bot(sandbox):
    starter_install()
    host = urlsplit(sandbox.odoo_url).netloc
    credential = credential_save(name="ERP key", provider="odoo", host=host, secrets={"api_key": ODOO_KEY})
    ConnectorFactory(name="ERP", provider="odoo", base_url=sandbox.odoo_url, credential=credential, operations=[])
    _, text = key_create(client=client_create(name="Website bot")[0])
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return api


def ask(bot, prompt, **more):
    return bot.post("/v1/query", {"prompt": prompt, **more}, format="json").json()


def facts(answer):
    return {fact["name"]: fact["value"] for fact in answer["facts"]}


def test_check_order_status_gets_its_answer_from_the_erp(bot):
    first = ask(bot, "Check order status")
    second = ask(bot, "S00041 anna@example.com", conversation_id=first["conversation_id"])

    assert first["state"] == "needs_input"
    assert second["state"] == "answered"
    assert facts(second)["number"] == "S00041"
    assert facts(second)["tracking_number"] == "XYZ-987"
    assert {fact["source"] for fact in second["facts"]} == {"ERP"}
    assert second["facts"][0]["cache"] == "miss"


def test_somebody_elses_order_is_not_shown(bot):
    answer = ask(bot, "Where is my order S00042? anna@example.com")

    assert answer["state"] == "no_match"
    assert "S00042" not in answer["answer"]


def test_stock_is_read_from_the_erp_once(bot):
    first = ask(bot, "Do you have MUG-RED in stock?")
    second = ask(bot, "Do you have article mug-red in stock?")

    assert facts(first)["available"] == 112
    assert second["facts"][0]["cache"] == "hit"


def test_an_erp_that_hangs_is_said_by_the_deadline(bot, sandbox):
    sandbox.fault(vendor="odoo", delay_ms=5_000)

    answer = ask(bot, "Do you have MUG-BLUE in stock?", deadline_ms=300)

    assert answer["state"] == "unavailable"


def test_an_event_makes_the_next_answer_fresh(bot):
    question = "Where is my order S00041? anna@example.com"
    assert [ask(bot, question)["facts"][0]["cache"] for _ in range(2)] == ["miss", "hit"]

    _, token = source_create(name="Shop")
    bot.post(f"/v1/webhooks/in/{token}", {"event": "order_shipped", "order_number": "S00041"}, format="json")
    jobs.run("inbound_event", str(InboundEvent.objects.get().pk))
    jobs.run("event", str(Event.objects.get(type="order.shipped").pk))

    assert ask(bot, question)["facts"][0]["cache"] == "miss"
