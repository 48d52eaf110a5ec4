"""A small part of the campaign `kills`, and that its eyes are open."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from atlas_core.model.decisions import Severity
from atlas_core.model.records import AlertRaised, OrderIntended
from tests.faults.kills import FIRST_POINTS, POINTS, Death, point_deaths, random_deaths, run_episode
from tests.faults.loopback.pace import Pace
from tests.faults.process_daemon import EPOCH, Daemon, Lab
from tests.faults.process_oracle import (
    LONGEST_NAKED,
    Findings,
    Life,
    judge_orders,
    judge_protection,
    naked_spans,
    uncovered,
)

FEW = ("commit order_intended", "submit last byte")


def test_a_note_that_is_being_written_is_read_later(tmp_path: Path) -> None:
    notes = tmp_path / "notes.jsonl"
    notes.write_bytes(b'{"pid": 7, "kind": "commit"}\n{"pid": 7, "ki')
    daemon = Daemon(SimpleNamespace(pid=7), notes, mark=0, begun=0.0)  # type: ignore[arg-type]
    assert [note["kind"] for note in daemon.notes()] == ["commit"]


def test_a_daemon_that_is_killed_around_its_submits_loses_nothing_and_sends_nothing_twice() -> None:
    found = run_episode(7, point_deaths(7, FEW, first=()))
    assert found.wrong == []
    assert sum(found.points.values()) == 4
    assert found.counts["orders sent"] >= 2


@pytest.mark.campaign
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [21, 22])
def test_every_point_and_many_moments(seed: int) -> None:
    found = run_episode(seed, [*point_deaths(seed), *random_deaths(20, seed, 0.1)])
    assert found.wrong == []
    assert len(found.points) >= 2 * (len(POINTS) + len(FIRST_POINTS)) - 6


@pytest.mark.campaign
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("mutant", "told"), [
    ("send again", "duplicate: order"), ("place no stop", "naked: "), ("send before the commit", "without an intent"),
])  # fmt: skip
def test_a_planted_fault_is_found_out(mutant: str, told: str) -> None:
    lives = [Death(seconds=seconds) for seconds in (4.0, 3.0, 5.0, 4.0, 3.0)]
    lives += 5 * [Death(point="submit last byte", when="after")]
    assert any(told in wrong for wrong in run_episode(31, lives, mutant).wrong)


# --- the oracle itself


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path)
    lab.pace = Pace(1.0, EPOCH, 0.0)
    return lab


def at(seconds: float, kind: str, **facts: Any) -> dict[str, Any]:
    return {"m": seconds, "t": EPOCH + round(seconds * 1e9), "kind": kind, **facts}


def accepted(seconds: float, name: str, **facts: Any) -> dict[str, Any]:
    whole = {"symbol": "AAA", "order": "market", "role": "entry", "signal": "s1", "quantity": "2", **facts}
    return at(seconds, "accepted", id=name, **whole)


def filled(seconds: float, name: str, quantity: str, position: str) -> dict[str, Any]:
    return at(seconds, "filled", id=name, symbol="AAA", quantity=quantity, position=position)


NAKED = [
    accepted(1, "entry"), filled(2, "entry", "2", "2"), accepted(200, "stop", order="stop", role="stop"),
    filled(300, "stop", "2", "0"),
]  # fmt: skip


def post(name: str, fault: str = "") -> dict[str, Any]:
    return at(1, "post", id=name, fault=fault)


def wrong_orders(*log: dict[str, Any], known: tuple[str, ...] = ("a", "b")) -> list[str]:
    found = Findings()
    intents: dict[str, OrderIntended] = dict.fromkeys(known)  # type: ignore[arg-type]
    judge_orders(found, log, intents)
    return found.wrong


def test_the_oracle_sees_two_entries_for_one_signal() -> None:
    [wrong] = wrong_orders(accepted(1, "a"), accepted(2, "b"))
    assert wrong == "duplicate: 2 entries for signal s1"
    assert wrong_orders(accepted(1, "a"), accepted(2, "b", signal="s2")) == []


def test_the_oracle_sees_an_order_that_is_sent_again_unless_the_venue_had_asked_for_patience() -> None:
    [wrong] = wrong_orders(post("a", "drop-in-body"), post("a"))
    assert wrong.startswith("duplicate: order a was sent 2 times")
    assert wrong_orders(post("a", "answer-429-before"), post("a")) == []


def test_the_oracle_sees_an_order_that_no_journal_knows() -> None:
    assert wrong_orders(post("c")) == ["order c was sent without an intent in the journal"]


def test_the_oracle_sees_when_a_position_had_no_stop(lab: Lab) -> None:
    assert list(naked_spans(lab, NAKED)) == [("AAA", 2.0, 200.0)]


def naked_while(lab: Lab, life: Life, *alarms: AlertRaised) -> list[str]:
    found = Findings()
    judge_protection(found, lab, NAKED, [life], alarms)
    return found.wrong


def test_a_position_without_stop_is_wrong_while_up_unless_people_were_told(lab: Lab) -> None:
    alarm = AlertRaised(
        ts=EPOCH + 20_000_000_000, severity=Severity.CRITICAL, title="Position without protection", text="", key="AAA"
    )
    [wrong] = naked_while(lab, Life(0, 1, 400))
    assert wrong == "naked: AAA had no stop for 198.0 s from 2.0 while up"
    assert naked_while(lab, Life(0, 1, 400), alarm) == []
    assert naked_while(lab, Life(0, 1, 2 + LONGEST_NAKED)) == []
    assert naked_while(lab, Life(0, None, 400)) == []


def test_an_account_with_a_stop_for_too_little_is_uncovered() -> None:
    account = {"positions": [{"symbol": "AAA", "quantity": "-3"}], "orders": []}
    stop = {"symbol": "AAA", "kind": "stop", "quantity": "3", "filled": "0"}
    assert uncovered(account) == ["AAA"]
    assert uncovered({**account, "orders": [{**stop, "filled": "1"}]}) == ["AAA"]
    assert uncovered({**account, "orders": [stop]}) == []
