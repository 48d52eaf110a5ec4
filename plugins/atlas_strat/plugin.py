"""What atlas_strat offers: descriptors only; numpy is imported when a scanner is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlas_core import gate, hookimpl, scanner
from atlas_strat.continuity_options import ContinuityOptions
from atlas_strat.options import StratOptions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_core import Component, Context, Gate, Scanner


def _strat(options: StratOptions, _context: Context) -> Scanner:
    """Setups of the STRAT (2-1-2, 3-1-2, 2-2, 3-2, 3-2-2, 1-2-2) as stop entries for the next bar."""
    from atlas_strat.scanner import StratScanner

    return StratScanner(options)


def _continuity(options: ContinuityOptions, context: Context) -> Gate:
    """Enough timeframes on the side of the trade, by their opens or by the labels of their current bars."""
    from atlas_strat.continuity_gate import ContinuityGate

    return ContinuityGate(options, context.scanned_timeframes)


@hookimpl
def atlas_scanners() -> Iterable[Component[Any, Scanner]]:
    """Return the scanner `strat`."""
    return [scanner("strat", _strat, options=StratOptions)]


@hookimpl
def atlas_gates() -> Iterable[Component[Any, Gate]]:
    """Return the gate `strat.continuity`."""
    return [gate("strat.continuity", _continuity, options=ContinuityOptions)]
