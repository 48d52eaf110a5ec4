"""Composed systems and finished runs, for tests of whole runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from atlas_core.backtest.driver import run_backtest
from atlas_core.compose import System, compose
from atlas_core.journal import Journal
from atlas_core.plugins import Registry, discover
from atlas_core.profile import load_profile
from atlas_core.runs import Mode, RunSummary
from atlas_core.runtime.session import run_session

CONFIGS = Path(__file__).resolve().parents[1] / "configs"


def system_of(
    profile: Path | str,
    mode: Mode,
    overrides: Sequence[tuple[str, str]] = (),
    registry: Registry | None = None,
) -> System:
    """Compose a profile with the installed plugins."""
    return compose(load_profile(str(profile), registry or discover(), overrides=overrides), mode)


def by_loop(system: System, journal: Journal) -> RunSummary:
    """Run a system with the plain loop of the back-test, whatever its mode."""
    return run_backtest(system, journal)


def by_pump(system: System, journal: Journal) -> RunSummary:
    """Run a system with the asyncio pump of a session, whatever its mode."""
    return asyncio.run(run_session(system, journal))
