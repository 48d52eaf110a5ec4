"""The stop at the entry bar: watched once that bar has closed, and strictly."""

from __future__ import annotations

from decimal import Decimal

import pytest

from atlas_core import Exit, Side
from atlas_strat.entry_stop import BARS_WATCHED, EntryBarStopRule
from tests.plugins.strat.series import bars_of
from tests.plugins.strat.test_exits import Scene, position

BEFORE = [[100, 102, 98, 100]] * 3
ENTRY = [100, 104, 99, 103]


def answer(price: str | None, side: Side = Side.LONG, rows: int = 4) -> Exit | None:
    closed = bars_of([*BEFORE, ENTRY][:rows])
    scene = Scene(closed, None, price=None if price is None else Decimal(price))
    return EntryBarStopRule(["1h"]).on_market(position(side), scene)


@pytest.mark.parametrize(("side", "price", "extreme"), [(Side.LONG, "98.99", 99.0), (Side.SHORT, "104.01", 104.0)])
def test_a_price_beyond_the_entry_bar_closes(side: Side, price: str, extreme: float) -> None:
    found = answer(price, side)
    assert found is not None
    assert (found.reason, found.value, found.threshold) == (
        "beyond the far extreme of the entry bar", float(price), extreme,
    )  # fmt: skip


@pytest.mark.parametrize(("side", "price"), [(Side.LONG, "99"), (Side.SHORT, "104"), (Side.LONG, None)])
def test_a_touch_of_the_extreme_and_an_unknown_price_close_nothing(side: Side, price: str | None) -> None:
    assert answer(price, side) is None


def test_nothing_is_said_before_the_entry_bar_has_closed() -> None:
    assert answer("90", rows=3) is None


def test_the_rule_asks_for_the_bars_that_it_remembers() -> None:
    assert [(need.timeframe, need.warmup_bars) for need in EntryBarStopRule(["1h", "1d"]).needs()] == [
        ("1h", BARS_WATCHED),
        ("1d", BARS_WATCHED),
    ]
