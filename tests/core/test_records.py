"""Events as records: what goes in comes out, and what cannot be read is refused."""

import json
from types import MappingProxyType

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle._records import LIMIT, SHARED_LIMIT, VERSION, decode, encode, hash_of
from treadle.errors import RecordError
from treadle.events import Event, RunStatus
from treadle.plugin import Blob, Record, RunInfo

LABELS = {"team": "ops", "tier": "1"}
INFO = RunInfo(
    id="r1", workflow="flow", status=RunStatus.RUNNING, correlation_id="order 7", labels=LABELS, seq=9
)


def event(type_="step.completed", data=None, **changes):
    made = Event("r1", "flow", 3, 1750000000.25, type_, "a.b#2", 2, "order 7", LABELS, data or {})
    return attrs.evolve(made, **changes)


def body_of(record):
    return json.loads(record.body)


# --- there and back --------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["\0", "\u2028", "🙂" * 3, "\\u0041"]
)
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
leaves = st.none() | st.booleans() | numbers | texts
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=20)
events = st.builds(
    event,
    type_=texts,
    data=st.dictionaries(texts, values),
    seq=st.integers(1, 2**63 - 1),
    time=st.floats(0, 1e11),
    step=st.none() | texts,
    attempt=st.none() | st.integers(1, 2**31),
    labels=st.just(LABELS) | st.dictionaries(texts | st.sampled_from(sorted(LABELS)), texts),
)


def same(one, other):
    """Equal also in what Python takes for equal: 1, 1.0 and True; 0.0 and -0.0; the order of keys."""
    return repr(one) == repr(other)


@given(events)
def test_what_is_encoded_is_decoded_the_same(given_event):
    record = encode(given_event, LABELS)
    decoded = decode(record, INFO)
    assert decoded == given_event
    assert same(decoded.data, given_event.data)
    assert record.seq == given_event.seq
    assert json.loads(record.body)["type"] == given_event.type


@given(st.dictionaries(texts, st.text("xy", max_size=9), min_size=1), st.integers(0, 3))
def test_a_large_value_is_decoded_the_same(data, extra):
    large = "ß" * (LIMIT // 2 + extra)
    given_event = event(data={**data, "output": {"text": large}})
    record = encode(given_event, LABELS)
    assert record.blob is not None
    decoded = decode(record, INFO)
    assert same(decoded.data, given_event.data)


def test_mappings_of_any_class_are_plain_when_they_come_back():
    given_event = event(data=MappingProxyType({"output": MappingProxyType({"x": (1, 2)})}))
    assert decode(encode(given_event, LABELS), INFO).data == {"output": {"x": [1, 2]}}


# --- what a body holds -----------------------------------------------------------------------------


def test_a_body_holds_what_only_this_event_has():
    record = encode(event(data={"output": 1}), LABELS)
    assert body_of(record) == {
        "time": 1750000000.25,
        "type": "step.completed",
        "data": {"output": 1},
        "step": "a.b#2",
        "attempt": 2,
    }
    assert (record.version, record.blob) == (VERSION, None)


def test_an_equal_event_is_an_equal_record():
    assert encode(event(data={"a": 1, "b": [2]}), LABELS) == encode(
        event(data={"a": 1, "b": [2]}), dict(LABELS)
    )


def test_labels_are_written_where_they_differ_from_the_runs():
    record = encode(event(labels={"team": "dev", "step": "x"}), LABELS)
    assert body_of(record)["labels"] == {"team": "dev", "step": "x", "tier": None}
    assert decode(record, INFO).labels == {"team": "dev", "step": "x"}
    assert "labels" not in body_of(encode(event(labels=dict(LABELS)), LABELS))


# --- blobs -----------------------------------------------------------------------------------------


def test_the_largest_value_goes_to_a_blob_and_a_null_stands_in_its_place():
    output = ["x" * 100] * 700
    record = encode(event(data={"output": output, "tail": "y" * 2000, "n": 1}), LABELS)
    body = body_of(record)
    assert body["data"] == {"output": None, "tail": "y" * 2000, "n": 1}
    assert body["blob"] == "output"
    assert record.blob == Blob(hash_of(record.blob.body), msgspec.json.encode(output))
    assert len(record.blob.hash) == 64


def test_a_body_up_to_the_limit_stays_whole():
    empty = len(encode(event(data={"output": ""}), LABELS).body)
    assert encode(event(data={"output": "x" * (LIMIT - empty)}), LABELS).blob is None
    assert encode(event(data={"output": "x" * (LIMIT - empty + 1)}), LABELS).blob is not None


def test_many_small_values_stay_where_they_are():
    record = encode(event(data={f"k{number}": "x" * 1000 for number in range(100)}), LABELS)
    assert record.blob is None
    assert len(body_of(record)["data"]) == 100


def test_runs_of_one_workflow_share_its_spec():
    spec = {"name": "flow", "steps": {f"s{number}": {"set": {"x": number}} for number in range(60)}}
    accepted = event("workflow.accepted", {"spec": spec, "hash": "h", "inputs": {"n": 1}})
    other = event("workflow.accepted", {"spec": spec, "hash": "h", "inputs": {"n": 2}})
    records = [encode(each, LABELS) for each in (accepted, other)]
    assert len(msgspec.json.encode(spec)) > SHARED_LIMIT
    assert records[0].blob == records[1].blob
    assert body_of(records[0])["blob"] == "spec"
    assert [decode(record, INFO).data["inputs"] for record in records] == [{"n": 1}, {"n": 2}]
    assert decode(records[0], INFO).data["spec"] == spec


def test_a_small_spec_stays_in_the_body():
    assert encode(event("workflow.accepted", {"spec": {"name": "flow"}}), LABELS).blob is None


# --- what cannot be written or read ----------------------------------------------------------------


@pytest.mark.parametrize("value", ["\ud800", object(), iter([1])])
def test_what_json_cannot_hold_is_refused_with_its_place(value):
    with pytest.raises(RecordError, match=r"event 3 \(step.completed\) of run r1 cannot be written as JSON"):
        encode(event(data={"output": value}), LABELS)


def test_a_live_event_has_no_record():
    with pytest.raises(ValueError, match=r"step.output is a live event"):
        encode(event("step.output", seq=None), LABELS)


def test_a_later_version_is_refused_and_says_what_to_do():
    newer = attrs.evolve(encode(event(), LABELS), version=VERSION + 1)
    with pytest.raises(RecordError, match=r"event 3 of run r1 was written in version 2 .* install a newer"):
        decode(newer, INFO)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"time": 1}',
        b'{"time": "x", "type": "t", "data": {}}',
        b'{"time": 1, "type": "t", "data": []}',
        b'{"time": 1, "type": "t", "data": {"x": null}, "blob": "x"}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_body_is_refused_with_its_place(body):
    with pytest.raises(RecordError, match=r"event 7 of run r1 is damaged: .*forget the run"):
        decode(Record(7, VERSION, body), INFO)


@pytest.mark.parametrize("body", [b"", b'{"text": "other"}'])
def test_a_blob_that_is_not_the_one_that_was_stored_is_refused(body):
    record = encode(event(data={"output": "x" * LIMIT}), LABELS)
    damaged = attrs.evolve(record, blob=Blob(record.blob.hash, body))
    with pytest.raises(RecordError, match=r"event 3 of run r1 is damaged: the value of 'output'"):
        decode(damaged, INFO)


def test_a_blob_that_hashes_right_and_is_no_json_is_refused():
    record = encode(event(data={"output": "x" * LIMIT}), LABELS)
    with pytest.raises(RecordError, match="is damaged"):
        decode(attrs.evolve(record, blob=Blob(hash_of(b"{"), b"{")), INFO)


def test_unknown_fields_of_a_body_are_passed_over():
    decoded = decode(Record(1, VERSION, b'{"time": 1, "type": "t", "data": {}, "more": 1}'), INFO)
    assert decoded == Event("r1", "flow", 1, 1.0, "t", None, None, "order 7", LABELS, {})
