"""Invariants of what people ask for: a kill is obeyed by every way in and lasts, and so is its release."""

from __future__ import annotations

from typing import ClassVar

from attrs import define

from tests.faults.checking import SECOND, Checker
from tests.faults.trace import Entry

OBEYED_WITHIN = 5 * SECOND
WRITTEN_WITHIN = 10 * SECOND
"""A look at the inbox lies in it, and a tick after which a journal that took nothing is tried again."""

NEVER = 10**30


@define
class PeopleObeyed(Checker):
    """I9, I29: a kill switches entries off and is in the journal soon, and after a release entries are allowed again.

    That nothing is entered meanwhile, whatever process runs, is judged where requests leave.
    """

    name: ClassVar[str] = "I9"
    begun_at: int = NEVER
    killed_at: int = NEVER
    asked_at: int = NEVER
    released_at: int = NEVER

    def pass_time(self, at: int) -> None:
        """Judge what lasts too long."""
        if at - self.asked_at > OBEYED_WITHIN:
            self.asked_at = NEVER
            self.breach("a session was told to stop entries, and the kill file is not there")
        if at - max(self.killed_at, self.begun_at) > WRITTEN_WITHIN:
            if self.books.trading_state != "halted":
                self.breach(f"the kill file is there, and the journal says {self.books.trading_state}")
            self.killed_at = NEVER
        if at - max(self.released_at, self.begun_at) > WRITTEN_WITHIN:
            if self.books.trading_state != "active":
                self.breach(f"entries were allowed again, and the journal says {self.books.trading_state}")
            self.released_at = NEVER

    def after_command(self, entry: Entry) -> None:
        self.released_at = NEVER
        if entry["name"] == "kill" and not self.books.is_killed:
            self.asked_at = self.at

    def after_kill_file(self, entry: Entry) -> None:
        self.asked_at = self.released_at = NEVER
        self.killed_at = self.at if entry["present"] else NEVER

    def after_released(self, entry: Entry) -> None:
        self.released_at = self.at

    def after_begun(self, entry: Entry) -> None:
        self.begun_at = self.at
        if self.books.is_killed:
            self.killed_at = self.at

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
