"""Hook specifications and markers, nothing else.

All hooks are synchronous. The seven component hooks are called once per process, each plugin separately, when plugins
are discovered; the engine never calls a hook. `HOOK_API` changes only when a hook is renamed, which burns its name;
adding a hook or an argument is free, because an implementation may leave arguments out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click

    from atlas_core.components import Component
    from atlas_core.contracts import Alerter, Broker, ExitRule, Gate, Provider, Scanner, Sizer
    from atlas_core.runs import RunInfo, RunSummary

PROJECT = "atlas"
HOOK_API = 1

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def atlas_data_providers() -> Iterable[Component[Any, Provider]]:
    """Return the providers of market data; called at discovery."""
    raise AssertionError


@hookspec
def atlas_scanners() -> Iterable[Component[Any, Scanner]]:
    """Return the scanners; called at discovery."""
    raise AssertionError


@hookspec
def atlas_gates() -> Iterable[Component[Any, Gate]]:
    """Return the gates; called at discovery."""
    raise AssertionError


@hookspec
def atlas_sizers() -> Iterable[Component[Any, Sizer]]:
    """Return the sizers; called at discovery."""
    raise AssertionError


@hookspec
def atlas_brokers() -> Iterable[Component[Any, Broker]]:
    """Return the brokers; called at discovery."""
    raise AssertionError


@hookspec
def atlas_exit_rules() -> Iterable[Component[Any, ExitRule]]:
    """Return the exit rules; called at discovery."""
    raise AssertionError


@hookspec
def atlas_alerters() -> Iterable[Component[Any, Alerter]]:
    """Return the alerters; called at discovery."""
    raise AssertionError


@hookspec
def atlas_commands(group: click.Group) -> None:
    """Add sub-commands to the command line; called when the command line needs a name it does not know."""
    raise AssertionError


@hookspec
def atlas_run_started(run: RunInfo) -> None:
    """Learn that a run began; called once, after everything is open. A failure is logged and the run goes on."""
    raise AssertionError


@hookspec
def atlas_run_finished(run: RunInfo, summary: RunSummary) -> None:
    """Learn how a run ended; called once, after everything is closed. A failure is logged."""
    raise AssertionError
