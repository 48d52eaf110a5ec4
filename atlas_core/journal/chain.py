"""The hash chain: each event's hash covers everything before it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from atlas_core.errors import JournalCorrupt
from atlas_core.journal.codec import Stored

GENESIS = bytes(32)
"""What the first event is linked to."""

Event = tuple[int, int, str, int, str, str, bytes]
"""One row of the event table: seq, ts, kind, version, subject, payload, hash."""


def link(records: Sequence[Stored], last_seq: int, last_hash: bytes) -> list[Event]:
    """Number and chain stored records behind the event `last_seq`, whose hash is `last_hash`."""
    sha256 = hashlib.sha256
    events: list[Event] = []
    for seq, (ts, kind, version, subject, payload) in enumerate(records, last_seq + 1):
        facts = f"{seq}\x1f{ts}\x1f{kind}\x1f{version}\x1f{subject}\x1f{payload}"
        last_hash = sha256(last_hash + facts.encode()).digest()
        events.append((seq, ts, kind, version, subject, payload, last_hash))
    return events


def check(
    rows: Iterable[tuple[int, int, bytes, int, bytes, bytes, bytes]], last_seq: int = 0, last_hash: bytes = GENESIS
) -> Iterator[int]:
    """Follow the chain over raw rows (texts as bytes) behind event `last_seq` and yield each good number.

    The separator cannot stand in a payload, whose JSON escapes it, nor in a number or kind, so no two events have the
    same facts. Raises JournalCorrupt at the first event that is missing or whose hash is not what its facts give.
    """
    previous = last_hash
    expected_seq = last_seq + 1
    for seq, ts, kind, version, subject, payload, stored in rows:
        if seq != expected_seq:
            raise JournalCorrupt(f"event {expected_seq}: expected it next in the journal, was event {seq}")
        try:
            facts = b"\x1f".join((b"%d" % seq, b"%d" % ts, kind, b"%d" % version, subject, payload))
        except TypeError:
            raise JournalCorrupt(f"event {seq}: expected numbers and texts, was {(ts, kind, version)}") from None
        previous = hashlib.sha256(previous + facts).digest()
        if previous != stored:
            was = stored.hex()[:16] if isinstance(stored, bytes) else repr(stored)
            raise JournalCorrupt(
                f"event {seq}: expected hash {previous.hex()[:16]}…, was {was}…; its content or its hash was changed"
            )
        yield seq
        expected_seq += 1
