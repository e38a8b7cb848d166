"""Where a request really comes from, when it may have come through proxies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aiohttp import web

FORWARDED = "X-Forwarded-For"
UNKNOWN = "unknown"

IPV6_BITS = 64
"""How much of an IPv6 address stands for a client: each of them has at least so much to itself (RFC 6177)."""

Address = IPv4Address | IPv6Address

_with_port = re.compile(r"\[([^\]]*)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}").fullmatch


class ClientAddress:
    """Finds clients' addresses. Only what a trusted proxy has added to X-Forwarded-For counts.

    Each proxy writes down on the right whom it heard from. So the list is read from there, for as long as whoever wrote
    is trusted: what a client has put in itself stands further left, and is never come to.
    """

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted = tuple(map(ip_network, trusted))

    def of(self, request: web.Request) -> str:
        """Return the address of the client as a text that stands for it; `UNKNOWN` for one without (a local socket)."""
        peer = parsed(request.remote or "")
        if peer is None:
            return UNKNOWN
        return shown(self._behind(peer, request.headers.getall(FORWARDED, ())) if self._trusted else peer)

    def trusts(self, text: str) -> bool:
        """Tell whether an address is that of a trusted proxy."""
        address = parsed(text)
        return address is not None and self._trusts(address)

    def _behind(self, address: Address, forwarded: Iterable[str]) -> Address:
        heard = ",".join(forwarded).split(",")
        while heard and self._trusts(address):
            before = parsed(heard.pop())
            if before is None:
                break
            address = before
        return address

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


@lru_cache(maxsize=4096)
def parsed(text: str) -> Address | None:
    """Return an address, with or without a port after it; None for what is none. IPv4 within IPv6 is IPv4."""
    text = text.strip()
    if found := _with_port(text):
        text = found[1] or found[2] or ""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=4096)
def shown(address: Address) -> str:
    """Return what stands for a client: an IPv4 address, or the network of an IPv6 one."""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(ip_network((int(address) >> (128 - IPV6_BITS) << (128 - IPV6_BITS), IPV6_BITS)))
