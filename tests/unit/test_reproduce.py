"""A kept run is made again from its manifest, held against others, and listed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from atlas_core.cli import tables
from atlas_core.cli.compare import compare
from atlas_core.cli.main import run_command_line
from atlas_core.cli.report import report
from atlas_core.cli.reproduce import NOTHING_KNOWN, reproduce
from atlas_core.cli.runs import runs
from atlas_core.errors import AtlasError, NotFound, UsageError
from atlas_core.runs import Mode, RunInfo
from atlas_core.runstore import RunStore
from tests.csv_run import keep_run, write_waves

Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the profile lies, for every test at the same place: a run knows the files that it was made of."""
    return tmp_path_factory.mktemp("profile")


@pytest.fixture
def profile(folder: Path) -> Path:
    return write_waves(folder)


@pytest.fixture(scope="module")
def one_run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with one run, of which each test gets a copy."""
    return ran_in(tmp_path_factory.mktemp("one-run"), write_waves(folder))


@pytest.fixture(scope="module")
def two_runs(one_run: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with that run and another one."""
    home = tmp_path_factory.mktemp("two-runs")
    shutil.copytree(one_run, home, dirs_exist_ok=True)
    return ran_in(home, write_waves(folder), "--set", "sizer.fraction_pct=40", "--set", "limits.max_positions=2")


def ran_in(home: Path, profile: Path, *arguments: str) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATLAS_HOME", str(home))
        keep_run(profile, *arguments)
    return home


@pytest.fixture
def kept(one_run: Path, own_home: Path, profile: Path) -> RunInfo:
    shutil.copytree(one_run, own_home, dirs_exist_ok=True)
    return RunStore(own_home).find()


def call(command: Any, *arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(command, list(arguments), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def change_manifest(run: RunInfo, change: Callable[[dict[str, Any]], None]) -> None:
    path = run.directory / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")


def test_a_manifest_says_what_a_run_was_made_of(kept: RunInfo, profile: Path) -> None:
    manifest = json.loads((kept.directory / "manifest.json").read_text(encoding="utf-8"))
    made_of = manifest["made_of"]
    assert made_of["profile_files"] == {str(profile.resolve()): profile.read_text(encoding="utf-8")}
    assert {"python", "numpy", "overrides"} <= set(made_of)
    assert manifest["driver"]
    assert {row["name"] for row in made_of["plugins"]} >= {"sim", "basics", "strat"}
    stop = next(row for row in made_of["configuration"] if row["key"] == "exit.stop.pct")
    assert (stop["value"], stop["origin"].rpartition("/")[2]) == ("2", "waves.toml:34")
    (row,) = manifest["data"]
    assert (row["provider"], row["symbol"], row["timeframe"], row["bars"]) == ("files", "BTC/USD", "1m", 2_400)
    assert len(row["digest"]) == 64


def test_an_unchanged_run_is_the_same_again(kept: RunInfo) -> None:
    text = call(reproduce)
    assert "the same: " in text
    facts = json.loads(call(reproduce, kept.run_id, "--json"))
    assert (facts["ok"], facts["difference"], facts["changes"]) == (True, None, [])


def test_changed_data_are_named_with_the_first_record_that_differs(kept: RunInfo, profile: Path) -> None:
    write_waves(profile.parent, changed_from=1_000)
    facts = json.loads(call(reproduce, "--json", code=4))
    assert not facts["ok"]
    assert facts["changes"][0].startswith("data BTC/USD 1m: was 2,400 bars from 2026-01-01T00:00:00Z")
    assert facts["difference"]["seq"] > 1
    assert facts["difference"]["recorded"] != facts["difference"]["replayed"]
    text = call(reproduce, code=4)
    assert "it differs: journal digest was" in text
    assert "  likely   data BTC/USD 1m" in text


def test_a_profile_that_has_changed_since_is_taken_as_it_was_then(kept: RunInfo, profile: Path) -> None:
    profile.write_text(profile.read_text(encoding="utf-8").replace("pct = 2", "pct = 1"), encoding="utf-8")
    text = call(reproduce)
    assert "is another one today: the text of then was used" in text
    profile.unlink()
    assert "the same: " in call(reproduce)


def test_values_of_the_command_line_belong_to_the_run(profile: Path, capsys: Output) -> None:
    keep_run(profile, "--set", "sizer.fraction_pct=40", "--from", "2026-01-01T0600")
    capsys.readouterr()
    assert json.loads(call(reproduce, "--json"))["ok"]


def test_another_version_of_a_plugin_is_told(kept: RunInfo) -> None:
    def older(manifest: dict[str, Any]) -> None:
        next(row for row in manifest["made_of"]["plugins"] if row["name"] == "basics")["version"] = "0.0.9"

    change_manifest(kept, older)
    facts = json.loads(call(reproduce, "--json"))
    assert facts["ok"]
    assert facts["changes"] == [f"plugin basics: was atlas-trading 0.0.9, is atlas-trading {_version()}"]


def _version() -> str:
    from importlib.metadata import version

    return version("atlas-trading")


def test_a_difference_without_a_change_names_what_is_left(kept: RunInfo) -> None:
    change_manifest(kept, lambda manifest: manifest.update(journal_digest="00" * 32))
    assert NOTHING_KNOWN.split(":", maxsplit=1)[0] in " ".join(call(reproduce, code=4).split())


def test_a_session_on_a_market_of_the_past_is_made_again_too(tmp_path: Path, capsys: Output) -> None:
    path = write_waves(tmp_path / "paper", mode="paper")
    assert run_command_line(["-q", "run", str(path)]) == 0
    capsys.readouterr()
    assert "the same: " in call(reproduce)


def test_a_run_that_did_not_end_or_ended_early_cannot_be_made_again(own_home: Path, kept: RunInfo) -> None:
    change_manifest(kept, lambda manifest: manifest.update(finished="stopped"))
    with pytest.raises(UsageError, match="only whole runs"):
        call(reproduce)
    RunStore(own_home).create("waves", Mode.BACKTEST, False)
    with pytest.raises(NotFound, match="did not end"):
        call(reproduce)


def test_a_manifest_of_an_earlier_atlas_and_a_damaged_one_are_told_apart(kept: RunInfo) -> None:
    change_manifest(kept, lambda manifest: manifest.pop("made_of"))
    with pytest.raises(NotFound, match="does not say what it was made of"):
        call(reproduce)
    (kept.directory / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(AtlasError, match="was damaged"):
        call(reproduce)


@pytest.fixture
def two(two_runs: Path, own_home: Path, profile: Path) -> tuple[RunInfo, RunInfo]:
    shutil.copytree(two_runs, own_home, dirs_exist_ok=True)
    return RunStore(own_home).find("1"), RunStore(own_home).find("2")


def test_runs_are_held_against_each_other_with_their_differences(two: tuple[RunInfo, RunInfo]) -> None:
    facts = json.loads(call(compare, *(run.run_id for run in two), "--json"))
    trades = next(row for row in facts["metrics"] if row["name"] == "trades")
    assert trades["differences"][0] == 0
    fees = next(row for row in facts["metrics"] if row["name"] == "fees")
    assert fees["differences"][1] == pytest.approx(fees["values"][1] - fees["values"][0])
    assert fees["values"][1] > fees["values"][0] > 0
    changed = {row["key"]: row["values"] for row in facts["configuration"]}
    assert changed["sizer.fraction_pct"] == ["20", "40"]
    assert changed["limits.max_positions"][1] == "2"
    assert facts["changes"] == [[]]


@pytest.mark.parametrize("width", [80, 120])
def test_the_comparison_and_the_list_fit_the_terminal(
    width: int, two: tuple[RunInfo, RunInfo], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "terminal_width", lambda: width)
    monkeypatch.setattr(tables, "_console", lambda: None)
    for text in (call(compare, "1", "2"), call(runs)):
        assert max(map(len, text.splitlines())) <= width
        assert "…" not in text
    assert "Sharpe" in call(compare, "1", "2")


def test_equal_runs_differ_in_nothing(kept: RunInfo, profile: Path, capsys: Output) -> None:
    keep_run(profile)
    capsys.readouterr()
    assert "profiles, data, plugins and versions are the same" in call(compare, "1", "2")


def test_a_back_test_that_was_made_before_says_so(kept: RunInfo, profile: Path, capsys: Output) -> None:
    keep_run(profile)
    assert f"Same   record for record as run {kept.run_id}" in capsys.readouterr().out
    change_manifest(kept, lambda manifest: manifest.update(journal_digest="00" * 32))
    (RunStore(kept.directory.parents[3]).find("2").directory / "manifest.json").unlink()
    keep_run(profile, "--json")
    assert json.loads(capsys.readouterr().out)["earlier"] == {"run_id": kept.run_id, "is_equal": False}
    keep_run(profile, "--set", "sizer.fraction_pct=11", "--json")
    assert json.loads(capsys.readouterr().out)["earlier"] is None


def test_the_page_tells_how_many_systems_were_tried_on_the_data(
    two: tuple[RunInfo, RunInfo],
) -> None:
    del two
    page = Path(call(report, "1", "--format", "html").strip()).read_text(encoding="utf-8")
    assert "2 systems were tried on this data" in page.split('id="robustness"')[1]
    assert page.split('id="market"')[1].count('class="body') >= 2


def test_data_that_differ_are_told_beside_the_values(kept: RunInfo, profile: Path, capsys: Output) -> None:
    write_waves(profile.parent, changed_from=2_390)
    keep_run(profile)
    capsys.readouterr()
    assert "data BTC/USD 1m: was 2,400 bars" in " ".join(call(compare, "1", "2").split())


def test_one_run_or_an_unknown_metric_is_refused(two: tuple[RunInfo, RunInfo]) -> None:
    assert "at least two runs" in CliRunner().invoke(compare, ["1"]).output
    with pytest.raises(NotFound, match="did you mean sharpe"):
        call(compare, "1", "2", "--metric", "sharp")
    assert [row["name"] for row in json.loads(call(compare, "1", "2", "--metric", "sqn", "--json"))["metrics"]] == [
        "sqn"
    ]


def test_runs_are_sorted_and_filtered(own_home: Path, two: tuple[RunInfo, RunInfo]) -> None:
    RunStore(own_home).create("other", Mode.PAPER, True)

    def listed(*arguments: str) -> list[str]:
        return [row["run_id"] for row in json.loads(call(runs, "--json", *arguments))]

    names = ["waves-backtest-0001", "waves-backtest-0002", "other-paper-0003"]
    assert listed() == names
    assert listed("--reverse") == names[::-1]
    assert listed("--profile", "waves") == names[:2]
    assert listed("--mode", "paper") == names[2:]
    assert listed("--sort", "net")[2] == listed("--sort", "net", "--reverse")[2] == names[2]
    assert listed("--sort", "net")[:2] == listed("--sort", "net", "--reverse")[:2][::-1]
    assert listed("--last", "1") == names[2:]
    assert "none of the 3 runs" in call(runs, "--profile", "nobody")


def test_a_ledger_that_cannot_be_read_costs_the_page_one_sentence(
    own_home: Path, two: tuple[RunInfo, RunInfo], tmp_path: Path
) -> None:
    for left in (own_home / "sweeps").iterdir():
        left.unlink()
    (own_home / "sweeps" / "trials.db").write_bytes(b"no database at all")
    page = Path(call(report, "1", "--format", "html", "--out", str(tmp_path)).strip()).read_text(encoding="utf-8")
    assert "How much was tried on this data is not known" in page
    del two


def test_a_report_that_cannot_be_written_whole_leaves_the_one_that_was_there(
    kept: RunInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "report.md"
    page.write_text("the one before")

    def cut_off(path: Path, content: bytes) -> None:
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", cut_off)
    with pytest.raises(AtlasError, match="No space left"):
        call(report, kept.run_id, "--format", "md", "--out", str(tmp_path))
    assert [path.read_text() for path in tmp_path.glob("*report*")] == ["the one before"]
