"""Which driver a back-test has, how it is chosen, and that the shipped profiles come out the same by both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from atlas_core import components as offer
from atlas_core.backtest.driver import DriverKind, run_backtest
from atlas_core.cli.main import run_command_line
from atlas_core.compose import System
from atlas_core.contracts import Capability, Context
from atlas_core.journal import Journal
from atlas_core.runs import Mode, RunSummary
from atlas_core.simulation.costs import CostOptions
from atlas_sim.broker import PaperBroker
from tests.memory import MemoryProvider, flat, memory, script, system_of
from tests.systems import CONFIGS
from tests.systems import system_of as shipped

FILES = CONFIGS.parent.parent / "shared"
SHIPPED = [
    ("demo.toml", [("universe.end", '"2026-04-07"')]),
    ("crypto-strat.toml", [("universe.end", '"2026-03-04"')]),
    ("strat-files.toml", [("universe.end", '"2022-01-05"')]),
    ("crypto-strat-files.toml", [("universe.end", '"2017-10-01"')]),
    ("strat-equities.toml", [("universe.end", '"2009-06-01"')]),
]


def summary_of(system: System, driver: DriverKind) -> RunSummary:
    with Journal.in_memory() as journal:
        return run_backtest(system, journal, None, driver)


@pytest.mark.parametrize(("name", "changes"), SHIPPED)
def test_a_shipped_profile_has_one_journal_by_both_drivers(name: str, changes: list[tuple[str, str]]) -> None:
    if "sim" not in (CONFIGS / name).read_text() and not FILES.exists():
        pytest.skip("needs the bars in ../shared")
    plain, skipping = (summary_of(shipped(CONFIGS / name, Mode.BACKTEST, changes), kind) for kind in DriverKind)
    assert plain == skipping
    assert {plain.driver, skipping.driver} == {"plain", "skipping"}


class Quiet:
    """A simulated broker that does not tell what it waits for."""

    def __init__(self, inner: PaperBroker) -> None:
        for name in ("open", "close", "snapshot", "find", "submit", "cancel", "events", "observe", "place", "withdraw"):
            setattr(self, name, getattr(inner, name))
        self.take_over = inner.take_over


def quiet_broker(options: CostOptions, context: Context) -> Any:
    """Make a paper broker of which only the old contract is seen."""
    return Quiet(PaperBroker(options, context))


def test_every_bar_is_taken_where_the_broker_does_not_tell_what_it_waits_for() -> None:
    abilities = (Capability.SIMULATED, Capability.MARKET, Capability.STOP, Capability.PERP, Capability.SHORT)
    broker = offer.broker("quiet", quiet_broker, options=CostOptions, capabilities=abilities)
    parts = (memory(MemoryProvider(flat(range(20)))), script((5, "X", 1)), broker)
    system = system_of(*parts, run_as=Mode.BACKTEST, broker='use = "quiet"', mode="backtest")
    summary = summary_of(system, DriverKind.SKIPPING)
    assert (summary.driver, summary.every_bar_because) == ("plain", "broker quiet does not tell what it waits for")


@pytest.mark.parametrize("driver", ["plain", "skipping"])
def test_the_command_line_chooses_the_driver_and_the_run_says_which_it_was(
    driver: str, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["backtest", "demo", "--symbol", "BTC-PERP", "--to", "2026-04-06T03:00", "--driver", driver, "--json"]
    assert run_command_line(call) == 0
    told = json.loads(capsys.readouterr().out)
    manifest = json.loads((Path(told["directory"]) / "manifest.json").read_text())
    assert (told["driver"], manifest["driver"]) == (driver, driver)


def test_who_asks_for_skipping_is_told_why_no_bar_was_passed_over(capsys: pytest.CaptureFixture[str]) -> None:
    changes = ("universe.base_timeframe=5m", "universe.detail_timeframe=1m")
    call = ["backtest", "demo", "--symbol", "BTC-PERP", "--to", "2026-04-06T03:00", "--json"]
    call += [part for change in changes for part in ("--set", change)]
    why = "no bar was passed over: finer bars tell what happened inside the bars\n"
    for driver, told in (("skipping", why), ("plain", "")):
        assert run_command_line([*call, "--driver", driver]) == 0
        assert capsys.readouterr().err == told
