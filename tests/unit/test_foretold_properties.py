"""A run whose signals' fates are foretold tells what the plain driver writes, over random markets and profiles."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core.backtest.columnar.simple import NotSimple
from atlas_core.backtest.driver import DriverKind
from atlas_core.backtest.foretelling import run_foretold
from atlas_core.report import export
from atlas_core.report.export import cells_of
from atlas_core.report.summary import report_of
from tests.foretold_scene import differs, foretellable, system_with
from tests.skipping_scene import run_system, scene_of
from tests.unit.test_columnar_results import assert_equal_reports

NUMBERS = st.integers(0, (1 << 32) - 1)


@given(NUMBERS)
@settings(max_examples=7)
def test_foretold_signals_and_the_engine_tell_what_the_plain_driver_writes(number: int) -> None:
    assert differs(foretellable(number)) is None


@given(NUMBERS)
@settings(max_examples=3)
def test_the_report_of_foretold_signals_is_that_of_the_journal(number: int) -> None:
    system = system_with(foretellable(number))
    journal = run_system(system, DriverKind.PLAIN).records
    assert_equal_reports(run_foretold(system).report(0.02), report_of(journal, risk_free=0.02))


@pytest.mark.parametrize("number", [1, 6, 11])
def test_pieces_of_the_signals_of_two_scanners_make_the_table_of_the_journal(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PIECE", 5)
    scene = foretellable(number)
    system = system_with(evolve(scene, more=f'{scene.more}\n[[scanner]]\nuse = "script"\nlabel = "again"\n'))
    journal = run_system(system, DriverKind.PLAIN).records
    report = run_foretold(system).report(0.02)
    assert len(set(cells_of("scanner", report.signals))) == 2
    assert len(report.signals) > 10
    assert_equal_reports(report, report_of(journal, risk_free=0.02))


@pytest.mark.campaign
@given(NUMBERS)
@settings(max_examples=3_000)
def test_a_long_search_finds_no_scene_in_which_foretold_signals_differ(number: int) -> None:
    assert differs(foretellable(number)) is None


def test_closings_of_the_schedule_are_left_to_the_engine() -> None:
    closing = evolve(scene_of(0), more='[schedule]\nclose_at = ["30 * * * *"]')
    with pytest.raises(NotSimple, match="closings"):
        run_foretold(system_with(closing))
