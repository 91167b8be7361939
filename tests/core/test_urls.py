"""Which host is written, and which text is a URL at all."""

from __future__ import annotations

import pytest

from treadle._urls import url_from
from treadle.plugin import Url

WRITTEN = [
    "https://example.com",
    "https://example.com/",
    "HTTP://Example.com:8080/x?y#z",
    "https://example.com/${{ inputs.path }}",
    "https://example.com?q=${{ inputs.q }}",
    "https://example.com#${{ inputs.q }}",
    "http://127.0.0.1:${{ inputs.port }}/healthz",
    "http://[::1]:80/",
    "http://[::1]/${{ inputs.path }}",
]

GIVEN = [
    "${{ inputs.url }}",
    "https://${{ inputs.host }}/",
    "https://${{ inputs.env }}.example.com/",
    "https://example.${{ inputs.tld }}/",
    "https://example.com${{ inputs.rest }}",
    "${{ inputs.scheme }}://example.com/",
    "http${{ inputs.s }}://example.com/",
    "https://[${{ inputs.v6 }}]/",
]


@pytest.mark.parametrize("source", WRITTEN)
def test_a_host_that_no_expression_can_change_is_written(source: str) -> None:
    text = (
        source.replace("${{ inputs.port }}", "8080").replace("${{", "a").replace(" }}", "").replace(" ", "")
    )
    assert url_from(text, source) == Url(text, host_written=True)


@pytest.mark.parametrize("source", GIVEN)
def test_a_host_that_an_expression_may_have_given_is_not_written(source: str) -> None:
    assert url_from("https://example.com/", source) == Url("https://example.com/", host_written=False)


def test_a_value_that_does_not_begin_as_its_source_says_is_not_written() -> None:
    assert not url_from("https://other.example/", "https://example.com/").host_written


def test_a_port_cannot_move_the_host() -> None:
    with pytest.raises(ValueError, match="user name"):
        url_from("http://127.0.0.1:1@10.0.0.1/", "http://127.0.0.1:${{ inputs.port }}/")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not begin with http:// or https://"),
        ("example.com/x", "does not begin with http:// or https://"),
        ("ftp://example.com/", "does not begin with http:// or https://"),
        ("file:///etc/passwd", "does not begin with http:// or https://"),
        ("https:example.com", "does not begin with http:// or https://"),
        ("https://", "has no host that can be used"),
        ("https:///path", "has no host that can be used"),
        ("https://:80/", "has no host that can be used"),
        ("https://good.example\\@evil.example/", "holds a user name"),
        ("https://good.example\\.evil.example/", "has no host that can be used"),
        ("https://good%2eexample/", "has no host that can be used"),
        ("https://user@example.com/", "holds a user name"),
        ("https://user:word@example.com/", "holds a user name"),
        ("https://example.com:port/", "has no host that can be used"),
        ("https://example.com:65536/", "port is over 65535"),
        ("https://example.com:080808/", "has no host that can be used"),
        ("https://example.com/a b", "a space or a control character"),
        ("https://example.com/\r\nHost: other", "a space or a control character"),
        ("https://example.com/\x7f", "a space or a control character"),
    ],
)
def test_what_is_no_url_is_refused_without_being_repeated(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Url(text)
    assert len(text) < 9 or text not in str(caught.value)
