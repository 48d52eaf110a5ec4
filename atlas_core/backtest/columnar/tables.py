"""The cells of the closed trades and of their exits, column by column, without a row for each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atlas_core.backtest.columnar.closed import ClosedTrades
from atlas_core.backtest.columnar.fixed import Fixed
from atlas_core.backtest.columnar.ticks import Column
from atlas_core.columnar import NO_LEVEL
from atlas_core.model.instrument import ONE, ZERO
from atlas_core.report.column_rows import Cells
from atlas_core.report.export import decimal_text, times_text

NONE = ""


def trade_cells(closed: ClosedTrades) -> Cells:
    """Return the cells of the closed trades by attribute."""
    count, found, signals = len(closed), closed.found, closed.signals.tolist()
    highest, lowest = closed.extremes
    fees, slippage = closed.fees, closed.slippage
    return {
        **_excursions(closed),
        **{fact: closed.facts[fact]() for fact in ("symbol", "timeframe", "setup", "family", "side")},
        **{name: [decimal_text(ZERO)] * count for name in ("funding", "spread", "impact", "liquidation_fee")},
        "trade_id": list(map(str, closed.number.tolist())),
        "quantity": closed.quantity.texts(),
        "leverage": [decimal_text(ONE)] * count,
        "opened_at": times_text(closed.opened_at),
        "closed_at": times_text(closed.closed_at),
        "entry_price": closed.prices(closed.entry).texts(),
        "exit_price": closed.exit_price.texts(),
        "stop": where(closed.stop != NO_LEVEL, closed.prices(closed.stop)),
        "target": where(closed.target != NO_LEVEL, closed.prices(closed.target)),
        "gross": closed.gross.texts(),
        "fees": fees.texts(),
        "slippage": slippage.texts(),
        "net": closed.net.texts(),
        "r_multiple": [NONE if each is None else str(each) for each in closed.multiples],
        "rule": closed.rules,
        "reason": closed.reasons,
        "highest": closed.prices(highest).texts(),
        "lowest": closed.prices(lowest).texts(),
        "ambiguous": ["true" if each else "false" for each in closed.is_ambiguous.tolist()],
        "signal_key": [found.keys[place] for place in signals],
        "multiplier": closed.each(lambda plan: decimal_text(plan.candidates.tape.instrument.multiplier)),
        "initial_risk": where(closed.stop != NO_LEVEL, closed.risk),
        "score": list(map(str, found.column("score")[closed.signals].tolist())),
        "total_costs": Fixed(fees.numbers + slippage.numbers, fees.digits).texts(),
        "exits": ["1"] * count,
    }


def exit_cells(trades: Cells) -> Cells:
    """Return the cells of the exits: each trade has one, of the whole of it, and no forced close."""
    names = ("trade_id", "symbol", "rule", "reason", "quantity", "gross")
    same = {name: trades[name] for name in names}
    return same | {"ts": trades["closed_at"], "price": trades["exit_price"], "fee": trades["liquidation_fee"]}


def _excursions(closed: ClosedTrades) -> Cells:
    """Return how far the price went against and for the trades, in percent of the entry and of the risk."""
    (highest, lowest), side, entry = closed.extremes, closed.side, closed.entry
    against = np.minimum((np.where(side > 0, lowest, highest) - entry) * side, 0)
    favourable = np.maximum((np.where(side > 0, highest, lowest) - entry) * side, 0)
    risk = np.where(closed.stop == NO_LEVEL, 0, np.abs(entry - closed.stop))
    return {
        "mae_pct": _quotients(against * 100, entry),
        "mfe_pct": _quotients(favourable * 100, entry),
        "mae_r": _quotients(against, risk),
        "mfe_r": _quotients(favourable, risk),
    }


def _quotients(numbers: Column, of: Column) -> list[str]:
    """Return quotients of whole numbers, each rounded once, as text; nothing where there is none."""
    pairs = zip(numbers.tolist(), of.tolist(), strict=True)
    return [str(number / whole) if whole else NONE for number, whole in pairs]


def where(there: NDArray[np.bool_], values: Fixed) -> list[str]:
    """Return values as text where they are there."""
    if there.all():
        return values.texts()
    texts = np.full(len(there), NONE, dtype=object)
    texts[there] = Fixed(values.numbers[there], values.digits[there]).texts()
    made: list[str] = texts.tolist()
    return made
