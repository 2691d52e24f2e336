"""The card on a connector's page: the address for its vendor, the secret, what came and what was refused."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import ConnectorState
from integrations.providers.base import EventSource
from integrations.providers.registry import PROVIDERS, provider_class
from runtime import secrets
from tests.factories import ConnectorFactory, InboundEventFactory, UserFactory
from webhooks import sources
from webhooks.models import Source

pytestmark = pytest.mark.django_db

SECRET = "app-secret-5d41402abc4b2a76"
WITH_EVENTS = [key for key in sorted(PROVIDERS) if issubclass(provider_class(key), EventSource)]


def page_of(browser, connector) -> str:
    answer = browser.get(reverse("admin:integrations_connector_change", args=(connector.pk,)))
    assert answer.status_code == 200
    return answer.content.decode()


def make(browser, connector):
    return browser.post(reverse("admin:webhooks_source_make", args=(connector.pk,)))


def token_in(page: str) -> str:
    return re.search(r'id="source-address"[^>]*>http://testserver/v1/webhooks/in/([^<]+)<', page).group(1)


def viewer(*rights) -> Client:
    person = UserFactory(is_superuser=False)
    person.user_permissions.set(Permission.objects.filter(codename__in=rights))
    found = Client()
    found.force_login(person)
    return found


@pytest.mark.parametrize("key", WITH_EVENTS)
def test_each_vendor_that_tells_says_what_to_do_there(admin_browser, key):
    connector = ConnectorFactory(provider=key)
    assert "Make the address" in page_of(admin_browser, connector)

    shown = make(admin_browser, connector).content.decode()

    provider = provider_class(key)
    assert sources.source_of(token_in(shown)) == Source.objects.get(connector=connector)
    assert provider.event_steps
    for step in provider.event_steps:
        assert step.replace("’", "") in shown.replace("’", "").replace("&#x27;", "'")
    assert ('id="source-secret"' in shown) == (provider.proof == "ours")
    assert ("Enter the secret</a>" in shown) == (provider.proof in {"theirs", "client_secret"})
    assert not re.search("whin_|source-secret", page_of(admin_browser, connector)), "it is shown once"


def test_a_vendor_that_neither_tells_nor_can_be_asked_has_no_card(admin_browser):
    assert "vendor-events" not in page_of(admin_browser, ConnectorFactory(provider="rest"))


def test_a_vendor_that_is_asked_says_when_and_what_went_wrong(admin_browser):
    connector = ConnectorFactory(provider="woocommerce")
    page = page_of(admin_browser, connector)
    assert "is asked what has changed there, 1 minute after each answer" in page
    assert "as soon as possible" in page
    now = timezone.now()
    ConnectorState.objects.create(
        connector=connector,
        asked_at=now - timedelta(minutes=3),
        ask_due_at=now + timedelta(minutes=9),
        ask_trouble="Oh <b>.",
    )
    page = page_of(admin_browser, connector)
    for words in ("3 minutes ago", "in 8 minutes", "Oh &lt;b&gt;."):
        assert words in page
    source = sources.source_for(connector)
    where = reverse("admin:webhooks_source_change", args=(source.pk,))
    assert where in page_of(admin_browser, connector)
    assert "New address" not in admin_browser.get(where).content.decode()
    admin_browser.post(where, {"networks": ""})
    assert "it is not asked what has changed" in page_of(admin_browser, connector)
    make(admin_browser, connector)
    assert "is asked what has changed" not in page_of(admin_browser, connector), "it tells by itself"


def test_the_secret_is_entered_and_never_read_back(admin_browser):
    connector = ConnectorFactory(provider="shopify")
    make(admin_browser, connector)
    assert "Nothing is taken until the secret is entered" in page_of(admin_browser, connector)
    source = Source.objects.get()
    where = reverse("admin:webhooks_source_change", args=(source.pk,))
    assert "API secret key" in admin_browser.get(where).content.decode()

    answer = admin_browser.post(where, {"secret": f" {SECRET} ", "networks": "203.0.113.0/24", "is_active": "on"})

    assert answer.url == reverse("admin:integrations_connector_change", args=(connector.pk,))
    source.refresh_from_db()
    assert secrets.unseal(source.sealed)["secret"] == SECRET
    assert source.networks == ["203.0.113.0/24"]
    for text in (page_of(admin_browser, connector), admin_browser.get(where).content.decode()):
        assert SECRET not in text
        assert source.sealed not in text
    assert "Nothing is taken" not in page_of(admin_browser, connector)
    admin_browser.post(where, {"secret": "", "networks": "", "is_active": "on"})
    source.refresh_from_db()
    assert secrets.unseal(source.sealed)["secret"] == SECRET, "left empty it is kept"


@pytest.mark.parametrize("posted", [{"secret": "a\nb"}, {"networks": "nowhere"}])
def test_what_can_not_be_is_refused_in_words(admin_browser, posted):
    connector = ConnectorFactory(provider="shopify")
    make(admin_browser, connector)
    where = reverse("admin:webhooks_source_change", args=(Source.objects.get().pk,))
    answer = admin_browser.post(where, {"is_active": "on", **posted})
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors


def test_a_new_address_is_shown_once_and_the_old_one_can_be_ended(admin_browser):
    connector = ConnectorFactory(provider="hubspot")
    old = token_in(make(admin_browser, connector).content.decode())
    source = Source.objects.get()
    press = reverse("admin:webhooks_source_press", args=(source.pk, "new_address"))

    new = token_in(admin_browser.post(press).content.decode())

    assert old != new
    assert sources.source_of(old) == sources.source_of(new) == source
    assert "what was replaced still works" in page_of(admin_browser, connector)
    admin_browser.post(reverse("admin:webhooks_source_press", args=(source.pk, "end_overlap")))
    assert sources.source_of(old) is None
    assert sources.source_of(new) == source
    assert "what was replaced" not in page_of(admin_browser, connector)
    logged = " ".join(LogEntry.objects.values_list("change_message", flat=True))
    assert "New address" in logged
    assert "whin_" not in logged


def test_made_twice_it_stays_the_same(admin_browser):
    connector = ConnectorFactory(provider="hubspot")
    make(admin_browser, connector)
    before = Source.objects.get().token_digest
    assert make(admin_browser, connector).status_code == 302
    assert Source.objects.get().token_digest == before


def test_what_was_refused_is_said_in_words_until_something_is_taken(admin_browser):
    connector = ConnectorFactory(provider="shopify")
    source = sources.source_for(connector)
    sources.address_make(source=source)
    sources.secret_set(source=source, secret=SECRET)
    sources.refusal_note(source=source, because="bad_signature")
    page = page_of(admin_browser, connector)
    assert "The last message was refused: its signature does not fit." in page
    assert "1, the last" in page
    Source.objects.update(heard_at=timezone.now())
    assert "The last message was refused" not in page_of(admin_browser, connector)


def test_what_came_is_counted_and_one_click_away(admin_browser):
    connector = ConnectorFactory(provider="hubspot", name="CRM <b>")
    source = sources.source_for(connector)
    sources.address_make(source=source)
    InboundEventFactory(source=source, state="processed")
    InboundEventFactory(source=source, state="needs_you")
    page = page_of(admin_browser, connector)
    assert "2 events" in page
    assert "1 not understood" in page
    listed = admin_browser.get(re.search(r'href="([^"]+)">2 events', page).group(1).replace("&amp;", "&"))
    assert len(listed.context["cl"].result_list) == 2
    assert "CRM &lt;b&gt;" in listed.content.decode()


def test_a_shop_is_asked_until_its_first_message_arrives(admin_browser):
    connector = ConnectorFactory(provider="woocommerce")
    assert "Until then it is asked" in page_of(admin_browser, connector)
    sources.address_make(source=sources.source_for(connector))
    page = page_of(admin_browser, connector)
    assert "Until the first message arrives it is asked" in page
    assert ">Settings<" not in page
    Source.objects.update(heard_at=timezone.now())
    page = page_of(admin_browser, connector)
    assert "is asked what has changed there, 1 minute after each answer" not in page
    assert "After an hour without a message" in page


def test_a_vendor_that_cannot_be_asked_has_one_look_there(admin_browser):
    connector = ConnectorFactory(provider="shopify")
    assert "can’t be asked" not in page_of(admin_browser, connector)
    sources.address_make(source=sources.source_for(connector))
    Source.objects.update(heard_at=timezone.now())
    assert "can’t be asked what we missed" in page_of(admin_browser, connector)


def test_who_may_only_look_sees_the_card_and_presses_nothing():
    connector = ConnectorFactory(provider="hubspot")
    source = sources.source_for(connector)
    browser = viewer("view_connector", "view_source")
    assert "Make the address" not in page_of(browser, connector)
    sources.address_make(source=source)
    page = page_of(browser, connector)
    assert "vendor-events" in page
    assert "New address" not in page
    assert make(browser, connector).status_code == 403
    assert "vendor-events" not in page_of(viewer("view_connector"), connector)


def test_two_presses_at_once_make_one_address(admin_browser, monkeypatch):
    connector = ConnectorFactory(provider="hubspot")
    source_for, shown = sources.source_for, []

    def other_presses_first(found):
        monkeypatch.setattr(sources, "source_for", source_for)
        source = source_for(found)
        shown.append(make(admin_browser, connector).content.decode())
        return source

    monkeypatch.setattr(sources, "source_for", other_presses_first)
    second = make(admin_browser, connector)

    assert second.status_code == 302
    source = Source.objects.get(connector=connector)
    assert (sources.source_of(token_in(shown[0])), source.token_before) == (source, "")


def test_only_a_post_makes_an_address(admin_browser):
    where = reverse("admin:webhooks_source_make", args=(ConnectorFactory().pk,))
    assert admin_browser.get(where).status_code == 405
    assert not Source.objects.exists()


def test_a_connector_s_source_stands_in_the_list_under_its_name(admin_browser):
    source = sources.source_for(ConnectorFactory(name="CRM of Bonn"))
    sources.address_make(source=source)
    page = admin_browser.get(reverse("admin:webhooks_source_changelist")).content.decode()
    assert "CRM of Bonn" in page
    found = admin_browser.get(reverse("admin:webhooks_source_changelist"), {"q": "Bonn"})
    assert list(found.context["cl"].result_list) == [source]


def test_the_card_costs_few_statements(admin_browser, django_assert_max_num_queries):
    connector = ConnectorFactory(provider="hubspot")
    ConnectorState.objects.create(connector=connector)
    source = sources.source_for(connector)
    sources.address_make(source=source)
    InboundEventFactory.create_batch(5, source=source)
    with django_assert_max_num_queries(25):
        page_of(admin_browser, connector)
