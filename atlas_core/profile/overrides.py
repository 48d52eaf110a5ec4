"""Values from the command line, put over what the files say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomli

from atlas_core.options.problems import KeyPath, closest, did_you_mean
from atlas_core.problem import Problem
from atlas_core.profile.document import COMMAND_LINE, ONE_COMPONENT, Document, Place, read_number, replace_places
from atlas_core.profile.labels import labels_of

Override = tuple[str, str]


def override_value(text: str) -> Any:
    """Return the TOML value that a text is, or the text itself where it is none (`BTC/USD` needs no quotes)."""
    try:
        data = tomli.loads(f"value = {text}", parse_float=read_number)
    except (ValueError, RecursionError):
        return text
    return data["value"] if list(data) == ["value"] else text


def _entry(entries: list[Any], rest: str) -> tuple[int, str] | None:
    """Return the number of the entry that `label.key` or `number.key` (from 0) names, and the key."""
    labels = labels_of(entries)
    for index in sorted(range(len(labels)), key=lambda index: -len(labels[index])):
        if labels[index] and rest.startswith(f"{labels[index]}."):
            return index, rest.removeprefix(f"{labels[index]}.")
    number, _, key = rest.partition(".")
    return (int(number), key) if key and number.isdecimal() and int(number) < len(entries) else None


def _problem(key: str, message: str, suggestion: str = "") -> Problem:
    return Problem(message=message, key=key, file=COMMAND_LINE, suggestion=did_you_mean(suggestion))


def _apply(document: Document, key: str, text: str) -> Problem | None:
    table, _, rest = key.partition(".")
    target: Any = document.data.setdefault(table, {}) if rest else None
    path: KeyPath = (table,)
    if isinstance(target, list):
        found = _entry(target, rest)
        if found is None:
            labels = labels_of(target)
            known = ", ".join(labels) or "none"
            return _problem(key, f"expected {table}.LABEL.KEY with one of the labels {known}", closest(rest, labels))
        index, rest = found
        target = target[index]
        path = (table, index)
    if not isinstance(target, dict):
        return _problem(key, "expected TABLE.KEY, such as limits.max_positions")
    value = override_value(text)
    if rest == "use" and table in ONE_COMPONENT and target.get("use", value) != value:
        target = document.data[table] = {}
        replace_places(document, Document({}, {path: Place(COMMAND_LINE, None, Path.cwd())}, set()), path)
    *around, last = rest.split(".")
    for step in around:
        path = (*path, step)
        target[step] = dict(target[step]) if isinstance(target.get(step), dict) else {}
        target = target[step]
    target[last] = value
    _note_place(document, (*path, last))
    return None


def _note_place(document: Document, path: KeyPath) -> None:
    replace_places(document, Document({}, {path: Place(COMMAND_LINE, None, Path.cwd())}, {path}), path)


def apply_overrides(document: Document, overrides: Sequence[Override]) -> list[Problem]:
    """Put `("table.key", "value")` pairs over a document; a component of an array is named by its label.

    Another component in a table of one starts from nothing, as in a file that extends another, whatever the order.
    """
    choices_first = sorted(overrides, key=lambda override: not override[0].endswith(".use"))
    problems = (_apply(document, key, text) for key, text in choices_first)
    return [problem for problem in problems if problem is not None]
