"""Every call to the disk fails once: `python -m tests.faults.power_cut_calls` tries them all.

One short life of a journal is lived again and again; in the n-th life the n-th call of a kind fails, only this one or
all from there on, until a life ends in which no call of that kind was left to fail. After each life the process dies,
and the disk is looked at twice: as the next process finds it, and as it is after a power cut at that moment.

A short read is the one lie that nobody can see at once: SQLite takes what is missing for zeros and may write them back.
Such a file must be found damaged at the next start; it may not be believed.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from attrs import define, frozen

from atlas_core.errors import JournalCorrupt, JournalError, JournalFailed, JournalFull
from atlas_core.journal import Journal
from tests.faults.power_cuts import Books, Machine, mounted, some_records
from tests.faults.power_disk import Disk, ForgetfulConnection, Image, ShortRead, disk_error
from tests.journal_samples import signal


@frozen
class Kind:
    """A kind of fault: which call, what it raises, and whether the disk stays so."""

    call: str
    code: str
    stays: bool

    def __str__(self) -> str:
        return f"{self.call} {self.code}{' from there on' if self.stays else ''}"


KINDS = tuple(
    Kind(call, code, stays)
    for call, code in (
        ("xSync", "SQLITE_IOERR_FSYNC"),
        ("xWrite", "SQLITE_FULL"),
        ("xWrite", "SQLITE_IOERR_WRITE"),
        ("xRead", "SQLITE_IOERR_READ"),
        ("xRead", "short"),
        ("xTruncate", "SQLITE_IOERR_TRUNCATE"),
    )
    for stays in (False, True)
)


@define
class NthFails:
    """Fails the n-th call of a kind."""

    kind: Kind
    number: int
    seen: int = 0

    def __call__(self, name: str) -> Exception | None:
        if name != self.kind.call:
            return None
        self.seen += 1
        if self.seen == self.number or (self.kind.stays and self.seen > self.number):
            return ShortRead() if self.kind.code == "short" else disk_error(self.kind.code)
        return None


@define
class Story:
    """What became of one life: `outcome` is the last error's class, or `whole`; `fault` is what must not be."""

    outcome: str
    fault: str
    was_reached: bool


def beginning(directory: Path) -> tuple[dict[str, Image], Books]:
    """Return a disk with a small journal, and its books."""
    random, books = np.random.default_rng(1), Books()
    disk = Disk(random)
    with ForgetfulConnection.on(disk) as connection:
        journal = mounted(connection)
        for _ in range(3):
            append(journal, books, random)
        images = {name: bytes(image) for name, image in disk.after_kill().items()}
    return images, books


def append(journal: Journal, books: Books, random: np.random.Generator, least: int = 0) -> None:
    records = some_records(books.acknowledged, random)
    while len(records) < least:
        records += some_records(books.acknowledged + len(records) * 1_000, random)
    books.intend(records)
    journal.append(records)
    books.acknowledge()


def live(kind: Kind, number: int, directory: Path, images: dict[str, Image], books: Books) -> Story:
    """Live the life in which call `number` fails; return what became of it."""
    random = np.random.default_rng(number)
    books = books.copy()
    disk, failing = Disk.holding(images, random), NthFails(kind, number)
    outcome, fault = "whole", ""
    with ForgetfulConnection.on(disk) as connection:
        disk.fault = failing
        try:
            journal = mounted(connection)
            for step in range(5):
                fault = fault or attempt(journal, books, random, least=300 if step == 2 else 0)
                if step in (1, 3):
                    journal._checkpoint()
        except JournalError as error:
            outcome = type(error).__name__
        ends = disk.after_kill(), disk.after_cut()
    for end in ends:
        seen = Machine(random, directory, books=books.copy(), images=dict(end))
        fault = fault or seen.look()
    if kind.code == "short" and fault.startswith("unusable"):
        outcome, fault = "damage found at the next start", ""
    return Story(outcome, fault, failing.seen >= number)


def attempt(journal: Journal, books: Books, random: np.random.Generator, least: int) -> str:
    """Append as a session does: once more after a full disk, never after a failed one; return what was wrong."""
    state = random.bit_generator.state
    try:
        append(journal, books, random, least)
    except JournalFull:
        random.bit_generator.state = state
        append(journal, books, random, least)
    except (JournalFailed, JournalCorrupt):
        with suppress(JournalFailed):
            journal.append([signal("after the failure")])
            return "a journal whose disk failed accepted an append"
        raise
    return ""


def stories(kind: Kind, directory: Path, stride: int = 1) -> Iterator[tuple[int, Story]]:
    """Yield each life of a kind, every `stride`th call, and last one in which no call was left to fail."""
    images, books = beginning(directory)
    number = 1
    while True:
        story = live(kind, number, directory, images, books)
        yield number, story
        if not story.was_reached:
            return
        number += stride


def main() -> int:
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    faults = 0
    with TemporaryDirectory(dir=memory) as place:
        for kind in KINDS:
            outcomes: Counter[str] = Counter()
            for number, story in stories(kind, Path(place)):
                outcomes[story.outcome] += 1
                if story.fault:
                    faults += 1
                    print(f"{kind}, call {number}: {story.fault}")
            told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
            print(f"{kind}: {sum(outcomes.values())} lives: {told}")
    print(f"{faults} lives with a fault")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
