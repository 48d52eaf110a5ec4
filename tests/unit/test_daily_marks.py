"""The account is marked at the end of every day, for many symbols and over gaps in their bars."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from atlas_core.backtest.driver import DriverKind, run_backtest
from atlas_core.journal import Journal
from atlas_core.model.events import BarClosed
from atlas_core.model.records import PositionOpened
from atlas_core.model.timeframe import DAY
from atlas_core.report.equity import equity_curve
from atlas_core.report.summary import report_of
from atlas_core.runs import Mode
from tests.memory import START, MemoryProvider, bar, found, memory, script, system_of

DAYS, HOURS, HOUR_MINUTES = 6, 24, 60


def _bars(symbol: str, days: Sequence[int], slope: float) -> list[BarClosed]:
    """Return the last minute of every hour of these days, each closing a little further."""
    hours = [day * HOURS + hour for day in days for hour in range(HOURS)]
    return [bar(hour * HOUR_MINUTES + 59, 100 + slope * hour, symbol, 100 + slope * (hour + 1)) for hour in hours]


@pytest.mark.parametrize("driver", DriverKind)
def test_every_day_has_a_mark_at_the_last_prices_known_then(driver: DriverKind) -> None:
    bars = {
        "X": _bars("X", range(DAYS), 0.02),
        "Y": _bars("Y", (0, 1, 4, 5), -0.03),  # two days without a bar
        "Z": _bars("Z", (1, 2, 3, 4, 5), 0.05),  # begins a day later
    }
    entries = script((120, "X", 1), (180, "Y", -1), (26 * HOUR_MINUTES, "Z", 1))
    provider = MemoryProvider([one for of_symbol in bars.values() for one in of_symbol])
    system = system_of(
        memory(provider), entries, run_as=Mode.BACKTEST, symbols=tuple(bars), exits=['use = "stop"\npct = 50']
    )
    with Journal.in_memory() as journal:
        run_backtest(system, journal, driver=driver)
        records = list(journal.records())
    opened = found(records, PositionOpened)
    assert sorted(position.symbol for position in opened) == sorted(bars)
    curve = equity_curve(records)
    assert [point.ts for point in curve[1:]] == [START + day * DAY for day in range(1, DAYS + 1)]
    for point in curve[1:-1]:  # at the last one everything has been closed
        profit = sum(
            position.side.sign
            * float(position.quantity)
            * (_last(bars[position.symbol], point.ts) - float(position.price))
            for position in opened
            if position.ts <= point.ts
        )
        assert float(point.equity) == pytest.approx(10_000 + profit, abs=0.02 * len(opened))
    figures = report_of(records).figures
    assert (figures.returns, figures.periods) == (DAYS, 365)


def _last(bars: list[BarClosed], ts: int) -> float:
    return [one.close for one in bars if one.ts <= ts][-1]
