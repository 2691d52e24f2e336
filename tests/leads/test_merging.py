"""Two leads become one, and nothing that either of them said is lost."""

import json

import pytest
from django.contrib.auth.models import Permission
from django.test import Client as Browser
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from gateway.models import IdempotentResult
from integrations.models import Delivery
from leads import merging
from leads.capture import lead_capture
from leads.models import Activity, Consent, Lead
from leads.services import ConsentGiven, LeadData
from leads.standing import deliveries_of
from leads.subjects import load
from tests.factories import ClientFactory, ConnectorFactory, UserFactory

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=12)
SIDE = st.fixed_dictionaries(
    {
        "first_name": TEXT,
        "company": TEXT,
        "phone": st.sampled_from(["", "+4930901820", "+4930901821"]),
        "message": TEXT,
        "attributes": st.dictionaries(st.sampled_from(["a", "b", "c"]), TEXT | st.integers(), max_size=3),
        "source": st.dictionaries(st.sampled_from(["channel", "page_url"]), TEXT, max_size=2),
        "wording": TEXT,
        "reference": st.booleans(),
    }
)


def captured(client, email, side):
    given_ = [ConsentGiven("news", granted=True, wording=side["wording"], version="1")]
    values = {name: side[name] for name in ("first_name", "company", "phone", "message", "attributes", "source")}
    reference = f"ref-{email}" if side["reference"] else ""
    return lead_capture(client=client, data=LeadData(email=email, reference=reference, consent=given_, **values)).lead


def known_of(lead) -> str:
    """Return everything that is known of a lead."""
    parts = [
        [lead.email, lead.phone, lead.first_name, lead.company, lead.attributes, lead.source],
        list(lead.activities.values_list("message", "changes", "source")),
        list(lead.consents.values_list("wording", flat=True)),
        list(lead.references.values_list("value", flat=True)),
    ]
    return json.dumps(parts, ensure_ascii=False, default=str)


def said_by(side, email):
    yield email
    yield from filter(None, (side["first_name"], side["company"], side["phone"], side["message"], side["wording"]))
    yield from (*side["attributes"].values(), *side["source"].values())
    if side["reference"]:
        yield f"ref-{email}"


class TestNothingIsLost(TestCase):
    @given(SIDE, SIDE, st.sets(st.sampled_from(["email", *merging.FIELDS, "attributes.a", "attributes.b"])))
    @settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
    def test_merge_keeps_every_value(self, one, two, theirs):
        client = ClientFactory()
        kept, lost = captured(client, "a@example.com", one), captured(client, "b@example.com", two)
        merged = merging.lead_merge(kept=kept, lost=lost, theirs=sorted(theirs))
        merged.refresh_from_db()
        known = known_of(merged)
        for email, side in (("a@example.com", one), ("b@example.com", two)):
            for value in said_by(side, email):
                assert json.dumps(value, ensure_ascii=False) in known
        assert not Lead.objects.filter(pk=lost.pk).exists()
        assert merged.created_at <= merged.updated_at
        revisions = list(merged.activities.values_list("revision", flat=True))
        assert len(set(revisions)) == len(revisions)


@pytest.fixture
def client_row(db):
    return ClientFactory()


def lead(client_row, email, **values):
    return lead_capture(client=client_row, data=LeadData(email=email, **values)).lead


@pytest.mark.db
class TestWhatHangsOnThem:
    def test_deliveries_move_and_the_merged_lead_is_sent(self, client_row):
        both, one = ConnectorFactory(name="Both"), ConnectorFactory(name="One")
        kept, lost = lead(client_row, "a@example.com"), lead(client_row, "b@example.com", message="Hello?")
        Delivery.objects.filter(subject_id=kept.pk, connector=both).update(state="delivered", external_id="k")
        Delivery.objects.filter(subject_id=lost.pk).update(state="delivered", external_id="l", revision=1)
        Delivery.objects.filter(subject_id=kept.pk, connector=one).delete()
        merged = merging.lead_merge(kept=kept, lost=lost)
        assert not Delivery.objects.filter(subject_id=lost.pk).exists()
        standing = {(row.connector.name, row.state) for row in deliveries_of(merged.pk)}
        assert standing == {("Both", "waiting"), ("One", "waiting")}
        delivered = Delivery.objects.filter(state="delivered").values_list("connector__name", "external_id")
        assert set(delivered) == {("Both", "k"), ("One", "l")}

    def test_what_the_other_asked_is_told_where_it_was_not(self, client_row):
        kept, lost = (
            lead(client_row, "a@example.com", message="One?"),
            lead(client_row, "b@example.com", message="Two?"),
        )
        told = kept.revision
        merged = merging.lead_merge(kept=kept, lost=lost)
        enquiries = load({merged.pk: told})[merged.pk].contact.enquiries
        assert [enquiry.message for enquiry in enquiries] == ["Two?"]

    def test_the_newest_consent_of_both_is_in_force(self, client_row):
        kept, lost = lead(client_row, "a@example.com"), lead(client_row, "b@example.com")
        Consent.objects.create(lead=kept, purpose="news", granted=True)
        Consent.objects.create(lead=lost, purpose="news", granted=False)
        merged = merging.lead_merge(kept=kept, lost=lost)
        assert load({merged.pk: 0})[merged.pk].contact.consents == {"news": False}

    def test_a_request_that_is_repeated_finds_the_lead_that_stayed(self, client_row):
        kept, lost = lead(client_row, "a@example.com"), lead(client_row, "b@example.com")
        result = IdempotentResult.objects.create(
            client=client_row, route="leads", key="k", fingerprint="f", status=201, result={"lead": str(lost.pk)}
        )
        merging.lead_merge(kept=kept, lost=lost)
        result.refresh_from_db()
        assert result.result == {"lead": str(kept.pk)}

    def test_who_an_identifier_pointed_at_is_offered(self, client_row):
        known = lead_capture(client=client_row, data=LeadData(reference="42", email="a@example.com")).lead
        other = lead(client_row, "b@example.com")
        lead_capture(client=client_row, data=LeadData(reference="42", email="b@example.com"))
        known.refresh_from_db()
        assert known.possible_duplicate
        assert merging.candidates(known) == [other]


class TestPages:
    def browser(self, *rights):
        person = UserFactory(username=f"ana{len(rights)}", is_superuser=not rights)
        person.user_permissions.set(Permission.objects.filter(codename__in=rights))
        found = Browser()
        found.force_login(person)
        return found

    def test_two_are_compared_and_made_one(self, client_row):
        kept = lead(client_row, "a@example.com", first_name="Anna", company="Old", phone="+4930901820")
        other = lead(client_row, "b@example.com", first_name="Ann", company="New", phone="+4930901820")
        admin, where = self.browser(), reverse("admin:leads_lead_merge", args=(kept.pk,))
        assert str(other.pk) in admin.get(where).content.decode(), "it shares the phone number"
        page = admin.get(where, {"with": str(other.pk)}).content.decode()
        assert "Old" in page
        assert "New" in page
        assert admin.post(f"{where}?with={other.pk}", {"theirs": ["company"]}).status_code == 302
        kept.refresh_from_db()
        assert (kept.first_name, kept.company) == ("Anna", "New")
        activity = Activity.objects.get(kind="merged")
        assert activity.changes["company"] == ["Old", "New"]
        assert activity.changes["first_name"] == ["Ann", "Anna"]
        assert activity.said_by == "ana0"

    def test_nobody_is_merged_with_themselves_or_with_nobody(self, client_row):
        kept = lead(client_row, "a@example.com")
        where = reverse("admin:leads_lead_merge", args=(kept.pk,))
        admin = self.browser()
        for with_ in (str(kept.pk), "nonsense", "01920000-0000-7000-8000-000000000000"):
            assert admin.post(f"{where}?with={with_}").status_code == 200
        assert Lead.objects.count() == 1

    def test_it_needs_the_right_to_change(self, client_row):
        kept = lead(client_row, "a@example.com")
        assert self.browser("view_lead").get(reverse("admin:leads_lead_merge", args=(kept.pk,))).status_code == 403
