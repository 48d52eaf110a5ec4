"""Spaces: what `--set KEY=VALUES` names, and what `--where` leaves of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.errors import UsageError
from atlas_core.search.conditions import read_condition
from atlas_core.search.proposals import drawn, grid
from atlas_core.search.sensitivity import neighbours_of
from atlas_core.search.space import Choices, Space, Span, read_dimension, read_space

FAST_SLOW = ("scanner.sma-cross.fast", "scanner.sma-cross.slow", "sizer.use")


def values(text: str) -> tuple[str, ...]:
    dimension = read_dimension("k", text)
    assert isinstance(dimension, Choices)
    return dimension.values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.5,1,2", ("0.5", "1", "2")),
        ("5:50:15", ("5", "20", "35", "50")),
        ("3:5", ("3", "4", "5")),
        ("0.1:0.3:0.1", ("0.1", "0.2", "0.3")),
        ("1:64:log7", ("1", "2", "4", "8", "16", "32", "64")),
        ("0.001:1.0:log4", ("0.001", "0.01", "0.1", "1")),
        ("1:3:log9", ("1", "2", "3")),
        ('["15m"],["15m", "1h"]', ('["15m"]', '["15m", "1h"]')),
        ('"a,b",c', ('"a,b"', "c")),
        ("true,false", ("true", "false")),
        ("BTC/USD", ("BTC/USD",)),
        ('"16:30"', ('"16:30"',)),
    ],
)
def test_a_text_names_its_values(text: str, expected: tuple[str, ...]) -> None:
    assert values(text) == expected


def test_a_range_without_a_step_holds_every_number() -> None:
    assert isinstance(read_dimension("k", "0.5:2.5"), Span)
    spread = read_dimension("k", "0.001:1:log")
    assert isinstance(spread, Span)
    assert [spread.at(fraction) for fraction in (0.0, 1 / 3, 1.0)] == ["0.001", "0.01", "1"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("5:1:1", "FROM below TO"),
        ("1:5:0", "step above 0"),
        ("0:5:log3", "above 0"),
        ("1:5:log1", "log2"),
        ("1,,2", "between the commas"),
        ("1,1", "each value once"),
        ("1:9000000:1", "widen the step"),
    ],
)
def test_a_text_that_names_nothing_says_what_was_expected(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_dimension("k", text)


def test_one_value_is_set_for_all_trials() -> None:
    fixed, space = read_space(["a.b=1", "c.d=1,2"])
    assert fixed == (("a.b", "1"),)
    assert space.keys == ("c.d",)


@pytest.mark.parametrize("changes", [["a=1"], [], ["a"], ["a=1,2", "a=3"], ["=1,2"]])
def test_nothing_to_search_is_a_usage_error(changes: list[str]) -> None:
    with pytest.raises(UsageError, match="--set"):
        read_space(changes)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_a_grid_has_each_combination_once_and_the_last_key_runs_fastest(sizes: list[int]) -> None:
    space = Space(tuple(Choices(f"k{n}", tuple(map(str, range(size)))) for n, size in enumerate(sizes)))
    settings = [proposal.settings for proposal in grid(space).proposals]
    assert len(set(settings)) == len(settings) == space.size
    assert [tuple(int(value) for _, value in row) for row in settings] == sorted(
        tuple(int(value) for _, value in row) for row in settings
    )


def test_a_grid_of_a_span_asks_for_a_step() -> None:
    _, space = read_space(["a=0.5:1.5", "b=1,2"])
    with pytest.raises(UsageError, match="a step in the range of a"):
        grid(space)


def test_a_key_that_follows_another_has_its_value() -> None:
    _, space = read_space(["a.x=1,2", "b.x=@a.x", "a.y=5:6"])
    assert space.keys == ("a.x", "a.y")
    assert space.combination(3) == (("a.x", "2"), ("a.y", "6"), ("b.x", "2"))
    assert space.drawn((0.9, 0.1)) == (("a.x", "2"), ("a.y", "5"), ("b.x", "2"))
    assert (("a.x", "1"), ("a.y", "6"), ("b.x", "1")) in neighbours_of(space, space.combination(3))
    with pytest.raises(UsageError, match=r"one of a\.x, a\.y, was @a\.z"):
        read_space(["a.x=1,2", "a.y=5:6", "b.x=@a.z"])


def test_drawn_combinations_are_different_and_the_same_for_a_seed() -> None:
    _, space = read_space(["a=1:100:1", "b=0.1:2.5"])
    first, second, other = (drawn(space, (), 20, seed).proposals for seed in (1, 1, 2))
    assert first == second != other
    assert len({proposal.settings for proposal in first}) == 20
    assert drawn(space, (), 10, 1).proposals == first[:10]


def test_drawing_ends_when_there_is_no_more() -> None:
    _, space = read_space(["a=1,2,3", "b=1,2"])
    assert drawn(space, (), 50, 1).total() == 6
    never = read_condition("a > 7", space.keys)
    assert drawn(space, (never,), 5, 1).total() == 0


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("fast < slow", True),
        ("scanner.sma-cross.fast*4 >= sma-cross.slow", True),
        ("slow-fast > 60", False),
        ("fast in (10, 20) and not slow == 50", True),
        ("use == 'fixed-notional' or fast > 90", True),
        ('use != "fixed-notional"', False),
        ("10 <= fast < slow <= 80", True),
        ("slow % fast == 0 and -fast < 0", True),
    ],
)
def test_a_condition_judges_the_values(text: str, holds: bool) -> None:
    settings = (("scanner.sma-cross.fast", "20"), ("scanner.sma-cross.slow", "80"), ("sizer.use", "fixed-notional"))
    assert read_condition(text, FAST_SLOW).holds(settings) is holds


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fats < slow", "did you mean fast"),
        ("fast <", "condition such as"),
        ("fast.__class__ == 1", "expected a name"),
        ("[x for x in (1,)]", "expected a name"),
        ("(lambda: 1)() < fast", "expected a name"),
        ("fast ** 9 > 1", "was BinOp|was Pow"),
        ("fast if slow else 3", "expected a name"),
        ("fast < " + "1" * 600, "at most"),
    ],
)
def test_a_text_that_is_no_condition_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_condition(text, FAST_SLOW)


def test_values_that_cannot_be_compared_are_named() -> None:
    condition = read_condition("use < fast", FAST_SLOW)
    with pytest.raises(UsageError, match="cannot be told for"):
        condition.holds((("scanner.sma-cross.fast", "20"), ("sizer.use", "fixed-notional")))


def test_a_name_that_two_keys_end_with_needs_more_of_the_key() -> None:
    keys = ("scanner.a.fast", "scanner.b.fast")
    with pytest.raises(UsageError, match=r"a\.fast, b\.fast"):
        read_condition("fast < 3", keys)
    assert read_condition("a.fast < b.fast", keys).holds((("scanner.a.fast", "1"), ("scanner.b.fast", "2")))
