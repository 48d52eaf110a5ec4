"""A journal whose bytes change on the disk: found before anything trades, or without any effect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from atlas_core.errors import JournalError
from atlas_core.journal import Journal, JournalReader
from tests.journal_samples import START, short_run, signal

PAGE = 4096


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "journal.db"
    with Journal.create(path) as journal:
        journal.append([*short_run(), *(signal(f"k{number}", START + number) for number in range(60))])
    return path.read_bytes()


def everything(path: Path) -> tuple[object, ...]:
    """Return all that a journal says, after checking it as the start of a session and an audit do."""
    with Journal.resume(path, now=START) as journal:
        journal.verify(projections=True)
        return journal.count(), journal.digest(), journal.projection_dump(), journal.undelivered()


def count_found(path: Path, content: bytes, flips: list[tuple[int, int]]) -> int:
    """Flip one bit at a time; return how many were found. One that is not found must not change anything."""
    path.write_bytes(content)
    expected = everything(path)
    found = 0
    for at, bit in flips:
        changed = bytearray(content)
        changed[at] ^= 1 << bit
        path.with_name("journal.db-wal").unlink(missing_ok=True)
        path.write_bytes(changed)
        try:
            assert everything(path) == expected, f"byte {at}, bit {bit}"
        except JournalError:
            found += 1
    return found


def test_a_page_that_changes_is_found_for_each_page_in_turn(tmp_path: Path, content: bytes) -> None:
    random = np.random.default_rng(5)
    pages = len(content) // PAGE
    assert pages > 20
    overwritten = 0
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    expected = everything(path)
    for page in range(pages):
        changed = bytearray(content)
        changed[page * PAGE : (page + 1) * PAGE] = random.bytes(PAGE)
        path.write_bytes(changed)
        try:
            assert everything(path) == expected
        except JournalError:
            overwritten += 1
    assert overwritten == pages


def test_random_bit_flips_are_found_or_change_nothing(tmp_path: Path, content: bytes) -> None:
    random = np.random.default_rng(6)
    flips = [(int(at), int(bit)) for at, bit in random.integers((len(content), 8), size=(40, 2))]
    assert count_found(tmp_path / "journal.db", content, flips) > 5


@pytest.mark.campaign
@pytest.mark.timeout(3_600)
def test_ten_thousand_bit_flips_are_found_or_change_nothing(tmp_path: Path, content: bytes) -> None:
    random = np.random.default_rng(7)
    flips = [(int(at), int(bit)) for at, bit in random.integers((len(content), 8), size=(10_000, 2))]
    found = count_found(tmp_path / "journal.db", content, flips)
    print(f"{found} of {len(flips)} flips were found, the others changed nothing")
    assert found > 2_000


def test_a_reader_meets_damage_with_an_error_and_not_with_other_numbers(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.db"
    start = content.index(b'"score":0.75')
    path.write_bytes(content[:start] + b'"score":0.25' + content[start + 12 :])
    with JournalReader.open(path) as reader, pytest.raises(JournalError, match="event"):
        reader.verify()
