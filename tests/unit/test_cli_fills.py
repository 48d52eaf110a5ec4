"""`atlas backtest --fills`: the same profile under other assumptions about fills."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from atlas_core.cli.main import run_command_line
from atlas_core.journal import JournalReader
from atlas_core.model.records import RunStarted
from atlas_core.runstore import JOURNAL_NAME
from atlas_core.search.ledger import Ledger

Output = pytest.CaptureFixture[str]
SHORT = ("demo", "--symbol", "BTC-PERP", "--to", "2026-04-07")
SCENARIOS = ("optimistic", "base", "pessimistic")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ATLAS_HOME", str(tmp_path))
    return tmp_path


def answer(capsys: Output, *arguments: str) -> dict[str, Any]:
    assert run_command_line(["backtest", *SHORT, "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_all_three_scenarios_are_kept_and_answered_together(capsys: Output, own_home: Path) -> None:
    told = answer(capsys, "--fills", "all")
    assert tuple(told) == SCENARIOS
    costs = {name: {k: Decimal(v) for k, v in told[name]["figures"]["costs"].items()} for name in SCENARIOS}
    assert costs["optimistic"]["slippage"] == 0 < costs["base"]["slippage"] < costs["pessimistic"]["slippage"]
    for name in SCENARIOS:
        total = costs[name].pop("total")
        assert total == sum(costs[name].values())
        assert (Path(told[name]["directory"]) / "exits.csv").is_file()
    assert told["base"]["figures"]["fills"]["inside_bar"] > 0
    with Ledger.at(own_home) as ledger:  # the two others choose nothing, and are no trials
        noted = {name: ledger.count(told[name]["run_id"]) for name in SCENARIOS}
    assert noted == {"optimistic": 0, "base": 1, "pessimistic": 0}


def test_one_scenario_is_a_run_of_its_own_that_names_it(capsys: Output) -> None:
    told = answer(capsys, "--fills", "pessimistic")
    with JournalReader.open(Path(told["directory"]) / JOURNAL_NAME) as journal:
        started = next(record for record in journal.records() if isinstance(record, RunStarted))
    assert started.fill_model.startswith("pessimistic, limits fill 2 ticks through")
    assert run_command_line(["backtest", *SHORT, "--fills", "base"]) == 0
    assert "fills were decided inside a bar" in " ".join(capsys.readouterr().out.split())


def test_the_three_are_shown_side_by_side_with_what_is_not_guaranteed(capsys: Output) -> None:
    assert run_command_line(["backtest", *SHORT, "--fills", "all", "-q"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert text.count("profile demo · BACKTEST") == text.count("2026-04-06 00:00Z to 2026-04-07") == 1
    assert "Fills optimistic base pessimistic" in text
    assert "Whole runs are not bound to that order" in text
    assert text.count("Saved ") == 3
