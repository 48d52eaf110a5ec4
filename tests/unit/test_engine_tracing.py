"""What an exit rule looked at of a position tells what it waits for, whatever the rule does with the position."""

from __future__ import annotations

from copy import copy
from decimal import Decimal

import pytest
from attrs import evolve

from atlas_core.engine.tracing import traced, waiting_of
from atlas_core.model.portfolio import Position
from atlas_core.model.signals import EntryKind, Side, Signal
from atlas_core.model.waiting import EVERYTHING, NOTHING, Waiting

SIGNAL = Signal(
    key="k", scanner="s", symbol="X", timeframe="1m", pattern="p", side=Side.LONG, entry=EntryKind.MARKET,
    available_at=0, setup_at=0, valid_until=1,
)  # fmt: skip
POSITION = Position(
    trade_id=1, symbol="X", side=Side.LONG, quantity=Decimal(1), entry_price=Decimal(100), opened_at=0, signal=SIGNAL,
    leverage=Decimal(1), highest=Decimal(102), lowest=Decimal(99), last_price=Decimal(101),
)  # fmt: skip


def test_a_rule_that_looks_at_the_entry_alone_waits_for_nothing() -> None:
    position = traced(POSITION)
    assert position.entry_price == 100
    assert waiting_of(position) == NOTHING


def test_a_rule_that_looks_at_an_extreme_waits_for_another_one() -> None:
    position = traced(POSITION)
    assert position.highest - position.entry_price == 2
    assert waiting_of(position) == Waiting(above=102.0)


@pytest.mark.parametrize("name", ["last_price", "bars_held"])
def test_a_rule_that_looks_at_what_every_bar_changes_waits_for_every_bar(name: str) -> None:
    position = traced(POSITION)
    getattr(position, name)
    assert waiting_of(position) == EVERYTHING


def test_a_rule_may_make_another_position_of_the_one_that_it_is_given() -> None:
    position = traced(POSITION)
    assert evolve(position, entry_price=Decimal(90)).highest == 102
    assert waiting_of(position) == EVERYTHING


def test_what_is_looked_at_in_a_copy_counts_too() -> None:
    position = traced(POSITION)
    assert copy(position).lowest == 99
    assert waiting_of(position) == EVERYTHING
