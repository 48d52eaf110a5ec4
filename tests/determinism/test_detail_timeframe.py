"""Decisions on base bars, fills by finer bars: `universe.detail_timeframe`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from atlas_core.backtest.driver import DriverKind, run_backtest
from atlas_core.errors import ProfileError
from atlas_core.journal import Journal
from atlas_core.model.orders import FillBasis
from atlas_core.model.records import AlertRaised, FillBooked, Record, SignalDetected
from atlas_core.report.summary import notes_of, report_of
from atlas_core.report.trades import TradeRow, closed_trades
from atlas_core.runs import Mode
from tests.crossing_profile import crossing_profile
from tests.systems import system_of

EXITS = """
[[exit]]
use = "stop"
pct = 0.12

[[exit]]
use = "target"
pct = 0.12
"""


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return crossing_profile(tmp_path_factory.mktemp("detail"), EXITS, base="15m", end="2026-01-09")


def records_of(profile: Path, **overrides: str) -> Sequence[Record]:
    changes = tuple((f"universe.{key}", value) for key, value in overrides.items())
    with Journal.in_memory() as journal:
        run_backtest(system_of(profile, Mode.BACKTEST, changes), journal, driver=DriverKind.SKIPPING)
        return list(journal.records())


def what_was_traded(records: Sequence[Record]) -> list[tuple[object, ...]]:
    return [_facts(trade) for trade in closed_trades(records)]


def _facts(trade: TradeRow) -> tuple[object, ...]:
    return trade.symbol, trade.side, trade.opened_at, trade.entry_price, trade.exit_price, trade.net, trade.reason


def fills(records: Sequence[Record], basis: FillBasis) -> int:
    return sum(isinstance(record, FillBooked) and record.basis is basis for record in records)


def test_fills_by_finer_bars_are_those_of_a_run_on_the_finer_bars_themselves(profile: Path) -> None:
    by_detail = records_of(profile, detail_timeframe="1m")
    by_base = records_of(profile, base_timeframe="1m")
    assert what_was_traded(by_detail) == what_was_traded(by_base)
    assert fills(by_detail, FillBasis.DETAIL) == fills(by_base, FillBasis.BAR) > 10
    assert not fills(by_detail, FillBasis.BAR)


def test_finer_bars_decide_what_the_base_bars_leave_unclear_and_the_run_says_how_many(profile: Path) -> None:
    alone, detailed = records_of(profile), records_of(profile, detail_timeframe="1m")
    before, after = report_of(alone).fills, report_of(detailed).fills
    assert before.unclear > after.unclear
    assert (before.by_detail, after.by_detail) == (0, after.inside_bar)
    assert any("of them on finer bars" in note for note in notes_of(report_of(detailed)))


def test_finer_bars_change_no_decision(profile: Path) -> None:
    alone, detailed = records_of(profile), records_of(profile, detail_timeframe="1m")
    signals = [[record for record in each if isinstance(record, SignalDetected)] for each in (alone, detailed)]
    assert signals[0] == signals[1]
    assert not [record for record in detailed if isinstance(record, AlertRaised)]


@pytest.mark.parametrize(("detail", "said"), [("15m", "shorter than"), ("1h", "shorter than"), ("4m", "that make")])
def test_a_detail_timeframe_that_cannot_be_is_refused_at_start(profile: Path, detail: str, said: str) -> None:
    with pytest.raises(ProfileError) as raised:
        system_of(profile, Mode.BACKTEST, (("universe.detail_timeframe", detail),))
    assert said in str(raised.value.problems[0])
