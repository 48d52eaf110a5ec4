"""What atlas_strat offers: descriptors only; numpy is imported when a scanner is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlas_core import NoOptions, exit_rule, gate, hookimpl, scanner
from atlas_strat.continuity_options import ContinuityOptions
from atlas_strat.exit_options import ContinuityFlipOptions, OppositeReversalOptions
from atlas_strat.options import StratOptions

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click

    from atlas_core import Component, Context, ExitRule, Gate, Scanner


def _strat(options: StratOptions, _context: Context) -> Scanner:
    """Setups of the STRAT (2-1-2, 3-1-2, 2-2, 3-2, 3-2-2, 1-2-2) as stop entries for the next bar."""
    from atlas_strat.scanner import StratScanner

    return StratScanner(options)


def _continuity(options: ContinuityOptions, context: Context) -> Gate:
    """Enough timeframes on the side of the trade, by their opens or by the labels of their current bars."""
    from atlas_strat.continuity_gate import ContinuityGate

    return ContinuityGate(options, context.scanned_timeframes)


def _invalidation(_options: NoOptions, context: Context) -> ExitRule:
    """Close when the entry bar took both sides of the setup bar: the premise is gone."""
    from atlas_strat.exits import InvalidationRule

    return InvalidationRule(context.scanned_timeframes)


def _opposite_reversal(options: OppositeReversalOptions, context: Context) -> ExitRule:
    """Close when a reversal against the position is in force."""
    from atlas_strat.exits import OppositeReversalRule

    return OppositeReversalRule(options, context.scanned_timeframes)


def _continuity_flip(options: ContinuityFlipOptions, context: Context) -> ExitRule:
    """Close when the timeframes trade against the position."""
    from atlas_strat.exits import ContinuityFlipRule

    return ContinuityFlipRule(options, context.scanned_timeframes)


def _entry_bar_stop(_options: NoOptions, context: Context) -> ExitRule:
    """Close beyond the far extreme of the entry bar, once that has closed."""
    from atlas_strat.entry_stop import EntryBarStopRule

    return EntryBarStopRule(context.scanned_timeframes)


@hookimpl
def atlas_scanners() -> Iterable[Component[Any, Scanner]]:
    """Return the scanner `strat`."""
    return [scanner("strat", _strat, options=StratOptions)]


@hookimpl
def atlas_gates() -> Iterable[Component[Any, Gate]]:
    """Return the gate `strat.continuity`."""
    return [gate("strat.continuity", _continuity, options=ContinuityOptions)]


@hookimpl
def atlas_exit_rules() -> Iterable[Component[Any, ExitRule]]:
    """Return the exits by a failed premise, a reversal, the entry bar and a turned continuity."""
    return [
        exit_rule("strat.invalidation", _invalidation),
        exit_rule("strat.opposite-reversal", _opposite_reversal, options=OppositeReversalOptions),
        exit_rule("strat.entry-bar-stop", _entry_bar_stop),
        exit_rule("strat.continuity-flip", _continuity_flip, options=ContinuityFlipOptions),
    ]


@hookimpl
def atlas_commands(group: click.Group) -> None:
    """Add `atlas strat`."""
    from atlas_strat.commands import strat

    group.add_command(strat)
