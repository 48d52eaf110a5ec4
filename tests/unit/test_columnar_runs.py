"""A run that was worked out in columns has its results at once, and its journal when somebody asks for it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from atlas_core.backtest import foretelling
from atlas_core.cli.audit import audit
from atlas_core.cli.explain import explain
from atlas_core.cli.reproduce import reproduce
from atlas_core.cli.run import backtest
from atlas_core.errors import AtlasError
from atlas_core.journal import JournalReader
from atlas_core.model.records import RunFinished
from atlas_core.runs import RunInfo
from atlas_core.runstore import JOURNAL_NAME, RunStore

PROFILE = """
[profile]
name = "crossing"
mode = "backtest"
starting_cash = 100000

[universe]
symbols = ["AGAT", "ALDR"]
base_timeframe = "1h"
session = "24x7"
start = 2026-01-10

[provider]
use = "sim"
start = 2026-01-01
days = 60

[[scanner]]
use = "sma-cross"
timeframe = "1h"
fast = 5
slow = 20
direction = "long"

[sizer]
use = "fixed-notional"
notional = 2000

[broker]
use = "paper"
taker_fee_bps = 5

[[exit]]
use = "stop"
pct = 3

[[exit]]
use = "sma-cross"
timeframe = "1h"
fast = 5
slow = 20
"""


@pytest.fixture
def profile(own_home: Path, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "crossing.toml"
    path.write_text(PROFILE, encoding="utf-8")
    yield path
    assert own_home.exists()


def call(command: Any, *arguments: str) -> str:
    result = CliRunner().invoke(command, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def plain(value: Any) -> Any:
    """Return a value with numbers that do not depend on how many zeros they were written with."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    try:
        return Decimal(value) if isinstance(value, str) else value
    except InvalidOperation:
        return value


def rows_of(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))


def kept(own_home: Path) -> RunInfo:
    return RunStore(own_home).find()


def manifest_of(run: RunInfo) -> dict[str, Any]:
    return dict(json.loads((run.directory / "manifest.json").read_text(encoding="utf-8")))


def test_columns_and_engine_give_the_same_results_and_files(own_home: Path, profile: Path) -> None:
    quick = json.loads(call(backtest, str(profile), "--json"))
    columns = kept(own_home)
    slow = json.loads(call(backtest, str(profile), "--json", "--driver", "skipping"))
    engine = kept(own_home)
    assert (quick["driver"], slow["driver"]) == ("columns", "skipping")
    assert len(quick["trades"]) > 10
    differing = {"run_id", "directory", "journal_digest", "driver"}
    assert {key: plain(quick[key]) for key in quick if key not in differing} == {
        key: plain(slow[key]) for key in slow if key not in differing
    }
    for name in ("trades.csv", "signals.csv", "equity.csv"):
        one, other = (rows_of(run.directory / name) for run in (columns, engine))
        assert plain(one) == plain(other)


def test_the_journal_is_written_when_it_is_asked_for_and_is_that_of_the_engine(own_home: Path, profile: Path) -> None:
    call(backtest, str(profile), "-q")
    run = kept(own_home)
    assert not (run.directory / JOURNAL_NAME).exists()
    assert not (run.directory / "orders.csv").exists()
    call(audit, "verify")
    with JournalReader.open(run.directory / JOURNAL_NAME) as journal:
        assert isinstance(list(journal.records())[-1], RunFinished)
        assert manifest_of(run)["journal_digest"] == journal.digest()
    assert (run.directory / "orders.csv").read_text().count("\n") > 20
    call(backtest, str(profile), "-q", "--driver", "plain")
    assert manifest_of(kept(own_home))["journal_digest"] == manifest_of(run)["journal_digest"]


def test_a_trade_of_columns_is_explained_without_zeros_below_zero(own_home: Path, profile: Path) -> None:
    call(backtest, str(profile), "-q")
    told = call(explain, "trade", "1")
    assert "slippage 0.00" in told
    assert "-0.00" not in told


def test_what_the_engine_decides_without_a_journal_gives_the_same_results_and_files(
    own_home: Path, profile: Path
) -> None:
    late = (str(profile), "--json", "--set", "broker.latency_ms=5", "--set", "limits.max_daily_loss_pct=3")
    quick, run = json.loads(call(backtest, *late, "--driver", "columns")), kept(own_home)
    slow, engine = json.loads(call(backtest, *late)), kept(own_home)
    assert (quick["driver"], slow["driver"]) == ("columns", "skipping")
    assert not (run.directory / JOURNAL_NAME).exists()
    assert len(quick["trades"]) > 10
    differing = {"run_id", "directory", "journal_digest", "driver", "earlier"}
    assert {key: plain(quick[key]) for key in quick if key not in differing} == {
        key: plain(slow[key]) for key in slow if key not in differing
    }
    for name in ("trades.csv", "signals.csv", "equity.csv"):
        one, other = (rows_of(of_run.directory / name) for of_run in (run, engine))
        assert plain(one) == plain(other)
    call(audit, "verify", run.run_id)
    assert manifest_of(run)["journal_digest"] == manifest_of(engine)["journal_digest"]


def test_very_many_signals_are_not_journalled_with_the_run(
    own_home: Path, profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = [str(profile), "--json", "--set", "broker.latency_ms=5"]
    drivers = []
    for many in (1, 100_000):
        monkeypatch.setattr(foretelling, "SPARED_FROM", many)
        drivers.append(
            (json.loads(call(backtest, *late))["driver"], (kept(own_home).directory / JOURNAL_NAME).exists())
        )
    assert drivers == [("columns", False), ("skipping", True)]


def test_who_asks_for_columns_in_vain_is_told_why(own_home: Path, profile: Path) -> None:
    closing = [str(profile), "-q", "--set", 'schedule.close_at=["0 12 * * *"]']
    reason = "not worked out in columns, the engine decides: the schedule has closings, which end signals that wait"
    asked, unasked = (CliRunner().invoke(backtest, [*closing, *more]) for more in (["--driver", "columns"], []))
    assert reason in asked.stderr
    assert reason not in unasked.stderr
    assert (kept(own_home).directory / JOURNAL_NAME).exists()


def test_a_run_in_columns_can_be_made_again(own_home: Path, profile: Path) -> None:
    call(backtest, str(profile), "-q")
    assert "the same" in call(reproduce)


def test_a_journal_whose_manifest_cannot_be_written_is_written_the_next_time(
    own_home: Path, profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(backtest, str(profile), "--json")

    def refused(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as full:
        full.setattr("atlas_core.cli.late_journal.write_text", refused)
        assert isinstance(CliRunner().invoke(audit, ["verify"]).exception, OSError)
    assert not list(kept(own_home).directory.glob(f"{JOURNAL_NAME}*"))
    assert json.loads(call(reproduce, "--json"))["ok"]


def test_a_run_whose_trades_do_not_come_again_gets_no_journal(own_home: Path, profile: Path) -> None:
    call(backtest, str(profile), "-q")
    run = kept(own_home)
    manifest = manifest_of(run) | {"trades_digest": "others"}
    (run.directory / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(AtlasError, match="expected the trades of run crossing-backtest-0001, was others"):
        CliRunner().invoke(audit, ["verify"], catch_exceptions=False)
    assert not (run.directory / JOURNAL_NAME).exists()


def test_a_profile_that_is_not_simple_goes_through_the_engine(own_home: Path, profile: Path) -> None:
    profile.write_text(PROFILE + "\n[limits]\nmax_drawdown_pct = 30\n", encoding="utf-8")
    assert json.loads(call(backtest, str(profile), "--json"))["driver"] == "skipping"
    assert (kept(own_home).directory / JOURNAL_NAME).exists()
