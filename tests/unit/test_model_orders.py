from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.model.orders import Action, OrderStatus, action_for, client_order_id, is_order_of
from atlas_core.model.signals import Side

PINNED = "6d823a49-b961-8656-a450-44fa46402fae"
WORDS = st.text(st.characters(blacklist_characters="\x1f", blacklist_categories=["Cs"]), max_size=12)


@given(WORDS, WORDS, WORDS, st.integers(0, 10**6))
def test_an_orders_identity_is_the_text_of_a_uuid_of_version_8(name: str, key: str, leg: str, attempt: int) -> None:
    text = client_order_id(name, key, leg, attempt)
    parsed = uuid.UUID(text)
    assert str(parsed) == text
    assert (parsed.version, parsed.variant) == (8, uuid.RFC_4122)


def test_the_same_intent_has_the_same_identity_after_any_restart() -> None:
    # A change of this text would make a restarted session send its open intents a second time.
    assert client_order_id("demo/paper", "sig-0123456789abcdef", "entry", 1) == PINNED


@pytest.mark.parametrize(
    "other",
    [("demo/live", "sig-1", "stop", 1), ("demo/paper", "sig-2", "stop", 1), ("demo/paper", "sig-1", "target", 1),
     ("demo/paper", "sig-1", "stop", 2)],
)  # fmt: skip
def test_any_other_fact_gives_another_identity(other: tuple[str, str, str, int]) -> None:
    assert client_order_id(*other) != client_order_id("demo/paper", "sig-1", "stop", 1)


@given(WORDS, WORDS, WORDS, st.integers(0, 10**6))
def test_an_identity_is_known_as_one_of_its_namespace(name: str, key: str, leg: str, attempt: int) -> None:
    text = client_order_id(name, key, leg, attempt)
    assert is_order_of(name, text)
    assert not is_order_of("another name", text)


@pytest.mark.parametrize("text", ["", "manual", "6d823a49-b961-4656-a450-44fa464097fe", "\N{SNOWMAN}" * 36])
def test_an_identity_that_is_not_ours_is_not_known(text: str) -> None:
    assert not is_order_of("demo/paper", text)


def test_facts_do_not_run_into_each_other() -> None:
    assert client_order_id("a", "bc", "d", 1) != client_order_id("ab", "c", "d", 1)
    assert client_order_id("a", "b", "c1", 1) != client_order_id("a", "b", "c", 11)


@pytest.mark.parametrize(
    ("side", "opening", "action"),
    [
        (Side.LONG, True, Action.BUY),
        (Side.LONG, False, Action.SELL),
        (Side.SHORT, True, Action.SELL),
        (Side.SHORT, False, Action.BUY),
    ],
)
def test_a_position_is_opened_on_its_side_and_closed_on_the_other(side: Side, opening: bool, action: Action) -> None:
    assert action_for(side, opening=opening) is action
    assert action.sign == (side.sign if opening else side.opposite.sign)


def test_nothing_more_happens_to_an_order_that_ended() -> None:
    assert [status.value for status in OrderStatus if status.is_terminal] == [
        "filled", "cancelled", "rejected", "expired",
    ]  # fmt: skip


def test_an_order_of_unknown_outcome_has_not_ended() -> None:
    assert not OrderStatus.UNKNOWN.is_terminal
