"""The results of columns are to the last bit those of the records that the columns tell."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from decimal import Decimal

import numpy as np
from attrs import fields
from hypothesis import given, settings

from atlas_core.backtest.columnar.fixed import Fixed
from atlas_core.backtest.columnar.outcome import Outcome, outcome_of, trades_digest
from atlas_core.backtest.columnar.results import worked_results
from atlas_core.backtest.columnar.run import Worked, work_out
from atlas_core.backtest.columnar.simple import NotSimple
from atlas_core.backtest.columnar.tape import levels_in_ticks
from atlas_core.columnar import NO_LEVEL
from atlas_core.compose import opened
from atlas_core.loading import load
from atlas_core.model.instrument import Instrument, InstrumentKind
from atlas_core.report import export
from atlas_core.report.catalogue import metric_values
from atlas_core.report.results import TradeColumns
from atlas_core.report.summary import Report, report_of, run_results
from tests.columnar_scene import SimpleScene, simple_scenes, system_of_scene
from tests.unit.test_columnar_properties import SLOW

ROWS = ("trades", "exits", "signals")
COLUMNS = (
    "net", "fees", "slippage", "funding", "r", "sign", "units", "entry_price", "entry_value", "exit_value",
    "opened_at", "closed_at", "highest", "lowest", "initial_risk",
)  # fmt: skip


def worked_out(scene: SimpleScene) -> tuple[Worked, Outcome] | None:
    found: list[tuple[Worked, Outcome]] = []  # asyncio would write out what a coroutine returns

    async def work() -> None:
        async with opened(system_of_scene(scene)) as live:
            worked = work_out(live, await load(live))
            found.append((worked, outcome_of(worked)))

    with suppress(NotSimple):
        asyncio.run(work())
    return found[0] if found else None


def assert_equal_columns(columns: TradeColumns, records: TradeColumns) -> None:
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(columns, name), getattr(records, name), err_msg=name)


@given(simple_scenes())
@settings(max_examples=40, suppress_health_check=SLOW)
def test_results_and_report_of_columns_are_those_of_the_records(scene: SimpleScene) -> None:
    found = worked_out(scene)
    if found is None:
        return
    worked, outcome = found
    columns, records = worked_results(worked), run_results(outcome.records)
    assert_equal_columns(columns.trades, records.trades)
    assert metric_values(columns) == metric_values(records)
    assert columns.daily_curve() == records.daily_curve()
    assert outcome.digest == trades_digest(outcome.records)
    assert_equal_reports(outcome.report(0.02), report_of(outcome.records, risk_free=0.02))


def assert_equal_reports(columns: Report, records: Report) -> None:
    """Hold every field of a report equal, and each table that is written of it."""
    for field in fields(Report):
        one, other = getattr(columns, field.name), getattr(records, field.name)
        if field.name == "results":
            assert_equal_columns(one.trades, other.trades)
        elif field.name != "fills":  # orders tell them, and no record of columns does
            assert (list(one) if field.name in ROWS else one) == (list(other) if field.name in ROWS else other)
    assert export.table_files(columns, None) == export.table_files(records, None)


def test_money_beyond_the_whole_numbers_of_a_float_is_rounded_once() -> None:
    numbers = [2**53 + 1, 10**17 + 7, -(10**18) - 3, 5]
    expected = [float(Decimal(number).scaleb(-4)) for number in numbers]
    for kind in (np.int64, object):
        assert Fixed(np.array(numbers, dtype=kind), np.full(4, 4)).floats().tolist() == expected


def test_amounts_add_up_also_where_their_sum_is_no_int64() -> None:
    made = Fixed(np.array([2**62, 2**62, 2**62]), np.full(3, 2))
    assert made.total() == Decimal(3 * 2**62).scaleb(-2)


def test_a_level_that_no_price_can_reach_stays_on_its_side_of_all_prices() -> None:
    instrument = Instrument("X", kind=InstrumentKind.PERP, tick_size=Decimal("0.01"))
    far = levels_in_ticks(np.array([1e300, -1e300, 1e18, np.nan, 1.0]), instrument).tolist()
    assert far == [2**60, -(2**60), 2**60, NO_LEVEL, 100]


def test_decimals_are_written_as_they_are_and_with_the_zeros_that_are_asked_for() -> None:
    numbers = [5, -5, 0, 1234567, -(10**17), 10**18]
    for kind in (np.int64, object):
        column = np.array(numbers, dtype=kind)
        for digits in (0, 2, 18):
            made = Fixed(column, np.full(6, digits))
            exact = [Decimal(number).scaleb(-digits) for number in numbers]
            assert made.texts() == [format(value, "f") for value in exact]
            assert made.texts(20) == [format(value, ".20f") for value in exact]
    mixed = Fixed(np.array([15, 15]), np.array([1, 3]))
    assert mixed.texts() == ["1.5", "0.015"]
