"""Which addresses a call may reach."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle_std.steps._addresses import refusal

PUBLIC = [
    "93.184.216.34",
    "8.8.8.8",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]

PRIVATE = [
    ("127.0.0.1", "loopback"),
    ("127.8.9.10", "loopback"),
    ("::1", "loopback"),
    ("::ffff:127.0.0.1", "loopback"),
    ("::127.0.0.1", "loopback"),
    ("64:ff9b::7f00:1", "loopback"),
    ("64:ff9b:1::7f00:1", "loopback"),
    ("2002:7f00:1::", "loopback"),
    ("2001:0:7f00:1::", "loopback"),
    ("10.1.2.3", "private"),
    ("172.31.255.255", "private"),
    ("192.168.0.1", "private"),
    ("::ffff:192.168.0.1", "private"),
    ("fd12::1", "private"),
    ("fec0::1", "private"),
    ("100.64.0.1", "carrier-private"),
    ("0.0.0.0", "unspecified"),
    ("::", "unspecified"),
    ("224.0.0.1", "multicast"),
    ("ff02::1", "multicast"),
    ("255.255.255.255", "reserved"),
    ("2001:db8::1", "documentation"),
    ("198.18.0.1", "benchmarking"),
    ("4000::1", "reserved"),
]

METADATA = [
    "169.254.169.254",
    "169.254.1.1",
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "fe80::1",
    "fe80::1%1",
    "fd00:ec2::254",
    "100.100.100.200",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_open_to_all(address: str) -> None:
    assert refusal(address, written=False, allow_private=False) is None


@pytest.mark.parametrize(("address", "kind"), PRIVATE)
def test_a_private_address_is_open_only_to_a_host_that_is_written(address: str, kind: str) -> None:
    assert refusal(address, written=False, allow_private=False) == f"a {kind} address"
    assert refusal(address, written=True, allow_private=False) is None
    assert refusal(address, written=False, allow_private=True) is None


@pytest.mark.parametrize("address", METADATA)
def test_a_metadata_address_always_needs_leave(address: str) -> None:
    for written in (False, True):
        assert refusal(address, written=written, allow_private=False) == "a link-local or metadata address"
        assert refusal(address, written=written, allow_private=True) is None


@given(st.ip_addresses(v=4))
def test_what_is_refused_bare_is_refused_in_every_wrapping(inner: IPv4Address) -> None:
    wrapped = [0xFFFF << 32 | int(inner), 0x0064_FF9B << 96 | int(inner), 0x2002 << 112 | int(inner) << 80]
    bare = refusal(str(inner), written=False, allow_private=False)
    for number in wrapped:
        assert refusal(str(IPv6Address(number)), written=False, allow_private=False) == bare


@given(st.ip_addresses())
def test_what_python_knows_as_private_is_never_open(address: IPv4Address | IPv6Address) -> None:
    embedded = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    if (address.is_private or address.is_link_local or address.is_multicast) and embedded is None:
        assert refusal(str(address), written=False, allow_private=False) is not None
