"""Takes alerts from the journal to the alerters: nothing is lost by a crash, and trading never waits.

An alert is in the outbox as soon as its record is committed; this module is told of it afterwards, sends it in a task
of the alerter, and notes in the journal what became of it. Each alerter has its own bag, pace and failures.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from attrs import define, field, frozen
from loguru import logger

from atlas_core.clock import NANOSECONDS_PER_SECOND
from atlas_core.contracts import Alerter
from atlas_core.engine.limits import TRADING_STATE
from atlas_core.engine.state import ACTIVE
from atlas_core.errors import JournalError, cause_of
from atlas_core.journal import Delivery, DeliveryState, Undelivered
from atlas_core.model.decisions import Alert, Severity
from atlas_core.model.records import AlertRaised, OperatorActed, Record, TradingStateChanged
from atlas_core.profile.sections import Alerts
from atlas_core.runtime.mailbag import MOST_WAITING, Letter, Mailbag, MailRules, Message, Note, is_at_least
from atlas_core.runtime.supervisor import Supervisor

OPEN_SECONDS = 10.0
SEND_SECONDS = 10.0
CLOSE_SECONDS = 2.0
DRAIN_SECONDS = 5.0
ATTEMPTS_TO_HAND_OVER = 3
MOST_UNSETTLED = 10_000
ACKNOWLEDGE = "acknowledge"


class DeliveryBook(Protocol):
    """The part of a journal that keeps the outbox."""

    @abstractmethod
    def deliver_to(self, alerters: Sequence[str]) -> None:
        """From now on let each alert that is appended wait for these alerters."""

    @abstractmethod
    def undelivered(self, alerters: Collection[str] | None = None) -> tuple[Undelivered, ...]:
        """Return what still waits."""

    @abstractmethod
    def settle_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Note what became of alerts."""


@frozen(kw_only=True)
class OutboxRules:
    """What the profile says about alerts: the pace, the lowest severity of each alerter, and who only stands in."""

    pace: MailRules = field(factory=MailRules)
    lowest: Severity = Severity.INFO
    lowest_by_alerter: Mapping[str, Severity] = field(factory=dict)
    fallback: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: Alerts) -> OutboxRules:
        """Return the rules of a profile's table `[alerts]`."""
        return cls(
            pace=MailRules(
                most_per_minute=table.max_per_minute,
                digest_every=table.digest_seconds,
                fold_within=table.fold_seconds,
                repeat_critical=table.repeat_critical_seconds,
            ),
            lowest=Severity(table.min_severity),
            lowest_by_alerter={label: Severity(text) for label, text in table.min_severity_by_alerter.items()},
            fallback=table.fallback,
        )

    def wants(self, alerter: str, severity: Severity) -> bool:
        """Tell whether an alerter is told of alerts of this severity."""
        return is_at_least(severity, self.lowest_by_alerter.get(alerter, self.lowest))


@define(eq=False)
class Outbox:
    """The alerters of a session with their bags.

    `now` tells the time in nanoseconds for the notes, `random` gives numbers from 0 to 1 for the waits.
    """

    book: DeliveryBook
    alerters: Sequence[tuple[str, Alerter]]
    rules: OutboxRules
    now: Callable[[], int]
    random: Callable[[], float]
    _postmen: dict[str, Postman] = field(factory=dict)
    _tasks: list[asyncio.Task[None]] = field(factory=list)
    _unsettled: list[Delivery] = field(factory=list)

    def start(self, tasks: Supervisor) -> None:
        """Take up what an earlier process left undelivered, and let `tasks` own one task for each alerter."""
        for label, alerter in self.alerters:
            self._postmen[label] = Postman(label, alerter, Mailbag(self.rules.pace), self)
        self.book.deliver_to([label for label in self._postmen if label not in self.rules.fallback])
        self.reload()
        for label, postman in self._postmen.items():
            self._tasks.append(tasks.own(f"alerter {label}", postman.run, plugin=f"alerter {label}"))

    def committed(self, seqs: range, records: Sequence[Record]) -> None:
        """Learn that records are in the journal as these events: their alerts go on their way."""
        for seq, record in zip(seqs, records, strict=True):
            if isinstance(record, AlertRaised):
                self._post(seq, record)
            elif isinstance(record, OperatorActed) and record.name == ACKNOWLEDGE:
                self.acknowledge(str(record.arguments.get("key", "")))
            elif isinstance(record, TradingStateChanged) and record.state == ACTIVE:
                self.settle_matter(TRADING_STATE)  # a reminder that entries are stopped would be wrong from now on

    def acknowledge(self, key: str = "") -> None:
        """Stop repeating what has been told about `key`, or everything that has been told."""
        for postman in self._postmen.values():
            postman.note(postman.bag.acknowledge(key))

    def settle_matter(self, key: str) -> None:
        """Stop repeating what has certainly been told about `key`; nobody has said that the rest arrived."""
        for postman in self._postmen.values():
            postman.note(postman.bag.settle(key))

    async def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Send what was not told yet, for so long; what is left waits in the journal for the next session."""
        for postman in self._postmen.values():
            postman.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for postman in self._postmen.values():
            postman.settle()
        left = sum(len(postman.bag) for postman in self._postmen.values() if postman.bag.has_news)
        if left:
            logger.warning("{} alerts could not be told; the journal keeps them", left)

    def hand_over(self, label: str, letters: Sequence[Letter]) -> None:
        """Let the alerters that stand in tell what another one could not tell; once for each letter."""
        if label in self.rules.fallback:
            return
        fresh = [letter for letter in letters if not letter.is_handed_over]
        for name in self.rules.fallback:
            postman = self._postmen.get(name)
            for letter in fresh if postman is not None else ():
                letter.is_handed_over = True
                assert postman is not None
                postman.note([Note(seqs=(letter.seqs[-1],), state=DeliveryState.WAITING)])
                postman.put(letter.alert, letter.seqs[-1])

    def reload(self) -> None:
        """Put into the bags what waits in the journal and is in none of them."""
        for postman in self._postmen.values():
            postman.settle()
        known = {label: postman.bag.seqs() for label, postman in self._postmen.items()}
        for row in self.book.undelivered(tuple(self._postmen)):
            postman = self._postmen[row.alerter]
            if row.seq not in known[row.alerter]:
                postman.restore(row)
        for postman in self._postmen.values():
            postman.wake()

    def settle(self, deliveries: Sequence[Delivery] = ()) -> None:
        """Write notes to the journal; while it takes none they are kept, and alerts may be told twice after a crash."""
        self._unsettled += deliveries
        del self._unsettled[:-MOST_UNSETTLED]
        if not self._unsettled:
            return
        with suppress(JournalError):  # whoever writes the decisions meets the same error, and answers it
            self.book.settle_deliveries(self._unsettled)
            self._unsettled = []

    def _post(self, seq: int, record: AlertRaised) -> None:
        alert = Alert(ts=record.ts, severity=record.severity, title=record.title, text=record.text, key=record.key)
        for label, postman in self._postmen.items():
            if label not in self.rules.fallback:
                postman.put(alert, seq)


@define(eq=False)
class Postman:
    """Tells one alerter what is in its bag, one message at a time; hands it over while the alerter cannot be opened."""

    label: str
    alerter: Alerter
    bag: Mailbag
    outbox: Outbox
    _wake: asyncio.Event = field(factory=asyncio.Event)
    _notes: list[Note] = field(factory=list)
    _is_closing: bool = False
    _is_shut: bool = False

    async def run(self) -> None:
        """Open the alerter and send until the outbox is closed and nothing that is news is left."""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await self.alerter.open()
        except (Exception, SystemExit):
            self._is_shut = True
            self.outbox.hand_over(self.label, self.bag.news)
            raise
        self._is_shut = False
        try:
            await self._work()
        finally:
            await self._close()

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if self.bag.has_overflowed and len(self.bag) <= MOST_WAITING // 2:
                self.bag.has_overflowed = False
                self.outbox.reload()
            message = self.bag.take(loop.time(), closing=self._is_closing)
            if message is not None:
                arrived = await self._send(message)
                if self._is_closing and not arrived:
                    return
                continue
            self.settle()
            if self._is_closing:
                return
            await self._rest(self.bag.next_time(loop.time()))

    def put(self, alert: Alert, seq: int) -> None:
        """Put an alert into the bag, unless this alerter is not told of its like."""
        if not self.outbox.rules.wants(self.label, alert.severity):
            error = "less severe than what this alerter is told of"
            self.note([Note(seqs=(seq,), state=DeliveryState.ABANDONED, error=error)])
            return
        self.note(self.bag.put(alert, seq, asyncio.get_running_loop().time()))
        if self._is_shut:
            self.outbox.hand_over(self.label, self.bag.news)
        self.wake()

    def restore(self, row: Undelivered) -> None:
        """Take up an alert that an earlier process left: a new one, or one that waits to be acknowledged."""
        alert = Alert(ts=row.ts, severity=row.severity, title=row.title, text=row.text, key=row.key)
        if row.severity is not Severity.CRITICAL or not row.attempts or row.error:
            self.put(alert, row.seq)
            return
        wait = max(0, row.not_before - self.outbox.now()) / NANOSECONDS_PER_SECOND
        self.bag.put_told(alert, row.seq, asyncio.get_running_loop().time() + wait, row.attempts)

    def note(self, notes: Sequence[Note]) -> None:
        """Keep notes for the journal; they are written with the next message, or when the alerter has nothing to do."""
        self._notes += notes
        if notes:
            self.wake()

    def wake(self) -> None:
        """Let the task look into its bag."""
        self._wake.set()

    def close(self) -> None:
        """Let the task end when everything new has been told."""
        self._is_closing = True
        self.wake()

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.alerter.close()
        except (Exception, SystemExit) as error:
            logger.error("alerter {} could not be closed: {}", self.label, cause_of(error))

    async def _send(self, message: Message) -> bool:
        """Send a message and note what became of it; tell whether it arrived."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self.alerter.send(message.alert)
        except (Exception, SystemExit) as error:
            self._failed(message, error)
            return False
        self.note(self.bag.delivered(message, loop.time()))
        self.settle()
        return True

    def _failed(self, message: Message, error: BaseException) -> None:
        reason = cause_of(error)
        is_unclear = isinstance(error, TimeoutError)
        logger.error("alerter {}: {} was not delivered: {}", self.label, message.alert.title, reason)
        now = asyncio.get_running_loop().time()
        self.note(self.bag.failed(message, now, self.outbox.random(), reason, is_unclear=is_unclear))
        if message.letters[0].attempts >= ATTEMPTS_TO_HAND_OVER:
            self.outbox.hand_over(self.label, message.letters)
        self.settle()

    def settle(self) -> None:
        """Write the notes; one for each event, the last one counts."""
        now = self.outbox.now()
        notes, self._notes = self._notes, []
        self.outbox.settle(
            [
                Delivery(
                    seq=seq,
                    alerter=self.label,
                    state=note.state,
                    attempts=note.attempts,
                    at=now,
                    not_before=now + round(note.wait * NANOSECONDS_PER_SECOND) if note.wait else 0,
                    error=note.error,
                )
                for note in notes
                for seq in note.seqs
            ]
        )

    async def _rest(self, until: float | None) -> None:
        """Wait for a new alert, or for the time at which an old one is due."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._wake.wait()
        self._wake.clear()
