"""Signing in to the admin: password, second factor, waiting after wrong ones, ends of sessions."""

import base64
import re
from io import StringIO

import pytest
from auditlog.models import LogEntry
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django_otp.oath import totp

from gateway import lockout, people, sign_in
from gateway.authenticators import Authenticator, authenticator_begin, authenticator_confirm
from gateway.models import User
from gateway.roles import ADMINISTRATOR, ANALYST
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.db]

PASSWORD = "correct horse battery"
HOME, LOGIN = "/admin/", "/admin/login/"
CODE, SET_UP, OVERVIEW = "/admin/second-factor/code/", "/admin/second-factor/set-up/", "/admin/second-factor/"


@pytest.fixture(autouse=True)
def _product_addresses():
    """Serve the product's own addresses: the admin is what this is about."""
    with override_settings(ROOT_URLCONF="config.urls"):
        yield


def person(name: str = "anna", role: str = ANALYST) -> User:
    made: User = UserFactory(username=name, is_superuser=False, is_staff=False)
    made.set_password(PASSWORD)
    made.save()
    people.person_role_set(person=made, role=role)
    return made


def with_second_factor(made: User) -> tuple[Authenticator, list[str]]:
    """Set it up, with the code of the half minute before: the one of now is still good."""
    begun = authenticator_begin(person=made)
    app, codes = authenticator_confirm(person=made, code=code_of(begun, steps=-1))
    return app, list(codes)


def code_of(app: Authenticator, *, steps: int = 0) -> str:
    return f"{totp(app.seed, t0=-30 * steps):06d}"


def give(browser: Client, name: str = "anna", password: str = PASSWORD, **more):
    return browser.post(LOGIN, {"username": name, "password": password}, **more)


def is_in(browser: Client) -> bool:
    return browser.get(HOME).status_code == 200


class TestPassword:
    def test_it_lets_a_person_in(self, client: Client):
        person()
        answer = give(client)
        assert (answer.status_code, answer["Location"]) == (302, HOME)
        assert is_in(client)

    def test_a_wrong_one_is_explained_and_lets_nobody_in(self, client: Client):
        person()
        answer = give(client, password="wrong")
        assert "belong together" in answer.content.decode()
        assert not is_in(client)

    def test_the_answer_is_the_same_for_a_name_that_does_not_exist(self, client: Client):
        person()
        known, unknown = (give(client, name, "wrong").content.decode() for name in ("anna", "nobody"))
        assert re.sub(r'value="\S*"', "", known) == re.sub(r'value="\S*"', "", unknown)

    def test_it_leads_only_to_our_own_pages(self, client: Client):
        person()
        answer = client.post(LOGIN, {"username": "anna", "password": PASSWORD, "next": "https://evil.example/"})
        assert answer["Location"] == HOME

    def test_a_person_without_a_role_stays_out(self, client: Client):
        person(role="")
        assert give(client).status_code == 200
        assert not is_in(client)

    def test_a_form_from_elsewhere_is_refused(self):
        person()
        assert give(Client(enforce_csrf_checks=True)).status_code == 403

    def test_a_changed_password_ends_the_other_sessions(self):
        made, here, there = person(), Client(), Client()
        assert give(here).status_code == give(there).status_code == 302
        new = "another sentence 7"
        answer = here.post(
            "/admin/password_change/", {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
        )
        assert answer.status_code == 302
        assert is_in(here)
        assert not is_in(there)
        made.refresh_from_db()
        assert made.check_password(new)

    def test_an_administrator_may_end_all_of_them(self, client: Client):
        made = person()
        give(client)
        people.person_sign_out(person=made)
        assert not is_in(client)

    def test_a_person_who_is_switched_off_is_out_at_once(self, client: Client):
        made = person()
        give(client)
        User.objects.filter(pk=made.pk).update(is_active=False)
        assert not is_in(client)


class TestSessions:
    def test_an_idle_one_ends(self, client: Client, later):
        person()
        give(client)
        later(minutes=119)
        assert is_in(client)
        later(minutes=121)
        assert not is_in(client)
        assert "signed out because" in client.get(LOGIN).content.decode()

    def test_a_page_that_refreshes_itself_keeps_nobody_signed_in(self, client: Client, later):
        person()
        give(client)
        for _ in range(3):
            later(minutes=50)
            client.get(HOME, HTTP_SEC_FETCH_MODE="cors")
        assert not is_in(client)

    def test_a_busy_one_ends_after_half_a_day(self, client: Client, later):
        person()
        give(client)
        for _ in range(7):
            later(minutes=100)
            assert is_in(client)
        later(minutes=100)
        assert not is_in(client)


class TestWaiting:
    def test_five_wrong_passwords_and_that_name_has_to_wait_here(self, client: Client):
        person()
        answers = [give(client, password="wrong").status_code for _ in range(5)]
        assert answers == [200, 200, 200, 200, 429]
        locked = give(client)
        assert locked.status_code == 429
        assert "Wait 15 minutes" in locked.content.decode()
        assert 890 < int(locked["Retry-After"]) <= 900
        assert not is_in(client)

    def test_from_another_address_the_same_name_gets_in(self, client: Client):
        person()
        for _ in range(7):
            give(client, password="wrong", REMOTE_ADDR="203.0.113.7")
        assert give(client, REMOTE_ADDR="198.51.100.1").status_code == 302

    def test_another_name_gets_in_from_the_same_address(self, client: Client):
        person("ben")
        for _ in range(7):
            give(client, "anna", "wrong", REMOTE_ADDR="203.0.113.7")
        assert give(Client(), "ben", REMOTE_ADDR="203.0.113.7").status_code == 302

    def test_spelling_the_name_otherwise_does_not_help(self, client: Client):
        for name in ("anna", "ANNA", " anna", "Anna "):
            give(client, name, "wrong")
        assert give(client, "aNNa", "wrong").status_code == 429

    def test_waiting_ends_by_itself_and_waiting_attempts_do_not_prolong_it(self, client: Client, later):
        person()
        for _ in range(5):
            give(client, password="wrong")
        later(minutes=14)
        # As many as would make anybody wait anew.
        assert {give(client, password="wrong").status_code for _ in range(5)} == {429}
        later(minutes=2)
        assert give(client).status_code == 302

    def test_signing_in_starts_the_count_anew(self, client: Client):
        person()
        for _ in range(3):
            for _ in range(4):
                assert give(Client(), password="wrong").status_code == 200
            assert give(Client()).status_code == 302

    def test_many_names_from_one_network_have_to_wait_longer(self, monkeypatch):
        monkeypatch.setattr(lockout, "NETWORK", lockout.Limit(8, lockout.NETWORK.period))
        person()
        for number in range(8):
            # One household of IPv6 addresses.
            give(Client(), f"guess{number}", "wrong", REMOTE_ADDR=f"2001:db8:1:1::{number:x}")
        answer = give(Client(), REMOTE_ADDR="2001:db8:1:1:ffff::1")
        assert answer.status_code == 429
        assert "Wait 60 minutes" in answer.content.decode()
        assert give(Client(), REMOTE_ADDR="2001:db8:1:2::1").status_code == 302

    def test_a_browser_in_which_somebody_has_signed_in_is_not_kept_out_by_others(self, client: Client):
        person()
        give(client)
        client.post("/admin/logout/")
        for _ in range(7):
            give(Client(), password="wrong")
        assert give(Client()).status_code == 429
        assert give(client).status_code == 302

    def test_that_browser_has_to_wait_for_its_own_wrong_passwords(self, client: Client):
        person()
        give(client)
        client.post("/admin/logout/")
        for _ in range(5):
            answer = give(client, password="wrong")
        assert answer.status_code == 429

    def test_that_browser_counts_as_any_other_for_other_names(self, client: Client):
        person("mallory"), person()
        give(client, "mallory")
        client.post("/admin/logout/")
        for _ in range(5):
            give(client, "anna", "wrong")
        assert give(Client(), "anna", "wrong").status_code == 429

    @override_settings(TRUSTED_PROXIES=["10.0.0.0/8"])
    def test_the_address_is_the_one_seen_past_our_proxies(self):
        person()
        for number in range(5):
            forged = f"192.0.2.{number}, 203.0.113.7"
            give(Client(), password="wrong", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=forged)
        behind = {"REMOTE_ADDR": "10.0.0.1"}
        assert give(Client(), HTTP_X_FORWARDED_FOR="203.0.113.7", **behind).status_code == 429
        assert give(Client(), HTTP_X_FORWARDED_FOR="203.0.113.8", **behind).status_code == 302

    def test_an_untrusted_peer_cannot_choose_its_address(self):
        for number in range(5):
            answer = give(Client(), password="wrong", HTTP_X_FORWARDED_FOR=f"192.0.2.{number}")
        assert answer.status_code == 429

    def test_the_log_names_nobody(self, client: Client, caplog):
        person("secretname")
        for _ in range(6):
            give(client, "secretname", "secretpassword")
        assert "Too many wrong passwords" in caplog.text
        assert "secretname" not in caplog.text
        assert "secretpassword" not in caplog.text

    def test_a_cache_that_is_down_keeps_nobody_out(self, client: Client, monkeypatch):
        person()

        def down(*args, **options):
            raise ConnectionError("no answer")

        for name in ("get", "set", "add", "incr", "delete_many"):
            monkeypatch.setattr(cache, name, down)
        assert give(client, password="wrong").status_code == 200
        assert give(client).status_code == 302

    def test_the_server_unlocks_a_person(self, client: Client):
        person()
        for _ in range(5):
            give(client, password="wrong")
        said = StringIO()
        call_command("unlock", "anna", stdout=said)
        assert "anna may try again at once." in said.getvalue()
        assert give(client).status_code == 302

    def test_the_server_unlocks_an_address(self, client: Client, monkeypatch):
        monkeypatch.setattr(lockout, "NETWORK", lockout.Limit(3, lockout.NETWORK.period))
        person()
        for number in range(3):
            give(client, f"guess{number}", "wrong", REMOTE_ADDR="203.0.113.7")
        assert give(client, REMOTE_ADDR="203.0.113.7").status_code == 429
        call_command("unlock", address="203.0.113.7", stdout=StringIO())
        assert give(client, REMOTE_ADDR="203.0.113.7").status_code == 302

    @pytest.mark.parametrize("arguments", [{}, {"name": "nobody"}, {"address": "nowhere"}])
    def test_the_server_says_what_is_wrong_with_the_command(self, arguments):
        with pytest.raises(CommandError):
            call_command("unlock", **arguments)


class TestSecondFactor:
    @pytest.fixture(autouse=True)
    def _outside_the_demo(self, settings):
        settings.DEMO_MODE = False

    def test_a_first_administrator_sets_it_up_before_anything_else(self, client: Client):
        call_command("createsuperuser", username="root", email="root@example.com", interactive=False)
        root = User.objects.get(username="root")
        root.set_password(PASSWORD)
        root.save()
        answer = give(client, "root", follow=True)
        assert answer.request["PATH_INFO"] == SET_UP
        assert "Administrators can't do without" in answer.content.decode()
        assert not is_in(client)

        begun = Authenticator.objects.get(user=root, confirmed=False)
        shown = client.get(SET_UP).content.decode()
        assert str(begun.seed_text) in shown
        assert "<svg" in shown
        answer = client.post(SET_UP, {"code": code_of(begun)})
        codes = re.findall(r"\b\w{4}-\w{4}-\w{4}-\w{4}\b", answer.content.decode())
        assert len(codes) == 10
        assert is_in(client)
        assert not any(code in client.get(OVERVIEW).content.decode() for code in codes)

    def test_a_password_alone_does_not_sign_in(self, client: Client):
        made = person()
        app, _ = with_second_factor(made)
        assert give(client)["Location"] == CODE
        assert not is_in(client)
        assert "_auth_user_id" not in client.session
        assert client.get(SET_UP)["Location"] == LOGIN
        answer = client.post(CODE, {"code": code_of(app)})
        assert answer["Location"] == HOME
        assert is_in(client)

    def test_it_goes_where_the_person_wanted_to(self, client: Client):
        app, _ = with_second_factor(person())
        client.post(LOGIN, {"username": "anna", "password": PASSWORD, "next": "/admin/leads/lead/"})
        assert client.post(CODE, {"code": code_of(app)})["Location"] == "/admin/leads/lead/"

    def test_a_code_counts_once(self):
        app, _ = with_second_factor(person())
        code = code_of(app)
        for browser, is_let_in in ((Client(), True), (Client(), False)):
            give(browser)
            browser.post(CODE, {"code": code})
            assert is_in(browser) is is_let_in

    @pytest.mark.parametrize("code", ["", "000000", "abcdef", "12345", "1234567", "²²²²²²", "x" * 41, "\x00"])
    def test_a_wrong_code_lets_nobody_in(self, client: Client, code):
        with_second_factor(person())
        give(client)
        assert client.post(CODE, {"code": code}).status_code == 200
        assert not is_in(client)

    def test_wrong_codes_have_to_wait_longer_each_time(self, client: Client):
        app, codes = with_second_factor(person())
        give(client)
        client.post(CODE, {"code": "000000"})
        answer = client.post(CODE, {"code": code_of(app)})
        assert "Try again in 1 second" in answer.content.decode()
        Authenticator.objects.update(throttling_failure_count=40)
        waiting = Authenticator.objects.get(confirmed=True)
        waiting.throttle_increment()
        assert waiting.throttling_failure_count == 10
        answer = client.post(CODE, {"code": codes[0]})
        assert "Try again in 512 seconds" in answer.content.decode()
        call_command("unlock", "anna", stdout=StringIO())
        client.post(CODE, {"code": code_of(app)})
        assert is_in(client)

    def test_a_recovery_code_counts_once(self):
        _, codes = with_second_factor(person())
        for typed, is_let_in in ((codes[3].upper().replace("-", " "), True), (codes[3], False)):
            browser = Client()
            give(browser)
            browser.post(CODE, {"code": typed})
            assert is_in(browser) is is_let_in

    def test_the_last_recovery_codes_are_warned_of(self, client: Client):
        app, codes = with_second_factor(person())
        app.recovery_digests = app.recovery_digests[:2]
        app.save()
        give(client)
        client.post(CODE, {"code": codes[0]})
        assert "You have 1 recovery code left" in client.get(HOME).content.decode()

    def test_a_right_password_is_forgotten_after_ten_minutes(self, client: Client, later):
        app, _ = with_second_factor(person())
        give(client)
        later(minutes=11)
        assert client.post(CODE, {"code": code_of(app)})["Location"] == LOGIN
        assert not is_in(client)

    def test_a_right_password_is_forgotten_when_it_changes(self, client: Client):
        made = person()
        app, _ = with_second_factor(made)
        give(client)
        made.set_password("something else 9")
        made.save()
        client.post(CODE, {"code": code_of(app)})
        assert not is_in(client)

    def test_a_session_from_before_is_asked_for_the_code(self, client: Client):
        made = person()
        give(client)
        assert is_in(client)
        with_second_factor(made)
        assert client.get(HOME, follow=True).request["PATH_INFO"] == CODE

    def test_seed_and_codes_are_not_readable_in_the_database(self):
        app, codes = with_second_factor(person())
        row = {field.name: str(getattr(app, field.attname)) for field in app._meta.concrete_fields}
        stored = " ".join(row.values())
        for secret in (
            app.seed.hex(),
            base64.b32encode(app.seed).decode(),
            *codes,
            *(c.replace("-", "") for c in codes),
        ):
            assert secret not in stored
        assert repr(app.seed_text) == repr(app.address) == "***"

    def test_the_demo_offers_it_and_does_not_insist(self, client: Client, settings):
        settings.DEMO_MODE = True
        made = person(role=ADMINISTRATOR)
        give(client)
        assert is_in(client)
        assert "Set it up" in client.get(OVERVIEW).content.decode()
        with_second_factor(made)
        assert not is_in(client)

    def test_others_may_turn_it_off_against_a_code(self, client: Client):
        app, codes = with_second_factor(person())
        give(client)
        client.post(CODE, {"code": code_of(app)})
        client.post(OVERVIEW, {"code": "wrong", "turn_off": ""})
        assert Authenticator.objects.exists()
        Authenticator.objects.update(throttling_failure_timestamp=None)
        client.post(OVERVIEW, {"code": codes[0], "turn_off": ""})
        assert not Authenticator.objects.exists()
        assert is_in(client)

    def test_administrators_may_not(self, client: Client):
        app, codes = with_second_factor(person(role=ADMINISTRATOR))
        give(client)
        client.post(CODE, {"code": code_of(app)})
        assert "Turn it off" not in client.get(OVERVIEW).content.decode()
        client.post(OVERVIEW, {"code": codes[0], "turn_off": ""})
        assert Authenticator.objects.filter(confirmed=True).exists()

    def test_another_phone_replaces_the_first_only_against_a_code(self, client: Client):
        app, codes = with_second_factor(person())
        give(client)
        client.post(CODE, {"code": code_of(app)})
        assert client.get(SET_UP)["Location"] == OVERVIEW
        assert client.post(OVERVIEW, {"code": codes[0], "replace": ""})["Location"] == SET_UP
        client.get(SET_UP)
        new = Authenticator.objects.get(confirmed=False)
        client.post(SET_UP, {"code": code_of(new)})
        assert Authenticator.objects.get().pk == new.pk
        assert is_in(client)

    def test_new_recovery_codes_end_the_old_ones(self, client: Client):
        app, codes = with_second_factor(person())
        give(client)
        client.post(CODE, {"code": code_of(app)})
        page = client.post(OVERVIEW, {"code": codes[0], "renew": ""}).content.decode()
        fresh = re.findall(r"\b\w{4}-\w{4}-\w{4}-\w{4}\b", page)
        assert len(fresh) == 10
        other = Client()
        give(other)
        other.post(CODE, {"code": codes[1]})
        assert not is_in(other)
        Authenticator.objects.update(throttling_failure_timestamp=None)
        other.post(CODE, {"code": fresh[0]})
        assert is_in(other)

    def test_the_server_resets_it(self, client: Client):
        made = person(role=ADMINISTRATOR)
        app, _ = with_second_factor(made)
        give(client)
        client.post(CODE, {"code": code_of(app)})
        said = StringIO()
        call_command("otp_reset", "anna", stdout=said)
        assert "they set up another" in said.getvalue()
        assert not is_in(client)
        assert give(client, follow=True).request["PATH_INFO"] == SET_UP
        entry = LogEntry.objects.get(additional_data__did="Reset the second factor.")
        assert entry.additional_data["by"] == "manage.py on the server"
        with pytest.raises(CommandError, match="Nobody signs in as nobody"):
            call_command("otp_reset", "nobody")


def test_clocks_agree_on_how_long_sessions_last():
    assert sign_in.SESSION_LONGEST.total_seconds() == django_settings.SESSION_COOKIE_AGE
