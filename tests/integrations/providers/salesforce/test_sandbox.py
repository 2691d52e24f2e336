"""Salesforce against the sandbox, over real HTTP; its SDK sees the same records."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from integrations import credentials, oauth
from integrations.drain import drain
from integrations.models import Connector, Credential, Delivery
from integrations.providers import errors
from integrations.providers.base import Contact
from integrations.renewal import renewed
from tests.factories import ConnectorFactory, CredentialFactory, DeliveryFactory, LeadFactory
from tests.integrations.providers.sandboxed import Faults, connector_to, provider_of
from tests.sandbox import SALESFORCE_TOKEN

pytestmark = pytest.mark.django_db

NEEDED = {"LastName": "Berg", "Company": "Berg"}


def contact(name, **fields):
    email = f"{name}@example.com"
    return Contact(f"0190aaaa-{name}", {"email": email}, {**NEEDED, "Email": email, **fields})


def leads(sandbox):
    return sandbox.rows("salesforce", "Lead")


@pytest.fixture
def connector(sandbox):
    return connector_to(sandbox, "salesforce", SALESFORCE_TOKEN)


@pytest.fixture
def provider(connector):
    return provider_of(connector)


class TestFaults(Faults):
    vendor = "salesforce"
    # Its limit is the day's: nothing is sent until some of it has come back, and it costs no try.
    over_the_limit = (errors.Held, "daily_quota")

    def ask(self, provider):
        return provider.upsert([contact("anna")])


def test_leads_arrive_and_are_updated_not_doubled(sandbox, provider):
    [first] = provider.upsert([contact("anna", FirstName="Anna")])
    [second] = provider.upsert([contact("anna", FirstName="Anne")])
    [row] = leads(sandbox)
    assert first.external_id == second.external_id == row["Id"]
    assert row["FirstName"] == "Anne"


def test_two_hundred_are_one_request(sandbox, provider):
    outcomes = provider.upsert([contact(f"lead{n}") for n in range(200)])
    assert len({outcome.external_id for outcome in outcomes if outcome.kind == "delivered"}) == 200
    assert len(sandbox.requests()) == 1


def test_bad_leads_do_not_stop_the_others(sandbox, provider):
    good, bad, long, choice, empty = provider.upsert(
        [
            contact("anna"),
            contact("ben", Email="no address"),
            contact("cleo", FirstName="x" * 41),
            contact("dan", LeadSource="Moon"),
            contact("eva", Company=""),
        ]
    )
    assert good.kind == "delivered"
    found = [(outcome.reason, outcome.field) for outcome in (bad, long, choice, empty)]
    assert found == [
        ("invalid_email", "Email"),
        ("too_long", "FirstName"),
        ("invalid_option", "LeadSource"),
        ("missing_field", "Company"),
    ]
    assert len(leads(sandbox)) == 1


def test_who_is_there_already_by_another_way_is_updated(sandbox, provider):
    provider.upsert([contact("anna")])
    other = Contact(
        "0190bbbb-anna", {"email": "anna@example.com"}, {**NEEDED, "Email": "anna@example.com", "Phone": "5"}
    )
    [outcome] = provider.upsert([other])
    [row] = leads(sandbox)
    assert (outcome.external_id, row["Phone"], row["ShopBotly_Id__c"]) == (row["Id"], "5", "0190bbbb-anna")


def test_the_fields_are_those_of_the_object(provider):
    fields = {field.name: field for field in provider.fields()}
    assert fields["LeadSource"].options == ("Web", "Chat", "Partner")
    assert {name for name, field in fields.items() if field.is_required} == {"LastName", "Company"}
    assert "ShopBotly_Id__c" not in fields
    assert provider.check().words == "Connected to Salesforce; its Lead has 13 fields."


def test_a_person_is_forgotten(sandbox, provider):
    provider.upsert([contact("anna")])
    assert provider.erase(contact("anna")).kind == provider.erase(contact("anna")).kind == "delivered"
    assert leads(sandbox) == []


def signed_in(sandbox, sign_in, secret, **settings):
    credential = CredentialFactory.build(
        provider="salesforce",
        host="127.0.0.1",
        sign_in=sign_in,
        settings={
            "client_id": "sandbox-client",
            "token_url": f"{sandbox.salesforce_url}/services/oauth2/token",
            **settings,
        },
    )
    credentials.seal(credential, secret)
    credential.save()
    return ConnectorFactory(provider="salesforce", base_url=sandbox.salesforce_url, credential=credential)


def test_a_client_id_and_secret_sign_in(sandbox):
    connector = signed_in(sandbox, "client_credentials", {"client_secret": "sandbox-secret"})
    assert provider_of(connector).check().ok


def test_a_private_key_signs_in(sandbox):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    secret = {"private_key": key.private_bytes(*form).decode()}
    connector = signed_in(sandbox, "jwt_bearer", secret, subject="bot@example.com")
    assert provider_of(connector).check().ok


def test_a_session_that_has_ended_is_renewed_on_the_401(sandbox):
    connector = signed_in(sandbox, "client_credentials", {"client_secret": "sandbox-secret"})
    assert provider_of(connector).check().ok
    sandbox.ask("POST", "/_reset")  # forgets every token it gave out
    fresh = Connector.objects.select_related("credential").get(pk=connector.pk)
    assert provider_of(fresh).check().ok


def test_tokens_for_another_host_are_not_taken(sandbox):
    connector = signed_in(sandbox, "client_credentials", {"client_secret": "sandbox-secret"})
    answer = '{"access_token": "token-1", "instance_url": "https://acme.my.salesforce.com"}'
    sandbox.fault(vendor="salesforce", path="/services/oauth2/token", status=200, body=answer)
    with pytest.raises(errors.Misconfigured, match=r"for acme\.my\.salesforce\.com, not for 127\.0\.0\.1"):
        renewed(connector.credential, stale="")
    assert Credential.objects.get().tokens == ""
    assert oauth.token_url(connector.credential).endswith("/services/oauth2/token")


@pytest.mark.django_db(transaction=True)
@pytest.mark.db
def test_a_lead_with_an_address_alone_arrives_with_what_salesforce_requires(sandbox, connector):
    lead = LeadFactory(email="anna@example.com", phone="", first_name="", last_name="", company="")
    DeliveryFactory(connector=connector, subject_id=lead.pk)
    drain(connector.pk)
    assert Delivery.objects.get().state == "delivered"
    [row] = leads(sandbox)
    assert (row["LastName"], row["Company"]) == ("anna@example.com", "[not provided]")
    assert row["ShopBotly_Id__c"] == str(lead.pk)
