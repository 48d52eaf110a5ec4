"""The exit rules of the method: what they close, when, and what they must never do again."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from attrs import field, frozen

from atlas_core import (
    Bars,
    EntryKind,
    Exit,
    FormingBar,
    Instrument,
    MarketNow,
    Need,
    Position,
    Side,
    Signal,
    parse_timeframe,
)
from atlas_strat.exit_options import ContinuityFlipOptions, OppositeReversalOptions
from atlas_strat.exits import ContinuityFlipRule, InvalidationRule, OppositeReversalRule
from tests.plugins.strat.series import HOUR, START, bars_of

SYMBOL = "BTC/USD"
ENTRY_BAR = START + 3 * HOUR
"""The setup bar is the third of the series; the entry bar is the fourth."""


@frozen
class Scene(MarketNow):
    """A market of closed bars, of the bar that forms, and of the opens of other timeframes."""

    closed: Bars
    current: FormingBar | None
    opens: Mapping[str, float | None] = field(factory=dict)
    price: Decimal | None = None

    @property
    def now(self) -> int:
        return START

    def instrument(self, symbol: str) -> Instrument:
        return Instrument(symbol)

    def last_price(self, symbol: str) -> Decimal | None:
        return self.price

    def bars(self, symbol: str, timeframe: str) -> Bars:
        return self.closed

    def forming(self, symbol: str, timeframe: str) -> FormingBar | None:
        if timeframe not in self.opens:
            return self.current
        opened = self.opens[timeframe]
        return None if opened is None else bar_at(START, opened, opened, opened)


def bar_at(opened_at: int, opened: float, high: float, low: float) -> FormingBar:
    return FormingBar(SYMBOL, parse_timeframe("1h"), opened_at, opened_at + HOUR, opened, high, low, low, 1.0)


def position(side: Side = Side.LONG, **changes: Any) -> Position:
    """Return a position from the break of a setup bar that went from 98 to 102."""
    up = side is Side.LONG
    signal = Signal(
        key="sig-1",
        scanner="strat",
        symbol=SYMBOL,
        timeframe="1h",
        pattern="2D-2U" if up else "2U-2D",
        side=side,
        entry=EntryKind.STOP,
        available_at=ENTRY_BAR,
        setup_at=ENTRY_BAR - HOUR,
        valid_until=ENTRY_BAR + HOUR,
        trigger=Decimal(102 if up else 98),
        cancel_beyond=Decimal(98 if up else 102),
    )
    entry = Decimal("102.01" if up else "97.99")
    known: dict[str, Any] = {
        "trade_id": 1, "symbol": SYMBOL, "side": side, "quantity": Decimal(1), "entry_price": entry,
        "opened_at": ENTRY_BAR + 60_000_000_000, "signal": signal, "leverage": Decimal(1), "highest": entry,
        "lowest": entry, "last_price": entry,
    }  # fmt: skip
    return Position(**known | changes)


NOTHING = bars_of([])


def invalidated(current: FormingBar | None, side: Side = Side.LONG) -> Exit | None:
    return InvalidationRule(["1h"]).on_market(position(side), Scene(NOTHING, current))


@pytest.mark.parametrize("side", list(Side))
def test_an_entry_bar_that_took_both_sides_of_the_setup_bar_is_no_premise_any_more(side: Side) -> None:
    answer = invalidated(bar_at(ENTRY_BAR, 100, 102.01, 97.99), side)
    assert answer is not None
    assert answer.reason == "the entry bar took both sides of the setup bar"
    assert (answer.value, answer.threshold) == ((97.99, 98.0) if side is Side.LONG else (102.01, 102.0))


@pytest.mark.parametrize(("high", "low"), [(103, 98), (102, 97.99), (101, 99)])
def test_a_side_that_was_only_touched_was_not_taken(high: float, low: float) -> None:
    assert invalidated(bar_at(ENTRY_BAR, 100, high, low)) is None


def test_a_later_pull_back_through_the_far_side_is_no_invalidation() -> None:
    later = bar_at(ENTRY_BAR + HOUR, 101, 103, 90)
    assert invalidated(later) is None
    assert InvalidationRule(["1h"]).on_market(position(lowest=Decimal(90)), Scene(NOTHING, later)) is None


def test_a_bar_before_the_entry_bar_and_a_bar_that_is_not_known_say_nothing() -> None:
    assert invalidated(bar_at(ENTRY_BAR - HOUR, 100, 110, 90)) is None
    assert invalidated(None) is None


def test_the_invalidation_reads_the_timeframes_of_the_scanners() -> None:
    assert InvalidationRule(["15m", "1w"]).needs() == (Need("15m"), Need("1w"))


# A 2U that closed below the low of the bar after the entry arms a 2U-2D: bars of the position's own hour after hour.
RISE = ((99, 101, 97, 98), (98, 100, 95, 96), (96, 102, 98, 101), (101, 106, 100, 105))
"""2D, then the setup bar, then the entry bar: a 2U, whose low of 100 is the trigger of a reversal."""


def reversed_by(current: FormingBar | None, side: Side = Side.LONG, **options: Any) -> Exit | None:
    rule = OppositeReversalRule(OppositeReversalOptions(**options), ["1h"])
    return rule.on_market(position(side), Scene(bars_of(RISE), current))


def test_a_reversal_against_the_position_that_is_in_force_closes_it() -> None:
    answer = reversed_by(bar_at(ENTRY_BAR + HOUR, 104, 104, 99.99))
    assert answer is not None
    assert answer.reason == "2U-2D on 1h against the position"
    assert (answer.value, answer.threshold) == (99.99, 100.0)


@pytest.mark.parametrize("low", [100, 101])
def test_a_trigger_that_was_only_touched_is_not_in_force(low: float) -> None:
    assert reversed_by(bar_at(ENTRY_BAR + HOUR, 104, 104, low)) is None


def test_a_reversal_for_the_position_leaves_it_alone() -> None:
    assert reversed_by(bar_at(ENTRY_BAR + HOUR, 104, 107, 99), Side.SHORT) is None


def test_the_entry_bar_itself_makes_no_reversal() -> None:
    assert reversed_by(bar_at(ENTRY_BAR, 101, 106, 90)) is None


def test_only_closed_bars_arm_a_reversal() -> None:
    """The bar that forms is in the columns here, as a live feed would have it; it is cut away."""
    rows = (*RISE, (105, 110, 99, 100))
    current = bar_at(ENTRY_BAR + HOUR, 105, 110, 99)
    rule = OppositeReversalRule(OppositeReversalOptions(), ["1h"])
    answer = rule.on_market(position(), Scene(bars_of(rows), current))
    assert answer is not None
    assert answer.threshold == 100.0


def test_a_continuation_against_the_position_is_no_reversal() -> None:
    falls = ((99, 101, 97, 98), (98, 100, 95, 96), (96, 99, 94, 95), (95, 98, 93, 94))
    rule = OppositeReversalRule(OppositeReversalOptions(), ["1h"])
    current = bar_at(ENTRY_BAR + HOUR, 94, 94, 90)
    assert rule.on_market(position(), Scene(bars_of(falls), current)) is None


def test_another_timeframe_may_be_looked_at_from_its_first_bar_after_the_entry() -> None:
    rule = OppositeReversalRule(OppositeReversalOptions(timeframe=parse_timeframe("15m")), ["1h"])
    assert [need.timeframe for need in rule.needs()] == ["15m"]
    bars = bars_of(RISE)
    inside = bar_at(ENTRY_BAR + HOUR, 104, 104, 99)
    assert rule.on_market(position(opened_at=ENTRY_BAR + HOUR), Scene(bars, inside)) is not None
    assert rule.on_market(position(opened_at=ENTRY_BAR + HOUR + 1), Scene(bars, inside)) is None


def flipped(
    opens: Mapping[str, float | None], price: str = "100", side: Side = Side.LONG, **options: Any
) -> Exit | None:
    rule = ContinuityFlipRule(ContinuityFlipOptions(**options), list(opens))
    return rule.on_market(position(side), Scene(NOTHING, None, opens, Decimal(price)))


def test_a_continuity_that_is_fully_against_the_position_closes_it() -> None:
    answer = flipped({"1w": 101.0, "1d": 102.0, "1h": 100.5})
    assert answer is not None
    assert answer.reason == "continuity is against the position: 1w- 1d- 1h-"
    assert (answer.value, answer.threshold) == (1.0, 1.0)
    assert flipped({"1w": 99.0, "1d": 98.0}, side=Side.SHORT) is not None


@pytest.mark.parametrize("opens", [{"1w": 101.0, "1d": 99.0}, {"1w": 101.0, "1d": 100.0}])
def test_a_mixed_continuity_leaves_the_position_alone(opens: Mapping[str, float]) -> None:
    assert flipped(opens) is None


def test_a_share_of_the_timeframes_may_be_enough() -> None:
    opens = {"1w": 101.0, "1d": 102.0, "4h": 103.0, "1h": 99.0}
    assert flipped(opens, share_against_pct=Decimal(75)) is not None
    assert flipped(opens, share_against_pct=Decimal(76)) is None


def test_an_incomplete_continuity_closes_nothing() -> None:
    assert flipped({"1w": None, "1d": 102.0}, share_against_pct=Decimal(50)) is None


def test_the_timeframes_asked_are_those_of_the_options_or_those_of_the_scanners() -> None:
    asked = ContinuityFlipRule(ContinuityFlipOptions(timeframes=(parse_timeframe("1w"),)), ["1h"])
    assert [need.timeframe for need in asked.needs()] == ["1w"]
    assert [need.timeframe for need in ContinuityFlipRule(ContinuityFlipOptions(), ["1h", "1d"]).needs()] == [
        "1h",
        "1d",
    ]
