"""Finer bars are matched with base bars, and used only where they tell the same."""

from __future__ import annotations

from decimal import Decimal

from atlas_core.marketdata.detail import Detail, detail_of
from atlas_core.model.bars import Bars, bars_of_rows
from atlas_core.model.instrument import Instrument
from atlas_core.model.timeframe import MINUTE, parse_timeframe

X = Instrument("X", tick_size=Decimal("0.1"))
START = 1_700_000_160 * 1_000_000_000
FINE = [(100.0, 101.0, 99.0, 100.5), (100.5, 102.0, 100.0, 101.0), (101.0, 101.0, 98.0, 99.0), (99.0, 99.5, 99.0, 99.0)]


def made(timeframe: str, rows: list[tuple[float, ...]], start: int = START, step: int = 1) -> Bars:
    return bars_of_rows(
        "X",
        parse_timeframe(timeframe),
        [(start + n * step * MINUTE, *prices, 1.0) for n, prices in enumerate(rows)],
        Decimal("0.1"),
    )


def detail(base: list[tuple[float, ...]], finer: Bars) -> Detail:
    return detail_of(made("2m", base, step=2), finer, X)


WHOLE = [(100.0, 102.0, 99.0, 101.0), (101.0, 101.0, 98.0, 99.0)]


def test_a_base_bar_is_taken_apart_into_its_finer_bars() -> None:
    found = detail(WHOLE, made("1m", FINE))
    assert [(part.opened_at, part.high) for part in found.parts(START)] == [(START, 101.0), (START + MINUTE, 102.0)]
    assert [part.close for part in found.parts(START + 2 * MINUTE)] == [99.0, 99.0]
    assert (found.absent, found.disagreeing) == (0, 0)
    assert not list(found.parts(START + MINUTE))


def test_finer_bars_that_tell_another_market_are_not_used() -> None:
    for column, price in enumerate((99.9, 102.2, 98.8, 100.9)):
        wrong = [tuple(price if n == column else value for n, value in enumerate(WHOLE[0])), WHOLE[1]]
        found = detail(wrong, made("1m", FINE))
        assert not list(found.parts(START))
        assert len(list(found.parts(START + 2 * MINUTE))) == 2
        assert (found.absent, found.disagreeing) == (0, 1)


def test_a_base_bar_without_finer_bars_has_no_parts() -> None:
    found = detail(WHOLE, made("1m", FINE[2:], start=START + 2 * MINUTE))
    assert (found.absent, found.disagreeing) == (1, 0)
    assert found.told() == "1 of 2 base bars are taken apart, 1 have no finer bars, 0 do not agree with them"
    assert detail(WHOLE, made("1m", [])).absent == 2
