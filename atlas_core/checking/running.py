"""One run of a profile on a recorded market, kept in memory: what was decided, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import TypeVar

from attrs import frozen

from atlas_core.backtest.driver import DriverKind, driver_on
from atlas_core.backtest.memory import MemoryRecords
from atlas_core.backtest.stepped import looked_up
from atlas_core.checking.market import RecordedMarket, on_record
from atlas_core.compose import LabelledScanner, OpenSystem, System, compose, opened
from atlas_core.engine.engine import Engine
from atlas_core.engine.guard import Ask, directly
from atlas_core.engine.ports import MovingMarket
from atlas_core.errors import ContractError
from atlas_core.loading import scan
from atlas_core.model.decisions import Approve, GateMask, Refuse
from atlas_core.model.records import OperatorActed, Record, SessionPaused, SessionResumed
from atlas_core.model.signals import SignalTable
from atlas_core.profile import Profile
from atlas_core.runs import Mode
from atlas_core.watching import Scribe, Unwatched, Watch
from atlas_core.wiring import timetable_of

T = TypeVar("T")


@frozen(kw_only=True)
class _AskedBy(OpenSystem):
    """An open system whose deciders are called in another way."""

    ask: Ask = directly

    def engine(self, market: MovingMarket, ask: Ask = directly) -> Engine:  # noqa: ARG002  (the check's own way counts)
        return super().engine(market, self.ask)


def decided(
    profile: Profile,
    market: RecordedMarket,
    *,
    until: int | None = None,
    mode: Mode = Mode.PAPER,
    ask: Ask = directly,
    driver: DriverKind = DriverKind.SKIPPING,
    watch: Watch | None = None,
) -> list[Record]:
    """Return what the profile decides on a market from its start until `until`, before it is wound down.

    In mode paper gates, sizer and exit rules that fail are records, as in a session; a back-test does not call `ask`,
    and has exit rules with steps looked up as `atlas backtest` has, where bars are skipped.
    Raises ContractError for a scanner that fails, and in a back-test for every component.
    """
    system, watch = compose(on_record(profile, market), mode), watch or Unwatched()
    return until_the_end(asyncio.run(_decided(system, market, until, ask, driver, watch)))


def until_the_end(records: Sequence[Record]) -> list[Record]:
    """Return the records of a run before its driver wound it down or it was paused, all where it was neither."""
    return list(takewhile(lambda record: not _winds_down(record), records))


def _winds_down(record: Record) -> bool:
    is_by_driver = isinstance(record, OperatorActed) and record.actor == "driver"
    return is_by_driver or isinstance(record, SessionPaused | SessionResumed)


async def _decided(
    system: System, market: RecordedMarket, until: int | None, ask: Ask, kind: DriverKind, watch: Watch
) -> list[Record]:
    kept = MemoryRecords()
    async with opened(system) as live:
        asked: OpenSystem = _AskedBy(
            system=live.system, instruments=live.instruments, broker=live.broker, timetable=live.timetable, ask=ask
        )
        loaded = market.loaded(live.timetable, until)
        if system.mode is Mode.BACKTEST and kind is DriverKind.SKIPPING:
            asked = looked_up(asked, loaded)
        await driver_on(asked, loaded, Scribe(kept, watch), kind).run()
    return kept.kept


def asked_twice(component: str, ask: Callable[[], T], /) -> T:
    """Call a decider twice; raises ContractError when the same question has two answers."""
    first, second = ask(), ask()
    if not _is_same(first, second):
        raise ContractError(f"expected {component} to answer the same question twice alike, was {first}, then {second}")
    return first


def _is_same(first: object, second: object) -> bool:
    """Compare two answers; masks hold columns, and NaN is the same as NaN."""
    if first is second:
        return True
    if isinstance(first, GateMask) and isinstance(second, GateMask):
        return mask_answers(first) == mask_answers(second)
    return repr(first) == repr(second)


def mask_answers(mask: GateMask) -> list[Approve | Refuse]:
    """Return the answer of every row of a mask."""
    return [mask.answer(row) for row in range(len(mask.passed))]


@frozen
class ScanRoom:
    """The scanners of a profile on one market, made anew, with what they are shown."""

    system: System
    market: RecordedMarket

    @classmethod
    def of(cls, profile: Profile, market: RecordedMarket) -> ScanRoom:
        """Make a room of its own for a market, with scanners that have seen nothing yet."""
        system = compose(on_record(profile, market), Mode.PAPER)
        system.instruments.update(market.instruments)
        return cls(system, market)

    def scanner(self, label: str) -> LabelledScanner:
        """Return one of the profile's scanners."""
        return next(scanner for scanner in self.system.scanners if scanner.label == label)

    def scan(self, label: str, until: int | None = None) -> SignalTable:
        """Return all signals that a scanner finds, ordered by time; raises what it raises, and ContractError."""
        data = self.market.data(timetable_of(self.system.profile, self.market.instruments), until)
        return scan(self.scanner(label).scanner, data).sorted()
