"""`atlas audit verify` and `atlas replay`, from the command line."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from atlas_core.cli.main import run_command_line
from atlas_core.journal import Journal
from atlas_core.journal.codec import CODEC
from atlas_core.journal.schema import STEPS
from atlas_core.runs import Mode
from atlas_core.statedir import StateDirectory
from tests.journal_samples import short_run
from tests.systems import CONFIGS

Output = pytest.CaptureFixture[str]
RUN = ["run", "demo", "-q", "--symbol", "BTC-PERP", "--to", "2026-04-07"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one short paper session."""
    home = tmp_path_factory.mktemp("home")
    assert run_command_line(["--home", str(home), *RUN]) == 0
    return home


@pytest.fixture
def home(recorded: Path, own_home: Path) -> Path:
    shutil.copytree(recorded, own_home, dirs_exist_ok=True)
    return own_home


def directory_of(home: Path) -> Path:
    return home / "runs" / "demo" / "paper" / "demo-paper-0001"


def change(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as stranger:
        for statement in ("DROP TRIGGER event_is_never_changed", "DROP TRIGGER event_is_never_deleted", *statements):
            stranger.execute(statement)
    stranger.close()


def test_a_sound_journal_passes_every_check(home: Path, capsys: Output) -> None:
    assert run_command_line(["audit", "verify"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("run demo-paper-0001:")
    assert [line.split()[:2] for line in lines[1:]] == [
        ["file", "ok"], ["chain", "ok"], ["projections", "ok"], ["end", "ok"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "check", "place"),
    [
        ("UPDATE event SET ts = ts + 1 WHERE seq = 17", "chain", "event 17: expected hash"),
        ("DELETE FROM event WHERE seq = 9", "chain", "event 9: expected it next"),
        ("UPDATE signal SET state = 'open' WHERE seq = 4", "projections", "expected"),
        ("DELETE FROM event WHERE seq > 100", "end", "events were cut off or added"),
    ],
)
def test_what_is_broken_is_named_with_its_place(home: Path, capsys: Output, sql: str, check: str, place: str) -> None:
    change(directory_of(home) / "journal.db", sql)
    assert run_command_line(["audit", "verify", "1", "--json"]) == 4
    facts = json.loads(capsys.readouterr().out)
    assert not facts["ok"]
    broken = {each["check"]: each["text"] for each in facts["checks"] if each["verdict"] == "BROKEN"}
    assert place in broken[check]


def test_a_file_that_is_no_journal_is_told_without_a_traceback(tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "journal.db"
    path.write_text("ts,open,high,low,close\n" * 100)
    assert run_command_line(["audit", "verify", str(path)]) == 4
    assert "was not a SQLite file" in capsys.readouterr().out


def test_a_journal_of_an_earlier_atlas_says_how_to_migrate_it_and_is(tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "journal.db"
    path.touch()
    with Journal._open(path, CODEC, STEPS[:1], may_be_blank=True) as old:
        old.append(short_run())
    assert run_command_line(["audit", "verify", str(path)]) == 4
    assert f"migrate it: atlas audit migrate {path}" in capsys.readouterr().err
    assert run_command_line(["audit", "migrate", str(path)]) == 0
    assert "22 events" in capsys.readouterr().out
    assert run_command_line(["audit", "verify", str(path)]) == 0
    assert path.with_name("journal.db.v1-backup").exists()


def test_a_continuing_session_is_found_by_its_profile(home: Path, capsys: Output) -> None:
    state = StateDirectory.of(home, "mine", Mode.PAPER)
    state.make()
    with Journal.create(state.journal) as journal:
        journal.append(short_run())
    for name in ("mine", "mine/paper", str(state.path)):
        assert run_command_line(["audit", "verify", name]) == 0
        assert "22 events" in capsys.readouterr().out
    assert run_command_line(["audit", "verify", "mine/live"]) == 5
    assert run_command_line(["audit", "verify", "mine/loud"]) == 2


def test_a_recorded_session_is_decided_again_and_is_the_same(home: Path, capsys: Output) -> None:
    assert run_command_line(["replay"]) == 0
    out = capsys.readouterr().out
    assert "records and 96 scans were decided again" in out
    assert out.splitlines()[-1] == "they are the same"


def test_another_profile_shows_its_first_other_decision(home: Path, capsys: Output, tmp_path: Path) -> None:
    other = tmp_path / "stricter.toml"
    then = (CONFIGS / "demo.toml").read_text()
    other.write_text(then.replace("minimum_reward_to_risk = 0.8", "minimum_reward_to_risk = 1.2"))
    assert run_command_line(["replay", "1", "--profile", str(other), "--json"]) == 4
    facts = json.loads(capsys.readouterr().out)
    assert facts["notes"][0].startswith("the profile is another one")
    assert "quality" in facts["difference"]["cause"]
    assert run_command_line(["replay", "1", "--profile", str(other)]) == 4
    out = capsys.readouterr().out
    assert "differs" in out
    assert "  then     " in out
    assert "  replayed " in out


def test_a_run_without_a_tape_says_how_to_repeat_it(home: Path, capsys: Output) -> None:
    for tape in directory_of(home).glob("tape-*"):
        tape.unlink()
    assert run_command_line(["replay"]) == 5
    assert "a back-test is repeated by running it again" in capsys.readouterr().err


def test_a_session_that_is_not_there_is_told_which_are(home: Path, capsys: Output) -> None:
    assert run_command_line(["replay", "--session", "7"]) == 5
    assert "there are 1" in capsys.readouterr().err
