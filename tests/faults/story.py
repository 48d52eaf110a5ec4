"""A trace that a test tells by hand, step by step, and what the checkers say of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from atlas_core.model import records as r
from atlas_core.model.decisions import Severity
from atlas_core.model.orders import Action, Liquidity, OrderKind, OrderRole, OrderStatus
from atlas_core.model.signals import EntryKind, Side
from tests.faults.checking import SECOND, check
from tests.faults.checks_state import CHECKS
from tests.faults.trace import Trace


class Story:
    """A trace told step by step; `at` is in seconds."""

    def __init__(self) -> None:
        self.at = 1_000.0
        self.position = 0
        self.number = 0
        self.trace = Trace(lambda: round(self.at * SECOND))
        self.trace.process("limits", max_positions=2, equity=10**9, max_exposure_pct=100)
        self.trace.process("up")
        self.bars().read().journal(r.AccountReconciled(ts=0, asked_at=0, orders=0, positions=0))

    def wait(self, seconds: float) -> Story:
        self.at += seconds
        return self

    def journal(self, *records: r.Record) -> Story:
        for record in records:
            self.trace.journal(record)
        return self

    def process(self, kind: str, **data: Any) -> Story:
        self.trace.process(kind, **data)
        return self

    def venue(self, kind: str, **data: Any) -> Story:
        self.trace.venue(kind, **data)
        return self

    def bars(self) -> Story:
        return self.venue("prices", by_symbol={"X": 10_000, "Y": 10_000, "Z": 10_000}).venue(
            "bars", bars=[(symbol, self.trace.now(), 9_990, 10_010) for symbol in ("X", "Y", "Z")]
        )

    def read(self, *, held: int = 0, true: bool = True) -> Story:
        reported = {"X": held} if held else {}
        return self.venue("snapshot", as_of=self.trace.now(), true=true, orders=0, held=reported)

    def quoted(self, price: float, age: float = 0.1, symbol: str = "X") -> Story:
        """Tell of a streamed price."""
        return self.venue("quotes", quotes=[(symbol, round((self.at - age) * SECOND), price)], is_streamed=True)

    def armed(self, symbol: str = "X") -> Story:
        """Tell of a signal that waits for a price beyond 100."""
        return self.signal(symbol=symbol, trigger=Decimal(100)).journal(r.SignalArmed(ts=0, key="sig"))

    def triggered(self) -> Story:
        return self.journal(r.SignalTriggered(ts=0, key="sig", price=Decimal("100.02")))

    def signal(
        self, key: str = "sig", symbol: str = "X", seconds: float = 300, trigger: Decimal | None = None
    ) -> Story:
        return self.journal(
            r.SignalDetected(
                ts=0, key=key, scanner="s", symbol=symbol, timeframe="1m", pattern="p", side=Side.LONG,
                entry=EntryKind.MARKET if trigger is None else EntryKind.STOP, setup_at=round((self.at - 60) * SECOND),
                valid_until=round((self.at + seconds) * SECOND), trigger=trigger,
                stop=None, target=None, cancel_beyond=None, void_beyond=None, score=0.0,
            )
        )  # fmt: skip

    def intend(
        self, name: str, role: OrderRole = OrderRole.ENTRY, *, lots: int = 100, key: str = "sig", symbol: str = "X",
        attempt: int = 1, reduce_only: bool | None = None, price: float | None = 100.0, ts: int = 0,
    ) -> Story:  # fmt: skip
        opens = role is OrderRole.ENTRY
        return self.journal(
            r.OrderIntended(
                ts=ts, client_order_id=name, signal_key=key, role=role, attempt=attempt, symbol=symbol,
                action=Action.BUY if opens else Action.SELL,
                order_kind=OrderKind.STOP if role is OrderRole.STOP else OrderKind.MARKET,
                quantity=Decimal(lots) / 1000, limit_price=None, stop_price=None, trail_offset=None,
                reduce_only=not opens if reduce_only is None else reduce_only, leverage=Decimal(1), oco_group="",
                reason="", reference_price=None if price is None else Decimal(str(price)),
            )
        ).move(name, OrderStatus.SUBMITTED)  # fmt: skip

    def move(self, name: str, status: OrderStatus, reason: str = "") -> Story:
        return self.journal(r.OrderMoved(ts=0, client_order_id=name, status=status, reason=reason))

    def clock(self, seconds: float) -> Story:
        """Set the machine's clock wrong by so much, or right."""
        return self.process("clock", offset=round(seconds * SECOND))

    def request(
        self,
        name: str,
        *,
        sign: int = 1,
        lots: int = 100,
        type: str = "market",
        reduce: bool = False,
        symbol: str = "X",
    ) -> Story:
        return self.venue(
            "request", client_id=name, symbol=symbol, sign=sign, type=type, quantity=lots, stop=None, limit=None,
            reduce_only=reduce,
        )  # fmt: skip

    def accept(self, name: str, *, sign: int = 1, lots: int = 100, type: str = "market", symbol: str = "X") -> Story:
        self.number += 1
        return self.venue(
            "accepted", order=self.number, client_id=name, symbol=symbol, sign=sign, type=type, quantity=lots,
            stop=None, limit=None, reduce_only=sign < 0, position=self.position, price=10_000,
        )  # fmt: skip

    def fill(self, number: int, name: str, *, sign: int = 1, lots: int = 100, total: int = 0) -> Story:
        self.position += sign * lots
        return self.venue(
            "fill", order=number, client_id=name, symbol="X", sign=sign, quantity=lots, price=10_000, fee=0,
            total=total or lots, ordered=lots, position=self.position,
        )  # fmt: skip

    def book(self, name: str, lots: int = 100, trade_id: int = 1, total: int = 0) -> Story:
        return self.journal(
            r.FillBooked(
                ts=0, client_order_id=name, symbol="X", status=OrderStatus.FILLED, quantity=Decimal(lots) / 1000,
                price=Decimal(100), fee=Decimal(0), slippage=Decimal(0), liquidity=Liquidity.TAKER, ambiguous=False,
                cumulative_quantity=Decimal(total or lots) / 1000, trade_id=trade_id,
            )
        )  # fmt: skip

    def opened(self, lots: int = 100) -> Story:
        return self.journal(
            r.PositionOpened(
                ts=0, trade_id=1, signal_key="sig", symbol="X", side=Side.LONG, quantity=Decimal(lots) / 1000,
                price=Decimal(100), leverage=Decimal(1), stop=None, target=None, initial_risk=None,
            )
        )  # fmt: skip

    def closed(self, net: int = 0) -> Story:
        zero, price = Decimal(0), Decimal(100)
        return self.journal(
            r.PositionClosed(
                ts=0, trade_id=1, signal_key="sig", symbol="X", timeframe="1m", pattern="p", side=Side.LONG,
                quantity=Decimal("0.1"), entry_price=price, exit_price=price, opened_at=0, gross=zero, fees=zero,
                slippage=zero, funding=zero, net=Decimal(net), r_multiple=None, reason="", rule="", highest=price,
                lowest=price, ambiguous=False,
            )
        )  # fmt: skip

    def alarm(self, title: str = "Position without protection", key: str = "X") -> Story:
        return self.journal(r.AlertRaised(ts=0, severity=Severity.CRITICAL, title=title, text=key, key=key))

    def entered(self) -> Story:
        """Tell of a whole, good entry with its stop."""
        self.signal().intend("e").request("e").accept("e").fill(1, "e").book("e").opened()
        self.intend("s", OrderRole.STOP).request("s", sign=-1, type="stop", reduce=True)
        return self.accept("s", sign=-1, type="stop").move("s", OrderStatus.ACKNOWLEDGED)

    def settle(self, profit: int = 0) -> Story:
        return self.process("settled", symbols=("X",), prices={"X": 10_000}, fills=2, profit=profit)

    def breaches(self) -> list[str]:
        return [str(breach) for breach in check(self.trace, CHECKS)]
