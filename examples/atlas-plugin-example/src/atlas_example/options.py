"""What a profile may say about the scanner."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from atlas_core import Timeframe, above, at_least, option


@frozen(kw_only=True)
class ChannelBreakoutOptions:
    """Options of the scanner `channel-breakout`."""

    timeframe: Timeframe = option(help="the bars that make the channel")
    channel_bars: int = option(20, check=at_least(2), unit="bars", help="length of the channel before the breakout")
    stop_bars: int = option(10, check=at_least(1), unit="bars", help="the stop lies at the far end of so many bars")
    reward_multiple: float = option(2.0, check=above(0), help="the target in multiples of the distance to the stop")
    direction: Literal["both", "long", "short"] = option("both", help="the sides that may be taken")
