"""One trial: what it gives equals the back-test with the same values, whatever was tried before it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from atlas_core.backtest.driver import run_backtest
from atlas_core.compose import compose
from atlas_core.contracts import Provider
from atlas_core.errors import DataError
from atlas_core.journal import Journal
from atlas_core.plugins import discover
from atlas_core.profile import load_profile
from atlas_core.report.catalogue import metric_values
from atlas_core.report.summary import run_results
from atlas_core.runs import Mode
from atlas_core.search.history import Histories, LendingProvider
from atlas_core.search.knowing import system_digest
from atlas_core.search.ledger import Trial, TrialStatus
from atlas_core.search.trial import run_trial
from atlas_core.search.worker import Task
from tests.cheats import CHEATS
from tests.search_profile import bench, crossing

SETTINGS = (
    (("scanner.0.fast", "3"), ("sizer.fraction_pct", "20")),
    (("scanner.0.fast", "8"), ("scanner.0.slow", "60")),
    (("scanner.0.fast", "3"), ("exit.time.max_hours", "5")),
)
NOWHERE = (("universe.start", '"2027-01-01"'), ("universe.end", '"2027-02-01"'))
WINDOW = (("universe.start", '"2026-01-20"'), ("universe.end", '"2026-01-25"'))


def by_back_test(profile: str, overrides: tuple[tuple[str, str], ...]) -> dict[str, float | None]:
    system = compose(load_profile(profile, discover(), overrides=overrides), Mode.BACKTEST)
    with Journal.in_memory() as journal:
        run_backtest(system, journal)
        return metric_values(run_results(list(journal.records())))


def agrees(trial: Trial, figures: dict[str, float | None]) -> bool:
    return bool(trial.figures) and all(figures[name] == value for name, value in trial.figures.items())


def test_a_trial_gives_what_the_back_test_gives(tmp_path: Path) -> None:
    profile = crossing(tmp_path)
    work = bench(profile)
    trials = [work.trial(Task(number=n, settings=settings)) for n, settings in enumerate(SETTINGS)]
    assert [agrees(trial, by_back_test(profile, trial.settings)) for trial in trials] == [True] * 3
    assert len({trial.figures["net_profit"] for trial in trials}) == 3


def test_a_trial_looks_steps_up_as_the_back_test_does() -> None:
    cheat = next(cheat for cheat in CHEATS if cheat.name == "an exit by steps")
    profile = cheat.profile(broker='use = "paper"\nlatency_ms = 5')  # too much for columns
    results = run_trial(compose(profile, Mode.BACKTEST), Histories()).results
    with Journal.in_memory() as journal:
        run_backtest(compose(profile, Mode.BACKTEST), journal)
        assert metric_values(results) == metric_values(run_results(list(journal.records())))


def test_a_window_inside_what_was_read_gives_what_the_back_test_gives(tmp_path: Path) -> None:
    profile = crossing(tmp_path)
    work = bench(profile)
    whole = work.trial(Task(number=0, settings=SETTINGS[0]))
    part = work.trial(Task(number=0, settings=SETTINGS[1], part="test 1", span=WINDOW))
    again = work.trial(Task(number=0, settings=SETTINGS[0]))
    assert agrees(part, by_back_test(profile, (*SETTINGS[1], *WINDOW)))
    assert again.figures == whole.figures
    assert part.data.identity != whole.data.identity == again.data.identity


def test_memory_maps_give_what_the_provider_gives(tmp_path: Path) -> None:
    work = bench(crossing(tmp_path))
    first = work.trial(Task(number=0, settings=SETTINGS[1]))
    shared = work.histories.share(tmp_path / "bars")
    other = bench(crossing(tmp_path))
    other.histories = Histories()
    other.histories.adopt(shared)
    (held,) = other.histories._held.values()
    (stretch,) = held.stretches.values()
    assert not stretch.bars["BTC-PERP"].close.flags.owndata
    assert other.histories.share(tmp_path / "again") == (), "what is mapped is not written again"
    second = other.trial(Task(number=0, settings=SETTINGS[1]))
    assert (second.figures, second.data, second.curve) == (first.figures, first.data, first.curve)


def test_memory_maps_that_are_elsewhere_or_cut_off_are_left_alone(tmp_path: Path) -> None:
    work = bench(crossing(tmp_path))
    work.trial(Task(number=0, settings=SETTINGS[0]))
    (shared,) = work.histories.share(tmp_path / "bars")
    assert len(pickle.dumps(shared)) < 5_000, "bars are mapped, never sent"
    values = shared.columns["BTC-PERP"].values
    values.write_bytes(values.read_bytes()[:200])
    assert shared.opened() is None
    values.unlink()
    assert shared.opened() is None


def test_finer_bars_for_what_happens_inside_a_bar_are_lent_too(tmp_path: Path) -> None:
    profile, detail = crossing(tmp_path), ("universe.detail_timeframe", '"15m"')
    work, other = bench(profile), bench(profile)
    plain = work.trial(Task(number=0, settings=SETTINGS[0]))
    finer = work.trial(Task(number=0, settings=(*SETTINGS[0], detail)))
    assert agrees(finer, by_back_test(profile, finer.settings))
    assert work.trial(Task(number=0, settings=SETTINGS[0])).figures == plain.figures
    shared = work.histories.share(tmp_path / "bars")
    assert [asked for asked, _ in (history.asked for history in shared)] == ["1h", "15m"]
    other.histories.adopt(shared)
    assert other.trial(Task(number=0, settings=finer.settings)).figures == finer.figures


def test_what_a_provider_does_not_have_is_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work, opened = bench(crossing(tmp_path)), []
    real = LendingProvider._opened

    async def counted(self: LendingProvider) -> Provider:
        opened.append(1)
        return await real(self)

    monkeypatch.setattr(LendingProvider, "_opened", counted)
    for _ in range(3):
        assert work.trial(Task(number=0, settings=NOWHERE)).status is TrialStatus.INVALID
    assert len(opened) == 2, "once for the instruments, once for the bars"


def test_a_profile_that_cannot_be_is_a_result_with_its_reason(tmp_path: Path) -> None:
    trial = bench(crossing(tmp_path)).trial(Task(number=3, settings=(("scanner.0.fast", "30"),)))
    assert trial.status is TrialStatus.INVALID
    assert "expected fast below slow, were 30 and 20" in trial.reason
    assert (trial.figures, trial.data.identity) == ({}, "")


def test_data_that_are_not_there_are_no_result(tmp_path: Path) -> None:
    work = bench(crossing(tmp_path))
    with pytest.raises(DataError):
        work.trial(Task(number=0, settings=(), span=NOWHERE))


def test_data_that_the_settings_choose_and_that_are_not_there_are_a_result(tmp_path: Path) -> None:
    trial = bench(crossing(tmp_path)).trial(Task(number=0, settings=NOWHERE))
    assert trial.status is TrialStatus.INVALID
    assert "the synthetic market does not cover" in trial.reason


def test_the_span_of_the_data_is_no_part_of_a_system() -> None:
    settings = (("a", "1"), ("b", "2"))
    assert system_digest("x", settings) == system_digest("x", (*reversed(settings), *WINDOW))
    assert len({system_digest("x", settings), system_digest("y", settings), system_digest("x", settings[:1])}) == 3
