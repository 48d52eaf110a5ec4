"""A ladder of targets in whole runs: every driver and the session give the same journal, and every leg adds up."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlas_core.backtest.driver import DriverKind, run_backtest
from atlas_core.journal import Journal
from atlas_core.model.instrument import ZERO
from atlas_core.report.export import exits_csv, trades_csv
from atlas_core.report.trades import TradeRow, closed_trades
from atlas_core.runs import Mode
from tests.crossing_profile import crossing_profile
from tests.systems import by_pump, system_of

EXITS = """
[[exit]]
use = "stop"
pct = 0.4

[[exit]]
use = "scale-out"
steps = [{ at_pct = 0.2, close_pct = 50 }, { at_pct = 0.3, close_pct = 25 }, { at_pct = 0.6, close_pct = 25 }]
"""


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return crossing_profile(tmp_path_factory.mktemp("ladder"), EXITS, base="5m", end="2026-01-04")


def trades_of(journal: Journal) -> tuple[TradeRow, ...]:
    return closed_trades(journal.records())


def test_every_driver_and_the_session_trade_the_same_ladder(profile: Path) -> None:
    digests = []
    for kind in DriverKind:
        with Journal.in_memory() as journal:
            digests.append(run_backtest(system_of(profile, Mode.BACKTEST), journal, driver=kind).digest)
            rows = trades_of(journal)
    assert len(set(digests)) == 1
    with Journal.in_memory() as journal:
        by_pump(system_of(profile, Mode.PAPER), journal)
        in_session = trades_of(journal)
    facts = [[(row.trade_id, row.exit_price, row.net, row.legs) for row in each] for each in (rows, in_session)]
    assert facts[0][: len(facts[1])] == facts[1]
    assert len(facts[1]) > 10


def test_the_legs_of_each_trade_are_exported_and_add_up(profile: Path) -> None:
    with Journal.in_memory() as journal:
        run_backtest(system_of(profile, Mode.BACKTEST), journal)
        rows = trades_of(journal)
    assert {row.exits for row in rows} >= {1, 2, 3}
    for row in rows:
        assert sum((leg.quantity for leg in row.legs), ZERO) == row.quantity
        assert sum((leg.gross for leg in row.legs), ZERO) == row.gross
    assert len(exits_csv([leg for row in rows for leg in row.legs]).splitlines()) == 1 + sum(row.exits for row in rows)
    assert trades_csv(rows).splitlines()[0].endswith("spread,impact,liquidation_fee,total_costs,exits")
