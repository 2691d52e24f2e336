"""Which leads a connector takes: rules in words, what is left out says why, and comes when it fits."""

import pytest

from integrations import drain
from integrations.explanations import explain
from integrations.models import ConnectorState, Delivery
from leads.capture import lead_capture
from leads.consents import consents_record
from leads.models import Lead
from leads.routing import explained, left_out
from leads.services import ConsentGiven, LeadData
from leads.standing import deliveries_of
from leads.story import story
from tests.factories import ClientFactory, ConnectorFactory, LeadFactory, rule

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]


@pytest.mark.parametrize(
    ("asked", "takes"),
    [
        (rule("channel", "web", "app"), True),
        (rule("channel", "WEB"), True),
        (rule("channel", "app"), False),
        (rule("channel", "app", test="none_of"), True),
        (rule("channel", "web", test="none_of"), False),
        (rule("page_url", "/prices", test="contains"), True),
        (rule("referrer", "search", test="contains"), False),
        (rule("referrer", "search", test="none_of"), True),
        (rule("utm_campaign", "spring"), True),
        (rule("utm_source", "news"), True),
        (rule("utm_medium"), False),
        ({"about": "utm_medium", "test": "missing", "values": []}, True),
        (rule("attribute.size", "XL"), True),
        (rule("attribute.tags", "new"), True),
        (rule("attribute.vip", "yes"), True),
        (rule("attribute.seats", "12"), True),
        (rule("attribute.colour"), False),
        (rule("consent.news"), True),
        (rule("consent.calls"), False),
        ({"about": "consent.calls", "test": "missing", "values": []}, True),
    ],
)
def test_a_rule_takes_and_leaves_out(asked, takes):
    lead = LeadFactory(
        source={
            "channel": "web",
            "page_url": "https://example.com/prices?x=1",
            "utm": {"campaign": "spring", "utm_source": "news"},
        },
        attributes={"size": "XL", "tags": ["new", "hot"], "vip": True, "seats": 12},
    )
    because = left_out(explained([asked]), lead, {"news": True, "calls": False})
    assert (because is None) is takes


@pytest.fixture
def crm(sandbox):
    row = ConnectorFactory(base_url=f"{sandbox.url}/hubspot", name="CRM")
    ConnectorState.objects.get_or_create(connector=row)
    return row


def captured(email="anna@example.com", **values) -> Lead:
    return lead_capture(client=ClientFactory(), data=LeadData(email=email, **values)).lead


def states_of(lead: Lead) -> list[str]:
    return [row.state for row in Delivery.objects.for_subject("lead", lead.pk)]


def ask(crm, *rules) -> None:
    crm.lead_filter = list(rules)
    crm.save()


def test_every_rule_has_to_hold_and_the_first_that_does_not_is_named(crm):
    ask(crm, rule("channel", "web"), rule("attribute.size", "XL", "L"))
    [delivery] = deliveries_of(captured(source={"channel": "web"}, attributes={"size": "S"}).pk)
    assert (delivery.state, delivery.reason, delivery.field) == ("skipped", "filtered", "attribute.size")
    words = "CRM does not take this lead: its filter asks that attribute size is one of “XL” or “L”."
    assert explain(delivery).startswith(words)


def test_the_chatbot_is_named_not_numbered(crm):
    kim = ClientFactory(name="Kim")
    ask(crm, rule("client", str(kim.pk)))
    [delivery] = deliveries_of(captured().pk)
    assert "its filter asks that chatbot is “Kim”" in explain(delivery)


def test_the_page_of_the_lead_says_why(crm):
    ask(crm, rule("channel", "web"))
    lead = captured()
    assert "channel is “web”" in story(lead)[-1].explanation


def test_what_is_left_out_is_taken_up_when_a_capture_makes_it_fit(crm):
    ask(crm, rule("attribute.size", "XL"))
    lead = captured(attributes={"size": "S"})
    drain.drain(crm.pk)
    captured(attributes={"size": "XL"})
    assert states_of(lead) == ["superseded", "waiting"]
    drain.drain(crm.pk)
    assert states_of(lead) == ["superseded", "delivered"]


def test_what_is_left_out_is_taken_up_when_they_consent(crm):
    ask(crm, rule("consent.news"))
    lead = captured()
    assert [row.field for row in deliveries_of(lead.pk)] == ["consent.news"]
    consents_record(lead=lead, given=[ConsentGiven("news", granted=True)])
    assert states_of(lead) == ["superseded", "waiting"]
    drain.drain(crm.pk)
    assert states_of(lead) == ["superseded", "delivered"]


def test_a_lead_that_stops_fitting_while_it_waits_is_not_sent(crm):
    ask(crm, rule("attribute.size", "XL"))
    lead = captured(attributes={"size": "XL"})
    Lead.objects.filter(pk=lead.pk).update(attributes={"size": "S"})
    drain.drain(crm.pk)
    [delivery] = Delivery.objects.for_subject("lead", lead.pk)
    assert (delivery.state, delivery.field) == ("skipped", "attribute.size")
    assert delivery.vendor_words == "attribute size is “XL”"
