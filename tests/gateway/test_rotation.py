"""A key takes another's place without a gap; who still uses the old one is seen."""

from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.test import override_settings

from gateway import services
from gateway.models import Client, Key, KeyUse
from runtime import clock
from tests.gateway.test_problems import assert_problem

pytestmark = pytest.mark.db

WEEK = timedelta(days=7)


def test_both_keys_work_until_the_deadline_and_then_the_new_one_alone(call, key):
    new, text = services.key_rotate(key=key[0], overlap=WEEK)
    assert call("/v1/notes").status_code == call("/v1/notes", secret=text).status_code == 200
    clock.offset = WEEK - timedelta(seconds=5)
    assert call("/v1/notes").status_code == 200
    clock.offset = WEEK + timedelta(seconds=1)
    assert_problem(call("/v1/notes"), 401, "key_expired")
    assert call("/v1/notes", secret=text).status_code == 200
    assert Key.objects.get(pk=key[0].pk).replaced_by == new


def test_a_key_that_is_kept_in_memory_ends_on_time_too(call, key):
    with override_settings(KEY_CACHE_SECONDS=60.0):
        services.key_rotate(key=key[0], overlap=WEEK)
        assert call("/v1/notes").status_code == 200
        clock.offset = WEEK + timedelta(seconds=1)
        assert_problem(call("/v1/notes"), 401, "key_expired")


def test_without_overlap_the_old_key_ends_at_once(call, key):
    with override_settings(KEY_CACHE_SECONDS=60.0):
        assert call("/v1/notes").status_code == 200
        services.key_rotate(key=key[0], overlap=timedelta(0))
        assert_problem(call("/v1/notes"), 401, "key_expired")


def test_the_new_key_is_of_the_same_kind_and_lives_a_quarter(bot):
    old, _ = services.key_create(client=bot, kind="publishable", name="Shop page", days=3, rate_per_minute=7)
    new, text = services.key_rotate(key=old, overlap=timedelta(days=30))
    assert (new.kind, new.name, new.rate_per_minute) == ("publishable", "Shop page", 7)
    assert text.startswith("sb_pk_")
    assert timedelta(days=89) < new.expires_at - clock.db_now() <= timedelta(days=90)
    before = old.expires_at
    old.refresh_from_db()
    assert old.expires_at == before, "an overlap lengthens nothing"


def test_a_key_is_rotated_once_and_only_while_it_works(key):
    services.key_rotate(key=key[0], overlap=WEEK)
    with pytest.raises(services.CannotRotate, match="rotated before"):
        services.key_rotate(key=key[0], overlap=WEEK)
    services.key_revoke(key=key[0])
    with pytest.raises(services.CannotRotate, match="has ended"):
        services.key_rotate(key=key[0], overlap=WEEK)


def test_from_where_a_key_is_used_is_noted(call, key):
    for address in ("127.0.0.1", "127.0.0.2", "127.0.0.1"):
        call("/v1/notes", REMOTE_ADDR=address)
    assert sorted(KeyUse.objects.values_list("key", "address")) == [
        (key[0].pk, "127.0.0.1"),
        (key[0].pk, "127.0.0.2"),
    ]


def test_who_still_tries_an_ended_key_is_noted(call, key):
    services.key_revoke(key=key[0])
    assert_problem(call("/v1/notes"), 401, "key_revoked")
    assert KeyUse.objects.get().address == "127.0.0.1"


def test_visitors_addresses_are_not_noted(call, bot):
    Client.objects.filter(pk=bot.pk).update(origins=["https://shop.example"])
    published, text = services.key_create(client=bot, kind="publishable")
    call("/v1/notes", {"email": "a@example.com"}, secret=text, HTTP_ORIGIN="https://shop.example")
    assert not KeyUse.objects.exists()
    published.refresh_from_db()
    assert published.last_used_at is not None


def test_a_use_costs_nothing_more_within_a_minute(call, key, django_assert_num_queries):
    call("/v1/notes")
    with django_assert_num_queries(2):  # the key, and the request log
        call("/v1/notes")


def test_a_use_is_noted_again_after_a_minute(call, key, monkeypatch):
    from gateway import uses

    call("/v1/notes")
    first = KeyUse.objects.get().last_at
    uses._noted.clear()  # as another process, or a minute later
    clock.offset = timedelta(minutes=2)
    call("/v1/notes")
    use = KeyUse.objects.get()
    assert use.last_at - first >= timedelta(minutes=2)
    assert use.first_at == first


def test_addresses_are_forgotten_after_a_month(call, key):
    from gateway import uses

    call("/v1/notes")
    assert uses.prune_uses() == 0
    clock.offset = timedelta(days=uses.KEPT_DAYS, hours=1)
    assert uses.prune_uses() == 1


def test_a_new_oauth_secret_takes_the_place_of_the_old(client, bot):
    def fetch(secret):
        form = {"grant_type": "client_credentials", "client_id": bot.client_id, "client_secret": secret}
        return client.post("/oauth/token", form).status_code

    first, second = services.client_secret_renew(client=bot), services.client_secret_renew(client=bot)
    assert (fetch(first), fetch(second)) == (401, 200)


def test_a_key_whose_time_is_over_is_revoked_on_its_day_and_the_audit_trail_says_so(call, key, bot):
    services.key_create(client=bot, name="lives on")
    assert services.keys_end() == 0
    Key.objects.filter(pk=key[0].pk).update(expires_at=clock.db_now() - timedelta(minutes=1))
    assert_problem(call("/v1/notes"), 401, "key_expired")
    assert services.keys_end() == 1
    ended = Key.objects.get(pk=key[0].pk)
    assert ended.revoked_at == ended.expires_at
    assert list(Key.objects.filter(revoked_at=None).values_list("name", flat=True)) == ["lives on"]
    assert_problem(call("/v1/notes"), 401, "key_expired")
    entry = LogEntry.objects.get(object_pk=str(ended.pk))
    assert (entry.actor, entry.additional_data) == (None, {"did": "Ended on its day."})
    assert services.keys_end() == 0
