"""Power cuts: `python -m tests.faults.power_cuts --cuts N` counts what a journal loses by them.

Each cut is one machine's story, told by its seed: the journal's own code appends records, settles deliveries and moves
its log on a forgetful disk until the power fails at some call; now and then it comes back and fails again. What is left
is then opened as a session does it, with Python's SQLite and `Journal.resume`, and held against what was acknowledged.
`--normal` shows that the harness can see a loss: with `synchronous=NORMAL` a commit is not synchronised.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, cast

import numpy as np
from attrs import define, evolve, field

from atlas_core.errors import JournalError
from atlas_core.journal import Delivery, DeliveryState, Journal
from atlas_core.journal.chain import GENESIS, link
from atlas_core.journal.codec import CODEC
from atlas_core.journal.files import faults_of, set_up_writer
from atlas_core.journal.migrations import migrate
from atlas_core.model.decisions import Severity
from atlas_core.model.records import AlertRaised, Record
from tests.faults.power_disk import Disk, ForgetfulConnection, Image
from tests.journal_samples import START, signal, verdict

NAME = "journal.db"
PHONE = "phone"
LONGEST_LIFE = 500
"""Calls to the disk after which the power has failed at the latest."""


@define
class Books:
    """What a journal must hold: what was acknowledged, and what may be there because its fate is open."""

    hashes: list[bytes] = field(factory=lambda: [GENESIS])
    waiting: set[int] = field(factory=set)
    acknowledged: int = 0
    commits: int = 0
    open_waiting: set[int] | None = None

    def copy(self) -> Books:
        """Return the same books, to be kept apart."""
        return evolve(self, hashes=list(self.hashes), waiting=set(self.waiting))

    def intend(self, records: Sequence[Record]) -> None:
        """Note an append that is on its way."""
        del self.hashes[self.acknowledged + 1 :]
        events = link(CODEC.encode(records), self.acknowledged, self.hashes[-1])
        self.hashes += [event[-1] for event in events]
        alerts = {event[0] for event in events if event[2] == "alert_raised"}
        self.open_waiting = self.waiting | alerts

    def intend_to_settle(self, seq: int) -> None:
        """Note a settling that is on its way."""
        self.open_waiting = self.waiting - {seq}

    def acknowledge(self) -> None:
        """Note that the call returned."""
        assert self.open_waiting is not None
        self.waiting, self.open_waiting = self.open_waiting, None
        self.acknowledged = len(self.hashes) - 1
        self.commits += 1

    def check(self, count: int, digest: str, waiting: set[int]) -> str:
        """Return what is wrong with a journal that was found so, empty for nothing; what it kept counts from now."""
        last = len(self.hashes) - 1
        if count < self.acknowledged:
            return f"lost: {self.acknowledged} events were acknowledged, {count} are there"
        if count not in (self.acknowledged, last):
            return f"torn: expected {self.acknowledged} or {last} events, were {count}"
        if digest != (self.hashes[count].hex() if count else ""):
            return f"changed: the hash of event {count} is another one"
        is_kept = self.open_waiting is not None and (waiting == self.open_waiting or count > self.acknowledged)
        expected = self.open_waiting if is_kept else self.waiting
        if waiting != expected:
            return f"outbox: expected {sorted(expected or ())} to wait, were {sorted(waiting)}"
        self.waiting, self.open_waiting, self.acknowledged = waiting, None, count
        del self.hashes[count + 1 :]
        return ""


@define
class Machine:
    """One machine with a journal on its disk, which loses its power again and again."""

    random: np.random.Generator
    directory: Path
    synchronous: str = "FULL"
    books: Books = field(factory=Books)
    images: dict[str, Image] = field(factory=dict)
    calls: int = 0

    def live(self) -> str:
        """Work until the power fails, then look at what is left; return what is wrong with it."""
        disk = Disk.holding(self.images, self.random)
        with ForgetfulConnection.on(disk) as connection:
            disk.cut_at = disk.calls + 1 + int(self.random.integers(LONGEST_LIFE))
            with suppress(JournalError):
                journal = mounted(connection, self.synchronous)
                while not disk.is_dead:
                    work(journal, self.books, self.random)
            self.calls += disk.calls
            self.images = disk.after_cut()
        return self.look()

    def look(self) -> str:
        """Open what is left as a session does; what the session finds is what the next life begins with."""
        for old in self.directory.glob(f"{NAME}*"):
            old.unlink()
        for name, image in self.images.items():
            (self.directory / name).write_bytes(image)
        try:
            with Journal.resume(self.directory / NAME, now=START) as journal:
                found = journal.count(), journal.digest(), {row.seq for row in journal.undelivered([PHONE])}
        except JournalError as error:
            return f"unusable: {error}"
        self.images = {NAME: (self.directory / NAME).read_bytes()}
        return self.books.check(*found)


def mounted(connection: ForgetfulConnection, synchronous: str = "FULL") -> Journal:
    """Open the journal of a disk, or make it, with the settings and steps of the product."""
    path, writer = Path(NAME), cast(Any, connection)
    journal = Journal(writer, path)
    with faults_of(path):
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        set_up_writer(writer, path, may_be_blank=True)
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        migrate(writer, path, journal._rebuild)
    journal.deliver_to([PHONE])
    return journal


def work(journal: Journal, books: Books, random: np.random.Generator) -> None:
    """Let one thing happen that a session does."""
    chance = random.random()
    if chance < 0.1:
        journal._checkpoint()
        return
    if chance < 0.25 and books.waiting:
        seq = int(random.choice(sorted(books.waiting)))
        books.intend_to_settle(seq)
        settled = Delivery(seq=seq, alerter=PHONE, state=DeliveryState.DELIVERED, attempts=1, at=START)
        journal.settle_deliveries([settled])
    else:
        records = some_records(books.acknowledged, random)
        books.intend(records)
        journal.append(records)
    books.acknowledge()


def some_records(number: int, random: np.random.Generator) -> list[Record]:
    """Return what one decision may write, seldom what a scan of many symbols writes."""
    records: list[Record] = []
    for key in range(200 if random.random() < 0.04 else int(random.integers(1, 4))):
        records += [signal(f"k{number}-{key}", START + number), verdict(f"k{number}-{key}", START + number)]
    if random.random() < 0.3:
        text = "x" * int(random.integers(3_000))
        records.append(AlertRaised(ts=START, severity=Severity.WARNING, title="t", text=text, key="k"))
    return records


def cut_often(
    cuts: int, directory: Path, synchronous: str = "FULL", first_seed: int = 0
) -> tuple[Counter[str], list[str]]:
    """Cut the power so many times; return what was counted, and each fault with its seed."""
    counts: Counter[str] = Counter()
    faults: list[str] = []
    seed = first_seed
    while counts["power cuts"] < cuts:
        machine = Machine(np.random.default_rng(seed), directory, synchronous)
        for _ in range(int(machine.random.choice((1, 1, 2, 3)))):
            fault = machine.live()
            counts["power cuts"] += 1
            if fault:
                faults.append(f"seed {seed}: {fault}")
                counts[fault.partition(":")[0]] += 1
                break
        counts["commits acknowledged"] += machine.books.commits
        counts["events in the journals"] += machine.books.acknowledged
        counts["calls to the disk"] += machine.calls
        seed += 1
    counts["machines"] = seed - first_seed
    return counts, faults


def main() -> int:
    parser = argparse.ArgumentParser(description="Count what a journal loses by power cuts.")
    parser.add_argument("--cuts", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0, help="the first machine's seed; a fault names its own")
    parser.add_argument("--normal", action="store_true", help="use synchronous=NORMAL, which loses commits")
    arguments = parser.parse_args()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # the disk is simulated: its copy may be anywhere
    began = perf_counter()
    with TemporaryDirectory(dir=memory) as place:
        mode = "NORMAL" if arguments.normal else "FULL"
        counts, faults = cut_often(arguments.cuts, Path(place), mode, arguments.seed)
    for fault in faults[:20]:
        print(fault)
    print(f"synchronous={mode}, {perf_counter() - began:.0f} s")
    for name, count in counts.items():
        print(f"{count:>12,} {name}")
    print(f"{len(faults):>12,} cuts with a fault")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
