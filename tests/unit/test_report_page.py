"""The HTML page: complete without scripts, closed to the outside, and nothing in it can break out."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from atlas_core.cli.results import drawdown_cells
from atlas_core.model.records import Record
from atlas_core.report.html.markup import element, joined, short, text_of, verbatim
from atlas_core.report.html.material import Material
from atlas_core.report.html.page import LARGEST, html_report
from atlas_core.report.html.refusals import kind_of
from atlas_core.report.html.trades import chosen_trades
from atlas_core.report.periods import drawdowns
from atlas_core.report.summary import report_of
from tests.sample_run import HOUR, START, closed, detected, marked, opened, sample_run, started

EVIL = '<script>alert("x")</script>'
VOID = {"meta", "input", "br", "hr", "link", "col"}


def page_of(records: Sequence[Record], run_id: str = "demo-paper-0001") -> str:
    report = report_of(records)
    return html_report(Material(report=report, records=records, run_id=run_id, digest="ab12" * 16, version="0.1.0"))


def many_trades(count: int) -> list[Record]:
    """Return a run of `count` trades, one every three hours, that win and lose in turn."""
    records: list[Record] = [started()]
    equity = Decimal(10_000)
    for number in range(1, count + 1):
        key, at = f"sig-{number:08d}", START + number * 3 * HOUR
        gross = Decimal(30 + number % 17) if number % 3 else Decimal(-40 - number % 11)
        ended = closed(number, key, at + HOUR, str(gross))
        equity += ended.net
        records += [detected(key, at), opened(number, key, at, "60110"), ended]
        if number % 8 == 0:
            records.append(marked(at + 2 * HOUR, str(equity), str(equity)))
    return records


class Reader(HTMLParser):
    """Collects what a page holds, and fails where an element is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.headings: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.headings.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


def test_every_element_of_the_page_is_closed_and_no_id_is_given_twice() -> None:
    reader = read(page_of(sample_run()))
    assert len(reader.ids) == len(set(reader.ids))
    assert reader.headings[0] == "demo"


def test_the_page_names_nothing_beyond_itself() -> None:
    page = page_of(sample_run())
    reader = read(page)
    loading = {"src", "href", "srcset", "data", "action", "poster", "style", "onclick", "onload"}
    assert [found for found in reader.attributes if found[1] in loading and not found[2].startswith("#")] == []
    assert re.search(r"https?:|@import|url\(|fetch\(|XMLHttp", page) is None


def test_the_policy_allows_our_own_style_sheet_and_script_by_hash_and_nothing_else() -> None:
    page = page_of(sample_run())
    policy = next(value for _, name, value in read(page).attributes if name == "content" and "default-src" in value)
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        text = page.split(f"<{tag}>")[1].split(f"</{tag}>")[0]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_a_name_that_is_a_script_stays_a_name_everywhere() -> None:
    run = [
        started(profile=EVIL, symbols=(EVIL,), quote=EVIL),
        detected("sig-1111aaaa", START + HOUR, symbol=EVIL, pattern=EVIL, context={EVIL: EVIL, "family": EVIL}),
        opened(1, "sig-1111aaaa", START + HOUR, "60110", symbol=EVIL),
        closed(1, "sig-1111aaaa", START + 2 * HOUR, "50", symbol=EVIL, pattern=EVIL, rule=EVIL, reason=EVIL),
    ]
    page = page_of(run, run_id=EVIL)
    assert page.count("<script") == 1
    assert "alert(&quot;x&quot;)" in page
    assert "alert(" not in page.split("<script>")[1]
    read(page)


def test_sums_at_the_foot_of_the_trades_are_those_of_all_trades() -> None:
    page = page_of(many_trades(300))
    foot = page.split('id="trade-table"')[1].split("<tfoot>")[1].split("</tfoot>")[0]
    net = report_of(many_trades(300)).figures.net
    assert f"{net:+,.2f}" in foot
    assert "300 closed" in foot


def test_a_page_of_many_thousand_trades_stays_below_one_megabyte() -> None:
    page = page_of(many_trades(2_500))
    assert len(page.encode()) < LARGEST
    assert "800 of 2,500 trades" in page


def test_of_very_many_trades_the_latest_and_the_largest_are_chosen_in_their_order() -> None:
    rows = report_of(many_trades(100)).trades
    chosen = chosen_trades(rows, most=20)
    assert len(chosen) == 20
    assert chosen == tuple(sorted(chosen, key=lambda row: row.closed_at))
    largest = sorted(rows[:-10], key=lambda row: -abs(row.net))[:3]
    assert all(row in chosen for row in (*rows[-10:], *largest))


def test_drawdowns_name_the_days_that_the_terminal_names() -> None:
    equities = ("10000", "10100", "9900", "9800", "10200")
    run = [started(), *(marked(START + day * 24 * HOUR, equity, equity) for day, equity in enumerate(equities))]
    curve = report_of(run).curve
    row = page_of(run).split("Worst drawdowns")[1].split("<tbody>")[1].split("</tr>")[0]
    place, depth, began, lowest, recovered, _days = drawdown_cells(1, drawdowns(curve)[0], curve)
    assert began < lowest < recovered
    for cell in (place, depth, began, lowest, recovered):
        assert f">{cell}<" in row


def test_a_run_without_a_trade_is_a_whole_page_that_says_so() -> None:
    page = page_of([started(), marked(START + 24 * HOUR, "10000", "10000")])
    read(page)
    assert "No trade was closed" in page


def test_a_run_that_only_began_is_a_whole_page() -> None:
    read(page_of([started()]))


@pytest.mark.parametrize(
    ("mode", "synthetic", "text"),
    [("backtest", True, "SYNTHETIC"), ("paper", False, "PAPER"), ("live", False, "LIVE: real orders")],
)
def test_the_banner_says_what_kind_of_run_it_was(mode: str, synthetic: bool, text: str) -> None:
    page = page_of([started(mode=mode, synthetic=synthetic)])
    assert text in page.split('class="banner')[1].split("</div>")[0]


def test_the_row_of_a_trade_unfolds_its_trace() -> None:
    page = page_of(sample_run())
    row = page.split('id="trade-1"')[1].split("</tbody></table>")[0]
    for word in ("detected", "quality", "2 against 1", "risk-per-trade", "max_positions", "target 61300.0 reached"):
        assert word in row


def test_refused_signals_are_counted_by_reason_and_the_closest_is_named() -> None:
    part = page_of(sample_run()).split('id="refusals"')[1].split("</section>")[0]
    assert "reward:risk too small" in part
    assert "0.339286" in part


def test_text_is_escaped_and_markup_is_not_escaped_again() -> None:
    inner = element("b", "<&>")
    assert element("p", inner, class_='"') == '<p class="&quot;"><b>&lt;&amp;&gt;</b></p>'
    assert joined("<", inner) == "&lt;<b>&lt;&amp;&gt;</b>"
    assert text_of(["a", None, ["<"]]) == "a&lt;"


def test_a_style_sheet_that_would_end_its_element_is_refused() -> None:
    with pytest.raises(ValueError, match="without an end tag"):
        verbatim("</style><script>")


@pytest.mark.parametrize(
    ("value", "text"), [(12.0, "12"), (12.504, "12.5"), (-0.001, "0"), (0.25, "0.25"), (100, "100")]
)
def test_coordinates_are_written_short(value: float, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("17.0 of 60 minutes since", "# of # minutes since"), ("target 61,300.0 reached", "target # reached"),
     ("a 2-1-2 in BTC1 on 1h", "a 2-1-2 in BTC1 on 1h"), ("no target", "no target")],
)  # fmt: skip
def test_reasons_that_differ_in_their_numbers_are_one_kind(reason: str, kind: str) -> None:
    assert kind_of(reason) == kind
