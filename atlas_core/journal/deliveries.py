"""The outbox: which alert still has to reach which alerter.

The record `alert_raised` is the entry; it is an event like any other. What became of it on its way to people is no part
of the run's history (it depends on the network, and changes) and stands in the table `delivery`, outside the chain, in
the same file. A row for each alerter is written in the transaction of the alert, so no crash can lose one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from atlas_core.model.decisions import Severity
from atlas_core.model.records import AlertRaised, Record
from atlas_core.model.refusals import numbered


class DeliveryState(StrEnum):
    """What became of an alert on its way to one alerter; only WAITING is not over."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DIGESTED = "digested"
    """It was told as one of many, in a summary."""
    ABANDONED = "abandoned"
    """It was given up: a person finds it in the journal only."""


@frozen(kw_only=True)
class Delivery:
    """What is to be noted about one alert (`seq`, the number of its event) and one alerter (its label).

    `attempts` counts the sendings so far, `at` is the time of this note, `not_before` when to try again; times are
    nanoseconds UTC. `error` is what the last attempt met.
    """

    seq: int
    alerter: str
    state: DeliveryState
    attempts: int
    at: int
    not_before: int = 0
    error: str = ""


@frozen
class Undelivered:
    """An alert that still waits for one alerter."""

    seq: int
    alerter: str
    attempts: int
    not_before: int
    error: str
    ts: int
    severity: Severity = field(converter=Severity)
    title: str
    text: str
    key: str


_QUEUE = "INSERT INTO delivery VALUES (?, ?, 'waiting', 0, ?, 0, '')"
_SETTLE = "INSERT OR REPLACE INTO delivery VALUES (?, ?, ?, ?, ?, ?, ?)"
WAITING_SQL = """
SELECT seq, alerter, attempts, not_before, error, alert.ts, severity, title, text, alert.key
FROM delivery JOIN alert USING (seq) WHERE state = 'waiting' ORDER BY seq, alerter
"""
"""What still waits, in the order in which it was raised."""


def queue_alerts(
    connection: sqlite3.Connection, alerters: Sequence[str], first_seq: int, batch: Sequence[Record]
) -> None:
    """Note every alert of a batch, whose first event is `first_seq`, as waiting for each alerter."""
    if alerters:
        rows = [
            (seq, alerter, record.ts)
            for seq, record in numbered(batch, first_seq)
            if isinstance(record, AlertRaised)
            for alerter in alerters
        ]
        connection.executemany(_QUEUE, rows)


def settle(connection: sqlite3.Connection, deliveries: Sequence[Delivery]) -> None:
    """Write these notes over the earlier ones about the same alert and alerter."""
    connection.executemany(
        _SETTLE, [(d.seq, d.alerter, d.state.value, d.attempts, d.at, d.not_before, d.error) for d in deliveries]
    )


def waiting(rows: Sequence[Sequence[Any]], alerters: Collection[str] | None) -> tuple[Undelivered, ...]:
    """Return the rows of `WAITING_SQL` for these alerters, or for all with None."""
    return tuple(Undelivered(*row) for row in rows if alerters is None or row[1] in alerters)
