"""What leaves the house, against real servers on this machine."""

import json
import ssl
import threading
import time
import tracemalloc

import httpx2
import pytest

from integrations.calls import CallLog
from integrations.egress import resolution, transport
from integrations.egress.session import HttpSession
from integrations.egress.urls import check_url
from integrations.models import Connector
from integrations.providers import errors
from tests.integrations import servers


def session(base_url, **arguments):
    return HttpSession(base_url, calls=CallLog(Connector(name="CRM")), **arguments)


@pytest.fixture
def allow(settings):
    def allow(server):
        settings.EGRESS_ALLOW = [server.allow]
        return server

    return allow


def names_lead_to(monkeypatch, *answers):
    """Have names resolve to these lists of addresses, one after the other, then to the last."""
    queue = list(answers)
    monkeypatch.setattr(resolution, "resolve", lambda host, port: queue.pop(0) if len(queue) > 1 else queue[0])


@pytest.mark.parametrize(
    "url",
    [
        *(
            "ftp://example.com",
            "file:///etc/passwd",
            "gopher://x",
            "example.com",
            "",
            "http://",
            "https:///x",
            "//example.com",
        ),
        *(
            "https://user@example.com",
            "https://user:pw@example.com",
            "https://example.com/?a=b",
            "https://example.com/#x",
        ),
        *(
            "https://example.com\\@127.0.0.1",
            "https://example.com:0",
            "https://example.com:99999",
            "https://exa mple.com",
        ),
        *("https://example.com/a/../b", "https://example.com/%2e%2e/b", "https://0x7f.1", "https://2130706433"),
        *(
            "https://127.1",
            "https://[fe80::1%25eth0]",
            "https://example.com\n",
            "javascript:alert(1)",
            "https://１２７.0.0.1",
        ),
        *(
            "https://127.0.0.1",
            "http://127.0.0.1",
            "https://[::1]",
            "https://10.0.0.1:8069/odoo",
            "https://169.254.169.254",
        ),
        *(
            "https://[::ffff:7f00:1]",
            "https://[64:ff9b::7f00:1]",
            "https://[2002:7f00:1::]",
            "http://8.8.8.8",
            "https://localhost",
        ),
    ],
)
def test_addresses_we_would_not_connect_to_are_refused_in_a_form(url):
    with pytest.raises(errors.EgressDenied):
        check_url(url)


def test_a_name_that_cannot_be_resolved_now_passes_the_form(monkeypatch):
    def fail(host, port):
        raise OSError("no such name")

    monkeypatch.setattr(resolution, "resolve", fail)
    check_url("https://crm.example.com/api")


def test_a_request_arrives_with_its_proof_and_the_reply_comes_back(allow):
    with servers.serve(servers.answer(b'{"ok": true}', X_Left="7")) as server:
        out = session(f"{allow(server).url}/base", authorise=lambda: {"Authorization": "Bearer abc"})
        reply = out.request("POST", "/things", purpose="upsert", json={"a": 1}, params={"b": "c d"})
    assert (reply.status, reply.json(), reply.headers["x-left"]) == (200, {"ok": True}, "7")
    assert server.received[0].startswith(b"POST /base/things?b=c+d HTTP/1.1\r\n")
    assert b"Authorization: Bearer abc" in server.received[0]
    assert server.received[0].endswith(b'{"a":1}')


def test_a_private_target_that_is_not_allowed_gets_no_connection():
    with servers.serve(servers.answer()) as server, pytest.raises(errors.EgressDenied, match="EGRESS_ALLOW"):
        session(server.url).request("GET", "/", purpose="check")
    assert server.connections == 0


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch):
    names_lead_to(monkeypatch, ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(errors.EgressDenied, match=r"10\.0\.0\.1"):
        session("https://crm.example.com").request("GET", "/", purpose="check")


def test_the_address_that_was_checked_is_the_one_connected_to(monkeypatch, settings):
    with servers.serve(servers.answer()) as server:
        settings.EGRESS_ALLOW = [server.allow]
        # A second look at the name would lead elsewhere.
        names_lead_to(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
        base = f"http://crm.example.com:{server.port}"
        assert session(base).request("GET", "/", purpose="check").status == 200
        assert b"Host: crm.example.com" in server.received[0]
        with pytest.raises(errors.EgressDenied):
            session(f"http://other.example.com:{server.port}").request("GET", "/", purpose="check")


def test_the_next_address_is_tried_when_one_does_not_answer(monkeypatch, settings):
    with servers.serve(servers.answer()) as server:
        settings.EGRESS_ALLOW = [f"127.0.0.0/8:{server.port}"]
        names_lead_to(monkeypatch, ["127.0.0.9", "127.0.0.1"])
        reply = session(f"http://two.example.com:{server.port}").request("GET", "/", purpose="check")
    assert reply.status == 200


def test_a_resolver_that_hangs_does_not_hold_the_request(monkeypatch):
    monkeypatch.setattr(resolution, "resolve", lambda host, port: time.sleep(8))
    started = time.monotonic()
    with pytest.raises(errors.RetryLater) as caught:
        session("https://slow.example.com", total_seconds=0.3).request("GET", "/", purpose="check")
    assert type(caught.value) is errors.RetryLater
    assert time.monotonic() - started < 6


def test_redirects_are_not_followed(allow):
    with servers.serve(servers.answer(b"", "302 Found", Location="http://169.254.169.254/")) as server:
        reply = session(allow(server).url).request("GET", "/", purpose="check")
    assert reply.status == 302
    assert server.connections == 1


def test_proxies_of_the_environment_are_ignored(allow, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with servers.serve(servers.answer()) as server:
        assert session(allow(server).url).request("GET", "/", purpose="check").status == 200


@pytest.mark.parametrize("behave", [servers.drip_head(), servers.drip_body(), servers.hang()])
def test_the_total_time_holds_however_slowly_bytes_drip_in(allow, behave):
    with servers.serve(behave) as server:
        started = time.monotonic()
        with pytest.raises(errors.OutcomeUnknown):
            session(allow(server).url, total_seconds=0.5).request("GET", "/", purpose="check")
    assert 0.4 < time.monotonic() - started < 10


def test_a_callers_deadline_shortens_the_total_time(allow):
    with servers.serve(servers.hang()) as server:
        started = time.monotonic()
        out = session(allow(server).url, ends_at=started + 0.3)
        with pytest.raises(errors.OutcomeUnknown):
            out.request("GET", "/", purpose="order")
        assert time.monotonic() - started < 10
        with pytest.raises(errors.RetryLater, match="no time left") as caught:
            out.request("GET", "/", purpose="order")
    assert not isinstance(caught.value, errors.OutcomeUnknown)
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "behave", [servers.endless(), servers.answer(b"a" * 1_000_001), servers.bomb(), servers.bomb(times=3)]
)
def test_replies_beyond_the_limit_are_cut_off_before_they_fill_the_memory(allow, behave):
    with servers.serve(behave) as server:
        tracemalloc.start()
        with pytest.raises(errors.OutcomeUnknown, match="longer"):
            session(allow(server).url).request("GET", "/", purpose="check")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 12_000_000


def test_a_reply_up_to_the_limit_comes_whole(allow):
    with servers.serve(servers.answer(b"a" * 1_000_000)) as server:
        assert len(session(allow(server).url).request("GET", "/", purpose="check").body) == 1_000_000


def test_nothing_listening_means_not_sent(allow):
    with servers.serve(servers.answer()) as server:
        allow(server)
    with pytest.raises(errors.RetryLater) as caught:
        session(server.url).request("POST", "/", purpose="upsert", json={})
    assert type(caught.value) is errors.RetryLater
    assert caught.value.code == "connect_failed"


@pytest.mark.parametrize(
    "behave",
    [
        servers.hang_up(),
        lambda connection: connection.sendall(b"nonsense\r\n\r\n"),
        lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
        servers.answer(b"not gzip", Content_Encoding="gzip"),
    ],
)
def test_a_broken_answer_leaves_the_outcome_unknown(allow, behave):
    with servers.serve(behave) as server, pytest.raises(errors.OutcomeUnknown):
        session(allow(server).url).request("POST", "/", purpose="upsert", json={})
    assert len(server.received) == 1


def test_plain_text_behind_https_means_not_sent(allow):
    with servers.serve(servers.answer()) as server:
        allow(server)
        with pytest.raises(errors.RetryLater) as caught:
            session(f"https://127.0.0.1:{server.port}", total_seconds=1).request("GET", "/", purpose="check")
    assert type(caught.value) is errors.RetryLater


@pytest.fixture
def tls_server(tmp_path, monkeypatch, settings):
    """A server with a certificate for crm.example.com, at an address that every name leads to."""
    path = servers.certificate(tmp_path, "crm.example.com")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    asked = []
    context.sni_callback = lambda sock, name, ctx: asked.append(name)
    with servers.serve(servers.answer(), tls=context) as server:
        settings.EGRESS_ALLOW = [server.allow]
        names_lead_to(monkeypatch, ["127.0.0.1"])
        monkeypatch.setattr(transport, "_transports", type(transport._transports)())
        yield server, ssl.create_default_context(cafile=path), asked


def test_a_certificate_nobody_vouches_for_is_refused_before_anything_is_sent(tls_server):
    server, _, _ = tls_server
    with pytest.raises(errors.RetryLater) as caught:
        session(f"https://crm.example.com:{server.port}").request("POST", "/", purpose="upsert", json={})
    assert (type(caught.value), caught.value.code) == (errors.RetryLater, "tls_failed")
    assert server.received == []


def test_the_certificate_is_checked_against_the_name_though_an_address_is_connected_to(tls_server, monkeypatch):
    server, trusting, asked = tls_server
    monkeypatch.setattr(transport, "_tls", lambda: trusting)
    assert session(f"https://crm.example.com:{server.port}").request("GET", "/", purpose="check").status == 200
    assert asked == ["crm.example.com"]
    with pytest.raises(errors.RetryLater, match="certificate"):
        session(f"https://other.example.com:{server.port}").request("GET", "/", purpose="check")
    assert len(server.received) == 1


def test_connections_are_kept_and_shared_between_threads(allow):
    with servers.serve(servers.answer(), keeps_alive=True) as server:
        allow(server)

        def ask():
            for _ in range(10):
                assert session(server.url).request("GET", "/", purpose="check").status == 200

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(server.received) == 40
    assert server.connections <= 4


def test_no_cookie_travels_from_one_connector_to_another(allow):
    with servers.serve(servers.answer(Set_Cookie="session=mine"), keeps_alive=True) as server:
        allow(server)
        session(server.url).request("GET", "/", purpose="check")
        session(server.url).request("GET", "/", purpose="check")
    assert not any(b"cookie" in request.lower() for request in server.received)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "//evil.example/x",
            "https://evil.example",
            "x",
            "",
            "/../x",
            "/a/../../x",
            "/a/./b",
            "/%2e%2e/x",
            "/%252e%252e/x",
        ),
        *("/a/..%2f..%2fx", "/a\\..\\x", "/a?b=c", "/a#b", "/a b", "/a\r\nHost: x", "/ä", "/..;/x"[:3]),
    ],
)
def test_a_path_can_not_leave_the_base_address(path):
    out = session("https://crm.example.com/base", transport=httpx2.MockTransport(lambda request: httpx2.Response(200)))
    with pytest.raises(errors.EgressDenied):
        out.request("GET", path, purpose="check")


def test_a_credential_is_sent_to_its_own_host_alone():
    session("https://CRM.example.com/x", bound_to="crm.example.com")
    session("https://crm.example.com:8443/x", bound_to="crm.example.com:8443")
    with pytest.raises(errors.EgressDenied, match="belongs to"):
        session("https://crm.example.com/x", bound_to="crm.example.com:8443")
    with pytest.raises(errors.EgressDenied, match="belongs to"):
        session("https://crm.example.com.evil.example", bound_to="crm.example.com")


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b"])
def test_header_values_can_not_smuggle_headers(value):
    sent = []
    transport = httpx2.MockTransport(lambda request: sent.append(request) or httpx2.Response(200))
    out = session("https://crm.example.com", authorise=lambda: {"Authorization": value}, transport=transport)
    with pytest.raises(errors.Misconfigured):
        out.request("GET", "/", purpose="check")
    assert not sent


def test_a_401_is_answered_by_one_renewal_and_one_more_request():
    seen = []

    def vendor(request):
        seen.append(request.headers["Authorization"])
        return httpx2.Response(401 if len(seen) == 1 else 200)

    token = ["old"]
    out = session(
        "https://crm.example.com",
        authorise=lambda: {"Authorization": token[0]},
        renew=lambda: bool(token.__setitem__(0, "new")) or True,
        transport=httpx2.MockTransport(vendor),
    )
    assert out.request("GET", "/", purpose="check").status == 200
    assert seen == ["old", "new"]


def test_a_401_that_can_not_be_renewed_is_returned():
    out = session(
        "https://crm.example.com", renew=lambda: False, transport=httpx2.MockTransport(lambda _: httpx2.Response(401))
    )
    assert out.request("GET", "/", purpose="check").status == 401


def test_half_a_surrogate_pair_does_not_stop_a_request():
    sent = []
    transport = httpx2.MockTransport(lambda request: sent.append(request.content) or httpx2.Response(200))
    session("https://crm.example.com", transport=transport).request("POST", "/", purpose="x", json={"a": "\ud83d!"})
    assert json.loads(sent[0]) == {"a": "?!"}


def test_each_request_leaves_a_call_without_query_values_and_secrets():
    calls = CallLog(Connector(name="CRM"))
    transport = httpx2.MockTransport(lambda _: httpx2.Response(503, json={"email": "anna@example.com"}))
    out = HttpSession("https://crm.example.com/v1", calls=calls, transport=transport)
    out.request(
        "POST", "/c/anna%40example.com", purpose="upsert", params={"token": "s3cr3t-s3cr3t"}, json={"a": 1}, items=3
    )
    [call] = calls.rows
    assert call.url == "https://crm.example.com/v1/c/a***%40example.com?token"
    assert (call.purpose, call.method, call.status, call.items, call.error) == ("upsert", "POST", 503, 3, "")
    assert call.response_body == '{"email":"a***@example.com"}'
    assert call.duration_ms >= 0


def test_a_request_that_fails_leaves_a_call_that_says_why():
    calls = CallLog(Connector(name="CRM"))

    def fail(request):
        raise httpx2.ReadTimeout("slow", request=request)

    out = HttpSession("https://crm.example.com", calls=calls, transport=httpx2.MockTransport(fail))
    with pytest.raises(errors.OutcomeUnknown):
        out.request("GET", "/", purpose="check")
    [call] = calls.rows
    assert call.status is None
    assert call.error.startswith("no_answer: ")
