"""What every page of the admin says of keys that need somebody."""

from datetime import timedelta

import pytest
from django.urls import reverse

from gateway import people, roles
from runtime.clock import db_now
from tests.factories import ClientFactory, KeyFactory, UserFactory

pytestmark = pytest.mark.django_db

PAGES = [f"{name}_changelist" for name in ("leads_lead", "integrations_connector", "gateway_key", "integrations_sync")]
SIGN = "sb-about-keys"


def key(days=90, **values):
    return KeyFactory(client=ClientFactory(name="Website bot"), expires_at=db_now() + timedelta(days=days), **values)


def page(client, name):
    return client.get(reverse(f"admin:{name}"), follow=True).content.decode()


@pytest.mark.parametrize("name", PAGES)
def test_a_key_that_ends_soon_is_told_of_on_every_page_with_the_way_to_it(admin_client, name):
    row = key(days=5)
    text = page(admin_client, name)
    assert "A key of Website bot" in text
    assert "in 5 days" in text or "in 4 days" in text
    assert reverse("admin:gateway_key_change", args=(row.pk,)) in text


def test_an_exposed_key_comes_first(admin_client):
    key(days=5)
    row = key(exposed_at=db_now())
    text = page(admin_client, PAGES[0])
    assert "seen where others can read it" in text
    assert reverse("admin:gateway_key_change", args=(row.pk,)) in text


def test_several_lead_to_their_list(admin_client):
    rows = [key(days=days) for days in (3, 9)]
    text = page(admin_client, PAGES[0])
    assert "2 API keys are about to end" in text
    address = f"{reverse('admin:gateway_key_changelist')}?state=soon"
    assert address in text
    listed = admin_client.get(address).content.decode()
    assert all(reverse("admin:gateway_key_change", args=(row.pk,)) in listed for row in rows)


def test_nothing_is_said_where_nothing_is_to_be_done(admin_client):
    key(days=80)
    key(days=5, revoked_at=db_now())
    key(days=5, replaced_by=key(days=80))
    assert SIGN not in page(admin_client, PAGES[0])


def test_the_home_page_says_it_in_its_own_place(admin_client):
    key(days=5)
    assert SIGN not in page(admin_client, "index")


def test_who_may_not_see_to_it_is_not_told(client):
    key(days=5)
    person = UserFactory(is_staff=True)
    people.person_role_set(person=person, role=roles.ANALYST)
    client.force_login(person)
    assert SIGN not in page(client, PAGES[0])
