"""Signals as rows, each with how it ended, and the counts that add up to all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal

from attrs import frozen

from atlas_core.model.decisions import Outcome
from atlas_core.model.records import (
    PositionOpened,
    Record,
    SignalArmed,
    SignalDetected,
    SignalTriggered,
    VerdictReached,
)
from atlas_core.model.signals import EntryKind, Side
from atlas_core.report.trades import family_of

DETECTED, ARMED, TRIGGERED, OPEN = "detected", "armed", "triggered", "open"
STATES: tuple[str, ...] = (*(outcome.value for outcome in Outcome), OPEN, TRIGGERED, ARMED, DETECTED)

End = tuple[str, str, str]
"""How a signal ended: its state, who gave the verdict, and the reason."""


@frozen(kw_only=True)
class SignalRow:
    """One signal: its facts, and its verdict or, while it has none, the state it is in.

    `state` is an outcome's name, or `detected`, `armed`, `triggered` or `open`; `value` against `threshold` is what
    the decision compared; `trade_id` is 0 where the signal never opened a position.
    """

    key: str
    scanner: str
    symbol: str
    timeframe: str
    setup: str
    family: str
    side: Side
    entry: EntryKind
    detected_at: int
    setup_at: int
    trigger: Decimal | None
    stop: Decimal | None
    target: Decimal | None
    score: float
    state: str = DETECTED
    by: str = ""
    reason: str = ""
    value: float | None = None
    threshold: float | None = None
    ended_at: int | None = None
    trade_id: int = 0


@frozen(kw_only=True)
class Refusal:
    """How many signals one gate, limit, sizer or broker stopped, for its most frequent reason."""

    outcome: str
    by: str
    count: int
    example: str


def signal_rows(records: Iterable[Record]) -> tuple[SignalRow, ...]:
    """Return every signal in the order of detection."""
    detected: dict[str, SignalDetected] = {}
    verdicts: dict[str, VerdictReached] = {}
    states: dict[str, str] = {}
    trade_ids: dict[str, int] = {}
    for record in records:
        if isinstance(record, SignalDetected):
            detected[record.key] = record
        elif isinstance(record, VerdictReached):
            verdicts[record.key] = record
        elif isinstance(record, PositionOpened):
            trade_ids[record.signal_key] = record.trade_id
            states[record.signal_key] = OPEN
        elif isinstance(record, SignalArmed):
            states[record.key] = ARMED
        elif isinstance(record, SignalTriggered):
            states[record.key] = TRIGGERED
    return tuple(
        _row(record, verdicts.get(key), states.get(key, DETECTED), trade_ids.get(key, 0))
        for key, record in detected.items()
    )


def _row(record: SignalDetected, verdict: VerdictReached | None, state: str, trade_id: int) -> SignalRow:
    return SignalRow(
        key=record.key,
        scanner=record.scanner,
        symbol=record.symbol,
        timeframe=record.timeframe,
        setup=record.pattern,
        family=family_of(record.pattern, record.context),
        side=record.side,
        entry=record.entry,
        detected_at=record.ts,
        setup_at=record.setup_at,
        trigger=record.trigger,
        stop=record.stop,
        target=record.target,
        score=record.score,
        state=verdict.outcome.value if verdict else state,
        by=verdict.by if verdict else "",
        reason=verdict.reason if verdict else "",
        value=verdict.value if verdict else None,
        threshold=verdict.threshold if verdict else None,
        ended_at=verdict.ts if verdict else None,
        trade_id=trade_id,
    )


def state_counts(states: Iterable[str] | Mapping[str, int]) -> dict[str, int]:
    """Return how many signals ended (or are) in each state, in a fixed order, without zeros; they add up to all.

    `states` holds the state of each of them, or has been counted before.
    """
    counts = Counter(states)
    return {state: counts[state] for state in STATES if counts[state]}


def refusals(ends: Mapping[End, int]) -> tuple[Refusal, ...]:
    """Return who stopped how many signals that never traded, most frequent first.

    `ends` counts how the signals with a verdict ended, in the order in which each end was met first.
    """
    groups: dict[tuple[str, str], Counter[str]] = {}
    for (state, by, reason), count in ends.items():
        if state != Outcome.CLOSED:
            groups.setdefault((state, by), Counter())[reason] += count
    made = [
        Refusal(outcome=state, by=by, count=reasons.total(), example=reasons.most_common(1)[0][0])
        for (state, by), reasons in groups.items()
    ]
    return tuple(sorted(made, key=lambda refusal: (-refusal.count, refusal.outcome, refusal.by)))


def ends_of(rows: Iterable[SignalRow]) -> Counter[End]:
    """Count how the signals ended that have a verdict."""
    return Counter((row.state, row.by, row.reason) for row in rows if row.ended_at is not None)


def sum_sentence(counts: Mapping[str, int]) -> str:
    """Return `signals 42 = closed 20 + refused 21 + open 1` of what `state_counts` gave."""
    order = sorted(counts, key=lambda state: (state != Outcome.CLOSED, STATES.index(state)))
    parts = " + ".join(f"{state.replace('_', ' ')} {counts[state]:,}" for state in order)
    return f"signals {sum(counts.values()):,} = {parts or 0}"
