from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core.errors import JournalCorrupt, JournalError, JournalTooNew
from atlas_core.journal.codec import CODEC, Codec
from atlas_core.model.decisions import Outcome
from atlas_core.model.records import RECORD_TYPES, Record, SignalArmed
from tests.journal_samples import records_of, signal, verdict


@pytest.mark.parametrize("cls", RECORD_TYPES, ids=lambda cls: cls.kind)
def test_every_kind_of_record_comes_back_as_it_was_written(cls: type[Record]) -> None:
    @settings(max_examples=25, deadline=None)
    @given(records_of(cls))
    def round_trip(record: Record) -> None:
        (stored,) = CODEC.encode([record])
        back = CODEC.decode(1, stored)
        assert back == record
        assert type(back) is type(record)
        assert CODEC.encode([back]) == [stored]
        assert stored[4] == stored[4].encode("ascii").decode()
        json.loads(stored[4])

    round_trip()


def test_the_kinds_are_distinct() -> None:
    assert len({cls.kind for cls in RECORD_TYPES}) == len(RECORD_TYPES)


def test_the_payload_is_compact_and_in_the_order_of_the_class() -> None:
    (stored,) = CODEC.encode([verdict("sig-1", 5, reason='so "far"')])
    payload = '{"key":"sig-1","outcome":"refused","by":"quality","reason":"so \\"far\\"","value":1.2,"threshold":1.5}'
    assert stored == (5, "verdict_reached", 1, "sig-1", payload)


def test_a_record_without_fields_of_its_own_but_one_is_written() -> None:
    assert CODEC.encode([SignalArmed(ts=5, key="k")]) == [(5, "signal_armed", 1, "k", '{"key":"k"}')]


def test_equal_free_mappings_give_equal_text_whatever_their_order() -> None:
    one = signal("k", context={"b": 1, "a": {"y": 1, "x": 2}})
    two = signal("k", context={"a": {"x": 2, "y": 1}, "b": 1})
    assert CODEC.encode([one]) == CODEC.encode([two])


def test_a_free_mapping_keeps_decimals_choices_and_tuples_as_text_and_lists() -> None:
    record = signal("k", context={"equity": Decimal("1.50"), "outcome": Outcome.CLOSED, "levels": (1, Decimal(2))})
    (stored,) = CODEC.encode([record])
    assert CODEC.decode(1, stored).context == {"equity": "1.50", "outcome": "closed", "levels": [1, "2"]}  # type: ignore[attr-defined]


def test_a_whole_number_in_a_field_of_numbers_is_written_as_the_equal_float() -> None:
    assert CODEC.encode([signal("k", score=3)]) == CODEC.encode([signal("k", score=3.0)])


def test_a_decimal_keeps_its_places() -> None:
    (stored,) = CODEC.encode([signal("k", trigger=Decimal("1.500"))])
    assert str(CODEC.decode(1, stored).trigger) == "1.500"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score": float("nan")}, "signal_detected.score at 7: expected a finite number, was nan"),
        ({"score": float("-inf")}, "signal_detected.score at 7: expected a finite number, was -inf"),
        ({"score": "high"}, "signal_detected.score at 7: expected a number, was 'high'"),
        ({"trigger": Decimal("NaN")}, "signal_detected.trigger at 7: expected a finite number, was NaN"),
        ({"trigger": 42000.5}, "signal_detected.trigger at 7: expected a Decimal, was 42000.5"),
        ({"symbol": None}, "signal_detected.symbol at 7"),
        ({"symbol": "a\ud800"}, "signal_detected.symbol at 7"),
        ({"setup_at": 1.5}, "signal_detected.setup_at at 7"),
        ({"setup_at": 2**63}, "signal_detected.setup_at at 7: expected a number of at most 64 bits"),
        ({"side": "up"}, "signal_detected.side at 7: no such choice: 'up'"),
        ({"context": {"a": {"b": float("inf")}}}, "signal_detected.context at 7: at key 'a': at key 'b': expected"),
        ({"context": {"a": [object()]}}, "signal_detected.context at 7: at key 'a': expected text, a number"),
        ({"context": {1: "a"}}, "signal_detected.context at 7"),
    ],
)
def test_what_could_not_be_read_back_is_refused_with_its_field(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(JournalError) as caught:
        CODEC.encode([signal("k", 7, **changes)])
    assert str(caught.value).startswith(f"cannot record {message}")


@pytest.mark.parametrize("ts", [1.0, 2**63, None])
def test_a_time_that_is_no_64_bit_number_is_refused(ts: Any) -> None:
    with pytest.raises(JournalError, match="cannot record"):
        CODEC.encode([SignalArmed(ts=ts, key="k")])


def test_something_that_is_no_record_is_refused() -> None:
    with pytest.raises(JournalError, match="expected one of the journal's records, was 'x'"):
        CODEC.encode(["x"])  # type: ignore[list-item]


@pytest.mark.parametrize(
    "payload",
    [
        '{"key":"k","price":1.5}', '{"key":"k","price":"much"}', '{"key":5,"price":"1"}', '{"key":"k"}',
        '{"key":"k","price":"1","more":1}', "[]", "{", "",
    ],
)  # fmt: skip
def test_a_payload_that_does_not_fit_its_kind_is_corrupt(payload: str) -> None:
    with pytest.raises(JournalCorrupt, match="event 9: expected a signal_triggered version 1"):
        CODEC.decode(9, (1, "signal_triggered", 1, "k", payload))


@pytest.mark.parametrize(("kind", "version"), [("moon_phase", 1), ("signal_armed", 2)])
def test_a_kind_or_version_from_the_future_asks_for_a_newer_atlas(kind: str, version: int) -> None:
    with pytest.raises(JournalTooNew, match=f"event 3: {kind} version {version}"):
        CODEC.decode(3, (1, kind, version, "k", '{"key":"k"}'))


@frozen(kw_only=True)
class _Weather(Record):
    """A record whose third version says in words and degrees what its first said in one number."""

    kind = "weather"
    celsius: float
    word: str


def _to_celsius(content: dict[str, Any]) -> dict[str, Any]:
    return {"celsius": (content["fahrenheit"] - 32) / 1.8}


def _with_word(content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "word": "warm" if content["celsius"] > 20 else "cold"}


_WEATHER = Codec((_Weather,), {"weather": (_to_celsius, _with_word)})


@pytest.mark.parametrize(
    ("version", "payload"),
    [(1, '{"fahrenheit":86.0}'), (2, '{"celsius":30.0}'), (3, '{"celsius":30.0,"word":"warm"}')],
)
def test_an_event_of_an_older_version_is_read_as_the_newest(version: int, payload: str) -> None:
    assert _WEATHER.decode(1, (4, "weather", version, "", payload)) == _Weather(ts=4, celsius=30.0, word="warm")


def test_new_events_carry_the_newest_version() -> None:
    assert _WEATHER.encode([_Weather(ts=4, celsius=1.0, word="cold")])[0][2] == 3


def test_an_upcast_that_fails_on_its_event_names_the_event() -> None:
    with pytest.raises(JournalCorrupt, match="event 6: expected a weather version 1"):
        _WEATHER.decode(6, (4, "weather", 1, "", "{}"))


@pytest.mark.parametrize("annotation", [set[int], int | str, Mapping[str, int] | int])
def test_a_record_class_with_an_unknown_type_of_field_is_refused_when_the_codec_is_made(annotation: Any) -> None:
    cls = frozen(kw_only=True)(type("Odd", (Record,), {"kind": "odd", "__annotations__": {"x": annotation}}))
    with pytest.raises(TypeError, match="no encoder"):
        Codec((cls,))


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3))
def test_any_text_is_written_in_ascii(context: dict[str, str]) -> None:
    assert CODEC.encode([signal("k", context=context)])[0][4].isascii()
