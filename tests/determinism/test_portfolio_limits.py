"""One account, several symbols and timeframes, both sides: the shared limits hold at every moment of a whole run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from atlas_core.backtest.driver import run_backtest
from atlas_core.journal import Journal
from atlas_core.margins import group_problems
from atlas_core.model.instrument import Instrument
from atlas_core.model.records import PositionClosed, PositionOpened, Record, SignalDetected, VerdictReached
from atlas_core.model.signals import Side
from atlas_core.runs import Mode
from tests.systems import CONFIGS, system_of

DEMO = CONFIGS / "demo.toml"
LIMITS = {
    "limits.max_positions": "2",
    "limits.max_positions_per_group": "1",
    "limits.max_long_positions": "1",
    "limits.max_short_positions": "1",
    "limits.max_exposure_pct": "100",
    "limits.max_exposure_pct_per_group": "50",
    "limits.max_long_exposure_pct": "55",
    "universe.groups": '{ first = ["BTC-PERP"], rest = ["ETH-PERP", "SPY"] }',
}


def records_of(overrides: dict[str, str]) -> Sequence[Record]:
    with Journal.in_memory() as journal:
        run_backtest(system_of(DEMO, Mode.BACKTEST, tuple(overrides.items())), journal)
        return list(journal.records())


def test_shared_limits_hold_at_every_moment_of_a_run_of_several_symbols_timeframes_and_sides() -> None:
    records = records_of(LIMITS)
    opened_now: dict[int, PositionOpened] = {}
    group = {"BTC-PERP": "first", "ETH-PERP": "rest", "SPY": "rest"}
    for record in records:
        if isinstance(record, PositionClosed):
            opened_now.pop(record.trade_id)
        elif isinstance(record, PositionOpened):
            opened_now[record.trade_id] = record
            assert len(opened_now) <= 2
            assert max(Counter(group[each.symbol] for each in opened_now.values()).values()) == 1
            assert max(Counter(each.side for each in opened_now.values()).values()) == 1
    entered = [record for record in records if isinstance(record, PositionOpened)]
    assert {record.symbol for record in entered} == {"BTC-PERP", "ETH-PERP"}
    assert {record.side for record in entered} == set(Side)
    detected = {record.key: record.timeframe for record in records if isinstance(record, SignalDetected)}
    assert {detected[record.signal_key] for record in entered} >= {"1h", "4h"}
    refused = {record.by for record in records if isinstance(record, VerdictReached)}
    assert {"limit max_positions_per_group", "limit max_long_positions"} <= refused


def test_a_limit_per_group_that_would_bind_nobody_is_refused_at_start() -> None:
    profile = system_of(DEMO, Mode.BACKTEST, (("limits.max_exposure_pct_per_group", "50"),)).profile
    alone = {symbol: Instrument(symbol) for symbol in profile.universe.symbols}
    (problem,) = group_problems(profile, alone)
    assert "max_exposure_pct_per_group: expected a group for one of the symbols, was none" in str(problem)
    assert not list(group_problems(profile, alone | {"SPY": Instrument("SPY", group="shares")}))
