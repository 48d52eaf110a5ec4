"""The table of trades: sortable and filterable with scripts, complete without, and each row unfolds its trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from atlas_core.clock import NANOSECONDS_PER_SECOND
from atlas_core.report.html.markup import Child, Markup, element, joined
from atlas_core.report.html.material import Material
from atlas_core.report.html.tables import Heading, boxed, heading, numbers, section, tone
from atlas_core.report.trace import PASSED, Step, Trace
from atlas_core.report.trades import TradeRow
from atlas_core.report.writing import compact, held, money, number, price, signed, when

MOST_ROWS = 800
COLUMNS = (
    numbers("#"), heading("Symbol"), heading("Setup"), heading("TF"), heading("Side"), heading("Opened (UTC)"),
    numbers("Held"), numbers("Quantity"), numbers("Entry"), numbers("Exit"), heading("Why closed"), numbers("Costs"),
    numbers("Net P&L"), numbers("R"),
)  # fmt: skip


def trades(material: Material, shown: Sequence[TradeRow], unfolded: Mapping[int, Child]) -> Markup:
    """Return the section of trades; `unfolded` holds by number what a row shows when it is opened."""
    report = material.report
    if not report.trades:
        return section("trades", "Trades", element("p", "No trade was closed.", class_="empty"))
    head = element("thead", element("tr", [_head(index, column) for index, column in enumerate(COLUMNS)]))
    bodies = [_body(trade, report.price_decimals, unfolded.get(trade.trade_id)) for trade in shown]
    foot = element("tfoot", element("tr", [element("td", cell, class_=_class(column, cell)) for column, cell in
                                           zip(COLUMNS, _totals(material), strict=True)]))  # fmt: skip
    body = boxed(element("table", head, bodies, foot, class_="trades", id="trade-table"))
    return section("trades", "Trades", _filter(), body, intro=_intro(len(shown), len(report.trades), len(unfolded)))


def chosen_trades(rows: Sequence[TradeRow], most: int = MOST_ROWS) -> tuple[TradeRow, ...]:
    """Return all trades, or the latest and the largest results where there are more than `most`."""
    if len(rows) <= most:
        return tuple(rows)
    kept = {row.trade_id for row in rows[-most // 2 :]}
    for row in sorted(rows, key=lambda row: (-abs(row.net), row.trade_id)):
        if len(kept) >= most:
            break
        kept.add(row.trade_id)
    return tuple(row for row in rows if row.trade_id in kept)


def _intro(shown: int, total: int, unfolded: int) -> str:
    parts = []
    if shown < total:
        parts.append(
            f"{shown:,} of {total:,} trades: the latest and those with the largest results; trades.csv has all."
        )
    if unfolded:
        which = "Each row unfolds" if unfolded >= shown else f"{unfolded:,} rows with a mark unfold"
        parts.append(f"{which} why the trade was opened, sized and closed.")
    return " ".join(parts)


def _filter() -> Markup:
    box = element("input", type="search", id="trade-filter", placeholder="Filter: symbol, setup, side, exit …",
                  aria_label="Filter the trades")  # fmt: skip
    return element("p", box, element("span", id="trade-count", role="status"), class_="filter needs-script")


def _head(index: int, column: Heading) -> Markup:
    button = element("button", column.name, type="button", data_column=str(index))
    return element("th", button, scope="col")


def _body(trade: TradeRow, decimals: Mapping[str, int], unfolded: Child) -> Markup:
    cells = _cells(trade, decimals)
    first: Child = cells[0]
    if unfolded is not None:
        label = f"Why trade {trade.trade_id}"
        first = element("label", element("input", type="checkbox", aria_label=label), cells[0])
    row = element("tr", [element("td", first if cell is cells[0] else cell, class_=_class(column, cell))
                         for column, cell in zip(COLUMNS, cells, strict=True)])  # fmt: skip
    why = None
    if unfolded is not None:
        why = element("tr", element("td", element("div", unfolded), colspan=str(len(COLUMNS))), class_="why")
    return element("tbody", row, why, id=f"trade-{trade.trade_id}", data_held=str(trade.held // NANOSECONDS_PER_SECOND))


def _cells(trade: TradeRow, decimals: Mapping[str, int]) -> list[str]:
    digits = decimals.get(trade.symbol)
    return [
        str(trade.trade_id), trade.symbol, trade.setup, trade.timeframe, trade.side.value, when(trade.opened_at),
        held(trade.held), price(trade.quantity.normalize()), price(trade.entry_price, digits),
        price(trade.exit_price, digits), trade.rule or trade.reason, money(trade.fees + trade.funding),
        signed(trade.net), number(trade.r_multiple, 1, sign=True),
    ]  # fmt: skip


def _class(column: Heading, cell: str) -> str | None:
    return tone(cell) if column.is_number else None


def _totals(material: Material) -> list[str]:
    figures = material.report.figures
    multiples = [trade.r_multiple for trade in material.report.trades if trade.r_multiple is not None]
    return [
        "", f"{figures.trades.count:,} closed", *[""] * 8,
        f"{figures.trades.wins:,} won, {figures.trades.losses:,} lost", money(figures.fees + figures.funding),
        signed(figures.net), number(sum(multiples), 1, sign=True) if multiples else "",
    ]  # fmt: skip


def trace_list(trace: Trace) -> Markup:
    """Return the steps of a trace as a compact table; limits that held one after the other share a row."""
    rows: list[Markup] = []
    last = 0
    for is_limit, group in groupby(trace.steps, key=lambda step: step.stage == "limit" and step.verdict == PASSED):
        steps = list(group)
        for step in [_limits(steps)] if is_limit else steps:
            rows.append(_row(step, "" if step.ts == last else when(step.ts)))
            last = step.ts
    return element("table", element("tbody", rows), class_="trace")


def _limits(steps: Sequence[Step]) -> Step:
    told = ", ".join(f"{step.who} {compact(step.value)} of {compact(step.threshold)}" for step in steps)
    count = f"{len(steps)} limit{'s' * (len(steps) != 1)}"
    return Step(ts=steps[0].ts, stage=count, what=told, verdict=PASSED)


def _row(step: Step, time: str) -> Markup:
    compared = ""
    if step.value is not None and step.threshold is not None:
        compared = f"{compact(step.value)} against {compact(step.threshold)}"
    elif step.value is not None:
        compared = compact(step.value)
    who = joined(element("b", step.stage), f" {step.who}")
    return element("tr", [element("td", cell) for cell in (time, who, step.what, compared, step.verdict)])
