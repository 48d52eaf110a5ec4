"""The events of a run that people follow it by: entries, exits, funding, alerts, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from attrs import frozen

from atlas_core.model import records as recorded


@frozen
class EventRow:
    """One event in words."""

    ts: int
    kind: str
    subject: str
    text: str


def event_rows(records: Iterable[recorded.Record]) -> tuple[EventRow, ...]:
    """Return the events in the order of the journal."""
    return tuple(
        EventRow(record.ts, record.kind, record.subject, tell(record))
        for record in records
        if (tell := _TELLERS.get(type(record))) is not None
    )


def _opened(record: recorded.PositionOpened) -> str:
    return f"ENTRY {record.symbol} {record.side.value} {record.quantity:f} @ {record.price:,f}"


def _closed(record: recorded.PositionClosed) -> str:
    return f"EXIT {record.symbol} {record.rule} @ {record.exit_price:,f} {record.net:+,.2f}, {record.reason}"


def _funding(record: recorded.FundingBooked) -> str:
    return f"FUNDING {record.symbol} rate {(record.rate * 100).normalize():f} % {-record.amount:+,.2f}"


def _halted(record: recorded.TradingStateChanged) -> str:
    return f"trading {record.state} by {record.by}: {record.reason}"


_TELLERS: dict[type[recorded.Record], Callable[[Any], str]] = {
    recorded.RunStarted: lambda record: f"{record.profile} {record.mode}, {record.starting_cash:,f} {record.quote}",
    recorded.PositionOpened: _opened,
    recorded.PositionClosed: _closed,
    recorded.FundingBooked: _funding,
    recorded.AlertRaised: lambda record: f"{record.severity.value}: {record.title}. {record.text}".rstrip(". "),
    recorded.TradingStateChanged: _halted,
    recorded.ComponentFailed: lambda record: f"{record.component}: {record.error}; {record.policy}",
    recorded.OperatorActed: lambda record: f"{record.actor}: {record.name}",
    recorded.RunFinished: lambda record: f"{record.reason}, equity {record.equity:,f}",
}
