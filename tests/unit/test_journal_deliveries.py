"""The outbox: alerts wait for their alerters in the same transaction, and survive what the journal survives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from atlas_core.errors import JournalError
from atlas_core.journal import Delivery, DeliveryState, Journal, JournalReader
from atlas_core.model.decisions import Severity
from atlas_core.model.records import AlertRaised, Record
from tests.journal_samples import START, short_run, signal

ALERTERS = ("phone", "mail")


def alert(title: str, ts: int = START) -> AlertRaised:
    return AlertRaised(ts=ts, severity=Severity.CRITICAL, title=title, text=f"about {title}", key=title)


def done(seq: int, alerter: str, state: DeliveryState = DeliveryState.DELIVERED, attempts: int = 1) -> Delivery:
    return Delivery(seq=seq, alerter=alerter, state=state, attempts=attempts, at=START + 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.create(path) as made:
        made.deliver_to(ALERTERS)
        yield made


def waiting(journal: JournalReader) -> list[tuple[int, str]]:
    return [(row.seq, row.alerter) for row in journal.undelivered()]


def test_append_tells_the_numbers_of_its_events(journal: Journal) -> None:
    assert journal.append(short_run()[:3]) == range(1, 4)
    assert journal.append([]) == range(4, 4)
    assert journal.append([alert("stop lost")]) == range(4, 5)


def test_an_alert_waits_for_every_alerter_from_its_own_commit_on(journal: Journal, path: Path) -> None:
    journal.append([signal("k"), alert("stop lost"), alert("venue gone", START + 1)])
    with JournalReader.open(path) as reader:
        assert waiting(reader) == [(2, "mail"), (2, "phone"), (3, "mail"), (3, "phone")]
        first = reader.undelivered(["phone"])[0]
    assert (first.severity, first.title, first.text, first.key) == (
        Severity.CRITICAL, "stop lost", "about stop lost", "stop lost",
    )  # fmt: skip
    assert (first.ts, first.attempts, first.not_before, first.error) == (START, 0, 0, "")


def test_an_alert_of_a_transaction_that_failed_waits_for_nobody(journal: Journal) -> None:
    with pytest.raises(JournalError, match="cannot record"):
        journal.append([alert("stop lost"), signal("k", score=float("nan"))])
    assert waiting(journal) == []


def test_what_reached_its_alerter_waits_no_longer_and_the_other_still_does(journal: Journal) -> None:
    journal.append([alert("stop lost"), alert("venue gone")])
    journal.settle_deliveries([done(1, "phone"), done(2, "phone", DeliveryState.DIGESTED)])
    assert waiting(journal) == [(1, "mail"), (2, "mail")]
    journal.settle_deliveries([done(1, "mail", DeliveryState.ABANDONED)])
    assert waiting(journal) == [(2, "mail")]


def test_a_failed_attempt_is_kept_with_its_error_and_the_time_of_the_next_one(journal: Journal) -> None:
    journal.append([alert("stop lost")])
    journal.settle_deliveries(
        [
            Delivery(
                seq=1, alerter="mail", state=DeliveryState.WAITING, attempts=3, at=START, not_before=START + 9,
                error="time-out",
            )
        ]
    )  # fmt: skip
    (row,) = journal.undelivered({"mail"})
    assert (row.attempts, row.not_before, row.error) == (3, START + 9, "time-out")


def test_a_second_channel_can_be_put_behind_an_alert_later(journal: Journal) -> None:
    journal.append([alert("stop lost")])
    journal.settle_deliveries([done(1, "siren", DeliveryState.WAITING, attempts=0)])
    assert waiting(journal) == [(1, "mail"), (1, "phone"), (1, "siren")]


def test_a_delivery_of_an_event_that_is_not_there_is_refused(journal: Journal) -> None:
    with pytest.raises(JournalError, match="FOREIGN KEY"):
        journal.settle_deliveries([done(7, "phone")])


def test_an_alerter_hears_nothing_of_the_time_before_it_was_named(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append([alert("long ago")])
        journal.deliver_to(["phone"])
        journal.append([alert("now")])
        assert waiting(journal) == [(2, "phone")]


def test_the_outbox_is_there_after_reopening_and_after_rebuilding(journal: Journal, path: Path) -> None:
    journal.append([alert("stop lost"), alert("venue gone")])
    journal.settle_deliveries([done(1, "phone")])
    before = journal.undelivered()
    journal.rebuild()
    journal.close()
    with Journal.open(path) as again:
        assert again.undelivered() == before
        again.verify(projections=True)


def test_deliveries_are_no_part_of_the_history() -> None:
    digests = []
    for alerters in ((), ALERTERS):
        records: list[Record] = [*short_run(), alert("stop lost")]
        with Journal.in_memory() as journal:
            journal.deliver_to(alerters)
            journal.append(records)
            digests.append((journal.digest(), journal.projection_dump()))
    assert digests[0] == digests[1]
