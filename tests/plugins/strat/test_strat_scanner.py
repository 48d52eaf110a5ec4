"""The scanner `strat`: what its rows say, and that they never depend on what comes later or long before."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core import Bars, parse_timeframe
from atlas_strat.options import StratOptions
from atlas_strat.scanner import WARMUP_BARS, StratScanner
from atlas_strat.vocabulary import Family, StopMode, ThreeTwoTarget
from tests.plugins.strat.series import HOUR, START, Tape, bars_of, rows_of, walks

HOURLY = (parse_timeframe("1h"),)
EVERYTHING = StratOptions(
    timeframes=HOURLY,
    families=tuple(family for family in Family if not family.ends_outside),
    include_continuations=True,
    stop_mode=StopMode.FIRST_BAR,
    three_two_target=ThreeTwoTarget.PERCENT,
)
TWO_ONE = [[100, 110, 95, 98], [98, 105, 90, 92], [95, 102, 94, 100]]
AFTER_A_RED_THREE = [[100, 110, 95, 98], [108, 112, 90, 92]]


def scan(bars: Bars, options: StratOptions = EVERYTHING) -> list[dict[str, object]]:
    return [dict(row) for row in rows_of(StratScanner(options).scan(Tape(bars)))]


def last_rows(rows: list[dict[str, object]], setup_at: int) -> list[dict[str, object]]:
    return [row for row in rows if row["setup_at"] == setup_at]


def test_a_reversal_waits_for_one_bar_with_all_its_levels() -> None:
    rows = last_rows(scan(bars_of(TWO_ONE), StratOptions(timeframes=HOURLY)), START + 2 * HOUR)
    assert rows == [
        {
            "available_at": START + 3 * HOUR,
            "setup_at": START + 2 * HOUR,
            "valid_until": START + 4 * HOUR,
            "pattern": "2D-1-2U",
            "side": "long",
            "trigger": Decimal(102),
            "stop": Decimal(94),
            "target": Decimal(105),
            "cancel_beyond": Decimal(94),
            "void_beyond": Decimal(105),
            "timeframe": "1h",
            "context": {
                "family": "2-1-2",
                "kind": "reversal",
                "shape": "",
                "failed_two": False,
                "pivots": 2,
                "spans_gap": False,
            },
        }
    ]


def test_continuations_are_entered_only_when_asked_for() -> None:
    both = scan(bars_of(TWO_ONE), StratOptions(timeframes=HOURLY, include_continuations=True))
    assert [row["pattern"] for row in last_rows(both, START + 2 * HOUR)] == ["2D-1-2U", "2D-1-2D"]


def test_only_the_chosen_families_make_signals() -> None:
    rows = scan(bars_of(TWO_ONE), StratOptions(timeframes=HOURLY, families=(Family.TWO_TWO,)))
    assert {row["context"]["family"] for row in rows} == {"2-2"}  # type: ignore[index]


def test_a_wider_stop_leaves_the_cancelling_level_at_the_setup_bar() -> None:
    rows = scan(bars_of(TWO_ONE), StratOptions(timeframes=HOURLY, stop_mode=StopMode.FIRST_BAR))
    assert [(row["stop"], row["cancel_beyond"]) for row in rows[-1:]] == [(Decimal(90), Decimal(94))]


def test_a_three_two_has_no_target_of_its_own() -> None:
    (row,) = scan(bars_of(AFTER_A_RED_THREE), StratOptions(timeframes=HOURLY))
    assert (row["pattern"], row["target"], row["void_beyond"]) == ("3-2U", None, None)


def test_a_three_two_may_borrow_a_percentage_as_its_target() -> None:
    options = StratOptions(timeframes=HOURLY, three_two_target=ThreeTwoTarget.PERCENT)
    (row,) = scan(bars_of(AFTER_A_RED_THREE), options)
    assert (row["target"], row["void_beyond"]) == (Decimal("113.68"), Decimal("113.68"))


def test_a_three_two_may_borrow_an_average_range_as_its_target() -> None:
    quiet = [[100, 105, 95, 100]] * 14
    options = StratOptions(timeframes=HOURLY, three_two_target=ThreeTwoTarget.ATR, three_two_target_atr=Decimal(2))
    rows = scan(bars_of([*quiet, [100, 112, 90, 92]]), options)
    expected = Decimal(112) + Decimal(2 * (13 * 1000 + 2200) // 14) / 100
    assert [(row["pattern"], row["target"]) for row in rows] == [("3-2U", expected)]
    assert StratScanner(options).needs()[0].warmup_bars == 15


def test_an_average_of_too_few_ranges_gives_no_target() -> None:
    options = StratOptions(timeframes=HOURLY, three_two_target=ThreeTwoTarget.ATR)
    (row,) = scan(bars_of(AFTER_A_RED_THREE), options)
    assert (row["target"], row["void_beyond"]) == (None, None)


def test_a_continuation_after_a_pause_may_aim_at_a_move_as_long_as_the_one_before() -> None:
    rows = [[100, 105, 90, 102], [102, 112, 95, 110], [108, 110, 102, 109]]
    options = StratOptions(timeframes=HOURLY, include_continuations=True, measured_move=True)
    found = {row["pattern"]: row["target"] for row in last_rows(scan(bars_of(rows), options), START + 2 * HOUR)}
    assert found == {"2U-1-2U": Decimal(127), "2U-1-2D": Decimal(95)}


def test_an_opening_too_far_beyond_the_trigger_voids_when_a_largest_gap_is_given() -> None:
    options = StratOptions(timeframes=HOURLY, max_gap_pct=Decimal("0.2"))
    (row,) = last_rows(scan(bars_of(TWO_ONE), options), START + 2 * HOUR)
    assert (row["target"], row["void_beyond"]) == (Decimal(105), Decimal("102.21"))
    (row,) = scan(bars_of(AFTER_A_RED_THREE), options)
    assert (row["target"], row["void_beyond"]) == (None, Decimal("112.23"))


def test_a_target_nearer_than_the_largest_gap_still_voids() -> None:
    options = StratOptions(timeframes=HOURLY, max_gap_pct=Decimal(50))
    (row,) = last_rows(scan(bars_of(TWO_ONE), options), START + 2 * HOUR)
    assert row["void_beyond"] == Decimal(105)


def test_the_context_tells_of_a_failed_two_and_of_the_pivots_behind_it() -> None:
    rising = [[10 + step, 12 + 2 * step, 9 + step, 11 + step] for step in range(6)]
    rows = scan(bars_of([*rising, [21, 24, 15, 16]]), StratOptions(timeframes=HOURLY))
    context = rows[-1]["context"]
    assert (rows[-1]["pattern"], context["failed_two"], context["pivots"]) == ("2U-2D", True, 6)  # type: ignore[index]


def test_a_percentage_leaves_the_objectives_of_other_families_alone() -> None:
    options = StratOptions(timeframes=HOURLY, three_two_target=ThreeTwoTarget.PERCENT)
    assert scan(bars_of(TWO_ONE), options) == scan(bars_of(TWO_ONE), StratOptions(timeframes=HOURLY))


def test_monthly_setups_end_with_the_calendar_month() -> None:
    january, february, march = START, START + 31 * 24 * HOUR, START + 60 * 24 * HOUR
    month = parse_timeframe("1M")
    daily = bars_of(TWO_ONE[:2])
    bars = Bars("BTC/USD", month, [january, february], [february, march], *daily.prices(), daily.volume)
    (row,) = rows_of(StratScanner(StratOptions(timeframes=(month,))).scan(Tape(bars)))
    assert row["valid_until"] == march + 31 * 24 * HOUR


def test_timeframes_are_scanned_apart_and_rows_come_in_order_of_time() -> None:
    options = StratOptions(timeframes=(parse_timeframe("4h"), *HOURLY))
    scanner = StratScanner(options)
    rows = rows_of(scanner.scan(Tape(bars_of(TWO_ONE), bars_of(TWO_ONE, "4h"))))
    times = [row["available_at"] for row in rows]
    assert times == sorted(times)  # type: ignore[type-var]
    assert {row["timeframe"] for row in rows} == {"1h", "4h"}
    assert [(need.timeframe, need.warmup_bars) for need in scanner.needs()] == [
        ("4h", WARMUP_BARS),
        ("1h", WARMUP_BARS),
    ]


@pytest.mark.parametrize("rows", [[], TWO_ONE[:1], [[100, 100, 100, 100]] * 5, [[None] * 4] * 3])
def test_too_little_to_see_gives_no_signals_and_no_error(rows: list[list[float | None]]) -> None:
    assert scan(bars_of(rows), StratOptions(timeframes=HOURLY)) == []


@given(walks(), st.integers(0, 60))
def test_cutting_the_future_away_changes_no_row(bars: Bars, length: int) -> None:
    known_by = bars.available_at[min(length, len(bars)) - 1] if length and len(bars) else 0
    past = [row for row in scan(bars) if row["available_at"] <= known_by]  # type: ignore[operator]
    assert scan(bars.between(0, length)) == past


@given(walks(minimum=WARMUP_BARS + 1), st.integers(0, 60))
def test_a_trailing_window_gives_the_same_rows_beyond_its_warm_up(bars: Bars, first: int) -> None:
    first = min(first, len(bars) - WARMUP_BARS - 1)
    settled = bars.opened_at[first + WARMUP_BARS]
    window = [row for row in scan(bars.between(first, len(bars))) if row["setup_at"] >= settled]  # type: ignore[operator]
    assert window == [row for row in scan(bars) if row["setup_at"] >= settled]  # type: ignore[operator]


@given(walks())
def test_no_two_rows_of_one_setup_bar_share_a_side(bars: Bars) -> None:
    keys = [(row["setup_at"], row["side"]) for row in scan(bars)]
    assert len(keys) == len(set(keys))
