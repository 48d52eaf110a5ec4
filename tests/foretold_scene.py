"""Random markets whose signals are found again and whose bars pause for days, with and without foretold fates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import define, evolve, frozen

from atlas_core.backtest.driver import DriverKind
from atlas_core.backtest.foretelling import run_foretold
from atlas_core.backtest.settled import settled_records
from atlas_core.compose import System
from atlas_core.contracts import MarketHistory, Need, Scanner
from atlas_core.model.events import BarClosed
from atlas_core.model.records import Record, SignalDetected
from atlas_core.model.signals import FOREVER, SignalTable, concat_signals
from atlas_core.model.timeframe import DAY, MINUTE
from tests.memory import START
from tests.skipping_scene import RandomScanner, Scene, market, run_system, scene_of, system_of_scene

Difference = tuple[object, object]


@frozen
class Told:
    """What a run with foretold fates told: the records of the engine, and those of each signal that it never saw."""

    kept: Sequence[Record]
    settled: Sequence[Sequence[Record]]


@define
class RepeatingScanner(Scanner):
    """Finds signals, and some again minutes later; some wait a day longer, or are cancelled just beyond the trigger."""

    scanner: Scanner
    seed: int

    def needs(self) -> Sequence[Need]:
        return self.scanner.needs()

    def scan(self, market: MarketHistory) -> SignalTable:
        found, random = self.scanner.scan(market), np.random.default_rng((self.seed, 77))
        waits = (random.random(len(found)) < 0.3) & (found.valid_until < FOREVER - DAY)
        narrow = np.where(random.random(len(found)) < 0.3, found.trigger, found.cancel_beyond)
        found = evolve(found, valid_until=found.valid_until + np.where(waits, DAY, 0), cancel_beyond=narrow)
        again = found.take(np.flatnonzero(random.random(len(found)) < 0.3))
        later = random.choice([0, 1, 7], len(again)) * MINUTE
        return concat_signals([found, evolve(again, available_at=again.available_at + later)])


def paused(bars: list[BarClosed], days: int) -> list[BarClosed]:
    """Return bars of which the later half, of every symbol, comes some days later."""
    middle = START + (max(bar.ts for bar in bars) - START) // 2
    return [
        evolve(bar, ts=bar.ts + days * DAY, opened_at=bar.opened_at + days * DAY) if bar.opened_at >= middle else bar
        for bar in bars
    ]


def system_with(scene: Scene) -> System:
    """Return the system of a scene; whether it pauses and repeats follows from its seed."""
    scanner = RandomScanner(scene.seed, scene.signals)
    pause = (scene.seed % 3) * (scene.seed % 2)
    repeating = RepeatingScanner(scanner, scene.seed) if scene.seed % 5 < 3 else scanner
    return system_of_scene(scene, paused(market(scene), pause), repeating)


def told(scene: Scene) -> Told:
    """Run a scene whose signals' fates are foretold; raises NotSimple."""

    spared = run_foretold(system_with(scene))
    return Told(spared.kept, list(settled_records(spared.live, spared.foretold)))


def differs(scene: Scene) -> Difference | None:
    """Run a scene with foretold fates and by the plain driver; return the first two things that differ."""
    return difference(run_system(system_with(scene), DriverKind.PLAIN).records, told(scene))


def difference(plain: Sequence[Record], told: Told) -> Difference | None:
    """Compare all records: those of settled signals signal by signal, all others in their order."""
    settled = {_key(records): list(records) for records in told.settled}
    written: dict[str, list[Record]] = {key: [] for key in settled}
    rest: list[Record] = []
    for record in plain:
        (written[record.key] if getattr(record, "key", None) in settled else rest).append(record)  # type: ignore[attr-defined]
    pairs = [(rest, list(told.kept)), *((written[key], settled[key]) for key in settled)]
    for one, other in pairs:
        for left, right in zip(one, other, strict=False):
            if left != right:
                return left, right
        if len(one) != len(other):
            shorter = min(len(one), len(other))
            return one[shorter:][:1], other[shorter:][:1]
    return None


def _key(records: Sequence[Record]) -> str:
    assert isinstance(records[0], SignalDetected)
    return records[0].key


def foretellable(number: int) -> Scene:
    """Return the scene of a number, without closings: these end what waits, and are left to the engine."""
    scene = scene_of(number)
    return evolve(scene, more="") if "close_at" in scene.more else scene
