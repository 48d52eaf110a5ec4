"""Invariants of what people ask for and are told: a kill is obeyed by every way in, an alarm reaches somebody."""

from __future__ import annotations

from typing import ClassVar

from attrs import define, field, frozen

from tests.faults.books import NEVER
from tests.faults.checking import SECOND, Checker
from tests.faults.trace import Entry

OBEYED_WITHIN = 5 * SECOND
WRITTEN_WITHIN = 10 * SECOND
"""A look at the inbox lies in it, and a tick after which a journal that took nothing is tried again."""

FOLDED_WITHIN = 300 * SECOND
"""What is told again within this time waits for its end: people know of it."""

DELIVERED_WITHIN = 130 * SECOND
"""A channel that failed is left alone for a minute, a message may hang for ten seconds, and few leave in a minute."""

WISHES = ("kill", "pause", "resume")
"""Commands that stop entries or allow them: the last one says what is wanted."""

STOPPED_WITHIN = 60 * SECOND
"""Orders may come to rest, requests be answered and alarms be told, none of them for more than eight seconds."""


@define
class PeopleObeyed(Checker):
    """I9, I29: a kill switches entries off and is in the journal soon, and after a release entries are allowed again.

    That nothing is entered meanwhile, whatever process runs, is judged where requests leave. A frozen process can write
    nothing: its time counts from where it goes on. Of a kill and its release that one look finds together nobody sees
    the file; the journal has both. A person learns of a release within a second, in which another may stop entries;
    what was told stands also after the process has died, until somebody stops entries again.
    """

    name: ClassVar[str] = "I9"
    begun_at: int = NEVER
    killed_at: int = NEVER
    asked_at: int = NEVER
    released_at: int = NEVER
    kill_written_at: int = -1
    last_wish: str = ""
    is_released: bool = False

    def pass_time(self, at: int) -> None:
        """Judge what lasts too long."""
        if not self.books.is_up:
            return
        if at - self.asked_at > OBEYED_WITHIN:
            self.asked_at = NEVER
            self.breach("a session was told to stop entries, and the kill file is not there")
        if at - self.killed_at > WRITTEN_WITHIN < at - self.begun_at:
            if self.books.trading_state != "halted":
                self.breach(f"the kill file is there, and the journal says {self.books.trading_state}")
            self.killed_at = NEVER
        if at - self.released_at > WRITTEN_WITHIN < at - self.begun_at:
            if self.books.trading_state != "active":
                self.breach(f"entries were allowed again, and the journal says {self.books.trading_state}")
            self.released_at = NEVER

    def after_command(self, entry: Entry) -> None:
        name = entry["name"]
        if name in WISHES:
            self.last_wish = name
        if name in ("kill", "pause"):
            self._release_ends()
        if name == "kill" and not self.books.is_killed:
            self.asked_at = self.at

    def after_kill_file(self, entry: Entry) -> None:
        self.asked_at = NEVER
        self._release_ends()
        self.killed_at = self.at if entry["present"] else NEVER

    def _release_ends(self) -> None:
        self.is_released, self.released_at = False, NEVER

    def after_operator_acted(self, entry: Entry) -> None:
        if entry.record.arguments.get("reason", "").startswith("kill switch"):
            self.kill_written_at = self.at

    def after_released(self, entry: Entry) -> None:
        if self.last_wish in ("", "resume"):
            self.is_released, self.released_at = True, self.at
        if self.kill_written_at >= self.asked_at:
            self.asked_at = NEVER

    def after_begun(self, entry: Entry) -> None:
        self.begun_at = self.at
        if self.books.is_killed:
            self.killed_at = self.at
        if self.is_released:
            self.released_at = self.at

    def after_down(self, entry: Entry) -> None:
        self.begun_at = self.asked_at = self.released_at = NEVER

    def after_frozen(self, entry: Entry) -> None:
        self.asked_at = NEVER

    def after_resumed(self, entry: Entry) -> None:
        self._wait_anew()

    def after_clock(self, entry: Entry) -> None:
        self.asked_at = NEVER  # what was written a minute before is too old to be done

    def after_fault(self, entry: Entry) -> None:
        if entry["what"].startswith("journal"):
            self._wait_anew()

    def _wait_anew(self) -> None:
        self.killed_at = self.at if self.killed_at != NEVER else NEVER
        self.released_at = self.at if self.released_at != NEVER else NEVER


@define
class StopsWhenAsked(Checker):
    """I24: a session that was asked to stop, or has ended its journal, is gone soon: until then little is judged of it.

    A frozen process can end nothing: its time counts from where it goes on.
    """

    name: ClassVar[str] = "I24"
    asked_at: int = NEVER

    def pass_time(self, at: int) -> None:
        """Judge what goes on for too long."""
        if self.books.is_up and at - max(self.asked_at, self.books.up_since) > STOPPED_WITHIN:
            self.asked_at = NEVER
            self.breach("the session was to stop, and goes on")

    def after_fault(self, entry: Entry) -> None:
        if entry["what"] == "stop-and-start" and self.books.is_up:
            self._wait()

    def after_session_paused(self, entry: Entry) -> None:
        self._wait()

    def _wait(self) -> None:
        self.asked_at = min(self.asked_at, self.at)

    def after_down(self, entry: Entry) -> None:
        self.asked_at = NEVER


@frozen
class Alarm:
    """A critical alert of the journal."""

    at: int
    title: str
    key: str


@define
class AlarmsDelivered(Checker):
    """I27: what is critical reaches people once the channel is well, and what counts as told was told.

    A repeat is folded into a message of its like, and many at once are told as a digest: a repeat of one that a digest
    told waits as long as a repeat of one that was told alone.
    """

    name: ClassVar[str] = "I27"
    waiting: dict[int, Alarm] = field(factory=dict)
    told_at: dict[tuple[str, str], int] = field(factory=dict)
    digest_at: int = -1

    def before_alarm(self, entry: Entry) -> None:
        self.waiting[entry["seq"]] = Alarm(self.at, entry["title"], entry["key"])

    def before_alert(self, entry: Entry) -> None:
        if entry["key"] == "digest":
            self.digest_at = self.at
        self.told_at[entry["title"], entry["key"]] = self.at

    def before_delivery(self, entry: Entry) -> None:
        alarm = self.waiting.get(entry["seq"])
        if alarm is None or entry["how"] == "waiting":
            return
        del self.waiting[entry["seq"]]
        told_at = self.told_at.get((alarm.title, alarm.key), -1)
        if told_at < alarm.at <= self.digest_at:
            self.told_at[alarm.title, alarm.key] = self.digest_at
        elif told_at < alarm.at:
            self.breach(f"{entry['how']} in the journal, and nobody was told: {alarm.title} ({alarm.key})")

    def before_settled(self, entry: Entry) -> None:
        if not self.books.is_up:
            return
        for seq, alarm in self.waiting.items():
            told_before = self.told_at.get((alarm.title, alarm.key), -FOLDED_WITHIN)
            due = max(alarm.at, self.books.calm_since or 0, self.books.up_since, told_before + FOLDED_WITHIN)
            if self.at - due > DELIVERED_WITHIN:
                self.breach(f"nobody was told within {(self.at - due) // SECOND} s: {alarm.title} ({alarm.key}, {seq})")
