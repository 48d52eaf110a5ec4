"""Options: what a table may say, and what each mistake is called."""

from __future__ import annotations

import copy
import os
import pickle
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest
import tomli
from attrs import Factory, frozen
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.errors import MissingExtra, ProfileError
from atlas_core.model.timeframe import Timeframe, parse_timeframe
from atlas_core.options import (
    Address,
    Moment,
    Problem,
    Secret,
    above,
    at_least,
    at_most,
    between,
    closest,
    describe,
    each,
    json_schema,
    matches,
    not_empty,
    one_of,
    option,
    read_moment,
    structure,
    written,
)

WHERE = Address(table="limits", file="p.toml", line=3)


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


@frozen(kw_only=True)
class Inner:
    retries: int = option(1, check=at_least(0))


@frozen(kw_only=True)
class Everything:
    count: int = option(1, check=at_least(0), unit="bars", help="how many")
    price: Decimal = option(Decimal("10.10"), check=above(0))
    share: float | None = option(None, check=between(0, 1))
    on: bool = option(False)
    name: str = option("a", check=not_empty())
    timeframes: tuple[Timeframe, ...] = option((parse_timeframe("15m"),))
    symbols: tuple[str, ...] = option((), check=[each(matches("[A-Z]+", "capital letters"))])
    weights: Mapping[str, int] = option(Factory(dict), check=each(at_most(9)))
    side: Literal["long", "short"] = option("long")
    colour: Colour = option(Colour.RED)
    token: Secret | None = option(None)
    inner: Inner = option(Inner())
    many: tuple[Inner, ...] = option(())
    start: Moment | None = option(None)
    folder: Path | None = option(None)

    def __attrs_post_init__(self) -> None:
        if self.count > 10 and self.on:
            raise ValueError("expected on = false with a count above 10, was true")


@frozen(kw_only=True)
class Demanding:
    name: str = option()
    size: int = option(check=one_of(1, 2))


@frozen(kw_only=True)
class Unreadable:
    thing: object = option(None)


def read(text: str, cls: Any = Everything) -> tuple[Any, list[str]]:
    value, problems = structure(cls, tomli.loads(text, parse_float=Decimal), WHERE)
    assert (value is None) == bool(problems)
    return value, [str(problem) for problem in problems]


def test_a_table_becomes_the_class_with_exact_decimals() -> None:
    value, problems = read(
        'count = 2\nprice = 10.10\nshare = 1\ntimeframes = ["1h", "1D"]\nweights = { a = 3 }\nside = "short"\n'
        'colour = "green"\ntoken = { env = "X" }\nmany = [{ retries = 4 }]\nstart = 2022-01-01\nfolder = "data"'
    )
    assert problems == []
    assert value.price == Decimal("10.10")
    assert str(value.price) == "10.10"
    assert value.share == 1.0
    assert isinstance(value.share, float)
    assert [str(timeframe) for timeframe in value.timeframes] == ["1h", "1d"]
    assert value.colour is Colour.GREEN
    assert value.many == (Inner(retries=4),)
    assert value.start == 1_640_995_200_000_000_000
    assert value.folder == Path("data")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("count = 3.70", "count: expected a whole number, was 3.70"),
        ("count = 3.0", "count: expected a whole number, was 3.0"),
        ("count = true", "count: expected a whole number, was true"),
        ('count = "3"', 'count: expected a whole number, was "3"'),
        ("count = -1", "count: expected a number >= 0, was -1"),
        ("count = 99999999999999999999", "count: expected a whole number of at most 64 bits, was larger"),
        ("price = nan", "price: expected a finite number, was nan"),
        ("price = -inf", "price: expected a finite number, was -inf"),
        ("price = 0", "price: expected a number > 0, was 0"),
        ("price = 1e99", "price: expected a number between 1e-30 and 1e30, was 1e99"),
        ("price = false", "price: expected a number, was false"),
        ("share = 1.5", "share: expected a number from 0 to 1, was 1.5"),
        ('on = "false"', 'on: expected true or false, was "false"'),
        ("on = 0", "on: expected true or false, was 0"),
        ("name = 5", "name: expected a text, was 5"),
        ('name = ""', 'name: expected a value that is not empty, was ""'),
        (
            'timeframes = ["1h", "1x"]',
            'timeframes[1]: expected a timeframe such as 1m, 15m, 1h, 4h, 1d, 1w or 1M, was "1x"',
        ),
        ('timeframes = "1h"', 'timeframes: expected a list, was "1h"'),
        ('symbols = ["A", "b"]', 'symbols[1]: expected capital letters, was "b"'),
        ("weights = { a = true }", "weights.a: expected a whole number, was true"),
        ("weights = { a = 10 }", "weights.a: expected a number <= 9, was 10"),
        ("weights = [1]", "weights: expected a table, was [1]"),
        ('side = "shrt"', 'side: expected one of "long", "short", was "shrt"; did you mean "short"?'),
        ("colour = 1", 'colour: expected one of "red", "green", was 1'),
        ("inner = { retries = -1 }", "inner.retries: expected a number >= 0, was -1"),
        ("inner = 1", "inner: expected a table, was 1"),
        ("many = [{}, { retry = 2 }]", "many[1].retry: unknown key; did you mean retries?"),
        ("cuont = 1", "cuont: unknown key; did you mean count?"),
        ('folder = ""', 'folder: expected a path, was ""'),
        ("price = 2022-01-01", "price: expected a number, was 2022-01-01"),
    ],
)
def test_each_mistake_is_named_with_its_value_as_written(text: str, message: str) -> None:
    assert read(text)[1] == [f"p.toml:3 [limits] {message}"]


def test_all_problems_of_a_table_are_reported_at_once() -> None:
    _, problems = read('count = 3.7\nprice = nan\non = "false"\nside = "x"\nzzz = 1\ninner = { retries = -1, a = 1 }')
    assert len(problems) == 7


def test_a_check_across_fields_is_reported_at_the_table() -> None:
    _, problems = read("count = 11\non = true")
    assert problems == ["p.toml:3 [limits]: expected on = false with a count above 10, was true"]


def test_missing_options_are_named_with_their_type() -> None:
    _, problems = read("size = 3", Demanding)
    assert problems == [
        "p.toml:3 [limits] name: expected a text, was missing",
        "p.toml:3 [limits] size: expected one of 1, 2, was 3",
    ]


def test_an_option_class_that_cannot_be_read_is_a_problem_and_no_crash() -> None:
    _, problems = read("thing = 1", Unreadable)
    assert len(problems) == 1
    assert "Unreadable cannot be read from TOML" in problems[0]


def test_an_address_gives_the_line_of_the_nearest_thing_that_has_one() -> None:
    places = {("inner",): ("q.toml", 8), ("inner", "retries"): ("q.toml", 9)}
    where = Address(table="t", file="p.toml", line=1, find=places.get)
    assert where.problem(("inner", "retries"), "m").line == 9
    assert where.problem(("inner", "other"), "m").line == 8
    assert str(where.problem(("x", 2, "a b"), "m")) == 'p.toml:1 [t] x[2]."a b": m'


def test_a_problem_leaves_out_what_it_does_not_know() -> None:
    assert str(Problem(message="wrong")) == "wrong"
    assert (
        str(Problem(message="wrong", file="a.toml", suggestion="did you mean right?"))
        == "a.toml: wrong; did you mean right?"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("10.10"), "10.10"),
        (Decimal("1E+3"), "1e3"),
        (True, "true"),
        (None, "none"),
        ("a\nb", '"a\\nb"'),
        ({"a b": [1, Decimal("2.5")]}, '{ "a b" = [1, 2.5] }'),
        (Colour.RED, '"red"'),
    ],
)
def test_values_are_written_as_in_a_profile(value: object, text: str) -> None:
    assert written(value) == text


def test_a_suggestion_sees_through_dashes_and_case_but_not_through_other_words() -> None:
    assert closest("Max-Position", ["max_positions", "seed"]) == "max_positions"
    assert closest("weather", ["max_positions", "seed"]) == ""


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("2022-01-01", 1_640_995_200), ("20220101", 1_640_995_200), ("20260101T1500", 1_767_279_600),
     ("2026-01-01T15:00:00Z", 1_767_279_600)],
)  # fmt: skip
def test_times_are_read_as_utc(value: str, seconds: int) -> None:
    assert read_moment(value) == seconds * 1_000_000_000
    assert read_moment(tomli.loads("a = 2022-01-01T01:00:00+01:00")["a"]) == 1_640_995_200_000_000_000


@pytest.mark.parametrize("value", ["2022-13-01", "01/02/2022", "yesterday", 20220101, True, ""])
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="expected a time such as"):
        read_moment(value)


def test_checks_also_hold_for_objects_made_in_python() -> None:
    with pytest.raises(ValueError, match="expected a number >= 0, was -1"):
        Inner(retries=-1)


def test_describe_gives_every_option_as_text() -> None:
    infos = {info.name: info for info in describe(Everything)}
    assert list(infos) == [field.name for field in attrs.fields(Everything)]
    count = infos["count"]
    assert (count.type, count.default, count.constraint, count.help, count.unit) == (
        "whole number", "1", "a number >= 0", "how many", "bars",
    )  # fmt: skip
    assert infos["price"].default == "10.10"
    assert infos["timeframes"].default == '["15m"]'
    assert infos["timeframes"].type == "list of timeframe"
    assert describe(Demanding)[0].required


def test_the_schema_says_types_bounds_and_what_is_required() -> None:
    schema = json_schema(Everything)
    assert schema["additionalProperties"] is False
    properties = schema["properties"]
    assert properties["count"] == {"type": "integer", "minimum": 0.0, "description": "how many (bars)", "default": 1}
    assert properties["symbols"]["items"] == {"type": "string", "pattern": "^(?:[A-Z]+)$"}
    assert properties["colour"]["enum"] == ["red", "green"]
    assert properties["token"]["properties"].keys() == {"env", "file", "keyring"}
    assert json_schema(Demanding)["required"] == ["name", "size"]


SAFE_TEXT = "do-not-show-4711"


def test_a_secret_shows_itself_nowhere_but_in_reveal() -> None:
    secret = Secret.literal(SAFE_TEXT)
    holder = Everything(token=secret)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>20}", repr(holder), written(secret), repr([secret])]
    assert not any(SAFE_TEXT in text for text in shown)
    assert secret.reveal() == SAFE_TEXT
    assert copy.deepcopy(holder).token == secret
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret)


def test_a_pickled_reference_holds_the_reference_and_not_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLAS_TEST_SECRET", SAFE_TEXT)
    secret = Secret("env", "ATLAS_TEST_SECRET")
    assert secret.reveal() == SAFE_TEXT
    data = pickle.dumps(secret)
    assert SAFE_TEXT.encode() not in data
    assert pickle.loads(data).reveal() == SAFE_TEXT


@pytest.mark.parametrize(
    "text",
    [f'token = "{SAFE_TEXT}"', f'token = ["{SAFE_TEXT}"]', f'token = {{ value = "{SAFE_TEXT}" }}',
     'token = { env = "A", file = "B" }', 'token = { env = "" }', 'token = { keyring = "service" }', "token = {}"],
)  # fmt: skip
def test_a_secret_that_is_no_reference_is_refused_without_repeating_it(text: str) -> None:
    _, problems = read(text)
    assert len(problems) == 1
    assert "expected" in problems[0]
    assert SAFE_TEXT not in problems[0]


def test_a_missing_variable_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATLAS_TEST_SECRET", raising=False)
    with pytest.raises(ProfileError, match="environment variable ATLAS_TEST_SECRET"):
        Secret("env", "ATLAS_TEST_SECRET").reveal()


@pytest.mark.skipif(os.name != "posix", reason="file modes are of POSIX")
def test_a_secret_file_must_be_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f"{SAFE_TEXT}\n")
    path.chmod(0o640)
    secret = Secret("file", "key").anchored(tmp_path)
    with pytest.raises(ProfileError, match="chmod 600"):
        secret.reveal()
    path.chmod(0o600)
    assert secret.reveal() == SAFE_TEXT
    path.write_text("\n")
    with pytest.raises(ProfileError, match="was empty"):
        secret.reveal()


def test_a_keyring_without_its_package_says_which_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "keyring", None)
    with pytest.raises(MissingExtra, match=r"atlas-trading\[keyring\]"):
        Secret("keyring", "atlas/venue").reveal()


words = st.text(alphabet="ab1 \n", max_size=4)
anything = st.recursive(
    st.booleans() | st.integers() | st.decimals(allow_nan=True) | words | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([field.name for field in attrs.fields(Everything)]), anything, max_size=4))
def test_any_table_gives_the_value_or_problems_and_never_a_coercion(table: dict[str, Any]) -> None:
    value, problems = structure(Everything, table, WHERE)
    assert (value is None) == bool(problems)
    assert all("\n" not in str(problem) and "Decimal" not in str(problem) for problem in problems)
    if value is None:
        return
    for name in ("count", "on", "name"):
        if name in table:
            assert type(getattr(value, name)) is type(table[name])
            assert getattr(value, name) == table[name]
