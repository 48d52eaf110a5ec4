"""The screens of a result: what stands in them, that rows add up to totals, and that they fit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core.cli import results, tables
from atlas_core.cli.key_figures import peer_rows
from atlas_core.cli.results import (
    COMPACT,
    COMPACT_WIDE,
    GROUPS,
    TRADES,
    compact_table,
    group_cells,
    trade_cells,
    trade_footer,
)
from atlas_core.cli.viewing import BREAKDOWNS, View
from atlas_core.model.records import Record
from atlas_core.model.timeframe import DAY, HOUR
from atlas_core.report.catalogue import METRICS, metric_values
from atlas_core.report.correlation import correlations
from atlas_core.report.equity import EquityPoint
from atlas_core.report.groups import GROUPINGS, grouped
from atlas_core.report.key_figures import account_rows
from atlas_core.report.peers import PEERS
from atlas_core.report.results import TradeColumns
from atlas_core.report.summary import Report, report_of
from tests.sample_run import START, closed, detected, marked, sample_run, started

D = Decimal
CURVE = [EquityPoint(START + day * DAY, D(10_000 + day % 3)) for day in range(41)]
Trade = tuple[Decimal, str, str, int]
MONEY = st.decimals(-9_999, 9_999, places=2)


def _report(trades: Sequence[Trade], *, mode: str = "backtest") -> Report:
    records: list[Record] = [started(mode=mode)]
    for index, (net, symbol, rule, hours) in enumerate(trades, start=1):
        ts = START + hours * HOUR + index
        records.append(detected(f"sig-{index}", ts, symbol=symbol))
        zero = {"fees": D(0), "funding": D(0), "slippage": D(0)}
        records.append(closed(index, f"sig-{index}", ts + HOUR, str(net), symbol=symbol, rule=rule, **zero))
    records += [marked(point.ts, str(point.equity), "0") for point in CURVE[1:]]
    return report_of(records)


def _number(text: str) -> Decimal:
    return D(text.replace(",", "").replace("+", ""))


@settings(max_examples=30)
@given(st.lists(st.tuples(MONEY, st.sampled_from("AB"), st.sampled_from("xyz"), st.integers(0, 900)), max_size=15))
def test_the_printed_rows_of_every_grouping_add_up_to_the_printed_total(trades: list[Trade]) -> None:
    made = _report(trades)
    for grouping in GROUPINGS.values():
        groups = grouped(made.trades, grouping)
        for cells, total in (
            ([group_cells(group) for group in groups], group_cells(made.total)),
            *(
                ((table := compact_table("", "", groups, made.total, names)).rows, table.footer)
                for names in (COMPACT, COMPACT_WIDE)
            ),
        ):
            columns = [column.name for column in table_columns(len(total))]
            for name in ("Trades", "Net P&L"):
                place = columns.index(name)
                assert sum((_number(row[place]) for row in cells), D(0)) == _number(total[place])


@settings(max_examples=30)
@given(st.lists(st.tuples(MONEY, MONEY, MONEY), max_size=15))
def test_the_printed_trades_add_up_to_their_printed_totals(money: list[tuple[Decimal, Decimal, Decimal]]) -> None:
    records: list[Record] = [started()]
    for index, (gross, fees, funding) in enumerate(money, start=1):
        records.append(detected(f"sig-{index}", START + index))
        records.append(closed(index, f"sig-{index}", START + index + HOUR, str(gross), fees=fees, funding=funding))
    made = report_of(records)
    rows, total = [trade_cells(trade, {}) for trade in made.trades], trade_footer(made)
    for place, column in enumerate(TRADES):
        if column.name in ("Gross", "Fees", "Funding", "Net P&L"):
            assert sum((_number(row[place]) for row in rows), D(0)) == _number(total[place]), column.name


def table_columns(count: int) -> Sequence[tables.Column]:
    names = {len(COMPACT) + 1: COMPACT, len(COMPACT_WIDE) + 1: COMPACT_WIDE}.get(count)
    return (tables.Column(""), *(column for column in GROUPS if names is None or column.name in names))


def _printed(made: Report, width: int | None, view: View, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(tables, "terminal_width", lambda: width)
    monkeypatch.setattr(results, "terminal_width", lambda: width)
    monkeypatch.setattr(tables, "_console", lambda: None)
    for module in ("key_figures", "results", "robustness_screen", "tables"):
        monkeypatch.setattr(f"atlas_core.cli.{module}.say", lambda text="": said.extend(text.rstrip("\n").split("\n")))
    results.print_report(made, None, view)
    return said


MANY: list[Trade] = [
    (D(10 + (index % 5) * 7 - (index % 3) * 20), "AB"[index % 2], "xyz"[index % 3], index * 9) for index in range(60)
]
EVERYTHING = View(breakdown=BREAKDOWNS, metrics_compat=tuple(PEERS), robustness=True, all_rows=True)


@pytest.mark.parametrize("width", [80, 100, 120, None])
def test_every_table_of_a_result_fits_the_terminal_and_is_there(
    width: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = _printed(_report(MANY).beside(CURVE), width, EVERYTHING, monkeypatch)
    if width is not None:
        assert [line for line in lines if len(line) > width] == []
    text = "\n".join(lines)
    for title in ("By setup", "By exit", "By symbol", "By weekday", "By hour", "Deepest drawdowns", "Buy & hold",
                  "If costs were higher: recomputed on the list of trades", "What chance makes"):  # fmt: skip
        assert title in text
    assert text.count("would have reported, by its own definitions") == len(PEERS)
    assert "Correlation of daily closed results: A and B" in text
    assert ("By setup" in next(line for line in lines if "By exit" in line)) is (width is not None)


def test_the_trades_of_a_back_test_are_listed_when_all_rows_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for view, is_listed in ((View(), False), (View(all_rows=True), True)):
        lines = _printed(_report(MANY), 100, view, monkeypatch)
        assert ("Closed trades" in lines) is is_listed


def test_the_terms_stand_under_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(_printed(_report(MANY), 300, View(), monkeypatch))
    assert re.search(r"N 40 daily returns · T 365 days a year · risk-free rate 0\.0 % · costs: .* · fills: ", text)


def test_what_does_not_exist_is_no_number_on_any_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    made = report_of([started(mode="backtest"), marked(START + DAY, "10000", "10000")])
    text = "\n".join(_printed(made, None, View(), monkeypatch))
    assert not re.search(r"nan|inf|None", text, re.IGNORECASE)
    assert re.search(r"Profit factor\s+n/a", text)
    assert re.search(r"Expectancy per trade\s+n/a", text)
    assert re.search(r"95 % interval\s+n/a", text)


def test_buy_and_hold_stands_beside_the_account_where_a_run_kept_it() -> None:
    values = metric_values(report_of(sample_run()).results)
    alone, both = account_rows(values, None), account_rows(values, values)
    assert alone[0] == ["", "Strategy"]
    assert both[0] == ["", "Strategy", "Buy & hold"]
    assert both[1] == ["Net return", "+1.35 %", "+1.35 %"]


def test_the_figures_of_a_peer_stand_beside_those_of_the_same_name() -> None:
    made = report_of(sample_run())
    own = {metric.name: metric for metric in METRICS}
    rows = {row[0]: row for row in peer_rows(made.results, "jesse", own, metric_values(made.results))}
    assert rows["Win rate"][1:3] == ["50.00 %", "50.00 %"]
    assert rows["Gross loss"][1:3] == ["-67.28", ""]
    rows = {row[0]: row for row in peer_rows(made.results, "lean", own, metric_values(made.results))}
    assert rows["Expectancy"][2] == ""  # theirs is a ratio, ours is money


def test_symbols_that_earn_on_the_same_days_correlate() -> None:
    alike = [(D(50 * (-1) ** day), symbol, "x", day * 24) for day in range(30) for symbol in "AB"]
    found = correlations(_report(alike).results.trades, CURVE)
    assert found is not None
    assert (found.pairs, found.highest.first, found.highest.second) == (1, "A", "B")
    assert found.mean == pytest.approx(1.0)
    opposite = [(D(50 * (-1) ** (day + (symbol == "B"))), symbol, "x", day * 24) for _, symbol, _, _ in alike[:2]
                for day in range(30)]  # fmt: skip
    turned = correlations(_report(opposite).results.trades, CURVE)
    assert turned is not None
    assert turned.lowest.value == pytest.approx(-1.0)


def test_few_days_or_one_symbol_have_no_correlation() -> None:
    trades = _report(MANY).trades
    assert correlations(TradeColumns(trades), CURVE[:20]) is None
    assert correlations(TradeColumns([trade for trade in trades if trade.symbol == "A"]), CURVE) is None


def test_many_symbols_are_folded_on_a_terminal_and_still_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    made = _report([(D(index + 1), f"S{index:02}", "x", index) for index in range(60)])
    wanted = results.folded(made.by_symbol, made, 25)
    assert (len(wanted), wanted[-1].name, wanted[-1].figures.count) == (25, "36 others", 36)
    assert sum((group.net for group in wanted), D(0)) == made.total.net
    for width, view, is_folded in ((100, View(), True), (100, View(all_rows=True), False), (None, View(), False)):
        lines = _printed(made, width, view, monkeypatch)
        assert any("36 others" in line for line in lines) is is_folded
