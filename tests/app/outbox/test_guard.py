"""Which addresses webhooks may go to: a table of those that may not, and names that change their mind."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from app.outbox.errors import EndpointRefused
from app.outbox.guard import checked, is_public

PUBLIC = "93.184.215.14"
Lookup = Callable[[str, int], Sequence[str]]


def answering(*addresses: str) -> Lookup:
    """A resolver that knows every name under these addresses, and an address as itself."""

    def lookup(host: str, _port: int) -> Sequence[str]:
        literal = host.replace(".", "").isdigit() or ":" in host
        return (host,) if literal else addresses

    return lookup


REFUSED = [
    "http://hooks.example.org/",
    "ftp://hooks.example.org/",
    "file:///etc/passwd",
    "gopher://hooks.example.org/",
    "//hooks.example.org/",
    "hooks.example.org/",
    "https:///path",
    "https://hooks.example.org:80/",
    "https://hooks.example.org:8443/",
    "https://hooks.example.org:22/",
    "https://hooks.example.org:0/",
    "https://hooks.example.org:99999/",
    "https://hooks.example.org:port/",
    "https://user@hooks.example.org/",
    "https://user:pass@hooks.example.org/",
    "https://hooks.example.org@127.0.0.1/",
    "https://@hooks.example.org/",
    "https://hooks.example.org/#there",
    "https://hooks.example.org/#",
    "https://hooks.example.org/a b",
    "https://hooks.example.org/a\r\nX-Other: 1",
    "https://hooks.example.org\\@127.0.0.1/",
    "https://hooks.example.org/" + "a" * 2000,
    "https://例子.example.org/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.255.255.254/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.0.0.0x1/",
    "https://①②⑦.0.0.1/",
    "https://%31%32%37.0.0.1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://172.16.5.4/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://100.127.255.255/",
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.1.1/",
    "https://192.0.0.192/",
    "https://192.0.2.1/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[64:ff9b::10.0.0.1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::7f00:1]/",
    "https://[2002:7f00:1::1]/",
    "https://[2002:a9fe:a9fe::]/",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fec0::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
    "https://[::1/",
]


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_is_refused_whatever_its_name_resolves_to(url: str) -> None:
    with pytest.raises(EndpointRefused):
        checked(url, (), answering(PUBLIC))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.0.9", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "fe80::1%2"),
        *("fd00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:a00:1::1", "224.0.0.1", "not an address"),
    ],
)
def test_a_name_with_one_closed_address_among_public_ones_is_refused(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(EndpointRefused, match="not a public one"):
        checked("https://hooks.example.org/", (), answering(PUBLIC, address))


def test_a_name_without_an_address_is_no_place_to_go() -> None:
    with pytest.raises(OSError, match="no address"):
        checked("https://hooks.example.org/", (), answering())


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://hooks.example.org", "hooks.example.org", "/"),
        ("https://Hooks.Example.ORG/in", "hooks.example.org", "/in"),
        ("https://hooks.example.org:443/in?a=%20", "hooks.example.org", "/in?a=%20"),
        ("https://8.8.8.8/in", "8.8.8.8", "/in"),
        ("https://[2606:4700::1111]/", "2606:4700::1111", "/"),
    ],
)
def test_a_public_receiver_is_reached_at_the_addresses_that_were_judged(url: str, host: str, path: str) -> None:
    found = checked(url, (), answering(PUBLIC))
    assert (found.secure, found.host, found.port, found.path) == (True, host, 443, path)
    assert found.addresses == answering(PUBLIC)(host, 443)


def test_a_name_is_resolved_once_a_look_and_judged_again_at_the_next() -> None:
    answers = [(PUBLIC,), ("127.0.0.1",)]
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    assert checked("https://hooks.example.org/", (), rebinding).addresses == (PUBLIC,)
    assert asked == ["hooks.example.org"]
    with pytest.raises(EndpointRefused, match="not a public one"):
        checked("https://hooks.example.org/", (), rebinding)


def test_an_allowed_receiver_is_not_judged_and_its_neighbours_are() -> None:
    allow = ("127.0.0.1:8100", "hooks.local:80", "[::1]:8100")
    here = answering("127.0.0.1")
    found = checked("http://127.0.0.1:8100/in", allow, here)
    assert (found.secure, found.port, found.authority) == (False, 8100, "127.0.0.1:8100")
    assert checked("https://127.0.0.1:8100/in", allow, here).secure
    assert checked("http://hooks.local/", allow, here).authority == "hooks.local"
    assert checked("http://[::1]:8100/", allow, here).addresses == ("::1",)
    for url in ("http://127.0.0.1:8101/", "http://localhost:8100/", "http://127.0.0.1/", "http://2130706433:8100/"):
        with pytest.raises(EndpointRefused):
            checked(url, allow, here)
    with pytest.raises(EndpointRefused, match="user name"):
        checked("http://me@127.0.0.1:8100/", allow, here)
