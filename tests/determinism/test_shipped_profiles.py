"""The shipped profiles through the command line, as a user runs them."""

from __future__ import annotations

import csv
import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from atlas_core.cli.main import atlas
from atlas_core.journal import JournalReader
from atlas_core.runstore import RunStore
from tests.shared import shared_file
from tests.systems import CONFIGS

BARS = "data/crypto/BTC-PERP_1m_20211231-20220201.csv.gz"


def command(*arguments: str) -> str:
    """Run one command line that must succeed; return its standard output."""
    result = CliRunner().invoke(atlas, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def run_json(*arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(command(*arguments, "--json"))
    return document


def trade_rows(run: int) -> list[dict[str, str]]:
    with (RunStore.at().find(str(run)).directory / "trades.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def ran_demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Run two days of the demo: they hold every kind of ending, and a position that stays open."""
    home = tmp_path_factory.mktemp("demo")
    return home, run_json("--home", str(home), "run", "demo", "--to", "2026-04-07T06:00")


@pytest.fixture
def demo(ran_demo: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the demo printed, with the home that it ran in."""
    home, printed = ran_demo
    monkeypatch.setenv("ATLAS_HOME", str(home))
    return printed


def test_the_demo_enters_and_exits_on_a_synthetic_market(demo: dict[str, Any]) -> None:
    assert (demo["mode"], demo["synthetic"]) == ("paper", True)
    assert demo["figures"]["trades"] >= 10


def test_the_trades_of_the_demo_add_up_to_its_totals(demo: dict[str, Any]) -> None:
    rows, figures = trade_rows(1), demo["figures"]
    assert len(rows) == figures["trades"]
    for figure in ("net", "fees", "funding"):
        assert sum(Decimal(row[figure]) for row in rows) == Decimal(figures[figure])
    assert all(Decimal(r["net"]) == Decimal(r["gross"]) - Decimal(r["fees"]) - Decimal(r["funding"]) for r in rows)
    assert len(demo["open_positions"]) == demo["signals"]["by_outcome"]["open"] > 0


def test_a_back_test_that_closes_everything_ends_with_its_start_plus_its_trades() -> None:
    """A paper session over the same hours leaves a position open."""
    figures = run_json("backtest", "demo", "--to", "2026-04-07T06:00")["figures"]
    assert Decimal(figures["equity"]) == Decimal(figures["starting_cash"]) + Decimal(figures["net"])


def test_a_second_demo_writes_the_same_trades_byte_for_byte(own_home: Path, demo: dict[str, Any]) -> None:
    first = RunStore.at().find(demo["run_id"]).directory
    run_json("--home", str(own_home), "run", "demo", "--to", "2026-04-07T06:00")
    second = RunStore.at(own_home).find().directory
    assert first != second
    for name in ("trades.csv", "signals.csv", "orders.csv", "equity.csv"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_every_signal_of_the_demo_has_a_verdict_or_is_open(demo: dict[str, Any]) -> None:
    counts = demo["signals"]["by_outcome"]
    assert sum(counts.values()) == demo["signals"]["total"]
    assert set(counts) <= {"closed", "refused", "expired", "invalidated", "void_gap", "skipped", "open", "armed"}


def test_the_journal_of_a_run_holds(demo: dict[str, Any]) -> None:
    with JournalReader.open(RunStore.at().find().directory / "journal.db") as journal:
        journal.verify(projections=True)
        assert journal.count() > 1_000


def test_real_bars_give_trades_exits_and_refusals_that_add_up() -> None:
    path = shared_file(BARS)
    document = run_json("backtest", str(CONFIGS / "strat-files.toml"), "--set", f"provider.path={path}")
    trades, outcomes = document["figures"]["trades"], document["signals"]["by_outcome"]
    assert trades > 50
    assert {group["name"] for group in document["by_timeframe"]} >= {"15m", "1h", "4h"}
    assert sum(group["trades"] for group in document["by_exit"]) == trades == outcomes["closed"]
    assert sum(outcomes.values()) == document["signals"]["total"]
    assert sum(row["count"] for row in document["refusals"]) == document["signals"]["total"] - trades


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_profile_is_named_like_its_file(path: Path) -> None:
    assert tomllib.loads(path.read_text())["profile"]["name"] == path.stem


def test_explain_tells_why_a_trade_was_opened_sized_and_closed(demo: dict[str, Any]) -> None:
    text = command("explain", "trade", "1")
    for word in (
        "detected",
        "quality",
        "cooldown",
        "triggered",
        "sized",
        "limit",
        "levels",
        "closed",
        "PAPER",
        "synthetic",
    ):
        assert word in text


def test_explain_tells_which_gate_refused_a_signal_with_value_and_threshold(demo: dict[str, Any]) -> None:
    with JournalReader.open(RunStore.at().find().directory / "journal.db") as journal:
        refused = next(row for row in journal.signals(outcome="refused") if row.threshold is not None)
    text = command("explain", "signal", refused.key)
    assert f"Refused by {refused.verdict_by}" in text
    assert f"threshold {refused.threshold:g}" in text
