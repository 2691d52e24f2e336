"""Who unsubscribes at one vendor is unsubscribed at the others: from the signed message to their APIs."""

import pytest

from integrations.drain import drain
from integrations.models import Delivery
from leads.capture import lead_capture
from leads.consents import ConsentGiven, in_force
from leads.services import LeadData
from runtime import events
from runtime.models import Event
from tests.factories import ClientFactory
from tests.integrations.providers.brevo.test_contacts import SET_UP
from tests.integrations.providers.sandboxed import connector_to
from tests.sandbox import BREVO_KEY, HUBSPOT_TOKEN, sandbox, sandbox_server
from tests.webhooks.test_vendor_messages import changed, hubspot, process
from webhooks import sources

__all__ = ["sandbox", "sandbox_server"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]

SECRET = "app-secret-5d41402abc4b2a76"
YES = ConsentGiven("email_marketing", granted=True, wording="Yes, send me news.")


def set_up(connector, *operations):
    connector.operations = list(operations)
    connector.save()
    return connector


def deal_with_everything():
    process()
    for event in Event.objects.all():
        events.WORK.run(str(event.pk))


def test_a_withdrawal_at_one_vendor_arrives_at_the_other(sandbox):
    crm = set_up(connector_to(sandbox, "hubspot", HUBSPOT_TOKEN), "upsert")
    mails = set_up(connector_to(sandbox, "brevo", BREVO_KEY, SET_UP), "upsert", "subscribe")
    lead = lead_capture(client=ClientFactory(), data=LeadData(email="anna@example.com", consent=[YES])).lead
    drain(crm.pk)
    drain(mails.pk)
    [before] = sandbox.rows("brevo", "contacts")
    assert (before["listIds"], before["emailBlacklisted"]) == ([2], False)
    known_as = Delivery.objects.get(connector=crm, state="delivered").external_id
    source = sources.source_for(crm)
    sources.secret_set(source=source, secret=SECRET)
    token = sources.address_make(source=source)

    # HubSpot tells neither who it is nor which purpose: only its own number of them.
    left = changed(objectId=int(known_as), occurredAt=4_000_000_000_000)
    left |= {"propertyName": "hs_email_optout", "propertyValue": "true"}
    assert hubspot(token, [left]).status_code == 202
    deal_with_everything()
    drain(mails.pk)

    assert not in_force([lead.pk])[lead.pk]["email_marketing"].granted
    [after] = sandbox.rows("brevo", "contacts")
    assert after["emailBlacklisted"]
