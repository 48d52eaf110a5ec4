"""`atlas sweep` and `atlas sweeps`: what is printed, in which form, and with which exit code."""

from __future__ import annotations

import csv
import json
import shlex
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from atlas_core.cli.evidence import typed_settings
from atlas_core.cli.main import run_command_line
from atlas_core.cli.sweep_progress import sweep_bar
from atlas_core.search.worker import Workbench
from tests.search_profile import crossing

GRID = ("--set", "scanner.0.fast=3,8,40", "--set", "exit.time.max_hours=6,24", "--workers", "1")


@pytest.fixture
def profile(tmp_path: Path) -> str:
    return crossing(tmp_path)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run_command_line(arguments) == code, capsys.readouterr().err
    return capsys.readouterr().out


def document(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    return json.loads(printed(capsys, *arguments, "--json", code=code))


def test_a_sweep_shows_the_best_what_was_invalid_and_what_the_choice_costs(
    profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, "sweep", profile, *GRID)
    assert "sweep crossing-sweep-0001 · profile crossing · grid · highest sharpe" in text
    assert "The best 4 of 6 trials" in text
    assert "invalid: 2" in text
    assert "expected fast below slow, were 40 and 20" in text
    assert "Sharpe (ann.) by fast (down) and max_hours (across)" in text
    assert "worth  the best of 4 ever tried on this data: luck alone would give a Sharpe ratio of about" in text
    assert f"run it: atlas backtest {profile} --set scanner.0.fast=" in text


def test_the_best_of_a_sweep_is_what_the_back_test_shows(profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    best = document(capsys, "sweep", profile, *GRID, "--objective", "net_profit")["best"]
    chosen = [part for key, value in best["settings"].items() for part in ("--set", f"{key}={value}")]
    report = document(capsys, "backtest", profile, *chosen)
    assert float(report["figures"]["net"]) == pytest.approx(best["figures"]["net_profit"], abs=1e-9)


def test_the_command_that_runs_the_best_can_be_given_to_a_shell(
    profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    values = 'universe.symbols=["ETH-PERP"],["BTC-PERP", "ETH-PERP"]'
    text = printed(capsys, "sweep", profile, "--set", values, "--workers", "1", "--min-trades", "0")
    command = shlex.split(text[text.index("run it:") :])
    assert command[2:4] == ["atlas", "backtest"]
    assert command[5:] in (["--symbol", "ETH-PERP"], ["--symbol", "BTC-PERP", "--symbol", "ETH-PERP"])


def test_the_list_of_sweeps_has_no_trials_to_print(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["sweeps", "--csv"]) == 2
    assert "expected the id of a sweep with --csv" in capsys.readouterr().err


def test_the_bar_shows_values_in_brackets_as_they_are() -> None:
    bar = sweep_bar()
    bar.add_task("trials", total=2, best="best 1.00: is_open [true]")
    console = Console(file=StringIO(), width=200)
    console.print(bar.get_renderable())
    assert "best 1.00: is_open [true]" in console.file.getvalue()  # type: ignore[attr-defined]


def test_on_a_pipe_progress_is_a_line_now_and_then(
    profile: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atlas_core.cli.sweep_progress.SECONDS_BETWEEN_LINES", 0.0)
    assert run_command_line(["sweep", profile, *GRID]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" · ")[0] for line in lines] == [f"trials {n} of 6" for n in range(1, 7)]
    assert all(" left · best " in line and "fast " in line for line in lines)
    assert run_command_line(["sweep", profile, *GRID, "--new", "-q"]) == 0
    assert capsys.readouterr().err == ""


def test_every_trial_is_a_row_of_the_csv(profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(StringIO(printed(capsys, "sweep", profile, *GRID, "--csv"))))
    assert [row["status"] for row in rows] == ["finished"] * 4 + ["invalid"] * 2
    assert [row["scanner.0.fast"] for row in rows] == ["3", "3", "8", "8", "40", "40"]
    assert all(float(row["sharpe"]) for row in rows[:4])


def test_a_condition_leaves_combinations_out(profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "sweep", profile, *GRID, "--where", "fast < 20 and max_hours > 6")
    assert [trial["settings"]["scanner.0.fast"] for trial in found["trials"]] == ["3", "8"]


def test_drawn_trials_are_the_same_for_a_seed(profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = ("--set", "exit.stop.pct=0.5:5", "--trials", "3", "--workers", "1", "--sampler-seed", "4")
    first = document(capsys, "sweep", profile, *drawn)
    second = document(capsys, "sweep", profile, *drawn, "--new")
    assert first["trials"] == second["trials"]
    assert first["sweep_id"] != second["sweep_id"]
    assert second["deflation"]["trials"] == 3, "the same systems count once"


def test_a_sweep_that_is_cut_off_goes_on(
    profile: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "go on with  atlas sweep --resume crossing-sweep-0001" in printed(
        capsys, "sweep", profile, *GRID, "--timeout", "1s", "--new", code=_code_of_a_time_out(monkeypatch)
    )
    assert "cut off" in printed(capsys, "sweeps")
    text = printed(capsys, "sweep", profile, *GRID)
    assert "crossing-sweep-0001 goes on: the same sweep was cut off" in text
    assert "complete" in printed(capsys, "sweeps")
    again = printed(capsys, "sweep", "--resume", "1")
    assert "is complete: nothing is left to try" in again
    assert again.partition("The best")[2] == text.partition("The best")[2]


def _code_of_a_time_out(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("atlas_core.runtime.ending.read_duration", lambda _text: 1e-9)
    return 8


def test_a_changed_profile_is_another_sweep(profile: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    home = tmp_path / "home"
    printed(capsys, "--home", str(home), "sweep", profile, *GRID)
    plan = home / "sweeps" / "crossing-sweep-0001" / "sweep.json"
    plan.write_text(plan.read_text().replace('"is_complete": true', '"is_complete": false'))
    Path(profile).write_text(Path(profile).read_text().replace("10000", "20000"))
    assert run_command_line(["--home", str(home), "sweep", "--resume", "1"]) == 2
    assert "expected the profile to be what it was" in capsys.readouterr().err
    assert "crossing-sweep-0002" in printed(capsys, "--home", str(home), "sweep", profile, *GRID)


def test_trials_that_do_not_count_are_told_and_end_with_their_own_code(
    profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, "sweep", profile, *GRID, "--min-trades", "500", code=4)
    assert "not counted: 4 with fewer than 500 closed trades" in text
    assert "no trial counts" in text
    assert "rank by another metric: atlas sweeps crossing-sweep-0001 --objective total_return" in text
    ranked = printed(capsys, "sweeps", "latest", "--min-trades", "1", "--objective", "max_drawdown")
    assert "The best 4 of 6 trials" in ranked


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--set", "scanner.0.fast=3,8", "--objective", "sharp"), "did you mean sharpe"),
        (("--set", "scanner.0.fast=3,8", "--objective", "trades"), "more of it is neither"),
        (("--set", "scanner.0.fast=3"), "several values"),
        (("--set", "exit.stop.pct=0.5:2"), "a step in the range of exit.stop.pct"),
        (("--set", "scanner.0.fast=3,8", "--method", "random"), "--trials N"),
        (("--set", "scanner.0.fast=3,8", "--json", "--csv"), "one of --json and --csv"),
        (("--resume", "1", "--set", "a=1,2"), "--resume ID alone"),
    ],
)
def test_what_cannot_be_tried_is_said_before_anything_is_kept(
    arguments: tuple[str, ...], says: str, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["sweep", profile, *arguments]) in (2, 5)
    assert says in capsys.readouterr().err
    assert printed(capsys, "sweeps").startswith("no sweep is kept")


def test_a_fault_of_every_trial_is_the_fault_of_the_sweep(profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["sweep", profile, *GRID, "--from", "2027-01-01", "--to", "2027-02-01"]) == 4
    assert "the synthetic market does not cover" in capsys.readouterr().err


def test_an_interruption_tells_how_to_go_on(
    profile: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_self: Workbench, _task: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Workbench, "trial", interrupted)
    assert "interrupted: go on with  atlas sweep --resume crossing-sweep-0001" in printed(
        capsys, "sweep", profile, *GRID, code=130
    )


def test_a_back_test_by_hand_counts_as_a_trial_once(profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    printed(capsys, "backtest", profile, "--set", "scanner.0.fast=7")
    for _ in range(2):
        printed(capsys, "backtest", profile, "--set", "scanner.0.fast=3", "--set", "exit.time.max_hours=6")
    assert document(capsys, "sweep", profile, *GRID)["deflation"]["trials"] == 5


def test_a_key_that_no_profile_knows_is_refused_before_anything_is_tried(
    profile: str, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strangers = (
        ("sizer.fraction", "did you mean fraction_pct?"), ("nope", "expected TABLE.KEY"),
        ("exit.deadline.max_hours", "with one of the labels stop, time"),
    )  # fmt: skip
    for key, told in strangers:
        assert run_command_line(["sweep", profile, "--set", f"{key}=1,2"]) == 3
        assert told in capsys.readouterr().err
    assert not list((own_home / "sweeps").glob("*-sweep-*"))


def test_a_sweep_that_could_not_try_anything_leaves_none_behind(
    profile: str, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["sweep", profile, "--set", "scanner.0.fast=3,8", "--walk-forward", "600d/15d"]
    assert run_command_line(arguments) != 0
    assert "expected data of at least one window" in capsys.readouterr().err
    assert not list((own_home / "sweeps").glob("*-sweep-*"))


def test_values_are_told_as_they_are_typed() -> None:
    settings = [
        ("universe.symbols", '["BTC-PERP", "A B"]'), ("universe.start", '"2026-01-01"'), ("profile.seed", "7"),
        ("universe.symbols", '[["X"]]'), ("sizer.risk_pct", "0.5"),
    ]  # fmt: skip
    assert typed_settings(settings) == [
        "--symbol BTC-PERP", "--symbol 'A B'", "--from 2026-01-01", "--seed 7", "--set 'universe.symbols=[[\"X\"]]'",
        "--set sizer.risk_pct=0.5",
    ]  # fmt: skip
