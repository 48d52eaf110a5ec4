"""A small part of the campaigns `power_cuts` and `power_cut_calls`, and that their eyes are open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.faults.power_cut_calls import KINDS, Kind, stories
from tests.faults.power_cuts import Books, cut_often
from tests.faults.power_disk import SECTOR, StoredFile
from tests.journal_samples import short_run


def test_no_power_cut_loses_what_append_acknowledged(tmp_path: Path) -> None:
    counts, faults = cut_often(40, tmp_path)
    assert faults == []
    assert counts["power cuts"] >= 40
    assert counts["commits acknowledged"] > 200


def test_a_commit_that_is_not_synchronised_is_lost_and_the_harness_sees_it(tmp_path: Path) -> None:
    _, faults = cut_often(12, tmp_path, synchronous="NORMAL")
    assert len([fault for fault in faults if "lost:" in fault]) >= 5


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_call_that_fails_loses_nothing_and_says_what_to_do(kind: Kind, tmp_path: Path) -> None:
    stride = 1 if kind.call in ("xSync", "xTruncate") else 71
    told = dict(stories(kind, tmp_path, stride))
    assert [f"call {number}: {story.fault}" for number, story in told.items() if story.fault] == []
    *reached, last = told.values()
    assert len(reached) >= 2
    assert not last.was_reached
    assert last.outcome == "whole"
    outcomes = {story.outcome for story in reached}
    if kind.call == "xSync":
        assert outcomes == {"JournalFailed"}
    if kind.call == "xWrite":
        assert outcomes == ({"JournalFull"} if kind.stays else {"whole"})


# --- the harness itself


def test_the_books_see_a_loss_a_tear_and_a_change() -> None:
    def books() -> Books:
        made = Books()
        made.intend(short_run())
        made.acknowledge()
        made.intend(short_run())
        return made

    last = books().hashes[44].hex()
    assert books().check(21, "", set()).startswith("lost: 22 events were acknowledged, 21 are there")
    assert books().check(30, "", set()).startswith("torn: expected 22 or 44 events, were 30")
    assert books().check(44, "00", set()).startswith("changed: the hash of event 44")
    assert books().check(44, last, {16}).startswith("outbox: expected [16, 38] to wait, were [16]")
    assert books().check(44, last, {16, 38}) == ""
    assert books().check(22, books().hashes[22].hex(), {16}) == ""


def test_a_disk_keeps_what_was_synchronised_and_some_of_the_rest() -> None:
    stored = StoredFile()
    stored.write(0, b"a" * SECTOR)
    stored.sync()
    stored.write(SECTOR, b"b" * (3 * SECTOR))
    random = np.random.default_rng(3)
    images = [bytes(stored.after_cut(random) or b"") for _ in range(200)]
    assert all(image.startswith(b"a" * SECTOR) for image in images)
    assert len(set(images)) > 5
    assert {len(image) for image in images} >= {SECTOR, 2 * SECTOR, 3 * SECTOR, 4 * SECTOR}


def test_what_a_failed_sync_lost_does_not_come_back_with_the_next_one() -> None:
    stored = StoredFile()
    stored.write(0, b"first")
    stored.fail_to_sync()
    stored.write(5, b"second")
    stored.sync()
    assert bytes(stored.seen) == b"firstsecond"
    assert bytes(stored.durable) == bytes(5) + b"second"
