"""`atlas logs`: the last events of a session, and those that come."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from atlas_core.cli import logs
from atlas_core.cli.main import atlas, run_command_line
from atlas_core.journal import Journal
from atlas_core.model.decisions import Severity
from atlas_core.model.records import AlertRaised
from atlas_core.model.timeframe import MINUTE
from atlas_core.runtime.instance_lock import hold_instance
from tests.sample_run import START
from tests.unit.test_operator_screens import session_of


def told(*arguments: str) -> list[str]:
    result = CliRunner().invoke(atlas, ["logs", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_the_last_events_stand_below_the_session_the_latest_last(own_home: Path) -> None:
    session_of(own_home)
    first, *lines = told("-n", "3")
    assert first.startswith("profile demo · PAPER")
    assert [line.split("  ")[-1] for line in lines] == [f"{each}: a {each} one. t" for each in Severity]
    assert told("-n", "0") == [first]


def test_all_events_are_found_however_few_records_are_looked_at_first(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_of(own_home)
    everything = told("-n", "1000")
    assert any("ENTRY BTC-PERP" in line for line in everything)
    monkeypatch.setattr(logs, "FIRST_LOOK", 1)
    assert told("-n", "1000") == everything
    assert told("-n", "5")[1:] == everything[-5:]


def test_every_record_can_be_seen_with_all_that_it_says(own_home: Path) -> None:
    state = session_of(own_home)
    with Journal.open(state.path / "run.db") as journal:
        assert len(told("--all", "-n", "100000")) == journal.count() + 1
    assert any("order intended client_order_id=o-3" in line for line in told("--all", "-n", "10"))


def test_json_is_an_object_in_each_line(own_home: Path) -> None:
    session_of(own_home)
    rows = [json.loads(line) for line in told("-n", "2", "--json")]
    assert [row["text"] for row in rows] == ["warning: a warning one. t", "critical: a critical one. t"]
    assert {row["kind"] for row in rows} == {"alert_raised"}


def test_what_happens_is_followed_until_the_session_ends(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = session_of(own_home)
    lock = hold_instance(state, START)
    looks: list[int] = []

    def pause() -> None:
        looks.append(len(looks))
        alert = AlertRaised(ts=START + MINUTE, severity=Severity.INFO, title=f"look {len(looks)}", text="", key="")
        with Journal.open(state.path / "run.db") as journal:
            journal.append([alert])
        if len(looks) == 3:
            lock.__exit__(None, None, None)

    monkeypatch.setattr(logs, "_pause", pause)
    lock.__enter__()
    lines = told("-n", "1", "--follow")
    assert [line.split("  ")[-1] for line in lines[2:]] == [f"info: look {number}" for number in (1, 2, 3)]


def test_a_run_is_not_followed_in_silence(own_home: Path) -> None:
    state = session_of(own_home)
    assert run_command_line(["logs", "--run", str(state.path / "run.db"), "-f"]) == 2


def test_the_journal_of_a_run_has_its_events_too(own_home: Path) -> None:
    state = session_of(own_home)
    lines = told("--run", str(state.path / "run.db"), "-n", "1000")
    assert lines == told("-n", "1000")[1:]
