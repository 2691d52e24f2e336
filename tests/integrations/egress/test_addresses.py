"""Which addresses may be connected to."""

import pytest

from integrations.egress.addresses import check_address, check_host, exemptions, parse_exemption
from integrations.providers.errors import EgressDenied

CLOSED = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.254"),  # noqa: S104
    *("127.0.0.1", "127.1.2.3", "127.255.255.255", "168.63.129.16", "169.254.0.1", "169.254.169.254", "169.254.170.2"),
    *("172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1"),
    *("192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250"),
    *("240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::10.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
    *("::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe"),
    *("64:ff9b:1::1", "64:ff9b:1::7f00:1", "100::1", "2001::1", "2001:0:7f00:1::1", "2001:10::1", "2001:20::1"),
    *("2001:db8::1", "2002:7f00:1::1", "2002:a00:1::", "2002:c0a8:101::1", "3fff::1", "4000::1", "5f00::1", "fc00::1"),
    *(
        "fd00::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::1",
        "fe80::1%eth0",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ),
]
OPEN = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "172.32.0.1",
    "2606:4700::1111",
    "2a00:1450::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
]
SPELLINGS = [
    *("2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1", "0177.0.0.1", "0177.1", "127.1", "127.0.1", "017700000001"),
    *(
        "127.0.0.0x1",
        "127.0.0.01",
        "1.1.1.1.1",
        "256.1.1.1",
        "0x",
        "a.0x7f",
        "example.1",
        "127.0.0.1%25",
        "fe80::1%eth0",
    ),
    *(
        "::1::",
        "exa mple.com",
        "example..com",
        "-a.com",
        "a/b",
        "a@b",
        "",
        ".",
        "%31%32%37.0.0.1",
        "[::1",
        "127。0。0。1",
    ),
]


def test_the_table_of_hostile_addresses_is_long_enough():
    assert len(CLOSED) + len(SPELLINGS) >= 60


@pytest.mark.parametrize("address", CLOSED)
def test_addresses_that_are_not_public_are_refused(address):
    with pytest.raises(EgressDenied):
        check_address(address, 443, is_plain=False, allowed=())


@pytest.mark.parametrize("address", OPEN)
def test_public_addresses_may_be_reached_over_tls_alone(address):
    check_address(address, 443, is_plain=False, allowed=())
    with pytest.raises(EgressDenied, match="https"):
        check_address(address, 80, is_plain=True, allowed=())


@pytest.mark.parametrize("host", SPELLINGS)
def test_unusual_spellings_of_hosts_are_refused(host):
    with pytest.raises(EgressDenied):
        check_host(host)


@pytest.mark.parametrize(
    "host", ["example.com", "example.com.", "127.0.0.1", "::1", "xn--bcher-kva.de", "odoo", "a_b.example", "0x.example"]
)
def test_plain_hosts_are_well_formed(host):
    check_host(host)


@pytest.mark.parametrize(
    ("entry", "address", "port"),
    [
        ("127.0.0.1:8069", "127.0.0.1", 8069),
        ("127.0.0.1:8069", "::ffff:127.0.0.1", 8069),
        ("10.0.0.0/8:443", "10.20.30.40", 443),
        ("[::1]:8069", "::1", 8069),
        ("[fd00::/8]:443", "fd12::1", 443),
    ],
)
def test_an_allowed_target_may_be_private_and_plain(entry, address, port):
    allowed = exemptions((entry,))
    check_address(address, port, is_plain=True, allowed=allowed)
    with pytest.raises(EgressDenied):
        check_address(address, port + 1, is_plain=False, allowed=allowed)


@pytest.mark.parametrize(
    "entry",
    [
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "::1:80",
        "[::1:80",
        "example.com:80",
        "10.0.0.1/8:80",
        ":80",
        "127.0.0.1:٣",
    ],
)
def test_a_malformed_exemption_says_what_is_wrong(entry):
    with pytest.raises(ValueError, match="EGRESS_ALLOW"):
        parse_exemption(entry)
