"""Records of sessions that a venue answers: questions, complete reads of the account, and what is not ours.

A session that is a simulation from end to end writes none of them.
"""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

from atlas_core.model.record import OrderRecord, Record, TradeRecord


@frozen(kw_only=True)
class OrderQueried(OrderRecord):
    """The venue was asked about an order and did not know it, `count` times since `since`: the rows of a proof.

    0 means that it has answered since that it knows the order: what was counted before proves nothing.
    """

    kind = "order_queried"
    count: int
    since: int


@frozen(kw_only=True)
class ExitRequested(TradeRecord):
    """A position shall be closed as soon as the venue confirms that its protective orders are gone.

    No `quantity` means all of it.
    """

    kind = "exit_requested"
    rule: str
    reason: str
    quantity: Decimal | None = None


@frozen(kw_only=True)
class PositionAdjusted(TradeRecord):
    """Two complete reads of the venue agree that a position differs from the books; the books follow.

    `trade_id` is 0 for a position that the books did not have. The symbol is frozen for entries.
    """

    kind = "position_adjusted"
    symbol: str
    ledger_quantity: Decimal
    venue_quantity: Decimal
    reason: str


@frozen(kw_only=True)
class AccountReconciled(Record):
    """A complete read of the account that began at `asked_at` was held against the books.

    Written for the first read of a session, for one after entries were frozen, for one with differences, and every five
    minutes: a restart must know for how long the account was not seen.
    """

    kind = "account_reconciled"
    asked_at: int
    orders: int
    positions: int
    differences: tuple[str, ...] = ()


@frozen(kw_only=True)
class ForeignFound(Record):
    """The account holds an order or a position that is not ours (`quantity` 0: it is gone again)."""

    kind = "foreign_found"
    what: str
    symbol: str
    quantity: Decimal
    reference: str = ""

    @property
    def subject(self) -> str:
        return self.symbol


@frozen(kw_only=True)
class SessionResumed(Record):
    """A process continued this journal; `crashed` tells that the one before did not stop in good order."""

    kind = "session_resumed"
    crashed: bool
    profile_digest: str
    components: tuple[str, ...]


@frozen(kw_only=True)
class SessionPaused(Record):
    """A session stopped in good order; positions and their protection stay for the next one."""

    kind = "session_paused"
    reason: str
