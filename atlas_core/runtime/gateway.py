"""Carries orders to a broker and says what became of each request: taken, refused, not sent, or unknown.

An order is sent once. Only when it is certain that nothing was sent may the same order be sent again; after anything
unclear the engine asks the venue. Entries are held back where they are not permitted or come too late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from attrs import define, field
from loguru import logger

from atlas_core.clock import Clock
from atlas_core.contracts import Broker
from atlas_core.errors import AuthFailed, NotSent, OrderRefused, Throttled, cause_of
from atlas_core.model.events import (
    Cancel,
    OrderNotFound,
    OrderRejected,
    OrderReported,
    OrderUnknown,
    Query,
    Submit,
)
from atlas_core.model.orders import Order, OrderRole
from atlas_core.model.timeframe import SECOND
from atlas_core.runtime.inbox import UrgentItem
from atlas_core.runtime.supervisor import Restart, Supervisor

CALL_SECONDS = 8.0
"""The deadline of one call of a broker; the engine's proofs count from a little later."""

ENTRY_LIVES = 30 * SECOND
REDUCING_ORDER_LIVES = 60 * SECOND
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
LONGEST_QUIET = 60.0
URGENT_QUIET = 5.0
"""So long does an absurd figure keep exits, stops and withdrawals quiet; what can wait waits for the longest time."""

ROUTINE_LATER = 2.0
"""After a wait, exits, stops and withdrawals have the venue for themselves for so long."""

ENTRIES_AT_ONCE = 4
QUESTIONS_AT_ONCE = 4

Permit = Callable[[Order], str]


def anything(_: Order) -> str:
    """Hold back nothing."""
    return ""


@define
class OrderGateway:
    """Runs each request as a task of its own: what reduces risk never waits behind what does not.

    `permit` says why an entry must not be sent now, or nothing; it is asked right before each try.
    """

    broker: Broker
    plugin: str
    clock: Clock
    tasks: Supervisor
    tell: Callable[[UrgentItem], None]
    permit: Permit = anything
    _entries: asyncio.Semaphore = field(factory=lambda: asyncio.Semaphore(ENTRIES_AT_ONCE))
    _questions: asyncio.Semaphore = field(factory=lambda: asyncio.Semaphore(QUESTIONS_AT_ONCE))
    _sending: dict[str, asyncio.Event] = field(factory=dict)
    _asking: set[str] = field(factory=set)
    _withdrawn: set[str] = field(factory=set)
    _withdrawing: set[asyncio.Task[Any]] = field(factory=set)
    _quiet_until: float = 0.0
    _routine_quiet_until: float = 0.0

    def dispatch(self, command: Submit | Cancel | Query) -> None:
        """Start a request; its outcome arrives as an event."""
        match command:
            case Submit(order):
                sent = self._sending[order.client_order_id] = asyncio.Event()
                self._own(f"submit {order.client_order_id}", lambda: self._submit(order, sent))
            case Cancel(name):
                if name in self._sending:
                    self._withdrawn.add(name)
                task = self._own(f"cancel {name}", lambda: self._cancel(name))
                self._withdrawing.add(task)
                task.add_done_callback(self._withdrawing.discard)
            case Query(name) if name not in self._asking:
                self._asking.add(name)
                self._own(f"find {name}", lambda: self._find(name))

    @property
    def in_flight(self) -> int:
        """Return how many orders are on their way to the venue."""
        return len(self._sending)

    async def settle(self, seconds: float) -> None:
        """Wait for orders and withdrawals on their way, but not for long; what is not answered then stays unknown."""
        waiting = [*(sent.wait() for sent in self._sending.values()), *self._withdrawing]
        if waiting:
            try:
                async with asyncio.timeout(seconds):
                    await asyncio.gather(*waiting)
            except TimeoutError:
                logger.warning("{} orders were still on their way", self.in_flight + len(self._withdrawing))

    def _own(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[Any]:
        return self.tasks.own(name, run, plugin=self.plugin, restart=Restart.NEVER)

    async def _submit(self, order: Order, sent: asyncio.Event) -> None:
        try:
            if order.role is OrderRole.ENTRY:
                async with self._entries:
                    await self._send(order)
            else:
                await self._send(order)
        finally:
            sent.set()
            self._sending.pop(order.client_order_id, None)
            self._withdrawn.discard(order.client_order_id)

    async def _send(self, order: Order) -> None:
        """Send until something is known: a pause follows only where it is certain that nothing was sent."""
        pause = FIRST_PAUSE
        while True:
            await self._keep_quiet(is_urgent=order.role is not OrderRole.ENTRY)
            reason = self._denial(order)
            if reason:
                self._rejected(order, f"not sent: {reason}")
                return
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    await self.broker.submit(order)
                return
            except (OrderRefused, AuthFailed) as error:
                self._rejected(order, cause_of(error))
                return
            except (NotSent, Throttled) as error:
                pause = min(LONGEST_PAUSE, pause * 2)
                self._throttled(error)
                logger.warning("order {} was not sent, tried again: {}", order.client_order_id, error)
            except Exception as error:  # whatever a broker raises: nobody knows what became of the order
                self.tell(
                    OrderUnknown(
                        ts=self.clock.now(),
                        client_order_id=order.client_order_id,
                        reason=cause_of(error),
                    )
                )
                return
            await asyncio.sleep(pause)

    def _throttled(self, error: Exception) -> None:
        """Keep quiet as long as the venue asks; what reduces risk is not kept quiet by an absurd figure."""
        if not isinstance(error, Throttled):
            return
        asked, now = error.retry_after, asyncio.get_running_loop().time()
        is_meant = 0 <= asked <= LONGEST_QUIET
        urgent, routine = (asked, asked + ROUTINE_LATER) if is_meant else (URGENT_QUIET, LONGEST_QUIET)
        self._quiet_until = max(self._quiet_until, now + urgent)
        self._routine_quiet_until = max(self._routine_quiet_until, now + routine)

    async def _keep_quiet(self, *, is_urgent: bool) -> None:
        time = asyncio.get_running_loop().time
        while (wait := (self._quiet_until if is_urgent else self._routine_quiet_until) - time()) > 0:
            await asyncio.sleep(wait)

    def _denial(self, order: Order) -> str:
        if order.client_order_id in self._withdrawn:
            return "it was withdrawn before it left"
        age = self.clock.now() - order.created_at
        if order.role is not OrderRole.ENTRY:
            return f"it could not be sent for {age // SECOND} s" if age > REDUCING_ORDER_LIVES else ""
        return f"it is {age // SECOND} s old" if age > ENTRY_LIVES else self.permit(order)

    def _rejected(self, order: Order, reason: str) -> None:
        self.tell(OrderRejected(ts=self.clock.now(), client_order_id=order.client_order_id, reason=reason))

    async def _cancel(self, name: str) -> None:
        await self._sent(name)
        await self._keep_quiet(is_urgent=True)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await self.broker.cancel(name)
        except Throttled as error:
            self._throttled(error)
        except Exception as error:  # the engine asks what became of it, and cancels again
            logger.warning("cancelling {} is unclear: {}", name, cause_of(error))

    async def _find(self, name: str) -> None:
        try:
            await self._sent(name)
            await self._keep_quiet(is_urgent=False)
            async with self._questions, asyncio.timeout(CALL_SECONDS):
                report = await self.broker.find(name)
        except Exception as error:  # no answer is no evidence
            self._throttled(error)
            logger.warning("asking about {} failed: {}", name, cause_of(error))
            return
        finally:
            self._asking.discard(name)
        now = self.clock.now()
        if report is None:
            self.tell(OrderNotFound(ts=now, client_order_id=name))
        elif report.client_order_id != name:
            logger.error("asked about {}, the broker answered about {!r}", name, report.client_order_id)
        else:
            self.tell(OrderReported(ts=now, report=report))

    async def _sent(self, name: str) -> None:
        """Let nothing about an order overtake the order itself."""
        sent = self._sending.get(name)
        if sent is not None:
            await sent.wait()
