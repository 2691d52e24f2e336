import pytest
from django.test import override_settings

from gateway.addresses import client_address, forwarded_scheme, is_within, parse_address

PROXIES = ["10.0.0.0/8", "2001:db8:ff::/48"]


def seen(peer, forwarded=None, trusted=PROXIES):
    environ = {"REMOTE_ADDR": peer} | ({} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded})
    with override_settings(TRUSTED_PROXIES=trusted):
        address = client_address(environ)
    return None if address is None else str(address)


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("203.0.113.5", None, "203.0.113.5"),
        # A stranger's header counts for nothing, whatever it says.
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),
        ("203.0.113.5", "10.0.0.1", "203.0.113.5"),
        ("203.0.113.5", "garbage", "203.0.113.5"),
        # One proxy: what it added stands at the right.
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "10.9.9.9, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "127.0.0.1,198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "  198.51.100.1  ", "198.51.100.1"),
        # Two proxies.
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        # IPv6, and IPv4 in IPv6's clothes.
        ("2001:db8:ff::1", "2001:db8:1::7", "2001:db8:1::7"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, ::ffff:10.0.0.2", "198.51.100.1"),
        # What can't be read is nobody, not somebody further left.
        ("10.0.0.1", "", None),
        ("10.0.0.1", "198.51.100.1,", None),
        ("10.0.0.1", "198.51.100.1, unknown", None),
        ("10.0.0.1", "198.51.100.1, unknown, 10.0.0.2", None),
        ("10.0.0.1", "198.51.100.1:443", None),
        ("10.0.0.1", "[2001:db8::1]", None),
        ("10.0.0.1", "fe80::1%eth0", None),
        ("10.0.0.1", "198.51.100.01", None),
        ("10.0.0.1", "0x7f.1", None),
        ("10.0.0.1", "2130706433", None),
        ("10.0.0.1", "198.51.100.1;10.0.0.2", None),
        ("10.0.0.1", "_hidden", None),
        ("", None, None),
        ("", "198.51.100.1", None),
        ("garbage", "198.51.100.1", None),
    ],
)
def test_the_caller_is_read_from_the_right(peer, forwarded, caller):
    assert seen(peer, forwarded) == caller


@pytest.mark.parametrize("forwarded", ["198.51.100.1", "127.0.0.1", "garbage", ""])
def test_nobody_is_trusted_by_default(forwarded):
    assert seen("127.0.0.1", forwarded, trusted=[]) == "127.0.0.1"


def test_a_mistyped_proxy_trusts_nobody():
    assert seen("10.0.0.1", "198.51.100.1", trusted=["10.0.0.1/8", "everybody"]) == "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "said", "scheme"),
    [
        ("10.0.0.1", "https", "https"),
        ("10.0.0.1", "HTTPS", "https"),
        ("10.0.0.1", "https, https", "https"),
        ("10.0.0.1", "https, http", "http"),
        ("10.0.0.1", "http, https", "http"),
        ("10.0.0.1", "gopher", "http"),
        ("10.0.0.1", "", None),
        ("203.0.113.5", "https", None),
    ],
)
def test_only_a_trusted_proxy_says_that_it_was_https(peer, said, scheme):
    with override_settings(TRUSTED_PROXIES=PROXIES):
        assert forwarded_scheme({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_PROTO": said}) == scheme


@pytest.mark.parametrize(
    ("address", "networks", "inside"),
    [
        ("203.0.113.7", ["203.0.113.0/24"], True),
        ("203.0.114.7", ["203.0.113.0/24"], False),
        ("203.0.113.7", ["203.0.113.7"], True),
        ("203.0.113.7", ["203.0.113.7/24"], False),
        ("203.0.113.7", ["nonsense"], False),
        ("203.0.113.7", ["::/0"], False),
        ("2001:db8::1", ["2001:db8::/32"], True),
        ("2001:db8::1", ["0.0.0.0/0"], False),
        ("::ffff:203.0.113.7", ["203.0.113.0/24"], True),
        ("garbage", ["0.0.0.0/0", "::/0"], False),
    ],
)
def test_networks_are_exact(address, networks, inside):
    assert is_within(parse_address(address), networks) is inside
