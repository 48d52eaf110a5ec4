"""Trades by what they have in common: exact figures, ranges of numbers, and what a gate measured at the entry."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.errors import NotFound
from atlas_core.model.records import GateAnswered, PositionChanged, Record
from atlas_core.model.signals import Side
from atlas_core.model.timeframe import HOUR
from atlas_core.report.groups import GROUPINGS, NO_VALUE, group_of, groups_by, names_of
from atlas_core.report.trades import TradeRow, closed_trades
from tests.sample_run import START, closed, detected, opened, sample_run, started

D = Decimal


def trade(number: int = 1, net: str = "10", **changes: Any) -> TradeRow:
    """Return a long of 2 contracts from 100, stop at 95, that saw 97 and 108."""
    known: dict[str, Any] = {
        "trade_id": number, "symbol": "X", "timeframe": "1h", "setup": "2D-2U", "family": "2-2", "side": Side.LONG,
        "quantity": D(2), "leverage": D(1), "opened_at": START, "closed_at": START + HOUR, "entry_price": D(100),
        "exit_price": D(105), "stop": D(95), "target": None, "gross": D(net), "fees": D(0), "slippage": D(0),
        "funding": D(0), "net": D(net), "r_multiple": float(net) / 10, "rule": "target", "reason": "target",
        "highest": D(108), "lowest": D(97), "ambiguous": False, "signal_key": f"sig-{number}", "initial_risk": D(10),
    }  # fmt: skip
    return TradeRow(**known | changes)


def names(trades: list[TradeRow], *by: str) -> list[tuple[str, int]]:
    return [(group.name, group.figures.count) for group in groups_by(trades, by)[1]]


def test_the_excursions_of_a_long_are_measured_from_its_entry_in_percent_and_in_risk() -> None:
    row = trade()
    assert (row.mae_pct, row.mfe_pct) == (-3.0, 8.0)
    assert (row.mae_r, row.mfe_r) == (pytest.approx(-0.6), pytest.approx(1.6))


def test_the_excursions_of_a_short_are_its_mirror() -> None:
    row = trade(side=Side.SHORT)
    assert (row.mae_pct, row.mfe_pct) == (-8.0, 3.0)
    assert (row.mae_r, row.mfe_r) == (pytest.approx(-1.6), pytest.approx(0.6))


def test_a_contract_of_many_units_risks_and_moves_its_multiplier() -> None:
    assert trade(multiplier=D(100), initial_risk=D(1000)).mae_r == pytest.approx(-0.6)


def test_without_a_risk_there_are_no_multiples_of_it() -> None:
    row = trade(initial_risk=None, r_multiple=None)
    assert (row.mae_r, row.mfe_r) == (None, None)
    group = group_of("x", [row])
    assert (group.r_total, group.expectancy_r, group.mae_r, group.mfe_r) == (None, None, None, None)
    assert (group.mae_pct, group.mfe_pct) == (-3.0, 8.0)


def test_a_price_that_never_went_against_a_position_is_no_excursion() -> None:
    assert trade(lowest=D(101)).mae_pct == 0


def test_the_figures_of_a_group_are_those_of_its_trades() -> None:
    group = group_of("all", [trade(1, "30"), trade(2, "-10"), trade(3, "-10", initial_risk=None, r_multiple=None)])
    assert (group.figures.count, group.figures.win_rate, group.net) == (3, pytest.approx(1 / 3), D(10))
    assert (group.figures.profit_factor, group.figures.expectancy) == (D("1.5"), D(10) / 3)
    assert (group.r_total, group.expectancy_r) == (pytest.approx(2.0), pytest.approx(1.0))


def test_the_risk_of_a_trade_is_that_of_its_last_fill_in() -> None:
    records: list[Record] = [
        started(),
        detected("sig-1", START),
        opened(1, "sig-1", START, "60100"),
        PositionChanged(ts=START, trade_id=1, quantity=D("0.24"), entry_price=D(60100), initial_risk=D(144)),
        closed(1, "sig-1", START + HOUR, "142.80", quantity=D("0.24"), lowest=D(59800)),
    ]
    (row,) = closed_trades(records)
    assert row.initial_risk == 144
    assert row.mae_r == pytest.approx(-0.5)


def test_timeframes_come_in_the_order_of_their_length_and_setups_by_their_number() -> None:
    rows = [trade(1, timeframe="1d"), trade(2, timeframe="15m"), trade(3, timeframe="4h", setup="3-2U")]
    assert names(rows, "timeframe") == [("15m", 1), ("4h", 1), ("1d", 1)]
    assert names(rows, "pattern") == [("2D-2U", 2), ("3-2U", 1)]


def test_several_names_split_further() -> None:
    rows = [trade(1), trade(2, side=Side.SHORT), trade(3, timeframe="4h")]
    assert names(rows, "direction", "timeframe") == [("long · 1h", 1), ("long · 4h", 1), ("short · 1h", 1)]


def test_hours_and_weekdays_are_those_of_the_entry_and_months_those_of_the_exit() -> None:
    row = trade(opened_at=START + 5 * HOUR, closed_at=START + 30 * 24 * HOUR)  # Sunday, 5 April 2026
    assert names([row], "hour") == [("05:00", 1)]
    assert names([row], "weekday") == [("Sunday", 1)]
    assert names([row], "month") == [("2026-05", 1)]
    assert names([row], "week") == [("2026-W19", 1)]
    assert names([row], "day") == [("2026-05-05", 1)]


def test_trades_are_grouped_by_what_a_gate_measured_when_it_let_them_pass() -> None:
    rows = [trade(number, gate_values={"continuity": value}) for number, value in enumerate((3.0, 4.0, 3.0))]
    assert names([*rows, trade(9)], "continuity") == [("3", 2), ("4", 1), (NO_VALUE, 1)]


def test_numbers_of_many_values_are_put_into_ranges() -> None:
    rows = [trade(number, gate_values={"quality": 1 + number / 10}) for number in range(12)]
    assert names(rows, "quality") == [("1 to 1.2", 3), ("1.3 to 1.5", 3), ("1.6 to 1.8", 3), ("1.9 to 2.1", 3)]


def test_trades_are_grouped_by_what_the_scanner_noted() -> None:
    rows = [trade(1, context={"kind": "reversal"}), trade(2, context={"kind": ""}), trade(3, context={"runs": 3})]
    assert names(rows, "kind") == [(NO_VALUE, 2), ("reversal", 1)]
    assert names(rows, "runs") == [("3", 1), (NO_VALUE, 2)]


def test_the_score_is_the_signals_own_or_what_the_last_gate_measured() -> None:
    gates = {"quality": 1.5, "continuity": 4.0}
    grouping, groups = groups_by(
        [trade(1, gate_values=gates), trade(2, gate_values={**gates, "continuity": 3.0})], ["score"]
    )
    assert (grouping.heading, [group.name for group in groups]) == ("score (continuity)", ["3", "4"])
    assert names([trade(1, score=0.75, gate_values=gates), trade(2)], "score") == [("0", 1), ("0.75", 1)]
    assert names([trade(1)], "score") == [(NO_VALUE, 1)]


def test_what_a_gate_measured_is_read_from_the_journal_in_the_order_of_asking() -> None:
    first, second = closed_trades(sample_run())
    assert (first.gate_values, second.gate_values) == ({"quality": 2.0}, {})
    later = GateAnswered(ts=START, key="sig-1111aaaa", gate="continuity", answer="approve", value=4.0, threshold=3.0)
    silent = evolve(later, gate="silent", value=None)
    records = sample_run()
    row = closed_trades([*records[:3], later, silent, *records[3:]])[0]
    assert list(row.gate_values.items()) == [("quality", 2.0), ("continuity", 4.0)]


def test_a_name_that_means_nothing_is_refused_with_those_that_do() -> None:
    rows = [trade(context={"kind": "reversal"}, gate_values={"quality": 1.0})]
    assert names_of(rows) == (*GROUPINGS, "kind", "quality")
    with pytest.raises(NotFound, match="kind, quality, was 'size'"):
        groups_by(rows, ["size"])


def test_no_trades_make_no_groups_under_any_name() -> None:
    assert groups_by([], ["anything"])[1] == ()


NUMBERS = st.lists(st.one_of(st.none(), st.floats(-10, 10, allow_nan=False)), min_size=1, max_size=60)


@given(NUMBERS)
def test_every_trade_is_in_exactly_one_group_and_ranges_do_not_overlap(values: list[float | None]) -> None:
    rows = [
        trade(number, gate_values={} if value is None else {"g": value}, net=str(number))
        for number, value in enumerate(values)
    ]
    if all(value is None for value in values):
        return
    grouping, groups = groups_by(rows, ["g"])
    assert sum(group.figures.count for group in groups) == len(rows)
    assert sum((group.net for group in groups), D(0)) == sum((row.net for row in rows), D(0))
    of_value: dict[float, set[str]] = {}
    for row in rows:
        of_value.setdefault(row.gate_values.get("g", -99), set()).add(grouping.name_of(row))
    assert set(Counter(len(group_names) for group_names in of_value.values())) == {1}
