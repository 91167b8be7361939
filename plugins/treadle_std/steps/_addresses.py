"""Which addresses a call may reach.

Rule 1: the judgement is about an address that is about to be connected to, never about a name: what a
        name stands for may change between two looks.
Rule 2: an address that carries another inside it (IPv4-mapped, NAT64, 6to4, Teredo) is judged by both.
Rule 3: what is not known to be public is not public.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

METADATA: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "169.254.0.0/16",  # link-local, where clouds keep the credentials of a machine
        "fe80::/10",  # link-local
        "100.100.100.200/32",  # Alibaba Cloud
        "192.0.0.192/32",  # Oracle Cloud
        "168.63.129.16/32",  # Azure's wire server, a public address that only the host answers
        "fd00:ec2::/32",  # AWS
        "fd20:ce::254/128",  # Google Cloud
    )
)
"""Where instance metadata is served: never reached without ``allow_private``."""

NOT_PUBLIC: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-private"),
        ("127.0.0.0/8", "loopback"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fc00::/7", "private"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
        ("100::/64", "discard"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "documentation"),
        ("3fff::/20", "documentation"),
    )
)
"""Special-purpose networks of the IANA registries, with the word for each; the first that fits counts."""

_PUBLIC_V6 = ip_network("2000::/3")
_MAPPED = ip_network("::ffff:0:0/96")
_NAT64 = ip_network("64:ff9b::/96")
_LOW_HALF = (_MAPPED, _NAT64, ip_network("64:ff9b:1::/48"), ip_network("::/96"))
"""Networks whose addresses hold an IPv4 address in their last 32 bits."""
_WRAPPERS = (_MAPPED, _NAT64, ip_network("2002::/16"))
"""Networks whose addresses are as public as the IPv4 address they hold."""


def refusal(address: str, *, written: bool, allow_private: bool) -> str | None:
    """Why a call may not connect to *address*, as "a loopback address"; None if it may.

    Args:
      address: numeric, perhaps with a scope (``fe80::1%eth0``).
      written: the host stands in the spec; then private networks are its author's choice.
      allow_private: the author said so; then anything may be reached.
    """
    if allow_private:
        return None
    every = list(_with_embedded(ip_address(address)))
    if any(inner in network for inner in every for network in METADATA):
        return "a link-local or metadata address"
    if written:
        return None
    kinds = (_not_public(inner) for inner in every)
    return next((f"a {kind} address" for kind in kinds if kind), None)


def _not_public(address: Address) -> str | None:
    if any(address in network for network in _WRAPPERS):
        return None
    for network, kind in NOT_PUBLIC:
        if address in network:
            return kind
    return "reserved" if address.version == 6 and address not in _PUBLIC_V6 else None


def _with_embedded(address: Address) -> Iterator[Address]:
    """*address* and every IPv4 address that packets to it may end up at."""
    if isinstance(address, IPv6Address):
        # A scope would keep the address out of every network.
        address = IPv6Address(int(address))
        low = IPv4Address(int(address) & 0xFFFF_FFFF)
        if any(address in network for network in _LOW_HALF) and int(address) > 1:
            yield low
        elif address.sixtofour is not None:
            yield address.sixtofour
        elif address.teredo is not None:
            yield from address.teredo
    yield address
