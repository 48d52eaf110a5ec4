"""`atlas check`: what it prints, and its exit codes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from atlas_core.checking.market import record_market
from atlas_core.cli import check
from atlas_core.cli.main import atlas
from tests.cheats import CHEATS, HONEST, Cheat

CHEAT = next(cheat for cheat in CHEATS if cheat.name == "the next close")


def run(monkeypatch: pytest.MonkeyPatch, cheat: Cheat, *arguments: str) -> Result:
    def recorded(_profile: str, _options: Any) -> Any:
        profile = cheat.profile()
        return profile, record_market(profile), "the code of the test"

    monkeypatch.setattr(check, "recorded", recorded)
    return CliRunner().invoke(atlas, ["check", *arguments], catch_exceptions=False)


def test_an_honest_profile_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, HONEST[0], "lookahead", "any", "--cuts", "4", "--runs", "1", "--no-fresh")
    assert result.exit_code == 0
    assert "nothing depends on the future" in result.stdout


def test_a_cheat_ends_with_code_4_the_decision_and_the_bars_it_could_not_have_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = run(monkeypatch, CHEAT, "lookahead", "any", "--cuts", "8", "--runs", "1", "--no-fresh")
    assert result.exit_code == 4
    for text in ("sees the future", "1 base bar too far", "future cut off", "remedy", "cheats.py:"):
        assert text in result.stdout


def test_the_json_of_a_cheat_has_each_finding_and_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.loads(
        run(monkeypatch, CHEAT, "lookahead", "any", "--cuts", "8", "--runs", "1", "--no-fresh", "--json").stdout
    )
    assert document["ok"] is False
    scanner = document["components"][0]
    assert (scanner["component"], scanner["result"]) == ("scanner cheat", "sees the future")
    assert scanner["findings"][0]["with_future"]
    assert scanner["warnings"][0]["line"] > 0


def test_a_shipped_profile_passes_from_the_command_line() -> None:
    arguments = ["check", "lookahead", "demo", "--to", "2026-04-06T18:00", "--cuts", "4", "--runs", "1", "--no-fresh"]
    result = CliRunner().invoke(atlas, arguments, catch_exceptions=False)
    assert (result.exit_code, "warning" in result.stdout) == (0, False)
