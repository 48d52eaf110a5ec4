"""The results of columns are to the last bit those of the records that the columns tell."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import numpy as np
from hypothesis import given, settings

from atlas_core.backtest.columnar.results import _money, worked_results
from atlas_core.backtest.columnar.run import work_out
from atlas_core.backtest.columnar.simple import NotSimple
from atlas_core.backtest.columnar.telling import Teller
from atlas_core.backtest.columnar.trades import trades_of
from atlas_core.compose import opened
from atlas_core.loading import load
from atlas_core.report.catalogue import metric_values
from atlas_core.report.results import Results
from atlas_core.report.summary import run_results
from tests.columnar_scene import SimpleScene, simple_scenes, system_of_scene
from tests.unit.test_columnar_properties import SLOW

COLUMNS = (
    "net", "fees", "slippage", "funding", "r", "sign", "units", "entry_price", "entry_value", "exit_value",
    "opened_at", "closed_at",
)  # fmt: skip


def both(scene: SimpleScene) -> tuple[Results, Results] | None:
    async def work() -> tuple[Results, Results]:
        async with opened(system_of_scene(scene)) as live:
            worked = work_out(live, await load(live))
            records = Teller(worked, trades_of(worked.plans, worked.decisions)).records()
            return worked_results(worked), run_results(records)

    try:
        return asyncio.run(work())
    except NotSimple:
        return None


@given(simple_scenes())
@settings(max_examples=40, suppress_health_check=SLOW)
def test_results_of_columns_are_those_of_the_records(scene: SimpleScene) -> None:
    found = both(scene)
    if found is None:
        return
    columns, records = found
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(columns.trades, name), getattr(records.trades, name), err_msg=name)
    assert metric_values(columns) == metric_values(records)
    assert columns.daily_curve() == records.daily_curve()


def test_money_beyond_the_whole_numbers_of_a_float_is_rounded_once() -> None:
    numbers = [2**53 + 1, 10**17 + 7, -(10**18) - 3, 5]
    expected = [float(Decimal(number).scaleb(-4)) for number in numbers]
    for kind in (np.int64, object):
        assert _money(np.array(numbers, dtype=kind), 4).tolist() == expected
