"""When the whole account is read."""

from __future__ import annotations

import asyncio

from atlas_core.runtime.reconciler import Reconciler
from atlas_core.testing.virtual_time import VirtualClock, run_virtual
from tests.live_scene import Venue
from tests.memory import START


async def reads_after(doubts: int) -> int:
    """Return how often the account is read in twenty seconds in which so many reads leave a doubt."""
    reconciler = Reconciler(Venue(), VirtualClock(asyncio.get_running_loop(), START), lambda _: None)
    task = asyncio.ensure_future(reconciler.run())
    for _ in range(doubts):
        reconciler.doubt()
        await asyncio.sleep(1)
    await asyncio.sleep(20 - doubts)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return reconciler.reads


def test_a_doubt_brings_the_next_read_forward() -> None:
    assert run_virtual(reads_after(0)) == 1
    assert run_virtual(reads_after(1)) == 2


def test_one_read_that_settles_doubts_waits_at_a_time() -> None:
    assert run_virtual(reads_after(5)) == 2
