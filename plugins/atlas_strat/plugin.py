"""What atlas_strat offers: descriptors only; numpy is imported when a scanner is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlas_core import hookimpl, scanner
from atlas_strat.options import StratOptions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_core import Component, Context, Scanner


def _strat(options: StratOptions, _context: Context) -> Scanner:
    """Setups of the STRAT (2-1-2, 3-1-2, 2-2, 3-2, 3-2-2, 1-2-2) as stop entries for the next bar."""
    from atlas_strat.scanner import StratScanner

    return StratScanner(options)


@hookimpl
def atlas_scanners() -> Iterable[Component[Any, Scanner]]:
    """Return the scanner `strat`."""
    return [scanner("strat", _strat, options=StratOptions)]
