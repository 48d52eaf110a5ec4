"""Measure what hostile plugins cost an exit: `python tests/benchmarks/bench_hostile_plugins.py [SECONDS]`.

A live session on a venue in memory gets a bar every 100 ms, enters every fourth bar and leaves two bars later. Measured
is the time from the bar that makes an exit due to the exit order at the venue, with one hostile plugin of each kind and
with all of them at once. The bar: 99 of 100 within 2 s, none above 10 s.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

from attrs import define, field
from loguru import logger

import atlas_core.wiring
from atlas_core import components as offer
from atlas_core.contracts import HistoryRequest
from atlas_core.model.events import BarClosed
from atlas_core.runtime.hardening import hardened
from tests.faults.hostile_scene import FastTape, HostileScene, TimedVenue
from tests.faults.test_hostile_live_session import Blocking, Levelling, Scanning, fail, flood, spin
from tests.memory import Doing, bar, made

SECONDS_A_BAR = 0.1
HANGS_FOR = 3.0


@define
class TimedTape(FastTape):
    """A tape that notes when it gave each bar away."""

    given_at: dict[int, float] = field(factory=dict)

    async def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        async for each in super().stream(request):
            self.given_at[each.ts] = asyncio.get_running_loop().time()
            yield each


@define
class GarbageTape(TimedTape):
    """A tape with a hundred bars that are none before each that is one."""

    async def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        async for each in super().stream(request):
            for number in range(100):
                yield bar(number, float("nan"))
            self.given_at[each.ts] = asyncio.get_running_loop().time()
            yield each


@define
class Wire(TimedVenue):
    """A venue that notes how long after its bar each exit came."""

    tape: TimedTape | None = None
    waits: list[float] = field(factory=list)

    async def submit(self, order: Any) -> None:
        if order.role == "exit" and self.tape is not None:
            latest = max(ts for ts in self.tape.given_at if ts <= order.created_at)
            self.waits.append(asyncio.get_running_loop().time() - self.tape.given_at[latest])
        await super().submit(order)


def hang() -> None:
    threading.Event().wait(HANGS_FOR)


def a_gate(act: Callable[[], Any]) -> HostileScene:
    return HostileScene((made(offer.gate, "gate", Doing(act)),), gates=('use = "gate"',))


def a_rule(act: Callable[[], Any], kind: type[Doing] = Doing) -> HostileScene:
    return HostileScene((made(offer.exit_rule, "rule", kind(act)),), exits=('use = "rule"', 'use = "two-bars"'))


def a_scanner(act: Callable[[], Any]) -> HostileScene:
    scanner = made(offer.scanner, "scanner", Scanning(act))
    return HostileScene((scanner,), scanners=('use = "scanner"', 'use = "script"'))


def an_alerter() -> HostileScene:
    scene = a_scanner(fail)
    alerter = made(offer.alerter, "alerter", Blocking(gate=threading.Event()))
    return HostileScene((*scene.parts, alerter), scanners=scene.scanners, alerters=('use = "alerter"',))


def everything() -> HostileScene:
    parts = [
        made(offer.exit_rule, "waits", Doing(hang)),
        made(offer.exit_rule, "spins", Doing(spin)),
        made(offer.exit_rule, "levels", Levelling(hang)),
        made(offer.scanner, "floods", Scanning(flood)),
        made(offer.scanner, "spinning", Scanning(spin)),
        made(offer.alerter, "alerter", Blocking(gate=threading.Event())),
    ]
    rules = tuple(f'use = "{name}"' for name in ("waits", "spins", "levels", "two-bars"))
    scanners = tuple(f'use = "{name}"' for name in ("floods", "spinning", "script"))
    return HostileScene(tuple(parts), exits=rules, scanners=scanners, alerters=('use = "alerter"',))


CASES: dict[str, Callable[[], HostileScene]] = {
    "nobody": HostileScene,
    "an exit rule raises": lambda: a_rule(fail),
    "an exit rule returns garbage": lambda: a_rule(object),
    "an exit rule hangs": lambda: a_rule(hang),
    "an exit rule spins": lambda: a_rule(spin),
    "levels hang": lambda: a_rule(hang, Levelling),
    "a gate hangs": lambda: a_gate(hang),
    "a scanner raises": lambda: a_scanner(fail),
    "a scanner returns garbage": lambda: a_scanner(object),
    "a scanner hangs": lambda: a_scanner(hang),
    "a scanner spins": lambda: a_scanner(spin),
    "a scanner floods": lambda: a_scanner(flood),
    "a provider floods garbage": HostileScene,
    "an alerter blocks its loop": an_alerter,
    "all at once": everything,
}

TAPES: dict[str, type[TimedTape]] = {"a provider floods garbage": GarbageTape}


def measured(scene: HostileScene, seconds: float, kind: type[TimedTape] = TimedTape) -> list[float]:
    """Run a session for so long; return how long each exit took."""
    wire = scene.venue = Wire()

    def tape(venue: Any) -> TimedTape:
        wire.tape = kind((), venue=venue, seconds=SECONDS_A_BAR)
        return wire.tape

    scene.provider = tape
    scene.run_in_real_time(hardened, lambda: asyncio.get_running_loop().time() - wire.begun > seconds)
    return wire.waits


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 15.0
    logger.remove()
    # A minute of the market passes in 100 ms, so the account could never be read often enough for the market's clock.
    atlas_core.wiring.RECONCILE_WITHIN = 10**18
    print(f"{'hostile':28} {'exits':>6} {'median':>9} {'p99':>9} {'max':>9}")
    for name, make in CASES.items():
        waits = sorted(measured(make(), seconds, TAPES.get(name, TimedTape)))
        if not waits:
            print(f"{name:28} {0:6} (it lets nothing in)")
            continue
        p99 = waits[min(len(waits) - 1, round(0.99 * len(waits)))]
        figures = (statistics.median(waits), p99, waits[-1])
        print(f"{name:28} {len(waits):6} " + " ".join(f"{1000 * figure:6.1f} ms" for figure in figures))


if __name__ == "__main__":
    main()
