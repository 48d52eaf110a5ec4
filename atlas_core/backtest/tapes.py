"""What a back-test takes beside the bars: funding, closings, and the signals of each scanner."""

from __future__ import annotations

from collections.abc import Iterator

from atlas_core.backtest.foretold import Foretold
from atlas_core.compose import OpenSystem
from atlas_core.engine.engine import Engine
from atlas_core.engine.queue import Timed
from atlas_core.loading import LoadedMarket, find_signals
from atlas_core.runtime.closings import close_job, closing_events
from atlas_core.tape import TapeEvent, funding_events, judged_events


def other_streams(
    live: OpenSystem, market: LoadedMarket, engine: Engine, foretold: Foretold | None = None
) -> Iterator[Iterator[Timed[TapeEvent]]]:
    """Yield the streams that follow those of the bars, in the order in which they are taken within one instant."""
    yield funding_events(market.funding)
    closings = close_job(live.system.profile)
    if closings is not None:
        yield closing_events(closings.slots(market.start, market.end))
    for label, table in find_signals(live, market) if foretold is None else foretold.engaged():
        yield judged_events(label, table, engine.signals.sheet)
    if foretold is not None:
        yield foretold.days(engine.limits.rules.day_end)
