from datetime import timedelta

import pytest
from django.contrib.auth.hashers import check_password
from django.core.exceptions import ValidationError

from gateway import keys, services
from gateway.models import IdempotentResult, Key
from runtime import clock

pytestmark = [pytest.mark.db, pytest.mark.django_db]


def test_a_client_is_told_its_secret_once():
    client, secret = services.client_create(name="Bot", origins=["https://shop.example"])
    client.refresh_from_db()
    assert check_password(secret, client.client_secret)
    assert repr(secret) == "***"


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": ["everything"]},
        {"networks": ["10.0.0.1/8"]},
        {"networks": ["home"]},
        {"origins": ["https://shop.example/"]},
        {"origins": ["shop.example"]},
        {"origins": ["*"]},
        {"origins": ["https://Shop.example"]},
        {"origins": ["http://[bad"]},
    ],
)
def test_a_client_is_not_made_with_what_means_nothing(wrong):
    with pytest.raises(ValidationError) as refused:
        services.client_create(name="Bot", **wrong)
    assert refused.value.message_dict.keys() == wrong.keys()


def test_a_key_is_stored_as_digest_and_lives_at_most_90_days():
    client = services.client_create(name="Bot")[0]
    key, text = services.key_create(client=client, kind="publishable", name="shop page")
    assert text not in str(vars(key))
    assert key.digest == keys.digest(text)
    assert key.expires_at - clock.db_now() <= timedelta(days=90)
    for days in (0, 91, -1):
        with pytest.raises(ValueError, match="90 days"):
            services.key_create(client=client, days=days)


def test_revoking_twice_keeps_the_first_time():
    key = services.key_create(client=services.client_create(name="Bot")[0])[0]
    first = services.key_revoke(key=key).revoked_at
    assert services.key_revoke(key=key).revoked_at == first
    assert Key.objects.get(pk=key.pk).revoked_at == first


def test_old_results_are_pruned():
    client = services.client_create(name="Bot")[0]
    for hours in (1, 23, 25, 100):
        at = clock.db_now() - timedelta(hours=hours)
        IdempotentResult.objects.create(
            client=client, route="leads", key=str(hours), fingerprint="", status=201, created_at=at
        )
    assert services.prune_idempotent_results() == 2
    assert set(IdempotentResult.objects.values_list("key", flat=True)) == {"1", "23"}
