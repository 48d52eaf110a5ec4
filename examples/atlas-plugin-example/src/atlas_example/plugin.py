"""What this distribution offers. Light: the scanner, and with it numpy, is imported when it is made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from atlas_core import hookimpl, scanner
from atlas_example.options import ChannelBreakoutOptions

if TYPE_CHECKING:
    from atlas_core import Component, Context, Scanner


def make_channel_breakout(options: ChannelBreakoutOptions, context: Context) -> Scanner:
    """First close beyond the extremes of the bars before it, with stop and target."""
    del context  # a scanner is a pure function of the market; it needs nothing else
    from atlas_example.scanner import ChannelBreakout

    return ChannelBreakout(options)


@hookimpl
def atlas_scanners() -> Iterable[Component[ChannelBreakoutOptions, Scanner]]:
    """Offer the scanner."""
    return [scanner("channel-breakout", make_channel_breakout, options=ChannelBreakoutOptions)]
