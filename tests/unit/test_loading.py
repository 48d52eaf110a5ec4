"""What a run loads: warm-up, the bars of the run, funding, and the signals that belong to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from attrs import define

from atlas_core import components as offer
from atlas_core.compose import System, opened
from atlas_core.contracts import HistoryRequest, MarketHistory, Need, Scanner
from atlas_core.errors import ContractError, DataError
from atlas_core.loading import LoadedMarket, find_signals, load
from atlas_core.model.bars import Bars
from atlas_core.model.events import FundingDue
from atlas_core.model.records import SignalDetected
from atlas_core.model.signals import SignalTable, signal_table
from tests.memory import MemoryProvider, Script, at, bar, flat, found, made, memory, records_of, script, system_of
from tests.systems import by_loop

FROM_TEN = 'start = "2026-04-05T00:10:00Z"'


@define
class Answering(Scanner):
    """A scanner that answers with whatever a test says, or raises."""

    answer: Callable[[], Any]

    def needs(self) -> Sequence[Need]:
        return (Need("1m"),)

    def scan(self, market: MarketHistory) -> SignalTable:
        return self.answer()  # type: ignore[no-any-return]


def loaded(system: System) -> tuple[LoadedMarket, list[tuple[str, SignalTable]]]:
    async def visit() -> tuple[LoadedMarket, list[tuple[str, SignalTable]]]:
        async with opened(system) as live:
            market = await load(live)
            return market, find_signals(live, market)

    return asyncio.run(visit())


def looking_back(bars: int, *rows: tuple[int, str, int]) -> Any:
    return made(offer.scanner, "script", Script(rows, Need("1m", bars)))


def signals_of(answer: Callable[[], Any]) -> list[tuple[str, SignalTable]]:
    parts = (memory(MemoryProvider(flat(range(20)))), made(offer.scanner, "script", Answering(answer)))
    return loaded(system_of(*parts, scanners=['use = "script"\nlabel = "oracle"']))[1]


def table(*minutes: int, symbol: str = "X") -> SignalTable:
    times = [at(minute) for minute in minutes]
    return signal_table(
        available_at=times, setup_at=np.array(times) - 1, symbol=symbol, timeframe="1m", pattern="test", side=1
    )


def test_the_warm_up_before_the_start_is_loaded_but_is_no_part_of_the_run() -> None:
    market, _ = loaded(system_of(memory(MemoryProvider(flat(range(20)))), looking_back(3), universe=FROM_TEN))
    assert market.data.base("X").opened_at[0] == at(6)
    assert market.bars_of_run("X").opened_at[0] == at(10)
    assert (market.start, market.end) == (at(10), at(20))


def test_the_warm_up_is_not_traded() -> None:
    parts = (memory(MemoryProvider(flat(range(20)))), looking_back(9, (5, "X", 1), (10, "X", 1), (15, "X", 1)))
    records = records_of(by_loop, system_of(*parts, universe=FROM_TEN))
    assert [record.ts for record in found(records, SignalDetected)] == [at(15)]


def test_without_a_start_the_run_begins_with_the_first_bar_of_any_symbol() -> None:
    bars = [*flat(range(4, 9)), *flat(range(2, 7), symbol="Y")]
    market, _ = loaded(system_of(memory(MemoryProvider(bars)), script(), symbols=("X", "Y")))
    assert (market.start, market.end) == (at(2), at(9))


def test_symbols_without_bars_are_named() -> None:
    parts = (memory(MemoryProvider(flat(range(5)))), script())
    with pytest.raises(DataError, match="expected bars of every symbol between start and end, none for Y, Z"):
        loaded(system_of(*parts, symbols=("Y", "X", "Z")))


def test_symbols_that_the_provider_leaves_out_are_named() -> None:
    class Forgetful(MemoryProvider):
        async def history(self, request: HistoryRequest) -> Mapping[str, Bars]:
            return {}

    with pytest.raises(DataError, match="none for X"):
        loaded(system_of(memory(Forgetful([])), script()))


def test_a_symbol_with_bars_in_the_warm_up_only_is_named() -> None:
    bars = [*flat(range(20)), *flat(range(10), symbol="Y")]
    parts = (memory(MemoryProvider(bars)), looking_back(5))
    with pytest.raises(DataError, match="none for Y"):
        loaded(system_of(*parts, symbols=("X", "Y"), universe=FROM_TEN))


def test_a_bar_without_a_price_is_named() -> None:
    bars = [*flat(range(3)), bar(3, float("nan")), *flat(range(4, 6))]
    with pytest.raises(DataError, match="X 1m bars: expected finite prices, the bar that ends at 2026-04-05 00:04Z"):
        loaded(system_of(memory(MemoryProvider(bars)), script()))


def test_funding_up_to_the_start_is_left_out() -> None:
    due = [FundingDue(at(minute), "X", Decimal(0)) for minute in (5, 10, 11)]
    market, _ = loaded(system_of(memory(MemoryProvider(flat(range(20)), due)), script(), universe=FROM_TEN))
    assert [event.ts for event in market.funding] == [at(11)]


def test_signals_outside_the_run_are_left_out() -> None:
    parts = (
        memory(MemoryProvider(flat(range(20)))),
        made(offer.scanner, "script", Answering(lambda: table(9, 21, 10, 20, 11))),
    )
    [(label, signals)] = loaded(system_of(*parts, universe=FROM_TEN))[1]
    assert label == "script"
    assert signals.available_at.tolist() == [at(11), at(20)]


def test_a_scanner_that_raises_is_named() -> None:
    def fail() -> None:
        raise ZeroDivisionError("no range")

    with pytest.raises(ContractError, match="scanner oracle failed: ZeroDivisionError: no range"):
        signals_of(fail)


@pytest.mark.parametrize(("answer", "kind"), [(None, "NoneType"), ([], "list"), ("signals", "str")])
def test_a_scanner_that_returns_nonsense_is_named(answer: object, kind: str) -> None:
    with pytest.raises(ContractError, match=f"scanner oracle failed: .*expected a SignalTable, was {kind}"):
        signals_of(lambda: answer)


def test_a_scanner_with_signals_in_unknown_symbols_is_named_with_them() -> None:
    with pytest.raises(ContractError, match=r"scanner oracle failed: .*expected signals in X, was GOLD"):
        signals_of(lambda: table(3, symbol="GOLD"))
