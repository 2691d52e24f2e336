"""Erasing a person, over all rooms: nothing that stood for them is found again, in no table and no file."""

import json
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection, models
from django.test import Client as Browser
from django.urls import reverse
from rest_framework.test import APIClient

from engine.models import Conversation, Turn
from gateway.models import RequestLog
from gateway.models import Session as VisitorSession
from gateway.services import key_create
from integrations.drain import drain
from integrations.models import Call, Delivery
from leads import erasures
from leads.capture import lead_capture
from leads.exports import jobs as exports
from leads.exports import services as exporting
from leads.models import Erasure, Lead, Tombstone
from leads.services import ConsentGiven, LeadData
from runtime import events, personal
from runtime.clock import db_now
from tests.factories import ClientFactory, ConnectorFactory, InboundEventFactory, LeadFactory, UserFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]

ROOMS = ("engine", "leads", "webhooks", "integrations", "gateway", "runtime")
EMAIL, OLD_EMAIL, PHONE, REFERENCE = "zora.quill@example.com", "zora.old@example.com", "+4930901820777", "crm-77-zora"
# Twelve ways in which a person can be recognised.
MARKS = (
    *(EMAIL, OLD_EMAIL, PHONE, REFERENCE, "Zorabella", "Quillington", "Quill & Sons", "wants nineteen green lamps"),
    *("budget-of-zora-4711", "https://shop.example/zora-page", "I, Zora, agree", "where is zora's parcel"),
)


@pytest.fixture
def client_row():
    return ClientFactory(name="Website bot")


@pytest.fixture
def crm(sandbox):
    return ConnectorFactory(base_url=f"{sandbox.url}/hubspot", name="CRM")


@pytest.fixture
def zora(client_row, crm, settings, tmp_path):
    """Somebody who has left traces everywhere."""
    settings.EXPORT_DIR = str(tmp_path / "exports")
    conversation = Conversation.objects.create(client=client_row, customer_reference=REFERENCE, slots={"email": EMAIL})
    Turn.objects.create(conversation=conversation, prompt="where is zora's parcel", state="no_match", answer=EMAIL)
    for email in (OLD_EMAIL, EMAIL):
        data = LeadData(
            email=email,
            phone=PHONE,
            reference=REFERENCE,
            first_name="Zorabella",
            last_name="Quillington",
            company="Quill & Sons",
            message="wants nineteen green lamps",
            source={"channel": "web", "page_url": "https://shop.example/zora-page"},
            attributes={"note": "budget-of-zora-4711"},
            conversation_id=conversation.pk,
            consent=[ConsentGiven("news", granted=True, wording="I, Zora, agree", version="1")],
        )
        lead = lead_capture(client=client_row, data=data).lead
    drain(crm.pk)
    told = {"request_body": json.dumps({"x": REFERENCE}), "response_body": f"hello {EMAIL}"}
    RequestLog.objects.create(
        request_id="r1", method="POST", route="/v1/leads", status=400, duration_ms=1, client=client_row, **told
    )
    VisitorSession.objects.create(
        client=client_row, digest="0" * 64, origin="https://shop.example", email=EMAIL, expires_at=db_now()
    )
    InboundEventFactory(body=json.dumps({"event": "ticket", "from": EMAIL}), type="ticket")
    events.publish("webhook.shop.ticket", "", {"body": {"from": EMAIL, "phone": PHONE}})
    person = UserFactory()
    export = exporting.export_create(
        person=person, shape={"format": "csv", "columns": ["email"], "filters": {"q": EMAIL}}
    )
    exports.write(str(export.pk))
    LogEntry.objects.create(user=person, object_id=str(lead.pk), object_repr="Zorabella Quillington", action_flag=2)
    return lead


def finish(erasure: Erasure, crm=None, later=None) -> Erasure:
    """Let the workers do what is due until the erasure ends."""
    for _ in range(6):
        erasures.run(str(erasure.pk))
        if crm:
            drain(crm.pk)
        erasure.refresh_from_db()
        if erasure.state == Erasure.State.DONE:
            break
        if later:
            later(minutes=11)
    return erasure


def everything_stored() -> str:
    """Return every text in every table."""
    texts = []
    for model in apps.get_models():
        names = [field.attname for field in model._meta.concrete_fields]
        texts += [repr(row) for row in model._base_manager.values_list(*names)]
    return "\n".join(texts)


def found_in(text: str) -> list[str]:
    return [mark for mark in MARKS if mark in text or json.dumps(mark)[1:-1] in text or mark.removeprefix("+") in text]


def test_no_table_knows_an_erased_person(zora, crm, sandbox, later):
    assert len(found_in(everything_stored())) == len(MARKS), "the test would find each of them"
    external = Delivery.objects.get(operation="upsert").external_id
    erasure = finish(erasures.erasure_start(lead=zora), crm, later)
    assert erasure.state == Erasure.State.DONE, erasure.reason
    assert erasure.sealed == ""
    stored = everything_stored()
    assert found_in(stored) == []
    assert sandbox.contacts() == []
    assert not Delivery.objects.filter(external_id=external).exists()
    assert [told["state"] for told in erasure.vendors] == ["delivered"]
    assert set(erasure.counts) >= {"lead", "activities", "consents", "references", "conversations", "exported files"}


def test_no_file_holds_an_erased_person(zora, crm, later, capfd, settings):
    """What was deleted must not stand in free space, in SQLite's log beside the database, in exports or in our log."""
    lead_capture(client=zora.client, data=LeadData(email=EMAIL, message="wants nineteen green lamps", company="Q"))
    finish(erasures.erasure_start(lead=zora), crm, later)
    said = capfd.readouterr()
    assert found_in(said.out + said.err) == []
    files = [path for path in Path(settings.EXPORT_DIR).rglob("*") if path.is_file()]
    if connection.vendor == "sqlite":
        database = Path(connection.settings_dict["NAME"])
        files += [path for path in database.parent.glob(f"{database.name}*") if path.is_file()]
        assert database in files
    for path in files:
        content = path.read_bytes()
        assert [mark for mark in MARKS if mark.encode() in content] == [], path.name


def test_it_goes_on_after_a_crash_and_counts_once(zora, crm, monkeypatch, later):
    erasure = erasures.erasure_start(lead=zora)
    assert not Lead.objects.exists(), "here the person is gone at once"
    [broken, *_] = [holding for holding in personal.holdings() if holding.table == "integrations.Call"]
    crash = personal.Holding(broken.table, broken.words, lambda who: 1 / 0)
    monkeypatch.setitem(personal._holdings, broken.table, crash)
    asked: list[str] = []
    for table, holding in personal._holdings.items():

        def forget(who, holding=holding):
            asked.append(holding.table)
            return holding.forget(who)

        if table != broken.table:
            monkeypatch.setitem(personal._holdings, table, personal.Holding(table, holding.words, forget))
    erasures.run(str(erasure.pk))
    erasure.refresh_from_db()
    assert (erasure.state, erasure.step) == (Erasure.State.WAITING, Erasure.Step.HERE)
    assert "engine.Conversation" in erasure.done
    counted = erasure.counts["conversations"]
    monkeypatch.setitem(personal._holdings, broken.table, broken)
    later(minutes=1)
    erasure = finish(erasure, crm, later)
    assert erasure.state == Erasure.State.DONE
    assert erasure.counts["conversations"] == counted
    assert len(asked) == len(set(asked)), "a table that has forgotten is not asked again"


def test_a_worker_that_was_killed_is_followed_by_another(zora, crm, later):
    erasure = erasures.erasure_start(lead=zora)
    [_held] = Erasure.objects.filter(pk=erasure.pk).claim()
    erasures.run(str(erasure.pk))
    assert Erasure.objects.get().done == [], "its holder may still be at it"
    later(minutes=2)
    assert finish(erasure, crm, later).state == Erasure.State.DONE


def test_a_system_that_cannot_be_told_stands_in_the_certificate(zora, crm, later):
    erp = ConnectorFactory(name="ERP", provider="woocommerce")
    Delivery.objects.create(connector=erp, subject_id=zora.pk, operation="upsert", state="delivered")
    erasure = finish(erasures.erasure_start(lead=zora), crm, later)
    assert erasure.by_hand == ["ERP"]
    assert any("ERP" in sentence and "by hand" in sentence for sentence in erasure.remains)
    assert any("Backups" in sentence for sentence in erasure.remains)


def test_a_system_that_refuses_is_waited_for_until_a_person_closes_it(zora, crm, later):
    erasure = erasures.erasure_start(lead=zora)
    Delivery.objects.filter(operation="erase").update(state="needs_you", reason="refused")
    erasures.run(str(erasure.pk))
    erasure.refresh_from_db()
    assert (erasure.state, erasure.step) == (Erasure.State.WAITING, Erasure.Step.ELSEWHERE)
    assert "needs you" in erasure.reason
    later(minutes=11)
    assert erasures.erasure_close(erasure=erasure)
    erasure.refresh_from_db()
    assert any("CRM: not erased there" in sentence for sentence in erasure.remains)


class TestNobodyIsBroughtBack:
    def test_by_the_same_request_sent_again(self, client_row, crm, later):
        _, key = key_create(client=client_row)
        api = APIClient(HTTP_AUTHORIZATION=f"Bearer {key}", REMOTE_ADDR="127.0.0.1")
        send = {"path": "/v1/leads", "data": {"email": EMAIL}, "format": "json", "headers": {"Idempotency-Key": "one"}}
        assert api.post(**send).status_code == 201
        finish(erasures.erasure_start(lead=Lead.objects.get()), crm, later)
        assert api.post(**send).status_code == 404
        assert not Lead.objects.exists()

    def test_by_a_delivery_that_is_tried_again(self, zora, crm, sandbox, later):
        erasure = erasures.erasure_start(lead=zora)
        Delivery.objects.create(connector=crm, subject_id=zora.pk, operation="upsert", state="waiting")
        finish(erasure, crm, later)
        drain(crm.pk)
        assert sandbox.contacts() == []

    def test_and_their_hashes_tell_an_import(self, zora, client_row):
        erasures.erasure_start(lead=zora)
        assert Tombstone.objects.count() == 3
        assert erasures.erased_at(email=EMAIL)
        assert erasures.erased_at(phone=PHONE)
        assert erasures.erased_at(client_id=client_row.pk, reference=REFERENCE)
        assert not erasures.erased_at(email="someone.else@example.com")
        assert EMAIL not in everything_of(Tombstone)

    def test_but_a_person_who_comes_again_is_a_new_lead(self, zora, client_row):
        erasures.erasure_start(lead=zora)
        again = lead_capture(client=client_row, data=LeadData(email=EMAIL))
        assert again.created
        assert again.lead.pk != zora.pk


def everything_of(model) -> str:
    return repr(list(model._base_manager.values_list()))


def test_others_keep_what_is_theirs(zora, crm, client_row, later):
    other = lead_capture(client=client_row, data=LeadData(email="ben@example.com", message="I know nobody")).lead
    kept = Conversation.objects.create(client=client_row)
    Turn.objects.create(conversation=kept, prompt="Do you ship?", state="answered")
    drain(crm.pk)
    finish(erasures.erasure_start(lead=zora), crm, later)
    assert Lead.objects.get() == other
    assert other.activities.get().message == "I know nobody"
    assert Conversation.objects.get() == kept
    assert Call.objects.exists()


class TestApi:
    def api(self, client_row, *scopes):
        client_row.scopes = ["leads:write", "leads:read", *scopes]
        client_row.save()
        _, key = key_create(client=client_row)
        return APIClient(HTTP_AUTHORIZATION=f"Bearer {key}", REMOTE_ADDR="127.0.0.1")

    def test_a_lead_is_erased_and_the_certificate_read(self, zora, client_row, crm, later):
        api = self.api(client_row, "leads:erase")
        answer = api.delete(f"/v1/leads/{zora.pk}")
        assert answer.status_code == 202
        assert api.get(f"/v1/leads/{zora.pk}").status_code == 404
        finish(Erasure.objects.get(), crm, later)
        told = api.get(f"/v1/erasures/{answer.json()['id']}").json()
        assert told["state"] == "done"
        assert told["connectors"][0]["connector"] == "CRM"
        assert told["remains"]

    def test_it_needs_its_scope_and_ones_own_lead(self, zora, client_row):
        assert self.api(client_row).delete(f"/v1/leads/{zora.pk}").status_code == 403
        api = self.api(client_row, "leads:erase")
        assert api.delete(f"/v1/leads/{LeadFactory().pk}").status_code == 404
        erasure = Erasure.objects.create(lead_id=zora.pk, captured_at=db_now(), client=ClientFactory())
        assert api.get(f"/v1/erasures/{erasure.pk}").status_code == 404


class TestPages:
    def browser(self, *rights):
        person = UserFactory(is_superuser=not rights)
        person.user_permissions.set(Permission.objects.filter(codename__in=rights))
        found = Browser()
        found.force_login(person)
        return found

    def test_it_is_asked_once_and_ends_on_the_certificate(self, zora, crm, later):
        admin, where = self.browser(), reverse("admin:leads_lead_erase", args=(zora.pk,))
        assert where in admin.get(reverse("admin:leads_lead_change", args=(zora.pk,))).content.decode()
        page = admin.get(where).content.decode()
        assert "can’t be undone" in page
        assert "CRM" in page
        answer = admin.post(where)
        assert not Lead.objects.exists()
        finish(Erasure.objects.get(), crm, later)
        certificate = admin.get(answer.headers["Location"]).content.decode()
        assert "Certificate of erasure" in certificate
        assert "Backups" in certificate
        assert found_in(certificate) == []
        assert found_in(everything_of(LogEntry)) == []

    def test_it_needs_the_right_to_delete(self, zora):
        editor, where = self.browser("view_lead", "change_lead"), reverse("admin:leads_lead_erase", args=(zora.pk,))
        assert editor.get(where).status_code == 403
        assert editor.post(where).status_code == 403
        assert where not in editor.get(reverse("admin:leads_lead_change", args=(zora.pk,))).content.decode()
        assert Lead.objects.exists()


def free_texts(model) -> list[str]:
    """Return the fields of a table that can hold what somebody wrote."""
    kinds = (models.TextField, models.JSONField, models.CharField, models.BinaryField)
    return [
        field.name
        for field in model._meta.concrete_fields
        if isinstance(field, kinds) and not field.choices and getattr(field, "max_length", None) not in range(1, 17)
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_every_table_with_free_text_knows_how_to_forget_or_why_it_need_not(room):
    own = [model for model in apps.get_app_config(room).get_models() if not model._meta.proxy]
    tables = [model._meta.label for model in own if free_texts(model)]
    unknown = [table for table in tables if not personal.is_known(table)]
    assert not unknown, (
        f"{', '.join(unknown)}: say in {room}/personal.py how the table forgets a person, or why it need not."
    )


def test_the_guard_sees_a_new_table():
    assert not personal.is_known("leads.Diary")
    assert "message" in free_texts(apps.get_model("leads.Activity"))
