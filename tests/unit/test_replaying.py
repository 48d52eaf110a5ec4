"""A recorded session gives the same records again, and another system differs where it decides otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from atlas_core.compose import System
from atlas_core.errors import DataError, NotFound
from atlas_core.journal import Journal, JournalReader
from atlas_core.runs import Mode
from atlas_core.runtime import recording
from atlas_core.runtime.recording import Tape, TapeRecorder, make_room, read_head, read_tape, tape_path, tapes_in
from atlas_core.runtime.replaying import replay
from atlas_core.runtime.session import SessionPlan, run_session
from tests.systems import CONFIGS, system_of

SHORT = (("universe.symbols", '["BTC-PERP", "SPY"]'), ("universe.end", "2026-04-06T18:00"))
Overrides = Sequence[tuple[str, str]]


def demo(*changes: tuple[str, str]) -> System:
    return system_of(CONFIGS / "demo.toml", Mode.PAPER, (*SHORT, *changes))


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recorded session of one day."""
    directory = tmp_path_factory.mktemp("recorded")
    path = directory / "journal.db"
    with Journal.create(path) as journal:
        asyncio.run(run_session(demo(), journal, SessionPlan(recorder=TapeRecorder.beside(path, 1, SHORT))))
    return directory


@pytest.fixture
def tape(directory: Path) -> Path:
    return tapes_in(directory)[0]


@pytest.fixture
def journal(directory: Path) -> Iterator[JournalReader]:
    with JournalReader.open(directory / "journal.db") as reader:
        yield reader


def rewritten(tape: Path, entries: list[list[object]], directory: Path) -> Path:
    path = directory / tape.name
    copy = Tape(path)
    for entry in entries:
        copy.write(entry)
    copy.close()
    return path


def test_recording_changes_nothing(directory: Path) -> None:
    with Journal.in_memory() as unrecorded, JournalReader.open(directory / "journal.db") as recorded:
        asyncio.run(run_session(demo(), unrecorded))
        assert unrecorded.digest() == recorded.digest()


def test_a_tape_says_what_it_was_recorded_with(tape: Path) -> None:
    head = read_head(tape)
    assert (head["first_seq"], head["mode"], head["digest"]) == (1, "paper", demo().profile.digest)
    assert head["profile"] == str(CONFIGS / "demo.toml")
    assert [tuple(override) for override in head["overrides"]] == list(SHORT)
    assert [each["symbol"] for each in head["instruments"]] == ["BTC-PERP", "SPY"]


def test_a_tape_is_private(tape: Path) -> None:
    assert tape.stat().st_mode & 0o777 == 0o600


def test_the_same_system_decides_the_same_again(tape: Path, journal: JournalReader) -> None:
    result = replay(tape, journal, demo())
    assert result.difference is None
    assert result.is_whole
    assert result.compared == journal.count() > 300
    assert result.scans > 50


def test_a_gate_that_became_stricter_is_the_first_difference(tape: Path, journal: JournalReader) -> None:
    found = replay(tape, journal, demo(("gate.quality.minimum_reward_to_risk", "1.1"))).difference
    assert found is not None
    assert found.cause == "verdict reached by quality"
    assert found.fields == ("threshold",)
    assert "threshold=0.8" in found.recorded
    assert "threshold=1.1" in found.replayed


def test_a_scanner_that_finds_other_signals_is_named(tape: Path, journal: JournalReader) -> None:
    result = replay(tape, journal, demo(("scanner.strat.timeframes", '["1h"]')))
    assert result.difference is not None
    assert result.difference.cause == "scanner strat"
    assert "15m" in result.difference.recorded
    assert "15m" not in result.difference.replayed


def test_a_fill_at_another_price_is_found_at_the_position_that_it_opened(
    tape: Path, journal: JournalReader, tmp_path: Path
) -> None:
    entries = list(read_tape(tape))
    fill = next(entry for entry in entries if entry[:2] == ["event", "OrderFilled"])
    fill[2]["price"] = str(float(fill[2]["price"]) + 1)
    found = replay(rewritten(tape, entries, tmp_path), journal, demo()).difference
    assert found is not None
    assert found.recorded.startswith("position_opened")
    assert "price" in found.fields


def test_a_changed_record_is_found(tape: Path, directory: Path, tmp_path: Path) -> None:
    """The chain is made anew here: only the replay can tell that this decision was never made."""
    with JournalReader.open(directory / "journal.db") as original:
        records = list(original.records())
    del records[-3]
    with Journal.create(tmp_path / "journal.db") as forged:
        forged.append(records)
        found = replay(tape, forged, demo()).difference
    assert found is not None
    assert found.seq >= len(records) - 2


def test_a_tape_that_a_crash_cut_off_is_compared_as_far_as_it_goes(
    tape: Path, journal: JournalReader, tmp_path: Path
) -> None:
    cut = tmp_path / tape.name
    cut.write_bytes(tape.read_bytes()[: tape.stat().st_size * 9 // 10])
    result = replay(cut, journal, demo())
    assert result.difference is None
    assert not result.is_whole
    assert 50 < result.compared < journal.count()


def test_a_tape_ahead_of_a_journal_that_a_power_cut_shortened_is_no_difference(
    tape: Path, directory: Path, tmp_path: Path
) -> None:
    entries = [entry for entry in read_tape(tape) if entry[0] != "finish"]
    with JournalReader.open(directory / "journal.db") as original:
        records = list(original.records())[:200]
    with Journal.create(tmp_path / "journal.db") as shortened:
        shortened.append(records)
        result = replay(rewritten(tape, entries, tmp_path), shortened, demo())
    assert (result.difference, result.compared) == (None, 200)


def test_records_behind_the_end_of_the_replay_are_a_difference(tape: Path, directory: Path, tmp_path: Path) -> None:
    with JournalReader.open(directory / "journal.db") as original:
        records = list(original.records())
    with Journal.create(tmp_path / "journal.db") as longer:
        longer.append([*records, records[-1]])
        found = replay(tape, longer, demo()).difference
    assert found is not None
    assert (found.seq, found.replayed) == (len(records) + 1, "")


def test_a_damaged_tape_is_refused(tape: Path, journal: JournalReader, tmp_path: Path) -> None:
    damaged = tmp_path / tape.name
    content = bytearray(tape.read_bytes())
    content[1000:1100] = bytes(100)
    damaged.write_bytes(content)
    with pytest.raises(DataError, match="is damaged"):
        replay(damaged, journal, demo())
    with pytest.raises(NotFound, match="there is no tape"):
        replay(tmp_path / "none.gz", journal, demo())


# --- the tape itself


def test_what_was_flushed_can_be_read_without_the_end(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "tape.gz")
    tape.write(["scan", 1])
    tape.flush()
    tape.write(["scan", 2])
    assert list(read_tape(tape.path)) == [["scan", 1]]
    tape.close()
    tape.close()
    assert list(read_tape(tape.path)) == [["scan", 1], ["scan", 2]]


def test_a_tape_that_cannot_be_made_records_nothing_and_says_nothing(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "nowhere" / "tape.gz")
    tape.write(["scan", 1])
    tape.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limits", [{"largest": 2_000}, {"least_free": 2**62}], ids=["its size", "a full disk"])
def test_a_tape_ends_at_its_limit_and_keeps_what_it_has(tmp_path: Path, limits: dict[str, int]) -> None:
    tape = Tape(tmp_path / "tape.gz", **limits)
    for number in range(2_000):
        tape.write(["scan", number * 7919 % 10_007])
        tape.flush()
    tape.close()
    kept = list(read_tape(tape.path))
    assert tape.path.stat().st_size <= 2_000
    assert kept == [["scan", number * 7919 % 10_007] for number in range(len(kept))]


def test_the_oldest_tapes_make_room_for_a_new_one(tmp_path: Path) -> None:
    for seq in (1, 100, 2_000):
        tape_path(tmp_path, seq).write_bytes(bytes(1_000))
    make_room(tmp_path, 2_000)
    assert tapes_in(tmp_path) == [tape_path(tmp_path, 100), tape_path(tmp_path, 2_000)]
    assert recording.LARGEST_TAPE < recording.LARGEST_TAPES
