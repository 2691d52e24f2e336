"""The address that takes vendors' own webhooks: proved before anything is read, stored once, answered in their way."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from gateway.models import RequestLog
from integrations.providers.facts import VendorEvent
from integrations.providers.registry import provider_class
from runtime import clock, events, secrets
from runtime.models import Event
from tests.factories import ConnectorFactory, CredentialFactory
from tests.integrations.providers.signing import NOW, captured, signs
from webhooks import jobs, sources, told
from webhooks.models import InboundEvent, Source

pytestmark = pytest.mark.django_db

SECRET = "app-secret-5d41402abc4b2a76"


def connected(provider="hubspot", secret=SECRET, **values):
    """A connector whose vendor may send: its source and the token of its address."""
    connector = ConnectorFactory(provider=provider, **values)
    source = sources.source_for(connector)
    if secret:
        sources.secret_set(source=source, secret=secret)
    return source, sources.address_make(source=source)


def hubspot(token, body, *, secret=SECRET, at=None, url=None, **headers):
    """Send as HubSpot does."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    stamp = str(int((at or clock.db_now()).timestamp() * 1000))
    address = url or f"http://testserver/v1/webhooks/in/{token}"
    mac = hmac.new(secret.encode(), f"POST{address}".encode() + raw + stamp.encode(), hashlib.sha256).digest()
    headers.setdefault("HTTP_X_HUBSPOT_SIGNATURE_V3", base64.b64encode(mac).decode())
    headers.setdefault("HTTP_X_HUBSPOT_REQUEST_TIMESTAMP", stamp)
    return post(token, raw, **headers)


def post(token, raw, **headers):
    headers.setdefault("content_type", "application/json")
    return APIClient().generic("POST", f"/v1/webhooks/in/{token}", raw, **headers)


def changed(number=1, **values):
    return {
        "eventId": number,
        "subscriptionId": 7,
        "subscriptionType": "contact.propertyChange",
        "objectId": 100 + number,
        "occurredAt": 1795426200123,
        "propertyName": "city",
        "propertyValue": "Bonn",
        **values,
    }


def process():
    for row in InboundEvent.objects.order_by("pk"):
        jobs.run(str(row.pk))


@pytest.mark.db
def test_what_a_vendor_tells_becomes_domain_events():
    source, token = connected()

    answer = hubspot(token, [changed(), changed(2, propertyName="hs_email_optout", propertyValue="true")])

    assert (answer.status_code, answer.content) == (202, b"")
    process()
    assert list(InboundEvent.objects.values_list("state", flat=True)) == ["processed", "processed"]
    found = {event.type: event for event in Event.objects.all()}
    assert found.keys() == {"contact.changed", "contact.unsubscribed"}
    left = found["contact.unsubscribed"]
    assert left.subject == "contact:102"
    assert left.data == {
        "source": source.connector.name,
        "connector": str(source.connector.pk),
        "record_id": "102",
        "purpose": "email_marketing",
        "occurred_at": datetime.fromtimestamp(1795426200.123, UTC).isoformat(),
    }


def test_only_what_was_understood_is_kept_of_it():
    _, token = connected()
    hubspot(token, [changed(propertyName="email", propertyValue="anna@example.com")])
    assert "anna" not in InboundEvent.objects.get().body


@pytest.mark.db
def test_a_hundred_events_in_one_request_are_a_hundred_events():
    _, token = connected()
    assert hubspot(token, [changed(number) for number in range(100)]).status_code == 202
    assert InboundEvent.objects.count() == 100
    process()
    assert Event.objects.count() == 100


@pytest.mark.db
def test_what_comes_again_is_stored_once_also_beside_something_new():
    _, token = connected()
    hubspot(token, [changed(1), changed(1), changed(2)])
    hubspot(token, [changed(2), changed(3)])
    hubspot(token, [changed(1), changed(2), changed(3)])

    assert list(InboundEvent.objects.order_by("pk").values_list("times_received", flat=True)) == [2, 3, 2]
    process()
    assert Event.objects.count() == 3


FORGED = {
    "another secret": {"secret": "app-secret-of-somebody"},
    "no signature": {"HTTP_X_HUBSPOT_SIGNATURE_V3": ""},
    "another address": {"url": "http://testserver/v1/webhooks/in/whin_other"},
    "the time taken away": {"HTTP_X_HUBSPOT_REQUEST_TIMESTAMP": ""},
}


@pytest.mark.parametrize("how", FORGED.values(), ids=list(FORGED))
def test_what_is_not_proved_is_refused_counted_and_not_kept(how):
    source, token = connected()

    answer = hubspot(token, [changed()], **how)

    assert (answer.status_code, answer.json()["code"]) == (401, "bad_signature")
    source.refresh_from_db()
    assert (source.refused, source.refused_because, source.heard_at) == (1, "bad_signature", None)
    assert source.refused_at is not None
    assert not InboundEvent.objects.exists()


def test_a_recorded_message_is_refused_once_it_is_old():
    source, token = connected()
    assert hubspot(token, [changed()], at=clock.db_now() - timedelta(seconds=301)).status_code == 401
    source.refresh_from_db()
    assert source.refused_because == "too_old"


def test_a_changed_body_is_refused():
    _, token = connected()
    raw = json.dumps([changed()]).encode()
    signed = hmac.new(SECRET.encode(), raw, hashlib.sha256).digest()
    answer = hubspot(token, raw + b" ", HTTP_X_HUBSPOT_SIGNATURE_V3=base64.b64encode(signed).decode())
    assert answer.status_code == 401


def test_without_a_secret_nothing_is_taken_and_it_says_so():
    source, token = connected(secret="")
    assert hubspot(token, [changed()], secret="").status_code == 401
    source.refresh_from_db()
    assert source.refused_because == "no_secret"


def test_the_secret_of_the_app_we_sign_in_as_serves_where_a_vendor_signs_with_it():
    sealed = secrets.seal({"client_secret": "of the app"})
    credential = CredentialFactory(sign_in="authorization_code", sealed=sealed)
    _, token = connected(secret="", credential=credential)
    assert hubspot(token, [changed()], secret="of the app").status_code == 202
    assert hubspot(token, [changed()], secret="pat-sandbox-hubspot").status_code == 401


def test_an_access_key_is_no_secret_to_sign_with():
    _, token = connected(secret="")  # its credential holds a key
    assert hubspot(token, [changed()], secret="pat-sandbox-hubspot").status_code == 401


def test_two_connectors_of_one_vendor_don_t_answer_for_each_other():
    one, mine = connected(name="Berlin")
    other, theirs = connected(name="Bonn", secret="another")

    assert hubspot(mine, [changed()]).status_code == 202
    assert hubspot(theirs, [changed()]).status_code == 401
    assert hubspot(theirs, [changed()], secret="another").status_code == 202

    process()
    assert {event.data["source"] for event in Event.objects.all()} == {"Berlin", "Bonn"}
    assert InboundEvent.objects.filter(source=one).count() == InboundEvent.objects.filter(source=other).count() == 1


def test_the_address_that_was_signed_is_the_one_the_sender_wrote(settings):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    _, token = connected()
    signed = f"https://bots.example.com/v1/webhooks/in/{token}"
    forwarded = {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_HOST": "bots.example.com"}

    assert hubspot(token, [changed()], url=signed, REMOTE_ADDR="10.1.2.3", **forwarded).status_code == 202
    # What somebody says who is no proxy of ours counts for nothing, neither the scheme nor the host.
    plain = signed.replace("https:", "http:")
    for url in (signed, plain):
        assert hubspot(token, [changed()], url=url, REMOTE_ADDR="192.0.2.1", **forwarded).status_code == 401


def test_a_query_string_is_part_of_the_signed_address():
    _, token = connected()
    raw, stamp = json.dumps([changed()]).encode(), str(int(clock.db_now().timestamp() * 1000))
    url = f"http://testserver/v1/webhooks/in/{token}?shop=b%C3%BCro&x=1"
    mac = hmac.new(SECRET.encode(), f"POST{url}".encode() + raw + stamp.encode(), hashlib.sha256).digest()
    headers = {
        "HTTP_X_HUBSPOT_SIGNATURE_V3": base64.b64encode(mac).decode(),
        "HTTP_X_HUBSPOT_REQUEST_TIMESTAMP": stamp,
    }
    path = url.removeprefix("http://testserver")
    answer = APIClient().generic("POST", path, raw, content_type="application/json", **headers)
    assert answer.status_code == 202


@pytest.mark.db
def test_what_was_replaced_works_for_seven_days(later):
    source, old = connected(secret="first")
    new = sources.address_make(source=source)
    sources.secret_set(source=source, secret="second")

    for token in (old, new):
        for secret in ("first", "second"):
            assert hubspot(token, [changed()], secret=secret).status_code == 202
    later(days=8)
    assert hubspot(old, [changed()], secret="second").status_code == 404
    assert hubspot(new, [changed()], secret="first").status_code == 401
    assert hubspot(new, [changed()], secret="second").status_code == 202


def test_what_was_replaced_can_be_ended_at_once():
    source, old = connected(secret="first")
    new = sources.address_make(source=source)
    sources.secret_set(source=source, secret="second")
    sources.overlap_end(source=source)

    assert hubspot(old, [changed()], secret="second").status_code == 404
    assert hubspot(new, [changed()], secret="first").status_code == 401
    assert hubspot(new, [changed()], secret="second").status_code == 202


@pytest.mark.parametrize("row", ["source", "connector"])
def test_switched_off_the_address_is_not_there(row):
    source, token = connected()
    what = source if row == "source" else source.connector
    what.is_active = False
    what.save()
    assert hubspot(token, [changed()]).status_code == 404


def test_only_the_networks_that_may_send_may():
    source, token = connected()
    source.networks = ["203.0.113.0/24"]
    source.save()
    assert hubspot(token, [changed()], REMOTE_ADDR="203.0.113.9").status_code == 202
    assert hubspot(token, [changed(2)], REMOTE_ADDR="198.51.100.1").status_code == 401
    source.refresh_from_db()
    assert source.refused_because == "foreign_address"


def test_what_is_proved_and_not_understood_waits_for_a_person_without_what_is_personal():
    _, token = connected()
    raw = b'{"email": "anna@example.com", "token": "xoxb-12345678901234567890", "new": "format"}'
    for _ in range(2):
        assert hubspot(token, raw).status_code == 202
    row = InboundEvent.objects.get()
    assert (row.state, row.times_received) == ("needs_you", 2)
    assert row.reason == "The message is no list of up to 100 events."
    assert "anna@example.com" not in row.body
    assert "xoxb" not in row.body
    from webhooks.services import inbound_event_send_again

    inbound_event_send_again(event=row)
    process()
    row.refresh_from_db()
    assert row.state == "needs_you"
    assert not Event.objects.exists()


def test_shopify_is_answered_and_read_by_its_own_rules():
    _, token = connected("shopify")
    raw = json.dumps({"name": "#1001", "admin_graphql_api_id": "gid://1", "fulfillments": []}).encode()
    mac = base64.b64encode(hmac.new(SECRET.encode(), raw, hashlib.sha256).digest()).decode()
    headers = {"HTTP_X_SHOPIFY_TOPIC": "orders/fulfilled", "HTTP_X_SHOPIFY_HMAC_SHA256": mac}
    answer = post(token, raw, HTTP_X_SHOPIFY_WEBHOOK_ID="b-1", **headers)
    assert answer.status_code == provider_class("shopify").acknowledgement.status
    process()
    event = Event.objects.get()
    assert (event.type, event.subject, event.data["order_number"]) == ("order.shipped", "order:1001", "1001")


@pytest.mark.db
def test_mailchimp_looks_first_and_proves_itself_by_the_address():
    source, token = connected("mailchimp", secret="", config={"list_id": "3f2a91bc07"})
    assert APIClient().get(f"/v1/webhooks/in/{token}").status_code == 200
    assert not InboundEvent.objects.exists()
    raw = dict(captured("mailchimp"))["unsubscribe"]

    for _ in range(2):
        assert post(token, raw, content_type="application/x-www-form-urlencoded").status_code == 200
    process()

    assert InboundEvent.objects.get().times_received == 2
    assert Event.objects.get().type == "contact.unsubscribed"
    assert post(str(token)[:-1] + "0", raw).status_code == 404
    source.refresh_from_db()
    assert source.refused == 0


def test_salesforce_is_answered_as_it_waits_for_and_known_by_its_organisation():
    source, token = connected("salesforce", secret="", config={"organisation": "00D5g000004K3vq"})
    [(_, raw)] = captured("salesforce")
    answer = post(token, raw, content_type="text/xml; charset=utf-8")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/xml; charset=utf-8")
    assert b"<Ack>true</Ack>" in answer.content
    assert InboundEvent.objects.count() == 3

    other = raw.replace(b"00D5g000004K3vqEAC", b"00D000000000000EAA")
    assert post(token, other, content_type="text/xml").status_code == 401
    source.refresh_from_db()
    assert source.refused_because == "foreign_account"
    assert InboundEvent.objects.count() == 3


@pytest.mark.parametrize("key", ["brevo", "klaviyo"])
def test_a_secret_of_ours_proves_who_was_given_it(key):
    source, token = connected(key, secret="")
    made_up = str(sources.secret_set(source=source))
    event, raw = captured(key)[0]
    sign = signs(key)

    def send(secret):
        headers = sign(raw, secret, event).headers
        return post(token, raw, **{f"HTTP_{name.upper().replace('-', '_')}": text for name, text in headers.items()})

    clock.offset = NOW - clock.db_now()
    try:
        assert send(made_up).status_code == 202
        assert send(made_up + "x").status_code == 401
    finally:
        clock.offset = timedelta(0)


def test_an_address_that_is_not_probed_takes_no_get():
    _, token = connected()
    assert APIClient().get(f"/v1/webhooks/in/{token}").status_code == 405
    assert APIClient().get("/v1/webhooks/in/whin_none").status_code == 404


def test_a_shop_that_tries_the_address_is_answered_and_tells_nothing():
    source, token = connected("woocommerce")
    form = "application/x-www-form-urlencoded"
    assert post(token, b"webhook_id=7", content_type=form).status_code == 200
    assert post(token, b"webhook_id=7&id=5", content_type=form).status_code == 401
    source.refresh_from_db()
    assert (source.heard_at, source.refused, InboundEvent.objects.count()) == (None, 1, 0)


@pytest.mark.db
def test_what_no_database_takes_is_replaced_and_what_is_too_long_is_cut():
    source, _ = connected()
    data = {"order_number": "1\x00\ud800", "sku": "x" * 900, "unknown": "y"}
    event = VendorEvent("order.shipped", "order:" + "9" * 300, "id\n" * 60, data=data)
    assert told.events_keep(source=source, events=[event, VendorEvent("no.such", "order:1", "2")]) == 1
    process()
    published = Event.objects.get()
    assert published.data["order_number"] == "1\ufffd\ufffd"
    assert (len(published.subject), len(published.data["sku"])) == (128, 254)
    assert "unknown" not in published.data


@pytest.mark.db
def test_a_worker_that_dies_between_answer_and_event_loses_nothing(monkeypatch, later):
    _, token = connected()
    hubspot(token, [changed()])

    class Killed(BaseException):
        pass

    def dies(*args, **kwargs):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(InboundEvent.objects.all().__class__, "settle", dies)
        with pytest.raises(Killed):
            process()
    assert not Event.objects.exists(), "published and settled together, or not at all"
    assert InboundEvent.objects.get().state == "running"
    later(minutes=2)
    assert jobs.look(clock.db_now(), 10).due == [str(InboundEvent.objects.get().pk)]
    process()
    assert Event.objects.count() == 1


def test_secrets_are_sealed_and_the_address_is_in_no_log(settings):
    _, token = connected()
    hubspot(token, [changed()])
    hubspot(token, [changed()], secret="wrong")
    kept = json.dumps([list(rows.values()) for rows in (Source.objects, RequestLog.objects)], default=str)
    assert SECRET not in kept
    assert str(token) not in kept


def test_what_is_heard_is_noted_at_most_every_few_seconds(later, django_assert_num_queries):
    source, token = connected()
    hubspot(token, [changed()])
    first = Source.objects.get(pk=source.pk).heard_at
    hubspot(token, [changed(2)])
    assert Source.objects.get(pk=source.pk).heard_at == first
    later(seconds=11)
    hubspot(token, [changed(3)])
    assert Source.objects.get(pk=source.pk).heard_at > first


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=300), signature=st.text(max_size=60), stamp=st.text(max_size=20))
def test_whatever_comes_without_proof_is_refused(raw, signature, stamp):
    source = Source.objects.filter(connector__provider="hubspot").first()
    if source is None:
        source, _ = connected()
    token = sources.address_make(source=source)
    header = {
        "HTTP_X_HUBSPOT_SIGNATURE_V3": signature.encode("utf-8", "replace").decode("latin-1"),
        "HTTP_X_HUBSPOT_REQUEST_TIMESTAMP": stamp.encode("utf-8", "replace").decode("latin-1"),
    }
    assert post(token, raw, **header).status_code == 401
    assert not InboundEvent.objects.exists()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(list(changed())), inner, max_size=6)
        ),
        max_leaves=20,
    )
)
def test_whatever_comes_with_proof_is_taken_without_an_error(body):
    source = Source.objects.filter(connector__provider="hubspot").first()
    if source is None:
        source, _ = connected()
    token = sources.address_make(source=source)
    assert hubspot(token, body).status_code == 202
    process()


def test_events_in_order_of_what_happened_each_once():
    """Out of order is the consumers' business: nothing here depends on it."""
    _, token = connected()
    hubspot(token, [changed(2, occurredAt=1795426300000)])
    hubspot(token, [changed(1, occurredAt=1795426100000)])
    process()
    assert Event.objects.count() == 2
    assert events.consumers_of("contact.changed")
