"""The crypto and the equity system as shipped: on real bars of Coinbase, on a synthetic market, on real shares."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from attrs import frozen

from atlas_core.compose import check_system
from atlas_core.journal import Journal
from atlas_core.model.decisions import Outcome
from atlas_core.model.records import (
    FundingBooked,
    GateAnswered,
    PositionClosed,
    PositionOpened,
    Record,
    SignalDetected,
    SignalSized,
    VerdictReached,
)
from atlas_core.options import read_moment
from atlas_core.plugins import discover
from atlas_core.profile import load_profile
from atlas_core.report.groups import groups_by
from atlas_core.report.summary import Report, report_of
from atlas_core.runs import Mode
from tests.memory import found
from tests.shared import shared_file
from tests.systems import CONFIGS, by_loop, by_pump, system_of

COINBASE = "data/crypto/BTC-USD_coinbase_1h_201707-201910.csv.gz"
SHARES = ("SPY", "AAPL", "GOOG")


@frozen
class Ran:
    """A run of a shipped profile: what it recorded, its digest, and its report."""

    records: tuple[Record, ...]
    digest: str
    report: Report


def ran(profile: str, mode: Mode, *overrides: tuple[str, str]) -> Ran:
    """Run a shipped profile into a journal in memory."""
    with Journal.in_memory() as journal:
        system = system_of(CONFIGS / profile, mode, overrides)
        (by_loop if mode is Mode.BACKTEST else by_pump)(system, journal)
        records = tuple(journal.records())
        return Ran(records, journal.digest(), report_of(records))


def on_coinbase(*overrides: tuple[str, str]) -> Ran:
    path = shared_file(COINBASE)
    return ran("crypto-strat-files.toml", Mode.BACKTEST, ("provider.path", str(path)), *overrides)


@pytest.fixture(scope="module")
def coinbase() -> Ran:
    return on_coinbase(("universe.end", "2018-07-01"))


def test_no_signal_of_the_coinbase_series_is_without_a_verdict_and_none_has_two(coinbase: Ran) -> None:
    detected = Counter(record.key for record in found(coinbase.records, SignalDetected))
    ended = Counter(record.key for record in found(coinbase.records, VerdictReached))
    assert detected == ended
    assert set(ended.values()) == {1}
    assert len(ended) > 10_000


def test_every_gate_of_the_crypto_system_refuses_signals_of_the_coinbase_series(coinbase: Ran) -> None:
    refused = Counter(v.by for v in found(coinbase.records, VerdictReached) if v.outcome is Outcome.REFUSED)
    assert {"quality", "fees", "continuity"} <= set(refused)
    assert sum(row.count for row in coinbase.report.refusals) + len(coinbase.report.trades) == len(
        coinbase.report.signals
    )


def test_the_trades_of_the_coinbase_series_are_told_by_pattern_and_timeframe(coinbase: Ran) -> None:
    trades = coinbase.report.trades
    assert len(trades) > 50
    for name in ("pattern", "timeframe", "direction", "score"):
        groups = groups_by(trades, [name])[1]
        assert len(groups) > 1, name
        assert sum(group.figures.count for group in groups) == len(trades)
    assert {group.name for group in groups_by(trades, ["timeframe"])[1]} >= {"1h", "4h", "1d"}


def test_the_score_of_a_trade_is_what_the_continuity_gate_recorded_for_its_signal(coinbase: Ran) -> None:
    answers = {a.key: a.value for a in found(coinbase.records, GateAnswered) if a.gate == "continuity"}
    assert groups_by(coinbase.report.trades, ["score"])[0].heading == "score (continuity)"
    assert all(trade.gate_values["continuity"] == answers[trade.signal_key] for trade in coinbase.report.trades)


def test_positions_are_whole_contracts_and_no_leverage_outlives_its_tier(coinbase: Ran) -> None:
    sized = {record.key: record for record in found(coinbase.records, SignalSized)}
    opened = found(coinbase.records, PositionOpened)
    assert all(position.quantity % 1 == 0 for position in opened)
    assert {str(position.leverage) for position in opened} >= {"10", "4.1"}
    for closed in found(coinbase.records, PositionClosed):
        close_by = sized[closed.signal_key].inputs["close_by"]
        assert close_by is None or closed.ts <= read_moment(close_by)


def test_funding_is_charged_every_hour_to_longs_and_paid_to_shorts(coinbase: Ran) -> None:
    sides = {record.trade_id: record.side for record in found(coinbase.records, PositionOpened)}
    amounts = [(sides[record.trade_id].sign, record.amount) for record in found(coinbase.records, FundingBooked)]
    assert len(amounts) > 100
    assert all(amount * sign >= 0 for sign, amount in amounts)


def test_a_second_run_over_the_coinbase_series_writes_the_same_journal() -> None:
    first, second = (on_coinbase(("universe.end", "2017-11-15")) for _ in range(2))
    assert len(first.report.trades) > 5
    assert first.digest == second.digest


def test_the_crypto_system_trades_the_synthetic_market_as_a_paper_session() -> None:
    run = ran("crypto-strat.toml", Mode.PAPER, ("universe.end", "2026-03-03"))
    assert run.report.started.synthetic
    assert len(run.report.trades) > 3
    assert {trade.symbol for trade in run.report.trades} <= {"BTC-PERP", "ETH-PERP"}
    counts = run.report.states
    assert sum(counts.values()) == len(run.report.signals)


def test_the_equity_system_trades_real_shares_on_days_weeks_and_months() -> None:
    files = [shared_file(f"data/equity/{symbol}_1d_yahoo.csv.gz") for symbol in SHARES]
    overrides = [("universe.end", "2010-01-01")]
    overrides += [(f"provider.files.{symbol}", str(path)) for symbol, path in zip(SHARES, files, strict=True)]
    run = ran("strat-equities.toml", Mode.BACKTEST, *overrides)
    assert {trade.symbol for trade in run.report.trades} == set(SHARES)
    assert {trade.timeframe for trade in run.report.trades} >= {"1d", "1w"}
    detected = Counter(record.key for record in found(run.records, SignalDetected))
    assert detected == Counter(record.key for record in found(run.records, VerdictReached))


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_profile_has_what_it_needs(path: Path) -> None:
    profile = load_profile(str(path), discover())
    assert check_system(profile, profile.mode) == []
