"""A problem of a profile with its address, and how values are written in messages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time
from decimal import Decimal
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import Any

from attrs import frozen

from atlas_core.problem import Problem

KeyPath = tuple[str | int, ...]
LONGEST_VALUE = 60
UNKNOWN_KEY = "unknown key"
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def _nowhere(_path: KeyPath) -> tuple[str, int | None] | None:
    return None


@frozen(kw_only=True)
class Address:
    """Where a table stands, and through `find` (path inside the table to file and line) where its keys stand."""

    table: str = ""
    file: str = ""
    line: int | None = None
    find: Callable[[KeyPath], tuple[str, int | None] | None] = _nowhere

    def problem(self, path: KeyPath, message: str, suggestion: str = "") -> Problem:
        """Return a problem at the place of `path`, or of the nearest thing around it that has a place."""
        file, line = self.file, self.line
        for length in range(len(path), 0, -1):
            place = self.find(path[:length])
            if place is not None:
                file, line = place
                break
        return Problem(
            message=message, table=self.table, key=path_text(path), file=file, line=line, suggestion=suggestion
        )


def key_text(key: str) -> str:
    """Return a key as TOML writes it: bare where possible, else quoted."""
    return key if _BARE_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def path_text(path: KeyPath) -> str:
    """Return a path as `maintenance[0].zone`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f"{'.' if text else ''}{key_text(step)}"
    return text


def closest(word: str, known: Iterable[str]) -> str:
    """Return the known word most like `word`, or an empty text."""
    by_folded = {name.casefold().replace("-", "_"): name for name in known}
    found = get_close_matches(word.casefold().replace("-", "_"), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else ""


def did_you_mean(word: str) -> str:
    """Return the suggestion of a word, or nothing for no word."""
    return f"did you mean {word}?" if word else ""


def _number(value: Decimal | float) -> str:
    text = str(value)
    named = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}
    return named.get(text, text.replace("E+", "e").replace("E", "e"))


def _quoted(value: object) -> str:
    return json.dumps(str(value), ensure_ascii=False)


def _table(value: Mapping[Any, Any]) -> str:
    inside = ", ".join(f"{key_text(str(key))} = {written(item)}" for key, item in value.items())
    return f"{{ {inside} }}" if inside else "{}"


# The first type that fits decides: true is also a whole number, a member of a StrEnum is also a text.
_WRITTEN: tuple[tuple[type[Any] | tuple[type[Any], ...], Callable[[Any], str]], ...] = (
    (bool, lambda value: "true" if value else "false"),
    (Enum, lambda value: written(value.value)),
    ((Decimal, float), _number),
    ((str, Path), _quoted),
    ((date, time), lambda value: str(value.isoformat())),
    (Mapping, _table),
    ((list, tuple), lambda value: f"[{', '.join(map(written, value))}]"),
    (type(None), lambda _: "none"),
)


def written(value: Any) -> str:
    """Return a value as a profile writes it, without any trace of its Python type."""
    for types, write in _WRITTEN:
        if isinstance(value, types):
            return write(value)
    return str(value)


def shown(value: Any) -> str:
    """Return a value for a message: as written, cut when it is very long."""
    text = written(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
