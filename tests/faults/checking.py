"""Holds a trace against the invariants: every checker sees each entry once, with what followed from those before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from attrs import define, field, frozen

from tests.faults.books import Books
from tests.faults.trace import Entry

SECOND = 1_000_000_000


@frozen
class Breach:
    """An invariant that did not hold, at one entry of a trace."""

    invariant: str
    at: int
    index: int
    text: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.text}"


@define
class Checker:
    """One invariant: `before_KIND` sees an entry before the books fold it, `after_KIND` afterwards."""

    name: ClassVar[str]
    books: Books
    breaches: list[Breach] = field(factory=list)
    index: int = 0
    at: int = 0

    def breach(self, text: str) -> None:
        """Note that the invariant does not hold here."""
        self.breaches.append(Breach(self.name, self.at, self.index, text))

    def finish(self) -> None:
        """Judge what can only be judged at the end."""


def check(trace: Iterable[Entry], kinds: Sequence[type[Checker]]) -> list[Breach]:
    """Return the breaches of a trace in the order in which they happened."""
    books = Books()
    checkers = [kind(books) for kind in kinds]
    before, after = _handlers(checkers, "before_"), _handlers(checkers, "after_")
    timers = [(checker, checker.pass_time) for checker in checkers if hasattr(checker, "pass_time")]
    last = -1
    for index, entry in enumerate(trace):
        if entry.at != last:
            last = entry.at
            for checker, pass_time in timers:
                checker.index, checker.at = index, entry.at
                pass_time(entry.at)
        for checker, handler in before.get(entry.kind, ()):
            checker.index, checker.at = index, entry.at
            handler(entry)
        books.take(entry)
        for checker, handler in after.get(entry.kind, ()):
            checker.index, checker.at = index, entry.at
            handler(entry)
    for checker in checkers:
        checker.finish()
    return sorted((b for checker in checkers for b in checker.breaches), key=lambda breach: breach.index)


def _handlers(checkers: Sequence[Checker], prefix: str) -> dict[str, list[tuple[Checker, object]]]:
    handlers: dict[str, list[tuple[Checker, object]]] = {}
    for checker in checkers:
        for name in dir(type(checker)):
            if name.startswith(prefix):
                kind = name.removeprefix(prefix)
                handlers.setdefault(kind, []).append((checker, getattr(checker, name)))
    return handlers
