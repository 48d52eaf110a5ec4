from __future__ import annotations

import io
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.cli import formats
from atlas_core.cli.tables import Column, fit, print_table, render_figures, render_table, say

NUMBERS = st.from_regex(r"[+-]?\d{1,3}(,\d{3}){0,3}(\.\d{1,4})?", fullmatch=True)
WORDS = st.text(alphabet="abcdefgh XYZ[]/µ語", max_size=40)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Column], list[list[str]], list[str] | None]:
    kinds = draw(st.lists(st.booleans(), min_size=1, max_size=8))
    columns = [
        Column(f"c{index}{'n' if numeric else 't'}", numeric, draw(st.integers(0, 3)))
        for index, numeric in enumerate(kinds)
    ]
    row = st.tuples(*(NUMBERS if column.numeric else WORDS for column in columns)).map(list)
    return columns, draw(st.lists(row, max_size=5)), draw(st.none() | row)


@given(tables(), st.none() | st.integers(1, 160))
def test_a_number_is_whole_on_its_line_unless_its_whole_column_is_left_out_and_named(
    table: tuple[list[Column], list[list[str]], list[str] | None], width: int | None
) -> None:
    columns, rows, footer = table
    text = render_table("", columns, rows, footer=footer, width=width)
    lines = [line.split() for line in text.splitlines()]
    layout = fit(columns, rows if footer is None else [*rows, footer], width)
    assert all(name in text.splitlines()[-1] for name in layout.dropped)
    for row in rows if footer is None else [*rows, footer]:
        shown = [row[index] for index in layout.kept if columns[index].numeric]
        assert any(all(number in words for number in shown) for words in lines)


@given(tables())
def test_on_a_pipe_every_column_and_cell_is_there_in_plain_signs(
    table: tuple[list[Column], list[list[str]], list[str] | None],
) -> None:
    columns, rows, footer = table
    lines = render_table("title", columns, rows, footer=footer, width=None).splitlines()
    assert "\x1b" not in "".join(lines)
    assert not set("─│┼━") & set("".join(lines))
    assert len(lines) == 3 + len(rows) + (2 if footer is not None else 0)
    for line, row in zip(lines[3:], rows, strict=False):
        assert all(cell.strip() in line for cell in row)


@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_table_that_can_leave_columns_out_fits_the_width(width: int) -> None:
    columns = [Column("Symbol"), *(Column(f"Figure {i}", numeric=True, drop=i) for i in range(1, 12))]
    lines = render_table("Wide", columns, [["BTC-PERP", *["1,234,567.89"] * 11]], width=width).splitlines()
    assert max(map(len, lines[:-1])) <= width
    assert lines[-1].startswith(f"not shown at {width} columns: Figure")


def test_the_column_with_the_largest_rank_goes_first_and_rank_0_never_goes() -> None:
    columns = [Column("a", True), Column("b", True, drop=1), Column("c", True, drop=2)]
    rows = [["1" * 10, "2" * 10, "3" * 10]]
    assert fit(columns, rows, 22).dropped == ("c",)
    assert fit(columns, rows, 10).dropped == ("b", "c")
    assert fit(columns, rows, 3).dropped == ("b", "c")


def test_text_wraps_between_words_and_loses_none() -> None:
    text = "the trigger was not taken before the setup ended"
    lines = render_table("", [Column("Reason"), Column("n", True)], [[text, "7"]], width=30).splitlines()
    assert max(map(len, lines)) <= 30
    assert [word for line in lines[2:] for word in line.split() if word != "7"] == text.split()


def test_marks_of_a_markup_language_are_printed_as_they_are() -> None:
    assert "[red]x[/red]" in render_table("", [Column("a")], [["[red]x[/red]"]], width=80)


def test_control_characters_never_reach_the_terminal() -> None:
    assert "\x1b" not in render_table("", [Column("a")], [["\x1b[2Jgone"]], width=80)
    assert "\x1b" not in render_table("", [Column("a")], [["\x1b[2Jgone"]], width=None)


def test_a_row_with_a_missing_cell_is_an_error_that_says_so() -> None:
    with pytest.raises(ValueError, match="expected 2 cells in each row, was 1"):
        render_table("t", [Column("a"), Column("b")], [["only one"]])


def test_without_a_terminal_a_table_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("T", [Column("a"), Column("b", True, drop=1)], [["x", "1.00"]], footer=["all", "1.00"])
    assert capsys.readouterr().out == "T\na       b\n---------\nx    1.00\n---------\nall  1.00\n"


def test_an_encoding_without_the_signs_gets_plain_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    target = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", target)
    say("atlas · demo — ok")
    target.flush()
    assert target.buffer.getvalue() == b"atlas | demo - ok\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("width", "lines"), [(None, 4), (20, 4), (80, 2)])
def test_figures_stand_in_two_blocks_where_there_is_room(width: int | None, lines: int) -> None:
    pairs = [("Net", "+1.00"), ("Win rate", "50.0 %"), ("Fees", "3.00"), ("Sharpe", "1.23")]
    text = render_figures("", pairs, width=width)
    assert len(text.splitlines()) == lines
    assert all(value in text for _, value in pairs)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (formats.money(Decimal("10488.2")), "10,488.20"),
        (formats.money(Decimal("-0.001")), "0.00"),
        (formats.money(None), "—"),
        (formats.signed(Decimal("188.58")), "+188.58"),
        (formats.signed(Decimal("-41.37")), "-41.37"),
        (formats.signed(Decimal("-0.004")), "0.00"),
        (formats.percent(0.0488, sign=True), "+4.88 %"),
        (formats.percent(-0.0000001, sign=True), "0.00 %"),
        (formats.percent(None), "—"),
        (formats.number(-2.345, 1, sign=True), "-2.3"),
        (formats.number(float("nan")), "—"),
        (formats.compact(0.339286), "0.339286"),
        (formats.compact(3.0), "3"),
        (formats.price(Decimal("61905.5"), 2), "61,905.50"),
        (formats.price(Decimal("0.00001234")), "0.00001234"),
        (formats.plain(Decimal("1E+3")), "1000"),
        (formats.when(1_775_412_000_000_000_000), "2026-04-05 18:00Z"),
        (formats.when(1_775_412_007_000_000_000), "2026-04-05 18:00:07Z"),
        (formats.held(45 * 60 * 10**9), "45m"),
        (formats.held((3 * 3600 + 15 * 60) * 10**9), "3h15"),
        (formats.held((52 * 3600) * 10**9), "2d04h"),
    ],
)
def test_values_are_written_as_people_read_them(made: str, expected: str) -> None:
    assert made == expected


def test_json_keeps_every_digit_of_a_decimal_and_has_no_nan() -> None:
    text = formats.to_json({"a": Decimal("1.10"), "b": float("nan"), "c": (1, 2), "d": float("inf")})
    assert json.loads(text) == {"a": "1.10", "b": None, "c": [1, 2], "d": None}
