"""Holds a trace against the invariants: every checker sees each entry once, with what followed from those before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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

    @property
    def at(self) -> int:
        """The time of the entry that is looked at."""
        return self.books.at

    def breach(self, text: str) -> None:
        """Note that the invariant does not hold here."""
        self.breaches.append(Breach(self.name, self.books.at, self.books.index, text))


Handlers = dict[str, list[Callable[[Entry], None]]]


@define
class Judge:
    """Checkers over a trace that grows; each sees every entry once."""

    checkers: list[Checker]
    books: Books
    seen: int = 0
    _before: Handlers = field(init=False)
    _after: Handlers = field(init=False)
    _timers: list[Callable[[int], None]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._before, self._after = _handlers(self.checkers, "before_"), _handlers(self.checkers, "after_")
        self._timers = [checker.pass_time for checker in self.checkers if hasattr(checker, "pass_time")]

    @classmethod
    def of(cls, kinds: Sequence[type[Checker]]) -> Judge:
        """Return a judge that has seen nothing."""
        books = Books()
        return cls([kind(books) for kind in kinds], books)

    @property
    def is_broken(self) -> bool:
        """Tell whether an invariant did not hold so far."""
        return any(checker.breaches for checker in self.checkers)

    def see(self, entry: Entry) -> None:
        """Let every checker see the next entry."""
        books, kind, at = self.books, entry.kind, entry.at
        books.index, self.seen = self.seen, self.seen + 1
        if at != books.at:
            books.at = at
            for pass_time in self._timers:
                pass_time(at)
        for handler in self._before.get(kind, ()):
            handler(entry)
        books.take(entry)
        for handler in self._after.get(kind, ()):
            handler(entry)

    def breaches(self) -> list[Breach]:
        """Return the breaches so far in the order in which they happened."""
        return sorted((b for checker in self.checkers for b in checker.breaches), key=lambda breach: breach.index)


def check(trace: Iterable[Entry], kinds: Sequence[type[Checker]]) -> list[Breach]:
    """Return the breaches of a trace in the order in which they happened."""
    judge = Judge.of(kinds)
    for entry in trace:
        judge.see(entry)
    return judge.breaches()


def _handlers(checkers: Sequence[Checker], prefix: str) -> Handlers:
    handlers: Handlers = {}
    for checker in checkers:
        for name in dir(type(checker)):
            if name.startswith(prefix):
                kind = name.removeprefix(prefix)
                handlers.setdefault(kind, []).append(getattr(checker, name))
    return handlers
