"""The page in a browser: it asks for nothing, complains of nothing, fits its window, and its scripts do their work."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from atlas_core.model.bars import Bars
from atlas_core.model.records import Record
from atlas_core.model.timeframe import MINUTE, parse_timeframe
from atlas_core.report.evidence import Check, CheckState, Evidence, Searched
from atlas_core.report.html.material import Material
from atlas_core.report.html.page import html_report
from atlas_core.report.summary import report_of
from tests.chromium import Page, chromium
from tests.sample_run import START, sample_run
from tests.unit.test_report_page import EVIL, many_trades

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SHOWN = "Array.from(document.querySelectorAll('#trade-table > tbody')).filter(b => b.offsetHeight > 0).map(b => b.id)"
CUT_OFF = """Array.from(document.querySelectorAll('.chart')).flatMap(chart => {
  const box = chart.getBoundingClientRect();
  return Array.from(chart.querySelectorAll('text')).filter(text => {
    const inside = text.getBoundingClientRect();
    return inside.width && (inside.left < box.left - 2 || inside.right > box.right + 2);
  }).map(text => text.textContent);
})"""
EMPTY = "Array.from(document.querySelectorAll('section')).filter(p => p.innerText.trim().length < 30).map(p => p.id)"
NET = (
    "Array.from(document.querySelectorAll('#trade-table > tbody')).map(b => parseFloat(b.rows[0].cells[12].innerText))"
)


def bars(symbol: str) -> Bars:
    count = 3_000
    opened = START + np.arange(count) * 5 * MINUTE
    close = 60_000 + 800 * np.sin(np.arange(count) / 60) + 60 * np.cos(np.arange(count) / 5)
    first = np.concatenate(([60_000.0], close[:-1]))
    return Bars(
        symbol, parse_timeframe("5m"), opened, opened + 5 * MINUTE, first, np.maximum(first, close) + 20,
        np.minimum(first, close) - 20, close, np.full(count, 5.0), Decimal("0.1"),
    )  # fmt: skip


def evidence() -> Evidence:
    """Return checks and searches with long words, which have to find room at every width."""
    command = "atlas check lookahead some/folder/a-profile-with-a-name.toml --set 'universe.symbols=[\"BTC-PERP\"]'"
    missing = Check(name="look-ahead", state=CheckState.NOT_CHECKED, command=command)
    done = Check(name="parity", state=CheckState.OK_ELSEWHERE, command="atlas parity", told="all alike", made_at=START)
    walk = Searched(
        sweep_id="a-profile-with-a-long-name-sweep-0001", method="walk-forward 60d/15d, grid", trials=12_000,
        result="4 windows, out of sample, joined: Total return +3.99 % · Sharpe (ann.) 0.81", worth="", state="cut off",
    )  # fmt: skip
    return Evidence(checks=(missing, done), systems=9, tried="9 systems were tried on this data.", searches=(walk,))


def written(folder: Path, records: list[Record], run_id: str = "demo-paper-0001") -> Path:
    market = {"BTC-PERP": bars("BTC-PERP")}
    material = Material(
        report=report_of(records), records=records, run_id=run_id, digest="ab" * 32, version="0.1.0", bars=market,
        evidence=evidence(),
    )  # fmt: skip
    path = folder / "report.html"
    path.write_text(html_report(material), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("page"), many_trades(90))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_asks_for_nothing_complains_of_nothing_and_fits(
    browser: Page, page_file: Path, width: int, scheme: str
) -> None:
    browser.open(page_file, width, prefers_color_scheme=scheme)
    assert browser.value(OVERFLOW) <= 0
    assert browser.value(CUT_OFF) == []
    assert browser.value(EMPTY) == []
    assert browser.requests() == [page_file.resolve().as_uri()]
    assert browser.complaints() == []


def test_what_is_cut_off_too_wide_or_empty_would_be_noticed(browser: Page, page_file: Path) -> None:
    browser.open(page_file, 390)
    browser.value("document.querySelector('.chart text.tick').setAttribute('x', '-400')")
    browser.value("document.querySelector('h1').insertAdjacentHTML('afterend', '<p class=wider>x</p>')")
    browser.value("document.querySelector('.wider').style.width = '700px'")
    browser.value("document.querySelector('#refusals').replaceChildren()")
    assert len(browser.value(CUT_OFF)) == 1
    assert browser.value(OVERFLOW) > 0
    assert browser.value(EMPTY) == ["refusals"]
    browser.value("fetch('https://example.org').catch(() => 0)")
    assert "Content Security Policy" in " ".join(browser.complaints())


def test_the_paper_is_light_also_for_readers_of_dark_pages(browser: Page, page_file: Path) -> None:
    browser.open(page_file, 800, type="print", prefers_color_scheme="dark")
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.value("getComputedStyle(document.querySelector('nav')).display") == "none"


def test_everything_can_be_read_with_scripts_off(browser: Page, page_file: Path) -> None:
    browser.open(page_file, 1280, scripts=False)
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert len(browser.value(SHOWN)) == 90
    assert browser.value("getComputedStyle(document.querySelector('.filter')).display") == "none"
    unfolded = "document.querySelector('#trade-90 .why').offsetHeight"
    assert browser.value(unfolded) == 0
    browser.value("document.querySelector('#trade-90 input').click()")
    assert browser.value(unfolded) > 40
    browser.value("document.querySelector('label[for=scale-log]').click()")
    assert browser.value("document.querySelector('.view.linear').offsetHeight") == 0
    assert browser.value("document.querySelector('.view.log').offsetHeight") > 100


def test_trades_are_sorted_by_numbers_and_found_by_words(browser: Page, page_file: Path) -> None:
    browser.open(page_file, 1280)
    browser.value("document.querySelector('[data-column=\"12\"]').click()")
    results = browser.value(NET)
    assert results == sorted(results)
    browser.value("document.querySelector('[data-column=\"12\"]').click()")
    assert browser.value(NET) == results[::-1]
    typed = (
        "const box = document.getElementById('trade-filter'); box.value = 'TEXT'; box.dispatchEvent(new Event('input'))"
    )
    browser.value("{" + typed.replace("TEXT", "btc target") + "}")
    assert len(browser.value(SHOWN)) == 90
    browser.value("{" + typed.replace("TEXT", "no such word") + "}")
    assert browser.value(SHOWN) == []


def test_a_mark_on_the_market_leads_to_its_row(browser: Page, page_file: Path) -> None:
    browser.open(page_file, 1280)
    browser.value("document.querySelector('#market a').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    assert browser.value("document.querySelector('#trade-table tbody:target').id").startswith("trade-")


def test_a_script_in_a_name_does_not_run(browser: Page, tmp_path: Path) -> None:
    path = written(tmp_path, sample_run(), run_id=EVIL.replace("alert", "document.title=1;alert"))
    browser.open(path, 390)
    assert browser.value("document.title").endswith("</script>")
    assert browser.value(OVERFLOW) <= 0
    assert browser.complaints() == []


def test_the_market_is_drawn_with_a_mark_for_each_trade(browser: Page, page_file: Path) -> None:
    browser.open(page_file, 1280)
    assert browser.value("document.querySelectorAll('#market .body').length") == 2
    assert browser.value("document.querySelectorAll('#market a').length") == 90
