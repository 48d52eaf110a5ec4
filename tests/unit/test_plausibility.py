"""Wild prints of a live market are held back; new prices are not."""

from __future__ import annotations

import pytest
from attrs import evolve

from atlas_core.errors import DataError
from atlas_core.marketdata.feed import BarFeed
from atlas_core.model.events import Quote
from atlas_core.model.timeframe import parse_timeframe
from atlas_core.runtime.plausibility import PlausiblePrices
from tests.memory import bar


def prices_after(close: float = 100.0) -> PlausiblePrices:
    feed = BarFeed("X", parse_timeframe("1m"))
    first = bar(0, close)
    feed.append(first.opened_at, first.ts, close, close, close, close, 1.0)
    return PlausiblePrices({"X": feed})


def test_a_usual_move_passes() -> None:
    prices_after().require(bar(1, 115.0))


@pytest.mark.parametrize("price", [1_000.0, 10.0])
def test_a_wild_print_is_held_back(price: float) -> None:
    prices = prices_after()
    with pytest.raises(DataError, match="expected prices near 100"):
        prices.require(bar(1, price))
    prices.require(bar(2, 100.0))


def test_a_jump_counts_when_the_next_bar_confirms_it() -> None:
    prices = prices_after()
    with pytest.raises(DataError):
        prices.require(bar(1, 60.0))
    prices.require(bar(2, 61.0))


def test_a_wild_print_that_comes_twice_confirms_nothing() -> None:
    prices = prices_after()
    for _ in range(2):
        with pytest.raises(DataError):
            prices.require(bar(1, 60.0))
    prices.require(bar(2, 61.0))


def test_two_wild_prints_apart_confirm_nothing() -> None:
    prices = prices_after()
    for minute, price in ((1, 1_000.0), (2, 10.0), (3, 1_000.0)):
        with pytest.raises(DataError):
            prices.require(bar(minute, price))


@pytest.mark.parametrize("wild", [{"low": 7.9}, {"open": 10.0}, {"open": 2_000.0, "high": 2_000.0}])
def test_a_wild_print_that_does_not_agree_with_itself_confirms_no_other(wild: dict[str, float]) -> None:
    prices = prices_after()
    with pytest.raises(DataError):
        prices.require(evolve(bar(1, 1_000.0), **wild))
    with pytest.raises(DataError):
        prices.require(bar(4, 1_001.0))
    prices.require(bar(5, 1_002.0))


def test_a_bar_in_which_the_price_goes_from_the_last_close_to_another_is_confirmed_by_the_next() -> None:
    prices = prices_after()
    with pytest.raises(DataError):
        prices.require(evolve(bar(1, 40.0), open=101.0, high=104.0, low=38.0))
    prices.require(bar(2, 41.0))


def quote(price: float) -> Quote:
    return Quote(ts=bar(1, 60.0).ts - 1, symbol="X", bid=price, ask=price, last=price)


@pytest.mark.parametrize(
    ("told", "believed"),
    [
        ([1_000.0, 1_001.0, 100.0], [False, False, True]),
        ([1_000.0, 1_001.0, 10.0, 10.0], [False, False, False, False]),
        ([1_000.0, 100.0, 1_000.0, 1_000.0], [False, True, False, False]),
        ([60.0, 61.0, 59.0, 60.0, 60.5], [False, False, True, True, True]),
    ],
    ids=["two wild ones", "two wild ones and another", "wild ones apart", "a new price"],
)
def test_a_jump_of_quotes_counts_when_two_more_confirm_it_and_as_long_as_they_do(
    told: list[float], believed: list[bool]
) -> None:
    prices = prices_after()
    assert [prices.believes(quote(price)) for price in told] == believed


def test_a_price_of_nothing_is_no_price() -> None:
    with pytest.raises(DataError, match="above 0"):
        prices_after().require(bar(1, 0.4))


def test_the_first_bar_of_a_symbol_has_nothing_to_be_held_against() -> None:
    PlausiblePrices({"X": BarFeed("X", parse_timeframe("1m"))}).require(bar(1, 60.0))


@pytest.mark.parametrize("wild", [{"low": 6.0}, {"high": 600.0}, {"close": 600.0}, {"low": 600.0, "high": 6.0}])
def test_the_first_bar_of_a_symbol_has_to_agree_with_itself(wild: dict[str, float]) -> None:
    prices = PlausiblePrices({"X": BarFeed("X", parse_timeframe("1m"))})
    with pytest.raises(DataError, match="expected prices near"):
        prices.require(evolve(bar(1, 60.0), **wild))
    prices.require(bar(2, 60.0))


def test_before_the_first_bar_of_a_symbol_its_quotes_count() -> None:
    prices = PlausiblePrices({"X": BarFeed("X", parse_timeframe("1m"))})
    assert prices.believes(quote(60.0))
    with pytest.raises(DataError, match="expected prices near 60"):
        prices.require(bar(1, 6.0))
