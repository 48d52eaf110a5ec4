"""The scanner that knows where each key of a TOML text stands."""

from __future__ import annotations

from typing import Any

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.profile.address import scan_lines

TRICKY = '''\
# a comment with [brackets] and = signs
top = 1
"quoted key" = "a # no comment"
dotted.inner.deep = 2

[table] # behind
a = """
long
text = "no key"
"""
b = [
  1, # one
  { x = 1, y.z = [ "]", '}' ] },
]
c = 1979-05-27 07:32:00
'lit' = \'\'\'
more [x]
\'\'\'

[table.sub]
d = "esc \\" ]"

[[rows]]
e = 1
[rows.nested]
f = 2
[[rows]]
e = 3
[[rows.inner]]
g = 4
[ "spaced" . key ]
"\\u0041" = true
last = {}
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("quoted key",), 3),
        (("dotted",), 4),
        (("dotted", "inner", "deep"), 4),
        (("table",), 6),
        (("table", "a"), 7),
        (("table", "b"), 11),
        (("table", "b", 0), 12),
        (("table", "b", 1, "y", "z", 1), 13),
        (("table", "c"), 15),
        (("table", "lit"), 16),
        (("table", "sub", "d"), 21),
        (("rows",), 23),
        (("rows", 0), 23),
        (("rows", 0, "nested", "f"), 26),
        (("rows", 1), 27),
        (("rows", 1, "e"), 28),
        (("rows", 1, "inner", 0, "g"), 30),
        (("spaced", "key", "A"), 32),
        (("spaced", "key", "last"), 33),
    ],
)
def test_the_scanner_knows_the_line_of_every_form(path: tuple[Any, ...], line: int) -> None:
    assert scan_lines(TRICKY).by_path[path] == line


def test_windows_line_ends_change_no_line() -> None:
    assert scan_lines(TRICKY.replace("\n", "\r\n")).by_path == scan_lines(TRICKY).by_path


def test_inline_values_are_told_from_tables_with_a_header() -> None:
    inline = scan_lines(TRICKY).inline
    assert ("table", "b") in inline
    assert ("spaced", "key", "last") in inline
    assert not inline & {("table",), ("table", "sub"), ("rows", 0, "nested"), ("dotted",)}


def paths_of(value: Any, around: tuple[Any, ...] = ()) -> set[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = set()
    for key, item in pairs:
        found |= {(*around, key)} | paths_of(item, (*around, key))
    return found


def test_every_path_of_the_parsed_text_has_a_line() -> None:
    assert set(scan_lines(TRICKY).by_path) == paths_of(tomli.loads(TRICKY))


keys = st.text(alphabet="ab-_1", min_size=1, max_size=3)
values = st.recursive(
    st.sampled_from(["1", "true", "1.5e3", '"x # ] } \\""', "'lit,'", '"""\nlong ]\n"""', "2022-01-01", "'''\na'''"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[\n" + ",\n".join(items) + "\n]"),
        st.dictionaries(keys, inner, max_size=2).map(
            lambda table: "{" + ", ".join(f'"{key}" = {item}' for key, item in table.items()) + "}"
        ),
    ),
    max_leaves=6,
)
tables = st.dictionaries(keys, values, max_size=3)


@given(st.lists(st.tuples(st.sampled_from(["[{}]", "[[{}]]"]), tables), max_size=4))
def test_any_text_that_parses_is_scanned_completely(parts: list[tuple[str, dict[str, str]]]) -> None:
    lines, expected = [], {}
    counts: dict[str, int] = {}
    for number, (form, table) in enumerate(parts):
        name = "rows" if form == "[[{}]]" else f"t{number}"
        path: tuple[Any, ...] = (name,)
        if name == "rows":
            counts[name] = counts.get(name, -1) + 1
            path = (name, counts[name])
        lines.append(form.format(name))
        for key, value in table.items():
            expected[(*path, key)] = len(lines) + 1
            lines += f"{key} = {value}".split("\n")
    text = "\n".join(lines)
    scanned = scan_lines(text).by_path
    assert set(scanned) == paths_of(tomli.loads(text))
    assert {path: scanned[path] for path in expected} == expected
