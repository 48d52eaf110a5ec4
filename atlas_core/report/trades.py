"""Trades as rows: what was closed, and what is still open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

from attrs import evolve, field, frozen

from atlas_core.model.instrument import ZERO
from atlas_core.model.records import (
    EquityMarked,
    FillBooked,
    FundingBooked,
    GateAnswered,
    LevelsSet,
    OrderIntended,
    PositionChanged,
    PositionClosed,
    PositionOpened,
    Record,
    SignalDetected,
)
from atlas_core.model.signals import Side
from atlas_core.report.costs import CostSplit
from atlas_core.report.legs import ExitLeg, LegBook

FAMILY = "family"
"""The name under which a scanner notes the family of a signal."""


@frozen(kw_only=True)
class TradeRow:
    """One closed trade; money in the quote currency, times in nanoseconds UTC, `net = gross - fees - funding`.

    `spread`, `slippage` and `impact` are the parts of `gross` that were lost to each, `liquidation_fee` is part of
    `fees`; `costs` has the split, `legs` what each exit order closed. `stop` and `target` are those of the entry,
    `initial_risk` is the money between entry and stop, `score` that of the signal. `gate_values` holds what each gate
    measured when it let the signal pass, by label and in the order of asking, `context` what the scanner noted.
    """

    trade_id: int
    symbol: str
    timeframe: str
    setup: str
    family: str
    side: Side
    quantity: Decimal
    leverage: Decimal
    opened_at: int
    closed_at: int
    entry_price: Decimal
    exit_price: Decimal
    stop: Decimal | None
    target: Decimal | None
    gross: Decimal
    fees: Decimal
    slippage: Decimal
    funding: Decimal
    net: Decimal
    r_multiple: float | None
    rule: str
    reason: str
    highest: Decimal
    lowest: Decimal
    ambiguous: bool
    signal_key: str
    multiplier: Decimal = Decimal(1)
    initial_risk: Decimal | None = None
    score: float = 0.0
    gate_values: Mapping[str, float] = field(factory=dict)
    context: Mapping[str, Any] = field(factory=dict)
    spread: Decimal = ZERO
    impact: Decimal = ZERO
    liquidation_fee: Decimal = ZERO
    legs: tuple[ExitLeg, ...] = ()

    @property
    def costs(self) -> CostSplit:
        """Return what the trade cost, by parts."""
        return CostSplit(
            fee=self.fees - self.liquidation_fee,
            spread=self.spread,
            slippage=self.slippage,
            impact=self.impact,
            funding=self.funding,
            liquidation=self.liquidation_fee,
        )

    @property
    def total_costs(self) -> Decimal:
        """Return the sum of all costs of the trade."""
        return self.costs.total

    @property
    def ended_by(self) -> str:
        """Return the rule that closed the trade, or the reason where it was none."""
        return self.rule or self.reason

    @property
    def exits(self) -> int:
        """Return how many exit orders closed the trade."""
        return len(self.legs)

    @cached_property
    def mae_pct(self) -> float:
        """Return the furthest that the price went against the position, in percent of the entry (0 or below)."""
        return self._in_percent(self._furthest(against=True))

    @cached_property
    def mfe_pct(self) -> float:
        """Return the furthest that the price went for the position, in percent of the entry (0 or above)."""
        return self._in_percent(self._furthest(against=False))

    @cached_property
    def mae_r(self) -> float | None:
        """Return the furthest against the position in multiples of the risk at entry, None without a risk."""
        return self._in_risk(self._furthest(against=True))

    @cached_property
    def mfe_r(self) -> float | None:
        """Return the furthest for the position in multiples of the risk at entry, None without a risk."""
        return self._in_risk(self._furthest(against=False))

    def _furthest(self, *, against: bool) -> Decimal:
        """Return the move from the entry to the extreme on one side, above zero where it was a profit."""
        extreme = self.lowest if against is (self.side.sign > 0) else self.highest
        move = (extreme - self.entry_price) * self.side.sign
        return min(move, ZERO) if against else max(move, ZERO)

    def _in_percent(self, move: Decimal) -> float:
        return float(move / self.entry_price * 100) + 0.0 if self.entry_price else 0.0  # no zero below zero

    def _in_risk(self, move: Decimal) -> float | None:
        if not self.initial_risk:
            return None
        return float(move * self.quantity * self.multiplier / self.initial_risk) + 0.0

    @property
    def held(self) -> int:
        """Return the nanoseconds from the first fill until flat."""
        return self.closed_at - self.opened_at


@frozen(kw_only=True)
class OpenRow:
    """One position that was still open; `mark` and `unrealised` are None where no mark tells them."""

    trade_id: int
    signal_key: str
    symbol: str
    side: Side
    quantity: Decimal
    leverage: Decimal
    opened_at: int
    entry_price: Decimal
    stop: Decimal | None
    target: Decimal | None
    initial_risk: Decimal | None
    multiplier: Decimal
    funding: Decimal = ZERO
    mark: Decimal | None = None
    unrealised: Decimal | None = None


def family_of(pattern: str, context: Mapping[str, Any]) -> str:
    """Return the family a signal is counted under: the scanner's own, or its pattern."""
    return str(context.get(FAMILY) or pattern)


def closed_trades(records: Iterable[Record]) -> tuple[TradeRow, ...]:
    """Return the closed trades in the order of closing."""
    detected: dict[str, SignalDetected] = {}
    measured: dict[str, dict[str, float]] = {}
    opened: dict[int, PositionOpened] = {}
    risks: dict[int, Decimal | None] = {}
    rows: list[TradeRow] = []
    book = LegBook()
    for record in records:
        book.take(record)
        if isinstance(record, SignalDetected):
            detected[record.key] = record
        elif isinstance(record, GateAnswered) and record.value is not None:
            measured.setdefault(record.key, {})[record.gate] = record.value
        elif isinstance(record, PositionOpened):
            opened[record.trade_id] = record
            risks[record.trade_id] = record.initial_risk
        elif isinstance(record, PositionChanged):
            risks[record.trade_id] = record.initial_risk
        elif isinstance(record, PositionClosed):
            key, number = record.signal_key, record.trade_id
            of_signal = _of_signal(detected.get(key), measured.get(key, {}))
            rows.append(_closed_row(record, opened.get(number), risks.get(number), book.closed(record), of_signal))
    return tuple(rows)


def _of_signal(signal: SignalDetected | None, measured: Mapping[str, float]) -> Mapping[str, Any]:
    """Return what a trade has of its signal, nothing where the records do not hold it."""
    if signal is None:
        return {}
    family = family_of(signal.pattern, signal.context)
    return {"family": family, "score": signal.score, "context": signal.context, "gate_values": measured}


def _closed_row(
    closed: PositionClosed,
    opened: PositionOpened | None,
    risk: Decimal | None,
    legs: tuple[ExitLeg, ...],
    of_signal: Mapping[str, Any],
) -> TradeRow:
    return TradeRow(
        **{"family": closed.pattern, **of_signal},
        trade_id=closed.trade_id,
        symbol=closed.symbol,
        timeframe=closed.timeframe,
        setup=closed.pattern,
        side=closed.side,
        quantity=closed.quantity,
        leverage=opened.leverage if opened else Decimal(1),
        opened_at=closed.opened_at,
        closed_at=closed.ts,
        entry_price=closed.entry_price,
        exit_price=closed.exit_price,
        stop=opened.stop if opened else None,
        target=opened.target if opened else None,
        gross=closed.gross,
        fees=closed.fees,
        slippage=closed.slippage,
        funding=closed.funding,
        net=closed.net,
        r_multiple=closed.r_multiple,
        rule=closed.rule,
        reason=closed.reason,
        highest=closed.highest,
        lowest=closed.lowest,
        ambiguous=closed.ambiguous,
        signal_key=closed.signal_key,
        multiplier=opened.multiplier if opened else Decimal(1),
        initial_risk=risk,
        spread=closed.spread,
        impact=closed.impact,
        liquidation_fee=closed.liquidation_fee,
        legs=legs,
    )


def open_positions(records: Iterable[Record]) -> tuple[OpenRow, ...]:
    """Return the positions that were open after the last record, marked at the last equity mark."""
    rows: dict[int, OpenRow] = {}
    mark: EquityMarked | None = None
    for record in records:
        if isinstance(record, PositionOpened):
            rows[record.trade_id] = _open_row(record)
        elif isinstance(record, PositionClosed):
            rows.pop(record.trade_id, None)
        elif isinstance(record, EquityMarked):
            mark = record
        elif isinstance(record, PositionChanged | LevelsSet | FundingBooked) and record.trade_id in rows:
            rows[record.trade_id] = _changed(rows[record.trade_id], record)
    return _marked(tuple(rows.values()), mark)


def _open_row(record: PositionOpened) -> OpenRow:
    return OpenRow(
        trade_id=record.trade_id,
        signal_key=record.signal_key,
        symbol=record.symbol,
        side=record.side,
        quantity=record.quantity,
        leverage=record.leverage,
        opened_at=record.ts,
        entry_price=record.price,
        stop=record.stop,
        target=record.target,
        initial_risk=record.initial_risk,
        multiplier=record.multiplier,
    )


def _changed(row: OpenRow, record: PositionChanged | LevelsSet | FundingBooked) -> OpenRow:
    if isinstance(record, FundingBooked):
        return evolve(row, funding=row.funding + record.amount)
    if isinstance(record, LevelsSet):
        return evolve(row, stop=record.stop, target=record.target)
    return evolve(row, quantity=record.quantity, entry_price=record.entry_price, initial_risk=record.initial_risk)


def _marked(rows: Sequence[OpenRow], mark: EquityMarked | None) -> tuple[OpenRow, ...]:
    prices = mark.price_by_symbol if mark is not None else {}
    return tuple(_at_price(row, prices.get(row.symbol)) for row in rows)


def _at_price(row: OpenRow, text: str | None) -> OpenRow:
    if text is None:
        return row
    mark = Decimal(text)
    move = (mark - row.entry_price) * row.side.sign
    return evolve(row, mark=mark, unrealised=move * row.quantity * row.multiplier)


def price_decimals(records: Iterable[Record]) -> dict[str, int]:
    """Return for each symbol the decimals of its tick, as its orders, levels and fills show them."""
    decimals: dict[str, int] = {}
    for record in records:
        for value in _prices(record):
            if value is not None:
                exponent = value.as_tuple().exponent
                symbol = str(getattr(record, "symbol"))  # noqa: B009  (three record types share the name, no base does)
                decimals[symbol] = max(decimals.get(symbol, 0), -exponent if isinstance(exponent, int) else 0)
    return decimals


def price_text(value: Decimal, decimals: int | None) -> str:
    """Return a price with thousands and at least the decimals of its tick; an average keeps all of its own."""
    exponent = value.as_tuple().exponent
    own = -exponent if isinstance(exponent, int) else 0
    return format(value, f",.{max(own, decimals or 0)}f")


def _prices(record: Record) -> tuple[Decimal | None, ...]:
    if isinstance(record, SignalDetected):
        return record.trigger, record.stop, record.target
    if isinstance(record, OrderIntended):
        return record.limit_price, record.stop_price
    return (record.price,) if isinstance(record, FillBooked) else ()
