"""Tables that never cut a number, for terminals and for pipes.

On a terminal a table fits the width: whole columns are left out (and named below the table) and text is wrapped,
numbers never are. On a pipe there is no width, no colour and no line-drawing character.
"""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

from attrs import frozen

from atlas_core.cli.formats import money, percent, print_json, signed, when

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = [
    "Column",
    "Table",
    "beside",
    "columns_of",
    "money",
    "percent",
    "print_beside",
    "print_figures",
    "print_json",
    "print_table",
    "print_tables",
    "render_figures",
    "render_table",
    "say",
    "say_parts",
    "say_wrapped",
    "signed",
    "terminal_width",
    "when",
]

GAP = 2
PART = " · "
COMFORTABLE_TEXT = 18
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ASCII = str.maketrans(
    {"—": "-", "·": "|", "…": "...", "→": "->", "≥": ">=", "≤": "<=", "−": "-", "─": "-", "–": "-", "×": "x", "≠": "!="}
)


@frozen
class Column:
    """One column: `drop` 0 stays always; of the others the largest goes first when the width is short."""

    name: str
    numeric: bool = False
    drop: int = 0


@frozen
class Layout:
    """Which columns a width leaves, how wide each is, and the names of those left out."""

    kept: tuple[int, ...]
    widths: tuple[int, ...]
    dropped: tuple[str, ...]

    @property
    def width(self) -> int:
        """Return the characters of one line."""
        return sum(self.widths) + GAP * max(0, len(self.widths) - 1)


@frozen
class Table:
    """A table before it is printed: its cells in the order of its columns, and what stands below the line."""

    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[str]]
    footer: Sequence[str]

    def lines(self, width: int) -> list[str]:
        """Return the table for a terminal of `width` characters."""
        text = render_table(self.title, self.columns, self.rows, footer=self.footer, width=width, console=_console())
        return text.splitlines()


def fit(columns: Sequence[Column], lines: Sequence[Sequence[str]], width: int | None) -> Layout:
    """Choose columns and widths for `width` characters (None: no limit); `lines` are the rows and the footer.

    A layout may still be wider than `width` when the columns that must stay do not fit: a number is never cut.
    """
    natural = [
        max([_width(column.name), *(_width(line[index]) for line in lines)]) for index, column in enumerate(columns)
    ]
    kept = list(range(len(columns)))
    if width is None:
        return Layout(tuple(kept), tuple(natural), ())
    least = [
        natural[index] if column.numeric else min(natural[index], max(COMFORTABLE_TEXT, _width(column.name)))
        for index, column in enumerate(columns)
    ]
    while _total(least, kept) > width and any(columns[index].drop for index in kept):
        kept.remove(max(kept, key=lambda index: (columns[index].drop, index)))
    widths = _shrink(columns, lines, natural, kept, width)
    dropped = tuple(column.name for index, column in enumerate(columns) if index not in kept)
    return Layout(tuple(kept), tuple(widths), dropped)


def _total(widths: Sequence[int], kept: Sequence[int]) -> int:
    return sum(widths[index] for index in kept) + GAP * max(0, len(kept) - 1)


def _shrink(
    columns: Sequence[Column], lines: Sequence[Sequence[str]], natural: Sequence[int], kept: Sequence[int], width: int
) -> list[int]:
    """Take the excess from the text columns: first what wrapping between words saves, then words are folded."""
    widths = list(natural)
    text = [index for index in kept if not columns[index].numeric]
    names = {index: _width(columns[index].name) for index in text}
    words = {
        index: max([names[index], *(_width(word) for line in lines for word in line[index].split())]) for index in text
    }
    for floors in (words, names):
        for _ in range(_total(widths, kept) - width):
            widest = max(text, key=lambda index: (widths[index] - floors[index], -index), default=None)
            if widest is None or widths[widest] <= floors[widest]:
                break
            widths[widest] -= 1
    return [widths[index] for index in kept]


def render_table(
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    footer: Sequence[str] | None = None,
    width: int | None = None,
    console: Console | None = None,
) -> str:
    """Return a table as text: for a terminal of `width` characters, or plain and complete when it is None."""
    clean_rows = [[_clean(cell) for cell in row] for row in rows]
    clean_footer = None if footer is None else [_clean(cell) for cell in footer]
    lines = clean_rows if clean_footer is None else [*clean_rows, clean_footer]
    for line in lines:
        if len(line) != len(columns):
            raise ValueError(f"table {title!r}: expected {len(columns)} cells in each row, was {len(line)}")
    layout = fit(columns, lines, width)
    if width is None:
        return _plain(title, columns, clean_rows, clean_footer, layout)
    text = _drawn(title, columns, clean_rows, clean_footer, layout, console)
    if layout.dropped:
        text += f"not shown at {width} columns: {', '.join(layout.dropped)}\n"
    return text


def _plain(
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    footer: Sequence[str] | None,
    layout: Layout,
) -> str:
    numeric = [column.numeric for column in columns]
    widths = layout.widths

    def line(cells: Sequence[str]) -> str:
        padded = (_pad(cell, width, right) for cell, width, right in zip(cells, widths, numeric, strict=True))
        return (" " * GAP).join(padded).rstrip()

    rule = "-" * layout.width
    body = [line([column.name for column in columns]), rule, *(line(row) for row in rows)]
    if footer is not None:
        body += [rule, line(footer)]
    return "\n".join([*([title] if title else []), *body]) + "\n"


def _drawn(
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    footer: Sequence[str] | None,
    layout: Layout,
    console: Console | None,
) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), show_footer=footer is not None,
        header_style="bold", footer_style="bold", border_style="dim",
    )  # fmt: skip
    for position, index in enumerate(layout.kept):
        column = columns[index]
        table.add_column(
            Text(column.name),
            footer=Text(footer[index]) if footer is not None else "",
            justify="right" if column.numeric else "left",
            width=layout.widths[position],
            no_wrap=column.numeric,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(_coloured(row[index], columns[index]) for index in layout.kept))
    target, is_plain = StringIO(), console is None or console.is_dumb_terminal
    screen = Console(
        file=target, width=max(layout.width, 1), force_terminal=not is_plain, highlight=False,
        color_system=_colours(console) if console is not None and not is_plain else None,
        no_color=console is not None and console.no_color,
    )  # fmt: skip
    if title:
        screen.print(Text(title, style="bold"), soft_wrap=True)
    screen.print(table)
    return "\n".join(text.rstrip() for text in target.getvalue().splitlines()) + "\n"


def _colours(console: Console) -> Any:
    return console.color_system or None


def _coloured(cell: str, column: Column) -> Text:
    from rich.text import Text

    if column.numeric and cell[:1] in "+-" and cell[1:2].isdigit():
        return Text(cell, style="green" if cell[0] == "+" else "red")
    return Text(cell)


def _clean(cell: str) -> str:
    return cell if cell.isprintable() else "".join(sign if sign.isprintable() else " " for sign in cell)


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _pad(text: str, width: int, right: bool) -> str:
    blank = " " * (width - _width(text))
    return blank + text if right else text + blank


def terminal_width() -> int | None:
    """Return the columns of the terminal on stdout, or None on a pipe."""
    return shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else None


def print_table(
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    footer: Sequence[str] | None = None,
) -> None:
    """Print a table to stdout: fitted and coloured on a terminal, plain and complete on a pipe."""
    width = terminal_width()
    say(render_table(title, columns, rows, footer=footer, width=width, console=_console() if width else None))


def print_beside(title: str, left: Sequence[str], right: Sequence[str]) -> None:
    """Print two blocks of lines below a title, side by side where the terminal has room."""
    lines = beside(left, right, terminal_width(), gap=4)
    say("\n".join([title, *(f"{' ' * GAP}{line}".rstrip() for line in lines)]))


def print_tables(first: Table, second: Table) -> bool:
    """Print two tables side by side and return True; print nothing and return False where they do not fit."""
    width = terminal_width()
    if width is None:
        return False
    left, right = (table.lines(width) for table in (first, second))
    lines = beside(left, right, width + GAP)
    if len(lines) == len(left) + len(right):
        return False
    say("\n".join(lines))
    return True


def print_figures(title: str, pairs: Sequence[tuple[str, str]]) -> None:
    """Print names and values: two pairs a line where the terminal has room, else one."""
    say(render_figures(title, pairs, width=terminal_width()))


def render_figures(title: str, pairs: Sequence[tuple[str, str]], *, width: int | None) -> str:
    """Return names and values as aligned lines that are never cut; see `print_figures`."""
    half = (len(pairs) + 1) // 2
    left, right = pairs[:half], pairs[half:]
    two_blocks = _block(left)
    gap = "      "
    both = max(map(_width, two_blocks), default=0) + len(gap) + max(map(_width, _block(right)), default=0)
    if width is None or both > width:
        lines = _block(pairs)
    else:
        second = [*_block(right), *[""] * (half - len(right))]
        lines = [(a + gap + b).rstrip() for a, b in zip(two_blocks, second, strict=True)]
    return "\n".join([*([title] if title else []), *(f"  {line}" for line in lines)]) + "\n"


def _block(pairs: Sequence[tuple[str, str]]) -> list[str]:
    name_width = max((_width(name) for name, _ in pairs), default=0)
    value_width = max((_width(value) for _, value in pairs), default=0)
    return [_pad(name, name_width, False) + "  " + _pad(value, value_width, True) for name, value in pairs]


def columns_of(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of equal length as aligned lines: the first column to the left, all others to the right."""
    widths = [max(map(_width, column), default=0) for column in zip(*rows, strict=True)]
    return [
        (" " * GAP).join(
            _pad(cell, width, index > 0) for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def beside(left: Sequence[str], right: Sequence[str], width: int | None, gap: int = 6) -> list[str]:
    """Return two blocks of lines side by side where `width` characters have room, else one below the other.

    Colours of a terminal take no room. Without a width they stand one below the other.
    """
    wide = max(map(_visible, left), default=0)
    room = wide + gap + max(map(_visible, right), default=0)
    if width is None or room > width - GAP:
        return [*left, *right]
    lines = []
    for index in range(max(len(left), len(right))):
        first = left[index] if index < len(left) else ""
        second = right[index] if index < len(right) else ""
        lines.append((first + " " * (wide - _visible(first) + gap) + second).rstrip())
    return lines


def _visible(text: str) -> int:
    return _width(_COLOUR.sub("", text))


def _console() -> Console:
    from rich.console import Console

    return Console(file=sys.stdout)


def say_parts(text: str, indent: int = 2) -> None:
    """Print a line of parts joined by ` · `; on a terminal it breaks between parts where it is too long."""
    say("\n".join(fold_parts(text, terminal_width(), indent)))


def fold_parts(text: str, width: int | None, indent: int = 2) -> list[str]:
    """Return the lines that `width` characters need for parts joined by ` · ` (None: one line)."""
    lines: list[str] = []
    for part in text.split(PART):
        if lines and (width is None or _width(lines[-1]) + len(PART) + _width(part) <= width):
            lines[-1] += PART + part
        else:
            lines.append(" " * indent * bool(lines) + part)
    return lines


def say_wrapped(text: str, indent: int) -> None:
    """Print a sentence; on a terminal it is wrapped, its further lines indented."""
    width = terminal_width()
    say(text if width is None else textwrap.fill(text, width, subsequent_indent=" " * indent, break_long_words=False))


def say(text: str = "") -> None:
    """Write text to stdout, with plain signs where its encoding lacks the others; ends with one new line."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        text = text.translate(_ASCII).encode("ascii", "replace").decode("ascii")
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
