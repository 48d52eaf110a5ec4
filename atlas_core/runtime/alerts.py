"""Takes alerts to the alerters without ever making trading wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from attrs import define, field
from loguru import logger

from atlas_core.contracts import Alerter
from atlas_core.model.decisions import Alert

QUEUE_LENGTH = 256
SEND_SECONDS = 10.0
DRAIN_SECONDS = 5.0


@define
class AlertDesk:
    """One bounded queue and one task per alerter; a full queue drops its oldest alert and counts it."""

    alerters: Sequence[tuple[str, Alerter]]
    dropped: int = 0
    _queues: dict[str, asyncio.Queue[Alert | None]] = field(factory=dict)
    _tasks: list[asyncio.Task[None]] = field(factory=list)

    async def __aenter__(self) -> AlertDesk:
        for label, alerter in self.alerters:
            queue = self._queues[label] = asyncio.Queue(QUEUE_LENGTH)
            self._tasks.append(asyncio.create_task(_deliver(label, alerter, queue), name=f"alerter {label}"))
        return self

    async def __aexit__(self, *details: object) -> None:
        for queue in self._queues.values():
            self._put(queue, None)
        if self._tasks:
            _done, late = await asyncio.wait(self._tasks, timeout=DRAIN_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self.dropped:
            logger.warning("{} alerts were dropped: the alerters could not keep up", self.dropped)

    def post(self, alert: Alert) -> None:
        """Queue an alert for every alerter."""
        for queue in self._queues.values():
            self._put(queue, alert)

    def _put(self, queue: asyncio.Queue[Alert | None], alert: Alert | None) -> None:
        if queue.full():
            queue.get_nowait()
            self.dropped += 1
        queue.put_nowait(alert)


async def _deliver(label: str, alerter: Alerter, queue: asyncio.Queue[Alert | None]) -> None:
    while (alert := await queue.get()) is not None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await alerter.send(alert)
        except Exception as error:
            logger.error("alerter {}: {} was not delivered: {}: {}", label, alert.title, type(error).__name__, error)
