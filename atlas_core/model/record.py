"""The bases of all records: when, and what about."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen


@frozen(kw_only=True)
class Record:
    """Base of all records."""

    kind: ClassVar[str]
    ts: int

    @property
    def subject(self) -> str:
        """Return what the record is about."""
        return ""


@frozen(kw_only=True)
class SignalRecord(Record):
    """Base of the records about one signal."""

    key: str

    @property
    def subject(self) -> str:
        return self.key


@frozen(kw_only=True)
class OrderRecord(Record):
    """Base of the records about one order."""

    client_order_id: str

    @property
    def subject(self) -> str:
        return self.client_order_id


@frozen(kw_only=True)
class TradeRecord(Record):
    """Base of the records about one trade (a position from its first fill until it is flat)."""

    trade_id: int

    @property
    def subject(self) -> str:
        return str(self.trade_id)
