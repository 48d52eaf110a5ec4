"""One run in figures: totals that equal the sum of their rows, groups, key figures and what they are worth."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from attrs import frozen

from atlas_core.errors import NotFound
from atlas_core.model.instrument import ZERO
from atlas_core.model.records import ComponentFailed, Record, RunFinished, RunStarted, SessionPaused, SessionResumed
from atlas_core.model.timeframe import DAY
from atlas_core.report import groups, metrics
from atlas_core.report.equity import (
    Drawdown,
    EquityPoint,
    closed_trade_curve,
    daily_returns,
    deepest_drawdown,
    equity_curve,
    periods_per_year,
)
from atlas_core.report.groups import Group, group_of, grouped
from atlas_core.report.signals import Refusal, SignalRow, refusals, signal_rows, state_counts, sum_sentence
from atlas_core.report.trades import OpenRow, TradeRow, closed_trades, open_positions, price_decimals

NOT_FINISHED = "not finished"
_LIMITS_OF_SESSIONS = (RunStarted, SessionResumed, SessionPaused, RunFinished)


@frozen(kw_only=True)
class KeyFigures:
    """The figures of a run; `None` is "does not exist". Fractions are not in percent."""

    starting_cash: Decimal
    equity: Decimal
    net: Decimal
    total_return: float | None
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    drawdown: Drawdown
    closed_drawdown: Drawdown
    trades: metrics.TradeFigures
    long_trades: int
    short_trades: int
    expectancy_r: float | None
    sqn: float | None
    fees: Decimal
    slippage: Decimal
    funding: Decimal
    days: float
    returns: int
    periods: int
    risk_free: float
    interval: metrics.Interval | None


@frozen(kw_only=True)
class Report:
    """Everything that the screens and exports show of one run."""

    started: RunStarted
    ended_at: int
    finished: str
    sessions: int
    crashes: int
    trades: tuple[TradeRow, ...]
    open_positions: tuple[OpenRow, ...]
    signals: tuple[SignalRow, ...]
    states: dict[str, int]
    sum_line: str
    refusals: tuple[Refusal, ...]
    curve: tuple[EquityPoint, ...]
    figures: KeyFigures
    total: Group
    by_setup: tuple[Group, ...]
    by_timeframe: tuple[Group, ...]
    by_symbol: tuple[Group, ...]
    by_side: tuple[Group, ...]
    by_exit: tuple[Group, ...]
    price_decimals: dict[str, int]
    failures: tuple[str, ...]


def report_of(records: Sequence[Record], *, risk_free: float = 0.0) -> Report:
    """Return the report of a run; raises NotFound when the records hold no run."""
    started = next((record for record in records if isinstance(record, RunStarted)), None)
    if started is None:
        raise NotFound("expected the journal of a run, found no record of its start")
    ending = next((record for record in reversed(records) if isinstance(record, _LIMITS_OF_SESSIONS)), started)
    finished = ending if isinstance(ending, RunFinished) else None
    trades, signals = closed_trades(records), signal_rows(records)
    curve = equity_curve(records)
    return Report(
        started=started,
        ended_at=records[-1].ts,
        finished=_told(ending),
        sessions=1 + sum(isinstance(record, SessionResumed) for record in records),
        crashes=sum(isinstance(record, SessionResumed) and record.crashed for record in records),
        trades=trades,
        open_positions=open_positions(records),
        signals=signals,
        states=state_counts(signals),
        sum_line=sum_sentence(signals),
        refusals=refusals(signals),
        curve=curve,
        figures=key_figures(started, trades, curve, finished, risk_free),
        total=group_of("all", trades),
        by_setup=grouped(trades, groups.SETUP),
        by_timeframe=grouped(trades, groups.TIMEFRAME),
        by_symbol=grouped(trades, groups.SYMBOL),
        by_side=grouped(trades, groups.DIRECTION),
        by_exit=grouped(trades, groups.EXIT),
        price_decimals=price_decimals(records),
        failures=failures(records),
    )


def _told(ending: Record) -> str:
    if isinstance(ending, RunFinished):
        return ending.reason
    return f"paused: {ending.reason}" if isinstance(ending, SessionPaused) else NOT_FINISHED


def failures(records: Sequence[Record]) -> tuple[str, ...]:
    """Return the first fault of each component that failed, and how often it did after that."""
    faults: dict[str, list[str]] = {}
    for record in records:
        if isinstance(record, ComponentFailed):
            faults.setdefault(record.component, []).append(record.error)
    return tuple(
        first + (f" (and {len(later)} more of {component})" if later else "")
        for component, (first, *later) in faults.items()
    )


def key_figures(
    started: RunStarted,
    trades: Sequence[TradeRow],
    curve: Sequence[EquityPoint],
    finished: RunFinished | None,
    risk_free: float,
) -> KeyFigures:
    """Return the figures of a run from its trades and its daily curve."""
    start = EquityPoint(started.ts, started.starting_cash)
    net = sum((trade.net for trade in trades), ZERO)
    equity = finished.equity if finished else curve[-1].equity if len(curve) > 1 else start.equity + net
    returns, periods = daily_returns(curve), periods_per_year(curve)
    days = (curve[-1].ts - curve[0].ts) / DAY if curve else 0.0
    drawdown = deepest_drawdown(curve)
    yearly = metrics.cagr(float(start.equity), float(equity), days)
    multiples = [trade.r_multiple for trade in trades if trade.r_multiple is not None]
    many = len(returns) >= metrics.RATIO_MINIMUM_RETURNS  # a year's figure of a few days is noise
    return KeyFigures(
        starting_cash=start.equity,
        equity=equity,
        net=net,
        total_return=metrics.total_return(float(start.equity), float(equity)),
        cagr=yearly,
        volatility=metrics.volatility(returns, periods) if many else None,
        sharpe=metrics.sharpe(returns, periods, risk_free) if many else None,
        sortino=metrics.sortino(returns, periods, risk_free) if many else None,
        calmar=metrics.calmar(yearly, drawdown.depth) if many else None,
        drawdown=drawdown,
        closed_drawdown=deepest_drawdown(closed_trade_curve(start, trades)),
        trades=metrics.trade_figures([trade.net for trade in trades]),
        long_trades=sum(trade.side.sign > 0 for trade in trades),
        short_trades=sum(trade.side.sign < 0 for trade in trades),
        expectancy_r=float(np.mean(multiples)) if multiples else None,
        sqn=metrics.sqn(multiples, cap=metrics.SQN_CAP) if len(multiples) >= metrics.SQN_MINIMUM_TRADES else None,
        fees=sum((trade.fees for trade in trades), ZERO),
        slippage=sum((trade.slippage for trade in trades), ZERO),
        funding=sum((trade.funding for trade in trades), ZERO),
        days=days,
        returns=len(returns),
        periods=periods,
        risk_free=risk_free,
        interval=metrics.expectancy_interval(
            [float(trade.net) for trade in trades], np.random.default_rng(started.seed)
        ),
    )


def notes_of(report: Report) -> tuple[str, ...]:
    """Return what a reader should know before believing a run."""
    cut = "the run did not finish: this is what it wrote until it stopped"
    notes = [cut] if report.finished == NOT_FINISHED else []
    if report.sessions > 1:
        crashed = f", {report.crashes} of them after a crash" if report.crashes else ""
        notes.append(f"{report.sessions} sessions wrote this journal, one after the other{crashed}")
    return (*notes, *report.failures, *honesty(report.figures, report.trades))


def honesty(figures: KeyFigures, trades: Sequence[TradeRow]) -> tuple[str, ...]:
    """Return what a reader should know before believing the figures."""
    notes = []
    count, interval = figures.trades.count, figures.interval
    if count == 0:
        notes.append("no trade was closed: nothing is shown about the system")
    elif interval is None:
        notes.append("one trade shows nothing about the system")
    else:
        few = f"{count} trades are few: " if count < metrics.FEW_TRADES else f"{count} trades: "
        verdict = "an edge is shown on this sample" if interval.shows_an_edge else "an edge is not shown"
        notes.append(f"{few}95 % interval of expectancy {interval.low:+,.2f} to {interval.high:+,.2f}, {verdict}")
    unclear = sum(trade.ambiguous for trade in trades)
    if unclear:
        notes.append(f"{unclear} trades were decided inside one bar, against us where the order of prices was unknown")
    if figures.days < metrics.CAGR_MINIMUM_DAYS:
        notes.append(f"{figures.days:.1f} days: figures per year are shown from {metrics.CAGR_MINIMUM_DAYS} days")
    return tuple(notes)
