"""Bounded decoding."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle_std.steps._inflate import decoder


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS = {
    "gzip": [gzip.compress, lambda data: gzip.compress(data) + gzip.compress(b"")],
    "x-gzip": [gzip.compress],
    "deflate": [zlib.compress, raw_deflate],
    "identity": [bytes],
    "": [bytes],
}


def pieces_of(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(
    data=st.binary(max_size=3000),
    size=st.integers(1, 50),
    choice=st.sampled_from([(name, pack) for name, packs in PACKERS.items() for pack in packs]),
)
def test_a_body_comes_out_as_it_went_in_however_it_is_cut(data, size, choice) -> None:
    name, pack = choice
    decode = decoder(name)
    out = b"".join(decode.feed(piece, 10_000) for piece in pieces_of(pack(data), size))
    decode.end()
    assert out == data


@given(data=st.binary(max_size=2000), limit=st.integers(1, 100))
def test_no_more_than_the_limit_is_given(data: bytes, limit: int) -> None:
    for name, packs in PACKERS.items():
        assert decoder(name).feed(packs[0](data), limit) == data[:limit]


def test_gzip_members_follow_each_other_and_padding_is_ignored() -> None:
    decode = decoder("gzip")
    assert decode.feed(gzip.compress(b"one") + gzip.compress(b"two") + b"\0\0\0", 100) == b"onetwo"
    assert decode.feed(b"\0\0\0", 100) == b""
    decode.end()


def test_what_follows_deflate_data_is_ignored() -> None:
    decode = decoder("deflate")
    assert decode.feed(zlib.compress(b"one") + b"rest", 100) == b"one"
    decode.end()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("gzip", b"no gzip"),
        ("deflate", b"\xff\xff\xff\xff"),
        ("gzip", gzip.compress(b"one") + b"\x1fnot a member"),
    ],
)
def test_damaged_data_is_a_value_error(name: str, data: bytes) -> None:
    with pytest.raises(ValueError, match="its compressed data is damaged"):
        decoder(name).feed(data, 100)


def test_data_that_breaks_later_is_a_value_error_too() -> None:
    decode = decoder("deflate")
    decode.feed(zlib.compress(b"one")[:-4], 100)
    with pytest.raises(ValueError, match="damaged"):
        decode.feed(b"\0\0\0\0", 100)


def test_data_that_ends_in_the_middle_is_a_value_error() -> None:
    decode = decoder("gzip")
    decode.feed(gzip.compress(b"x" * 1000)[:-4], 10_000)
    with pytest.raises(ValueError, match="ends in the middle"):
        decode.end()


def test_an_empty_body_needs_no_frame() -> None:
    decoder("gzip").end()


def test_a_body_in_an_encoding_that_was_not_offered_is_refused_but_none_is_not() -> None:
    decoder("br").end()
    with pytest.raises(ValueError, match="its encoding is 'br', but only gzip, deflate was asked for"):
        decoder("br").feed(b"x", 1)


def test_a_bomb_costs_no_more_memory_than_the_limit() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    tracemalloc.start()
    try:
        given_ = decoder("gzip").feed(bomb, 100_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(given_) == 100_000
    assert peak < 1_000_000
