"""Which addresses webhooks may go to: public https alone, looked at when registered and at each attempt.

A name is resolved once; every address it has must be public, and the connection goes to one of these very addresses,
so that a name which answers differently the next moment gains nothing. Sources: the IANA registries of special-purpose
addresses (RFC 6890 and its updates), RFC 4291 (mapped), RFC 6052 (NAT64), RFC 3056 (6to4), and WHATWG's URL standard
for hosts that end in a number.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from app.outbox.errors import EndpointRefused

Lookup = Callable[[str, int], Sequence[str]]

LOOKUP_S: Final = 3.0
MAX_URL: Final = 2000
_HTTPS_PORT = 443
_SHAPE = re.compile(r"[!-~]+")
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

_CLOSED_4 = tuple(
    IPv4Network(block)
    for block in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # Azure's host, reachable from each of its machines
    )
)
_OPEN_6 = IPv6Network("2000::/3")  # the only block that global addresses are given out from
_CLOSED_6 = tuple(IPv6Network(block) for block in ("2001::/23", "2001:db8::/32", "3fff::/20"))
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Place:
    """A checked URL: where to connect to (``addresses``, in order) and what to say there."""

    secure: bool
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]

    @property
    def authority(self) -> str:
        """The Host header."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (_HTTPS_PORT if self.secure else 80) else f"{name}:{self.port}"


def system_lookup(host: str, port: int) -> Sequence[str]:
    """The system's resolver; OSError when there is no such name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


_resolvers = ThreadPoolExecutor(4, thread_name_prefix="lookup")


def impatient_lookup(host: str, port: int) -> Sequence[str]:
    """The system's resolver for callers who wait: OSError after three seconds, whatever it still does."""
    try:
        return _resolvers.submit(system_lookup, host, port).result(LOOKUP_S)
    except TookTooLong:
        raise OSError("the name servers do not answer") from None


def is_public(address: str) -> bool:
    """True for an address that anyone on the internet could be reached at; embedded IPv4 addresses count as such."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        inner = _embedded(found)
        if inner is None:
            return found in _OPEN_6 and not any(found in block for block in _CLOSED_6)
        found = inner
    return not any(found in block for block in _CLOSED_4)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None


def checked(url: str, allow: Sequence[str], lookup: Lookup) -> Place:
    """Where a URL leads; EndpointRefused, or OSError when its name has no address.

    ``allow`` lists ``host:port`` for which scheme, port and addresses are not checked.
    """
    parts, host, port = _split(url)
    name = f"[{host}]" if ":" in host else host
    free = f"{name}:{port}" in allow
    if not free and parts.scheme != "https":
        raise EndpointRefused("give an address that begins with https://")
    if not free and port != _HTTPS_PORT:
        raise EndpointRefused("only port 443 can be used")
    addresses = tuple(lookup(host, port))
    if not addresses:
        raise OSError("its name has no address")
    if not free and not all(is_public(address) for address in addresses):
        raise EndpointRefused("the address is not a public one")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme == "https", host, port, path, addresses)


def checked_for_caller(url: str, allow: Sequence[str], lookup: Lookup = impatient_lookup) -> Place:
    """As ``checked``, for someone who registers the URL: whatever is wrong is EndpointRefused."""
    try:
        return checked(url, allow, lookup)
    except OSError:
        raise EndpointRefused("its name was not found") from None


def _split(url: str) -> tuple[SplitResult, str, int]:
    if len(url) > MAX_URL or not _SHAPE.fullmatch(url) or "\\" in url:
        raise EndpointRefused("give a URL of printable ASCII characters, 2000 at most; write names in their xn-- form")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise EndpointRefused("the URL can't be read") from None
    if parts.scheme not in ("https", "http") or not url.lower().startswith(f"{parts.scheme}://"):
        raise EndpointRefused("give an address that begins with https://")
    if "@" in parts.netloc:
        raise EndpointRefused("a URL with a user name is not taken")
    if "#" in url:
        raise EndpointRefused("a URL with a fragment is not taken")
    return parts, _host(parts), port if port is not None else (_HTTPS_PORT if parts.scheme == "https" else 80)


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if "[" in parts.netloc:
        try:
            address = ip_address(host)
        except ValueError:
            address = None
        if not isinstance(address, IPv6Address) or address.scope_id is not None:
            raise EndpointRefused("the IPv6 address can't be read")
        return str(address)
    if not _NAME.fullmatch(host):
        raise EndpointRefused("the host name can't be read")
    if _NUMBER.fullmatch(host.rsplit(".", 1)[-1]):
        # Resolvers read 2130706433, 0x7f.1 and 0177.0.0.1 as addresses; only the plain form is taken for one.
        try:
            return str(IPv4Address(host))
        except ValueError:
            raise EndpointRefused("write an IPv4 address as four decimal numbers") from None
    return host
