"""What must hold after any kill, held against the venue's log, the journal and what the daemons noted.

Times are seconds of the market; the venue's log says when everything happened, and the lives of the daemons say when
one was up: from its first complete read of the account until it died.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from typing import Any

from attrs import define, field, frozen

from atlas_core.journal import JournalReader
from atlas_core.model.orders import OrderRole
from atlas_core.model.records import (
    AccountReconciled,
    AlertRaised,
    OrderIntended,
    Record,
    SessionResumed,
    SignalDetected,
)
from tests.faults.process_daemon import Lab, read_lines

ZERO = Decimal(0)
KINDS = ("order_intended", "alert_raised", "session_resumed", "account_reconciled", "signal_detected")
KNOWN_WITHIN, PROTECTED_WITHIN, BUSY_MACHINE = 35.0, 15.0, 10.0
LONGEST_NAKED = KNOWN_WITHIN + PROTECTED_WITHIN + BUSY_MACHINE
"""Seconds while up after which a position at the venue needs a stop there, or an alarm: a fill may have to be found by
the next read of the account, and on a busy machine everything is late by a third of a real second."""


@frozen
class Life:
    """One daemon, in seconds of the market; `up` is when it had recovered, None for one that never had."""

    begun: float
    up: float | None
    ended: float


@define
class Findings:
    """Figures of one or many labs, and what is wrong."""

    counts: Counter[str] = field(factory=Counter)
    wrong: list[str] = field(factory=list)
    recovery: list[float] = field(factory=list)
    cold_recovery: list[float] = field(factory=list)
    naked: list[float] = field(factory=list)
    surplus: list[float] = field(factory=list)
    converged: list[float] = field(factory=list)
    points: Counter[str] = field(factory=Counter)
    unreached: Counter[str] = field(factory=Counter)

    def add(self, other: Findings) -> None:
        """Take in those of another lab."""
        for name in ("counts", "points", "unreached"):
            getattr(self, name).update(getattr(other, name))
        for name in ("wrong", "recovery", "cold_recovery", "naked", "surplus", "converged"):
            getattr(self, name).extend(getattr(other, name))


@define
class Exposure:
    """What the venue had in one symbol: a position, and stops that rest for it."""

    position: Decimal = ZERO
    stops: dict[str, Decimal] = field(factory=dict)

    @property
    def is_naked(self) -> bool:
        """Tell whether some of the position has no stop."""
        return abs(self.position) > sum(self.stops.values(), ZERO)

    @property
    def has_surplus(self) -> bool:
        """Tell whether stops rest for more than the position."""
        return abs(self.position) < sum(self.stops.values(), ZERO)


def judge(lab: Lab, lives: Sequence[Life]) -> Findings:
    """Hold everything against each other."""
    found = Findings()
    log = read_lines(lab.venue_log)
    with JournalReader.open(lab.state.journal) as journal:
        journal.verify(projections=True)
        records = list(journal.records(kinds=KINDS))
    intents = {record.client_order_id: record for record in records if isinstance(record, OrderIntended)}
    alarms = [record for record in records if isinstance(record, AlertRaised)]
    judge_orders(found, log, intents)
    _judge_entries(found, records)
    _judge_acknowledged(found, lab)
    judge_protection(found, lab, log, lives, alarms)
    found.counts.update(f"venue {line['kind']}" for line in log if line["kind"] in ("filled", "refused", "torn"))
    found.counts.update(f"fault {line['fault']}" for line in log if line.get("fault"))
    found.counts["outages"] += sum(line["kind"] == "outage" for line in log)
    return found


def judge_orders(found: Findings, log: Sequence[Mapping[str, Any]], intents: Mapping[str, OrderIntended]) -> None:
    """One accepted entry for each signal; no identity is sent again after it may have been taken; none is unknown."""
    entries: defaultdict[str, set[str]] = defaultdict(set)
    posts: Counter[str] = Counter()
    throttled: Counter[str] = Counter()
    for line in log:
        if line["kind"] == "accepted":
            found.counts["orders accepted"] += 1
            if line["role"] == "entry":
                entries[line["signal"]].add(line["id"])
        elif line["kind"] == "post":
            posts[line["id"]] += 1
            throttled[line["id"]] += line["fault"] == "answer-429-before"
    found.counts["orders sent"] += len(posts)
    found.counts["entries accepted"] += len(entries)
    found.wrong += [f"duplicate: {len(ids)} entries for signal {key}" for key, ids in entries.items() if len(ids) > 1]
    found.wrong += [
        f"duplicate: order {name} was sent {count} times, {throttled[name]} of them throttled"
        for name, count in posts.items()
        if count > 1 + throttled[name]
    ]
    found.wrong += [f"order {name} was sent without an intent in the journal" for name in posts if name not in intents]


def _judge_entries(found: Findings, records: Sequence[Record]) -> None:
    """A process enters only after it has read the account, and on no signal that is over."""
    valid_until: dict[str, int] = {}
    is_reconciled = False
    for record in records:
        match record:
            case SessionResumed():
                is_reconciled = False
            case AccountReconciled():
                is_reconciled = True
            case SignalDetected():
                valid_until[record.key] = record.valid_until
            case OrderIntended(role=OrderRole.ENTRY):
                if not is_reconciled:
                    found.wrong.append(f"entry {record.client_order_id} before the account was read")
                if record.ts > valid_until[record.signal_key]:
                    found.wrong.append(f"entry {record.client_order_id} on a signal that was over")


def _judge_acknowledged(found: Findings, lab: Lab) -> None:
    """Every commit that a daemon went on from is in the journal, with the same hash."""
    with closing(sqlite3.connect(f"file:{lab.state.journal}?mode=ro", uri=True)) as connection:
        kept = dict(connection.execute("SELECT seq, hex(hash) FROM event"))
    for note in read_lines(lab.notes_file):
        if note["kind"] == "commit":
            found.counts["commits acknowledged"] += 1
            if str(kept.get(note["seq"], "")).lower() != note["hash"]:
                found.wrong.append(f"lost: event {note['seq']} was acknowledged and is not in the journal")


def judge_protection(
    found: Findings, lab: Lab, log: Sequence[Mapping[str, Any]], lives: Sequence[Life], alarms: Sequence[AlertRaised]
) -> None:
    """No position without stop while up, for longer than the bound, unless people were told."""
    told = [(alarm.key, market_seconds(lab, alarm.ts)) for alarm in alarms if "without protection" in alarm.title]
    for _, first, last in _spans(lab, log, lambda exposure: exposure.has_surplus):
        found.surplus += [end - begin for begin, end in _while_up(lives, first, last)]
    for symbol, first, last in naked_spans(lab, log):
        for begin, end in _while_up(lives, first, last):
            found.naked.append(end - begin)
            is_told = any(key == symbol and first - 1 <= at <= end for key, at in told)
            found.counts["alarms of positions without stop"] += is_told
            if end - begin > LONGEST_NAKED and not is_told:
                found.wrong.append(f"naked: {symbol} had no stop for {end - begin:.1f} s from {begin:.1f} while up")


def _while_up(lives: Sequence[Life], first: float, last: float) -> Iterator[tuple[float, float]]:
    """Yield the parts of a span in which a daemon was up."""
    for life in lives:
        if life.up is not None and life.up <= last and life.ended >= first:
            yield max(first, life.up), min(last, life.ended)


def naked_spans(lab: Lab, log: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, float, float]]:
    """Yield when the venue had a position with a stop for less than all of it: symbol, begin and end."""
    return _spans(lab, log, lambda exposure: exposure.is_naked)


def _spans(
    lab: Lab, log: Sequence[Mapping[str, Any]], is_so: Callable[[Exposure], bool]
) -> Iterator[tuple[str, float, float]]:
    held: defaultdict[str, Exposure] = defaultdict(Exposure)
    since: dict[str, float] = {}
    at = 0.0
    for line in log:
        at = market_seconds(lab, line["t"])
        symbol = line.get("symbol", "")
        _follow(held[symbol], line)
        if is_so(held[symbol]):
            since.setdefault(symbol, at)
        elif symbol in since:
            yield symbol, since.pop(symbol), at
    yield from ((symbol, begin, at) for symbol, begin in since.items())


def _follow(exposure: Exposure, line: Mapping[str, Any]) -> None:
    match line["kind"]:
        case "accepted" if line["order"] == "stop":
            exposure.stops[line["id"]] = Decimal(line["quantity"])
        case "filled":
            exposure.position = Decimal(line["position"])
            if line["id"] in exposure.stops:
                exposure.stops[line["id"]] -= Decimal(line["quantity"])
        case "cancelled":
            exposure.stops.pop(line["id"], None)


def differences(lab: Lab, account: Mapping[str, Any]) -> list[str]:
    """Return where the books differ from the account at the venue, and what else keeps it from being quiet.

    Positions and working orders are equal, no request is without an answer, and every position has a whole stop.
    """
    with JournalReader.open(lab.state.journal) as journal:
        trades = {trade.symbol: trade.quantity * trade.side.sign for trade in journal.trades(state="open")}
    with closing(sqlite3.connect(f"file:{lab.state.journal}?mode=ro", uri=True)) as connection:
        rows = connection.execute('SELECT client_order_id, status FROM "order"').fetchall()
    working = {name for name, status in rows if status in ("acknowledged", "partially_filled")}
    unanswered = {name for name, status in rows if status in ("submitted", "unknown", "intended")}
    held = {position["symbol"]: Decimal(position["quantity"]) for position in account["positions"]}
    resting = {order["id"] for order in account["orders"]}
    found = [f"positions: books {_words(trades)}, venue {_words(held)}"] if trades != held else []
    found += [f"orders only in the books: {sorted(working - resting)}"] if working - resting else []
    found += [f"orders only at the venue: {sorted(resting - working)}"] if resting - working else []
    found += [f"orders without an answer: {sorted(unanswered)}"] if unanswered else []
    return found + [f"{symbol} is without a whole stop" for symbol in uncovered(account)]


def uncovered(account: Mapping[str, Any]) -> list[str]:
    """Return the symbols of an account in which a position has no stop for all of it."""
    stops: Counter[str] = Counter()
    for order in account["orders"]:
        if order["kind"] == "stop":
            stops[order["symbol"]] += Decimal(order["quantity"]) - Decimal(order["filled"])  # type: ignore[assignment]
    return [p["symbol"] for p in account["positions"] if stops[p["symbol"]] < abs(Decimal(p["quantity"]))]


def market_seconds(lab: Lab, ts: int) -> float:
    """Return a time of the market as seconds since the venue began."""
    return (ts - lab.pace.epoch_ns) / 1e9


def _words(held: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{symbol} {quantity}" for symbol, quantity in sorted(held.items())) or "none"
