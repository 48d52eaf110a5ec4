"""The events of a run that people follow it by: entries, exits, funding, alerts, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from attrs import fields, frozen

from atlas_core.model import records as recorded
from atlas_core.report.trades import price_decimals, price_text

Decimals = Mapping[str, int]


@frozen
class EventRow:
    """One event in words."""

    ts: int
    kind: str
    subject: str
    text: str


def event_rows(records: Sequence[recorded.Record], *, everything: bool = False) -> tuple[EventRow, ...]:
    """Return the events in the order of the journal; with `everything` each record is one."""
    decimals = price_decimals(records)
    return tuple(
        EventRow(record.ts, record.kind, record.subject, tell(record, decimals))
        for record in records
        if (tell := _TELLERS.get(type(record), _facts if everything else None)) is not None
    )


def _facts(record: recorded.Record, _: Decimals) -> str:
    facts = (f"{each.name}={_plain(getattr(record, each.name))}" for each in fields(type(record)) if each.name != "ts")
    return " ".join([record.kind.replace("_", " "), *facts])


def _plain(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _opened(record: recorded.PositionOpened, decimals: Decimals) -> str:
    price = price_text(record.price, decimals.get(record.symbol))
    return f"ENTRY {record.symbol} {record.side.value} {record.quantity.normalize():,f} @ {price}"


def _closed(record: recorded.PositionClosed, decimals: Decimals) -> str:
    price = price_text(record.exit_price, decimals.get(record.symbol))
    return f"EXIT {record.symbol} {record.rule} @ {price} {record.net:+,.2f}, {record.reason}"


def _funding(record: recorded.FundingBooked, _: Decimals) -> str:
    return f"FUNDING {record.symbol} rate {(record.rate * 100).normalize():f} % {-record.amount:+,.2f}"


def _halted(record: recorded.TradingStateChanged, _: Decimals) -> str:
    return f"entries {record.state.replace('_', ' ')} by {record.by}: {record.reason}"


_TELLERS: dict[type[recorded.Record], Callable[[Any, Decimals], str]] = {
    recorded.RunStarted: lambda record, _: f"{record.profile} {record.mode}, {record.starting_cash:,f} {record.quote}",
    recorded.PositionOpened: _opened,
    recorded.PositionClosed: _closed,
    recorded.FundingBooked: _funding,
    recorded.AlertRaised: lambda record, _: f"{record.severity.value}: {record.title}. {record.text}".rstrip(". "),
    recorded.TradingStateChanged: _halted,
    recorded.ComponentFailed: lambda record, _: f"{record.component}: {record.error}; {record.policy}",
    recorded.OperatorActed: lambda record, _: f"{record.actor}: {record.name}",
    recorded.SessionResumed: lambda record, _: f"the journal goes on{', after a crash' if record.crashed else ''}",
    recorded.SessionPaused: lambda record, _: f"paused: {record.reason}",
    recorded.RunFinished: lambda record, _: f"{record.reason}, equity {record.equity:,.2f}",
}
