"""Session and back-test agree; where one of them is changed on purpose, the difference has the right cause."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import evolve, fields_dict

from atlas_core.checking.causes import PRICES, SIZES, Cause, cause_of
from atlas_core.checking.decisions import Decision, DecisionKind, decisions_of
from atlas_core.checking.market import RecordedMarket, record_market
from atlas_core.checking.parity import (
    ParityReport,
    backtest_told,
    check_parity,
    compared,
    first_other_bar,
    session_told,
)
from atlas_core.model.decisions import Approve, Refuse
from atlas_core.model.records import (
    FillBooked,
    LevelsSet,
    OrderIntended,
    PositionChanged,
    PositionClosed,
    PositionOpened,
)
from atlas_core.model.timeframe import MINUTE
from tests.cheats import CHEATS, HONEST, Cheat, Rows
from tests.memory import at

PLAIN = HONEST[0]
BROKER = 'use = "paper"\ntaker_fee_bps = {fee}\nslippage_bps = {slippage}\nlatency_ms = {latency}'


def broker(fee: int = 5, slippage: int = 0, latency: int = 0) -> str:
    return BROKER.format(fee=fee, slippage=slippage, latency=latency)


def held_against(session: Cheat, backtest: Cheat, said: dict[str, Any], otherwise: dict[str, Any]) -> ParityReport:
    """Compare the session of one system with the back-test of another on the same market."""
    one, other = session.profile(**said), backtest.profile(**otherwise)
    market = record_market(one)
    return compared(one, market, session_told(one, market), backtest_told(other, market))


def test_session_and_back_test_of_an_honest_profile_are_equal() -> None:
    for honest in HONEST:
        profile = honest.profile(broker=broker(slippage=3, latency=250))
        report = check_parity(profile, record_market(profile))
        assert report.is_equal
        counts = {count.kind: count.same for count in report.counts}
        assert counts[DecisionKind.SIGNAL] > 30
        assert counts[DecisionKind.CLOSED] > 10


def test_a_rule_whose_steps_say_something_else_than_it_says_bar_by_bar_departs() -> None:
    profile = next(cheat for cheat in CHEATS if cheat.name == "an exit by steps").profile()
    report = check_parity(profile, record_market(profile))
    assert DecisionKind.EXIT in {departure.kind for departure in report.departures}


@pytest.mark.parametrize("start", ["00:33:30", "01:07:00"])
def test_a_session_that_begins_inside_a_bar_knows_that_bar_as_the_back_test_does(start: str) -> None:
    profile = PLAIN.profile(universe=f"start = 2026-04-05T{start}Z")
    report = check_parity(profile, record_market(profile))
    assert report.is_equal
    assert report.counts[0].session > 10


@pytest.mark.parametrize(
    ("cause", "kind", "otherwise"),
    [
        (Cause.TIMING, DecisionKind.POSITION, {"broker": broker(latency=70_000)}),
        (Cause.PRICE, DecisionKind.POSITION, {"broker": broker(slippage=5)}),
        (Cause.PRICE, DecisionKind.FILL, {"broker": broker(fee=6)}),
        (Cause.SIZE, DecisionKind.SIZE, {"sizer": 'use = "fixed-notional"\nnotional = 1100'}),
        (Cause.CAPACITY, DecisionKind.VERDICT, {"more": "[limits]\nmax_exposure_pct = 5"}),
        (Cause.CODE, DecisionKind.EXIT, {"exits": ['use = "stop"', 'use = "target"', 'use = "time"\nmax_bars = 1']}),
    ],
    ids=lambda value: str(value) if isinstance(value, Cause) else "",
)
def test_a_planted_difference_has_its_cause(cause: Cause, kind: DecisionKind, otherwise: dict[str, Any]) -> None:
    said = {"broker": broker()}
    report = held_against(PLAIN, PLAIN, said, said | otherwise)
    assert not report.is_equal
    first = report.roots[0]
    assert (first.cause, first.kind) == (cause, kind)


@pytest.mark.parametrize(
    ("field", "cause"), [("spread", Cause.PRICE), ("part_quantities", Cause.SIZE), ("reason", Cause.CODE)]
)
def test_the_field_that_differs_tells_the_cause(field: str, cause: Cause) -> None:
    facts: dict[str, Any] = {field: 1}
    one = Decision(name=("fill",), kind=DecisionKind.FILL, ts=0, chain="s", place=1, symbol="X", facts=facts)
    assert cause_of(one, evolve(one, facts={field: 2}), (field,), had_other_bars=False) is cause
    assert cause_of(one, None, (), had_other_bars=False) is Cause.CODE
    assert cause_of(one, one, (field,), had_other_bars=True) is Cause.DATA


def test_every_field_of_a_decision_that_is_a_number_is_a_price_or_a_size() -> None:
    exact = {
        name
        for kind in (FillBooked, PositionOpened, PositionChanged, PositionClosed, OrderIntended, LevelsSet)
        for name, field in fields_dict(kind).items()
        if "Decimal" in str(field.type)
    }
    assert exact - PRICES - SIZES == {"multiplier"}


def test_a_gate_that_judges_otherwise_in_a_session_is_code() -> None:
    class Judge:
        def __init__(self, limit: float) -> None:
            self.limit = limit

        def review(self, signal: Any, _portfolio: Any, _market: Any) -> Approve | Refuse:
            is_good = signal.score < self.limit and signal.setup_at % 2 == 0
            return Approve("") if is_good else Refuse("not good enough")

    one, other = (evolve(PLAIN, gate=lambda _context, limit=limit: Judge(limit)) for limit in (1.0, -1.0))
    report = held_against(one, other, {}, {})
    assert report.causes.keys() == {Cause.CODE}
    assert report.roots[0].kind is DecisionKind.VERDICT


def test_a_scanner_that_says_something_else_is_code_and_everything_after_it_follows() -> None:
    def wider(bars: Any, rows: np.ndarray) -> dict[str, Any]:
        side = np.where(bars.close[rows] >= bars.open[rows], 1, -1)
        return {"target": bars.close[rows] + 3.0 * side}

    other = evolve(PLAIN, scanner=lambda _context: Rows(columns=wider))
    report = held_against(PLAIN, other, {}, {})
    first = report.departures[0]
    assert (first.cause, first.kind, first.fields) == (Cause.CODE, DecisionKind.SIGNAL, ("target",))
    assert all(each.follows for each in report.departures if each.session and each.session.chain == first.session.chain
               and each is not first)  # fmt: skip


def other_bar(market: RecordedMarket, minute: int) -> RecordedMarket:
    """Return the market in which one bar went on to another close."""
    bars = market.bars["X"]
    close = bars.close.copy()
    row = int(np.searchsorted(bars.opened_at, at(minute)))
    close[row] = bars.low[row]
    return market.with_bars({"X": evolve(bars, close=close)})


def test_other_bars_are_data_from_the_first_one_on() -> None:
    profile = PLAIN.profile()
    market = record_market(profile)
    corrected = other_bar(market, 63)
    report = compared(profile, market, session_told(profile, market), backtest_told(profile, corrected))
    assert report.causes.keys() == {Cause.DATA}
    assert min(each.ts for each in report.roots) >= at(64)


def test_the_first_other_bar_is_told_by_its_end() -> None:
    market = record_market(PLAIN.profile())
    assert first_other_bar(market.bars, market.bars, "X", market.start) is None
    assert first_other_bar(market.bars, other_bar(market, 63).bars, "X", market.start) == at(64)
    shorter = market.until(at(100)).bars
    assert first_other_bar(market.bars, shorter, "X", market.start) == at(101)


def test_a_decision_within_the_tolerance_came_at_the_same_time() -> None:
    profile = PLAIN.profile()
    market = record_market(profile)
    told = backtest_told(profile, market)
    market = evolve(market, end=market.end + MINUTE)
    late = evolve(told, records=[evolve(record, ts=record.ts + MINUTE) for record in told.records])
    assert compared(profile, market, late, told).causes.keys() == {Cause.TIMING}
    assert compared(profile, market, late, told, tolerance=MINUTE).is_equal


def test_decisions_are_named_alike_whatever_their_orders_are_called() -> None:
    profile = PLAIN.profile()
    market = record_market(profile)
    names = [
        [decision.name for decision in decisions_of(told.records)]
        for told in (session_told(profile, market), backtest_told(profile, market))
    ]
    assert names[0] == names[1]
    assert len(set(names[0])) == len(names[0])
