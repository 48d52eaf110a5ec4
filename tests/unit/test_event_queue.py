from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.engine.queue import EventQueue, Timed
from atlas_core.model.events import Phase


def drain(queue: EventQueue[str]) -> list[tuple[int, str]]:
    taken = []
    while queue:
        taken.append(queue.pop())
    return taken


def words(queue: EventQueue[str]) -> str:
    return " ".join(event for _, event in drain(queue))


def test_events_come_by_time() -> None:
    queue: EventQueue[str] = EventQueue()
    for ts in (30, 10, 20):
        queue.push(ts, Phase.MARKET, f"at-{ts}")
    assert queue.next_time() == 10
    assert drain(queue) == [(10, "at-10"), (20, "at-20"), (30, "at-30")]


def test_events_of_one_time_come_by_phase() -> None:
    queue: EventQueue[str] = EventQueue()
    for phase in (Phase.OPENING, Phase.CONTROL, Phase.BROKER, Phase.TIMER, Phase.MARKET):
        queue.push(5, phase, phase.name)
    assert words(queue) == "BROKER MARKET TIMER CONTROL OPENING"


def test_streams_of_one_time_and_phase_come_as_they_were_added_and_single_events_after_them() -> None:
    queue: EventQueue[str] = EventQueue()
    queue.push(5, Phase.MARKET, "single")
    queue.add_stream(iter([(5, Phase.MARKET, "first"), (5, Phase.MARKET, "first-again")]))
    queue.add_stream(iter([(5, Phase.MARKET, "second")]))
    assert words(queue) == "first first-again second single"


def test_single_events_of_one_time_and_phase_come_as_they_were_pushed() -> None:
    queue: EventQueue[str] = EventQueue()
    for name in "cab":
        queue.push(5, Phase.TIMER, name)
    assert words(queue) == "c a b"


def test_events_that_cannot_be_compared_need_no_comparison() -> None:
    queue: EventQueue[object] = EventQueue()
    events = [object(), object(), object()]
    queue.add_stream(iter([(1, Phase.MARKET, events[0])]))
    queue.push(1, Phase.MARKET, events[1])
    queue.push(1, Phase.MARKET, events[2])
    assert [queue.pop()[1] for _ in events] == events


def test_a_stream_is_pulled_one_event_at_a_time() -> None:
    pulled: list[int] = []

    def stream() -> Iterator[Timed[str]]:
        for ts in range(1, 10**9):
            pulled.append(ts)
            yield ts, Phase.MARKET, f"at-{ts}"

    queue: EventQueue[str] = EventQueue()
    queue.add_stream(stream())
    assert pulled == [1]
    queue.next_time()
    assert pulled == [1]
    queue.pop()
    assert pulled == [1, 2]


@pytest.mark.parametrize("ts", [10, 3])
def test_an_event_for_now_or_the_past_comes_before_everything_later(ts: int) -> None:
    queue: EventQueue[str] = EventQueue()
    queue.add_stream(iter([(10, Phase.MARKET, "now"), (11, Phase.BROKER, "later")]))
    assert queue.pop() == (10, "now")
    queue.push(ts, Phase.CONTROL, "pushed")
    assert drain(queue) == [(ts, "pushed"), (11, "later")]


def test_an_empty_stream_brings_nothing_and_an_empty_queue_is_false() -> None:
    queue: EventQueue[str] = EventQueue()
    queue.add_stream(iter([]))
    assert not queue
    with pytest.raises(IndexError):
        queue.next_time()
    with pytest.raises(IndexError):
        queue.pop()


TIMED = st.tuples(st.integers(0, 4), st.sampled_from(Phase))
STREAMS = st.lists(st.lists(TIMED, max_size=8).map(sorted), max_size=4)


@given(STREAMS, st.lists(TIMED, max_size=6))
def test_merging_streams_is_a_stable_sort_of_all_their_events(
    streams: list[list[tuple[int, Phase]]], singles: list[tuple[int, Phase]]
) -> None:
    named = [
        [(ts, phase, f"{number}-{place}") for place, (ts, phase) in enumerate(stream)]
        for number, stream in enumerate([*streams, singles])
    ]
    queue: EventQueue[str] = EventQueue()
    for ts, phase, name in named[-1]:
        queue.push(ts, phase, name)
    for stream in named[:-1]:
        queue.add_stream(iter(stream))
    everything = [event for stream in named for event in stream]
    in_order = sorted(everything, key=lambda event: event[:2])
    assert drain(queue) == [(ts, name) for ts, _, name in in_order]
