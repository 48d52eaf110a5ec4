"""The label of each component: what the profile says, else the name of the component, numbered where it repeats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any


def labels_of(entries: Sequence[Any]) -> tuple[str, ...]:
    """Return one label for each table of an array; automatic ones keep clear of those that are written.

    Labels that are written twice are left as they are; reading the profile refuses them.
    """
    taken = {str(entry["label"]) for entry in entries if _has_label(entry)}
    labels = []
    for entry in entries:
        if _has_label(entry):
            labels.append(str(entry["label"]))
            continue
        use = str(entry.get("use", "")) if isinstance(entry, dict) else ""
        label = next(name for name in _numbered(use) if name not in taken)
        taken.add(label)
        labels.append(label)
    return tuple(labels)


def _has_label(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("label") is not None


def _numbered(use: str) -> Iterator[str]:
    yield use
    yield from (f"{use}-{number}" for number in count(2))
