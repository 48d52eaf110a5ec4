"""`atlas parity`: a profile against itself, and a recorded session against the back-test of its own bars."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from atlas_core.cli.main import atlas

SHORT = ("--symbol", "BTC-PERP", "--to", "2026-04-06T12:00")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a place in which one recorded session is kept."""
    place = tmp_path_factory.mktemp("home")
    assert command(place, "run", "demo", *SHORT, "--quiet").exit_code == 0
    return place


def command(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(atlas, ["--home", str(home), *arguments], catch_exceptions=False)


def test_a_profile_decides_the_same_as_session_and_as_back_test(home: Path) -> None:
    result = command(home, "parity", "demo", *SHORT)
    assert result.exit_code == 0
    assert "session and back-test decide the same" in result.stdout


def test_a_recorded_session_is_equal_to_the_back_test_of_its_bars(home: Path) -> None:
    document = json.loads(command(home, "parity", "--run", "1", "--json").stdout)
    assert (document["ok"], document["differences"]) == (True, [])
    assert {row["kind"] for row in document["decisions"]} >= {"signal", "verdict", "order", "fill", "position"}


def test_a_recorded_session_is_equal_to_the_back_test_of_what_the_provider_delivers(home: Path) -> None:
    assert command(home, "parity", "--run", "1", "--history").exit_code == 0


def test_a_back_test_of_another_configuration_ends_with_code_4_and_the_cause(home: Path) -> None:
    result = command(home, "parity", "--run", "1", "--set", "broker.slippage_bps=9")
    assert result.exit_code == 4
    assert "price: position, BTC-PERP" in result.stdout
    document = json.loads(command(home, "parity", "--run", "1", "--set", "broker.slippage_bps=9", "--json").stdout)
    assert document["causes"].keys() >= {"price"}
    assert document["differences"][0]["session"]["price"] != document["differences"][0]["backtest"]["price"]


def test_something_must_be_named() -> None:
    result = CliRunner().invoke(atlas, ["parity"])
    assert result.exit_code != 0
    assert "expected a profile, or a recorded session with --run" in str(result.exception)
