"""Reads the whole account: at the start, after a reconnect, every half minute, and to settle a difference."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from attrs import define, field
from loguru import logger

from atlas_core.clock import Clock
from atlas_core.contracts import Broker
from atlas_core.errors import AuthFailed, SafetyStop, cause_of
from atlas_core.model.events import AccountRead
from atlas_core.runtime.inbox import UrgentItem

EVERY_SECONDS = 30.0
AGAIN_SECONDS = 5.0
DOUBT_SECONDS = 11.0
READ_SECONDS = 20.0


@define
class Reconciler:
    """Reads until the session ends; a read that fails says nothing about the account and is tried again soon.

    `account_id` is the account that the profile names, empty for any.
    """

    broker: Broker
    clock: Clock
    tell: Callable[[UrgentItem], None]
    account_id: str = ""
    reads: int = 0
    _wanted: asyncio.Event = field(factory=asyncio.Event)
    _is_lost: bool = False
    _next: asyncio.TimerHandle | None = None

    def want(self) -> None:
        """Ask for a read now."""
        self._wanted.set()

    def doubt(self) -> None:
        """Ask for the read that settles a difference, when the venue has had time to make up its mind.

        One such read waits at a time: every read in doubt asks for the next.
        """
        loop = asyncio.get_running_loop()
        if self._next is None or self._next.when() <= loop.time():
            self._next = loop.call_later(DOUBT_SECONDS, self.want)

    async def run(self) -> None:
        """Read again and again. Raises AuthFailed, and SafetyStop when the keys are those of another account."""
        loop = asyncio.get_running_loop()
        while True:
            self._wanted.clear()
            succeeded = await self._read()
            due = loop.call_later(EVERY_SECONDS if succeeded else AGAIN_SECONDS, self.want)
            try:
                await self._wanted.wait()
            finally:
                due.cancel()

    async def _read(self) -> bool:
        asked_at = self.clock.now()
        try:
            async with asyncio.timeout(READ_SECONDS):
                snapshot = await self.broker.snapshot()
        except AuthFailed:
            raise
        except Exception as error:  # unavailable is not empty
            if not self._is_lost:
                logger.warning("the account cannot be read: {}", cause_of(error))
            self._is_lost = True
            return False
        if self.account_id and snapshot.account_id != self.account_id:
            raise SafetyStop(f"expected account {self.account_id!r}, these are the keys of {snapshot.account_id!r}")
        if self._is_lost:
            logger.info("the account can be read again")
        self._is_lost = False
        self.reads += 1
        self.tell(AccountRead(ts=self.clock.now(), asked_at=asked_at, snapshot=snapshot))
        return True
