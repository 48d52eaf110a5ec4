"""The decision trace: why a signal was traded, or why it was not, step by step, from the records alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from attrs import field, frozen

from atlas_core.errors import NotFound
from atlas_core.model import records as recorded
from atlas_core.model.decisions import Outcome
from atlas_core.model.orders import FillBasis, OrderStatus
from atlas_core.report.signals import SignalRow
from atlas_core.report.trades import price_decimals, price_text

PASSED = "pass"
_ON_THE_WAY = frozenset({OrderStatus.SUBMITTED, OrderStatus.ACKNOWLEDGED})


@frozen(kw_only=True)
class Step:
    """One step: when, at which stage, who decided, what was said, and the numbers that were compared."""

    ts: int
    stage: str
    who: str = ""
    what: str = ""
    value: float | None = None
    threshold: float | None = None
    verdict: str = ""


@frozen(kw_only=True)
class Trace:
    """The story of one signal; `closed` is there when its trade ended, `verdict` when the signal did."""

    signal: recorded.SignalDetected
    steps: tuple[Step, ...]
    verdict: recorded.VerdictReached | None
    closed: recorded.PositionClosed | None
    opened: recorded.PositionOpened | None
    order_ids: tuple[str, ...] = field(default=())
    decimals: int | None = None


@frozen
class Scene:
    """What the steps of one signal share: its orders by id, and the decimals of its symbol's tick."""

    orders: Mapping[str, recorded.OrderIntended]
    decimals: int | None

    def price(self, value: Decimal) -> str:
        """Return a price as the symbol's tick writes it."""
        return price_text(value, self.decimals)

    def role(self, record: recorded.OrderRecord) -> str:
        """Return what the order of a record was for."""
        intended = self.orders.get(record.client_order_id)
        return intended.role.value if intended else ""


def trace_trade(records: Sequence[recorded.Record], trade_id: int) -> Trace:
    """Return the trace of a trade by its number; raises NotFound."""
    opened = [record for record in records if isinstance(record, recorded.PositionOpened)]
    for record in opened:
        if record.trade_id == trade_id:
            return _expected(records, record.signal_key)
    known = f"trades 1 to {max(record.trade_id for record in opened)}" if opened else "this run has none"
    raise NotFound(f"expected the number of a trade, was {trade_id}; {known}")


def trace_signal(records: Sequence[recorded.Record], key: str) -> Trace:
    """Return the trace of a signal by its key or the beginning of it; raises NotFound, also when several fit."""
    keys = [record.key for record in records if isinstance(record, recorded.SignalDetected)]
    wanted = key if key.startswith("sig-") else f"sig-{key}"
    found = [candidate for candidate in keys if candidate in (key, wanted)] or [
        candidate for candidate in keys if candidate.startswith((key, wanted))
    ]
    if not found:
        raise NotFound(f"expected the key of a signal, was {key!r}; the keys: atlas report --what signals")
    if len(set(found)) > 1:
        several = ", ".join(found[:4]) + (f" and {len(found) - 4} more" if len(found) > 4 else "")
        raise NotFound(f"expected the key of one signal, was {key!r}, which fits {several}")
    return _expected(records, found[0])


def traces(records: Sequence[recorded.Record], keys: Sequence[str]) -> list[Trace | None]:
    """Return the traces of signals by their full keys, in one pass over the records; None for one not detected."""
    wanted = dict.fromkeys(keys)
    key_of_order: dict[str, str] = {}
    key_of_trade: dict[int, str] = {}
    mine: dict[str, list[recorded.Record]] = {key: [] for key in wanted}
    for record in records:
        if isinstance(record, recorded.OrderIntended):
            key_of_order[record.client_order_id] = record.signal_key
        elif isinstance(record, recorded.PositionOpened):
            key_of_trade.setdefault(record.trade_id, record.signal_key)
        key = _key_of(record, key_of_order, key_of_trade)
        if key in mine:
            mine[key].append(record)
    made = {key: _trace(of_signal) for key, of_signal in mine.items()}
    return [made[key] for key in keys]


def _key_of(record: recorded.Record, key_of_order: Mapping[str, str], key_of_trade: Mapping[int, str]) -> str:
    """Return the key of the signal that a record belongs to; empty for none."""
    if isinstance(record, recorded.SignalRecord):
        return record.key
    if isinstance(record, recorded.OrderRecord):
        return key_of_order.get(record.client_order_id, "")
    return key_of_trade.get(record.trade_id, "") if isinstance(record, recorded.TradeRecord) else ""


def _expected(records: Sequence[recorded.Record], key: str) -> Trace:
    (trace,) = traces(records, [key])
    if trace is None:
        raise NotFound(f"the journal holds no detection of signal {key}")
    return trace


def _trace(mine: Sequence[recorded.Record]) -> Trace | None:
    signal = next((record for record in mine if isinstance(record, recorded.SignalDetected)), None)
    if signal is None:
        return None
    orders = {record.client_order_id: record for record in mine if isinstance(record, recorded.OrderIntended)}
    scene = Scene(orders, price_decimals(mine).get(signal.symbol))
    return Trace(
        signal=signal,
        steps=tuple(step for record in mine for step in _steps(record, scene)),
        verdict=next((record for record in mine if isinstance(record, recorded.VerdictReached)), None),
        closed=next((record for record in mine if isinstance(record, recorded.PositionClosed)), None),
        opened=next((record for record in mine if isinstance(record, recorded.PositionOpened)), None),
        order_ids=tuple(orders),
        decimals=scene.decimals,
    )


def _steps(record: recorded.Record, scene: Scene) -> Iterable[Step]:
    tell = _TELLERS.get(type(record))
    if tell is None or (isinstance(record, recorded.OrderMoved) and record.status in _ON_THE_WAY):
        return ()
    return (tell(record, scene),)


def _detected(record: recorded.SignalDetected, _: Scene) -> Step:
    levels = ", ".join(
        f"{name} {value:,f}"
        for name, value in (("trigger", record.trigger), ("stop", record.stop), ("target", record.target))
        if value is not None
    )
    ratio = _reward_to_risk(record)
    parts = [f"{record.pattern} {record.timeframe} {record.side.value}", levels]
    parts += [f"reward:risk {ratio:.2f}"] if ratio is not None else []
    parts += [f"score {record.score:g}", *_context(record.context)]
    return Step(ts=record.ts, stage="detected", who=record.scanner, what=", ".join(part for part in parts if part))


def _reward_to_risk(record: recorded.SignalDetected) -> float | None:
    if record.trigger is None or record.stop is None or record.target is None or record.trigger == record.stop:
        return None
    return float(abs(record.target - record.trigger) / abs(record.trigger - record.stop))


def _context(context: Mapping[str, Any]) -> list[str]:
    return [f"{name} {_short(value)}" for name, value in context.items() if value != ""]


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value:,f}" if isinstance(value, Decimal) else str(value)


def _gate(record: recorded.GateAnswered, _: Scene) -> Step:
    what = record.reason or record.answer
    if record.factor is not None:
        what = f"{what}, size x {record.factor:f}"
    return Step(ts=record.ts, stage="gate", who=record.gate, what=what, value=record.value, threshold=record.threshold,
                verdict=PASSED if record.factor is None else "smaller")  # fmt: skip


def _triggered(record: recorded.SignalTriggered, scene: Scene) -> Step:
    return Step(ts=record.ts, stage="triggered", what=f"at {scene.price(record.price)}")


def _sized(record: recorded.SignalSized, _: Scene) -> Step:
    inputs = ", ".join(f"{name} {_short(value)}" for name, value in record.inputs.items())
    leverage = f" at {record.leverage:f}x" if record.leverage != 1 else ""
    parts = [f"{record.quantity:f} {record.symbol}{leverage}", record.reason, inputs]
    return Step(ts=record.ts, stage="sized", who=record.sizer, what="; ".join(part for part in parts if part))


def _limit(record: recorded.LimitChecked, _: Scene) -> Step:
    return Step(ts=record.ts, stage="limit", who=record.limit, value=record.value, threshold=record.threshold,
                verdict=PASSED)  # fmt: skip


def _verdict(record: recorded.VerdictReached, _: Scene) -> Step:
    return Step(ts=record.ts, stage="verdict", who=record.by, what=record.reason, value=record.value,
                threshold=record.threshold, verdict=record.outcome.value.replace("_", " "))  # fmt: skip


def _intended(record: recorded.OrderIntended, _: Scene) -> Step:
    prices = ", ".join(
        f"{name} {value:,f}"
        for name, value in (("limit", record.limit_price), ("stop", record.stop_price), ("trail", record.trail_offset))
        if value is not None
    )
    parts = [f"{record.action.value} {record.quantity:f} {record.order_kind.value}", prices, record.reason]
    return Step(ts=record.ts, stage="order", who=record.role.value, what=", ".join(part for part in parts if part))


def _moved(record: recorded.OrderMoved, scene: Scene) -> Step:
    return Step(ts=record.ts, stage="order", who=scene.role(record), what=record.reason,
                verdict=record.status.value.replace("_", " "))  # fmt: skip


def _filled(record: recorded.FillBooked, scene: Scene) -> Step:
    unclear = ", in an order that is not known" if record.ambiguous else ""
    lost = "".join(f", {name} {_money(value)}" for name, value in _lost_to(record) if value)
    what = (
        f"{record.quantity:f} at {scene.price(record.price)} ({record.liquidity.value}), fee {_money(record.fee)}, "
        f"slippage {_money(record.slippage)}{lost}{_BASES[record.basis]}{unclear}"
    )
    return Step(ts=record.ts, stage="fill", who=scene.role(record), what=what,
                verdict=record.status.value.replace("_", " "))  # fmt: skip


def _lost_to(record: recorded.FillBooked) -> tuple[tuple[str, Decimal], ...]:
    return ("spread", record.spread), ("impact", record.impact)


_BASES = {FillBasis.PRINT: "", FillBasis.BAR: ", inside the bar", FillBasis.DETAIL: ", inside the bar by finer bars"}


def _money(value: Decimal) -> str:
    return f"{value:z,.2f}"


def _opened(record: recorded.PositionOpened, scene: Scene) -> Step:
    risk = f", risk {_money(record.initial_risk)}" if record.initial_risk is not None else ""
    held = f"{record.side.value} {record.quantity:f} {record.symbol} at {scene.price(record.price)}"
    return Step(ts=record.ts, stage="opened", what=f"trade {record.trade_id}: {held}{risk}")


def _changed(record: recorded.PositionChanged, scene: Scene) -> Step:
    realised = f", realised {record.realised:+,.2f}" if record.realised else ""
    what = f"{record.quantity:f} at {scene.price(record.entry_price)}{realised}"
    return Step(ts=record.ts, stage="changed", what=what)


def _levels(record: recorded.LevelsSet, _: Scene) -> Step:
    parts = []
    if record.stop is not None:
        parts.append(f"stop {record.stop:,f} ({record.stop_rule})")
    columns = zip(record.part_quantities, record.part_prices, record.part_rules, strict=True)
    parts += [f"target of {quantity:f} {price:,f} ({rule})" for quantity, price, rule in columns]
    if record.target is not None:
        parts.append(f"target {record.target:,f} ({record.target_rule})")
    return Step(ts=record.ts, stage="levels", what=", ".join(parts) or "none")


def _exit(record: recorded.ExitDecided, _: Scene) -> Step:
    part = f", {record.quantity:f} of it" if record.quantity is not None else ""
    return Step(ts=record.ts, stage="exit", who=record.rule, what=record.reason + part, value=record.value,
                threshold=record.threshold, verdict="acted" if record.acted else "noted")  # fmt: skip


def _protection(record: recorded.ProtectionChanged, _: Scene) -> Step:
    what = f"stops for {record.stop_quantity:f} of {record.position_quantity:f}"
    return Step(ts=record.ts, stage="protect", what=f"{what}, {record.reason}" if record.reason else what,
                verdict="protected" if record.protected else "NOT PROTECTED")  # fmt: skip


def _funding(record: recorded.FundingBooked, _: Scene) -> Step:
    paid = "paid" if record.amount > 0 else "received"
    return Step(
        ts=record.ts,
        stage="funding",
        what=f"rate {(record.rate * 100).normalize():f} %, {paid} {_money(abs(record.amount))}",
    )


def _closed(record: recorded.PositionClosed, scene: Scene) -> Step:
    multiple = f" ({record.r_multiple:+.2f} R)" if record.r_multiple is not None else ""
    what = (
        f"at {scene.price(record.exit_price)}: gross {record.gross:+,.2f} - fees {_money(record.fees)} - funding "
        f"{_money(record.funding)} = net {record.net:+,.2f}{multiple}"
    )
    return Step(ts=record.ts, stage="closed", who=record.rule, what=f"{record.reason}, {what}")


_TELLERS: dict[type[recorded.Record], Callable[[Any, Scene], Step]] = {
    recorded.SignalDetected: _detected,
    recorded.GateAnswered: _gate,
    recorded.SignalArmed: lambda record, _: Step(ts=record.ts, stage="armed", what="waits for its trigger"),
    recorded.SignalTriggered: _triggered,
    recorded.SignalSized: _sized,
    recorded.LimitChecked: _limit,
    recorded.VerdictReached: _verdict,
    recorded.OrderIntended: _intended,
    recorded.OrderMoved: _moved,
    recorded.FillBooked: _filled,
    recorded.PositionOpened: _opened,
    recorded.PositionChanged: _changed,
    recorded.LevelsSet: _levels,
    recorded.ExitDecided: _exit,
    recorded.ProtectionChanged: _protection,
    recorded.FundingBooked: _funding,
    recorded.PositionClosed: _closed,
}


@frozen(kw_only=True)
class WhyNot:
    """What kept one symbol from trading: every signal that ended without a trade, and who stopped how many."""

    symbol: str
    signals: int
    traded: int
    stopped: tuple[SignalRow, ...]
    by: tuple[tuple[str, str, int], ...]


def why_not(rows: Sequence[SignalRow], symbol: str) -> WhyNot:
    """Return why the signals of a symbol did not trade; raises NotFound for a symbol without signals."""
    mine = [row for row in rows if row.symbol.casefold() == symbol.casefold()]
    if not mine:
        known = ", ".join(dict.fromkeys(row.symbol for row in rows)) or "none"
        raise NotFound(f"expected a symbol with signals, was {symbol!r}; there are {known}")
    stopped = tuple(row for row in mine if row.ended_at is not None and row.state != Outcome.CLOSED)
    counts = Counter((row.state, row.by) for row in stopped)
    by = tuple(
        (state, who, count) for (state, who), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )
    return WhyNot(
        symbol=mine[0].symbol, signals=len(mine), traded=sum(row.trade_id > 0 for row in mine), stopped=stopped, by=by
    )


def margin(row: SignalRow) -> float | None:
    """Return by how much a decision's number missed its threshold."""
    return None if row.value is None or row.threshold is None else row.value - row.threshold
