"""Nobody talks themselves into a network: by header, by spelling, by claiming to be a proxy."""

import pytest
from django.test import override_settings

from gateway.addresses import client_address, is_within, parse_address
from gateway.admin_access import is_open_to

OFFICE = ["198.51.100.0/24", "2001:db8::/32"]
PROXIES = ["10.0.0.0/8", "2001:db8:ff::/48"]
INSIDE, OUTSIDE, PROXY = "198.51.100.7", "203.0.113.5", "10.0.0.1"

HEADERS = [
    *("X_FORWARDED_FOR", "FORWARDED", "X_REAL_IP", "X_CLIENT_IP", "CLIENT_IP", "TRUE_CLIENT_IP", "CF_CONNECTING_IP"),
    *("X_CLUSTER_CLIENT_IP", "X_ORIGINATING_IP", "X_REMOTE_IP", "X_REMOTE_ADDR", "X_FORWARDED", "FORWARDED_FOR"),
    *("FASTLY_CLIENT_IP", "X_AZURE_CLIENTIP", "X_PROXYUSER_IP", "X_ORIGINAL_FORWARDED_FOR", "VIA", "REMOTE_ADDR"),
    *("X_ENVOY_EXTERNAL_ADDRESS", "X_FORWARDED_HOST", "X_HTTP_X_FORWARDED_FOR", "X_APPENGINE_USER_IP"),
]
CLAIMS = [INSIDE, f"for={INSIDE}", f"{INSIDE}, {PROXY}", "2001:db8::7", f"::ffff:{INSIDE}", "127.0.0.1"]

# What somebody behind a trusted proxy sends along; the proxy adds where they really are.
SENT_ALONG = [
    *(INSIDE, f"{INSIDE},{INSIDE}", f"{INSIDE}, {PROXY}", f"{PROXY}, {INSIDE}", f"{INSIDE},", f",{INSIDE}", ",", ",,,"),
    *(f" {INSIDE} ", f"\t{INSIDE}\t", f'"{INSIDE}"', f"'{INSIDE}'", f"[{INSIDE}]", f"{INSIDE}:443", f"{INSIDE}%eth0"),
    *(f"for={INSIDE}", f'for="{INSIDE}"', f"for={INSIDE};by={PROXY}", f"{INSIDE};", f"{INSIDE} {INSIDE}", "unknown"),
    *(
        "_hidden",
        "::1",
        "127.0.0.1",
        "localhost",
        "2001:db8::7",
        "[2001:db8::7]",
        "[2001:db8::7]:443",
        "::ffff:c633:6407",
    ),
    *(f"::ffff:{INSIDE}", "0306.063.0144.07", "0xc6336407", "3325256711", "198.51.25607", "198.051.100.007", "*", "%"),
    *("１９８.51.100.7", "198。51。100。7", "198.51.100.7.", "198.51.100.7\x00", "\x0b198.51.100.7", "x" * 5000),
    ", ".join([INSIDE] * 500),
]

# What stands where a proxy writes an address, and isn't one: readers that guess take each of them for one inside.
NO_ADDRESS = [
    *(
        "0306.063.0144.07",
        "0306.51.100.7",
        "0xc6.0x33.0x64.0x07",
        "0xc6336407",
        "3325256711",
        "198.51.25607",
        "198.3368967",
    ),
    *("198.051.100.007", "198.51.100.07", "198.51.100", "198.51.100.", "198.51.100.7.", ".198.51.100.7", "198..100.7"),
    *(f"{INSIDE}:443", f"{INSIDE}/32", f"{INSIDE}%0", f"{INSIDE}%eth0", f"[{INSIDE}]", f"<{INSIDE}>", f'"{INSIDE}"'),
    *(
        f"'{INSIDE}'",
        f"for={INSIDE}",
        f"{INSIDE};",
        f"{INSIDE} {INSIDE}",
        f"{INSIDE}\x00",
        f"\x00{INSIDE}",
        f"-{INSIDE}",
    ),
    *(
        f"+{INSIDE}",
        "198.51.100.0x7",
        "198.51.100.7e0",
        "１９８.５１.１００.７",
        "198。51。100。7",
        "198,51,100,7 x",
        "١٩٨.51.100.7",
    ),
    *(
        "[2001:db8::7]",
        "[2001:db8::7]:443",
        "2001:db8::7%eth0",
        "2001:db8::7%25eth0",
        "2001:db8::7/128",
        "2001:db8::7]",
    ),
    *(
        "2001:db8::7::",
        "2001:db8:::7",
        "2001:db8::g",
        "02001:db8::7",
        "2001:db8::00007",
        "2001:db8::1.2.3",
        "fe80::1%eth0",
    ),
    *(
        "2001:0db8:0000:0000:0000:0000:0000:0000:0007",
        "::ffff:198.51.100",
        "::ffff:198.51.100.007",
        "::ffff:0xc6336407",
    ),
    *("unknown", "_hidden", "localhost", "*", "null", "None", "", " ", "office.example", "0", "-1", "1e9", "∞", "%00"),
]

# Addresses that hold another one inside; they are where they say they are, and that is elsewhere.
DISGUISES = [
    *("64:ff9b::198.51.100.7", "64:ff9b::c633:6407", "2002:c633:6407::1", "::198.51.100.7", "::c633:6407"),
    *("2001:0:c633:6407::1", "::ffff:0:198.51.100.7", "fe80::198.51.100.7", "64:ff9b:1::198.51.100.7", "::", "::1"),
    *(
        "fec0::c633:6407",
        "100::c633:6407",
        "2001:db7:ffff::7",
        "2001:db9::7",
        "198.51.99.255",
        "198.51.101.0",
        "0.0.0.0",  # noqa: S104 (an address somebody claims)
    ),
]

PEERS = [
    "",
    " ",
    "unknown",
    "unix:",
    "@",
    f"{INSIDE}:443",
    f"{INSIDE}%0",
    "0xc6336407",
    f"{INSIDE},{INSIDE}",
    "\x00",
    "/run/x",
]


def cases():
    for header in HEADERS:
        for claim in CLAIMS:
            yield f"stranger: {header}={claim}", {"REMOTE_ADDR": OUTSIDE, f"HTTP_{header}": claim}
    for claim in SENT_ALONG:
        for join in (", ", ","):
            yield (
                f"sent along: {claim[:40]!r}{join!r}",
                {"REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_FOR": f"{claim}{join}{OUTSIDE}"},
            )
        two = f"{claim}, {OUTSIDE}, 10.2.3.4"
        yield f"sent along, two proxies: {claim[:40]!r}", {"REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_FOR": two}
        mapped = {"REMOTE_ADDR": f"::ffff:{PROXY}", "HTTP_X_FORWARDED_FOR": f"{claim},::ffff:{OUTSIDE}"}
        yield f"sent along, mapped: {claim[:40]!r}", mapped
    for text in [*NO_ADDRESS, *DISGUISES]:
        yield f"written by a proxy: {text[:40]!r}", {"REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_FOR": text}
        behind = {"REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_FOR": f"{INSIDE}, {text}"}
        yield f"after one inside: {text[:40]!r}", behind
        yield f"as the peer: {text[:40]!r}", {"REMOTE_ADDR": text, "HTTP_X_FORWARDED_FOR": INSIDE}
    for peer in PEERS:
        yield f"peer: {peer!r}", {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": INSIDE}
    for header in HEADERS[1:]:
        proxied = {"REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_FOR": OUTSIDE, f"HTTP_{header}": INSIDE}
        yield f"beside the proxy's word: {header}", proxied


CASES = dict(cases())


def test_there_are_enough_of_them():
    assert len(CASES) >= 200


def test_nobody_gets_inside():
    with override_settings(TRUSTED_PROXIES=PROXIES):
        inside = [name for name, environ in CASES.items() if is_within(client_address(environ), OFFICE)]
    assert inside == []


def test_nobody_gets_into_the_admin():
    with override_settings(TRUSTED_PROXIES=PROXIES):
        addresses = {name: client_address(environ) for name, environ in CASES.items()}
    assert [
        name for name, address in addresses.items() if is_open_to("" if address is None else str(address), OFFICE)
    ] == []


def test_whoever_is_inside_is_let_in():
    """Else the tests above would pass with a door that nobody opens."""
    honest = [
        {"REMOTE_ADDR": INSIDE},
        {"REMOTE_ADDR": "2001:db8::7"},
        {"REMOTE_ADDR": f"::ffff:{INSIDE}"},
        {"REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_FOR": INSIDE},
        {"REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_FOR": f"{OUTSIDE}, {INSIDE}"},
        {"REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_FOR": f"{INSIDE}, 10.2.3.4"},
        {"REMOTE_ADDR": f"::ffff:{PROXY}", "HTTP_X_FORWARDED_FOR": "2001:DB8:0::7"},
        {"REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_FOR": f"garbage,\t{INSIDE} "},
    ]
    with override_settings(TRUSTED_PROXIES=PROXIES):
        assert [environ for environ in honest if not is_within(client_address(environ), OFFICE)] == []


@pytest.mark.parametrize("text", NO_ADDRESS)
def test_what_is_no_address_is_none(text):
    assert parse_address(text) is None


@pytest.mark.parametrize(
    "network", ["198.51.100.7/24", "198.051.100.0/24", "0xc6336400/24", "198.51.100/24", "2001:db8::7/32"]
)
def test_a_network_that_is_not_written_exactly_admits_nobody(network):
    assert not is_within(parse_address(INSIDE), [network])
    assert not is_within(parse_address("2001:db8::7"), [network])
