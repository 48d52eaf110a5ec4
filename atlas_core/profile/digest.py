"""The digest of a profile: equal for two profiles that decide the same, on any machine."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define, field

from atlas_core.options import Secret
from atlas_core.options.reference import plain
from atlas_core.profile.model import Selection

# How and with which words a profile runs is no part of what it decides, nor is whom it tells.
_LEFT_OUT = {"profile": ("mode", "description", "extends")}
_TABLES_LEFT_OUT = ("plugins", "alerts", "live")
_MOST_KNOWN = 256


@define
class KnownFacts:
    """What the tables and options of one profile's file come to: who resolves it many times writes each down once."""

    _facts: dict[int, tuple[object, Any]] = field(factory=dict)

    def of(self, value: object, make: Callable[[], Any]) -> Any:
        """Return what a value comes to, made or known; values do not change, and the same one is the same object."""
        held = self._facts.get(id(value))
        if held is None:
            if len(self._facts) >= _MOST_KNOWN:
                self._facts.clear()
            held = self._facts[id(value)] = (value, make())  # the value is kept, so that its id stays its own
        return held[1]


def profile_digest(
    source: Path,
    values: Mapping[str, Any],
    chosen: Mapping[str, Sequence[Selection]],
    known: KnownFacts | None = None,
) -> str:
    """Return the SHA-256 of the resolved values: no secret, no machine's own path, not the mode."""
    folder, known = source.parent.resolve(), known or KnownFacts()
    facts = {
        "tables": {
            name: known.of(value, partial(_facts, name, value, folder))
            for name, value in values.items()
            if name not in _TABLES_LEFT_OUT
        },
        "components": {
            name: [
                [each.use, each.label, known.of(each.options, partial(_options, each.options, folder))]
                for each in selections
            ]
            for name, selections in chosen.items()
        },
    }
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _options(options: Any, folder: Path) -> Any:
    return _canonical(plain(options), folder)


def _facts(name: str, value: Any, folder: Path) -> Any:
    table = plain(value)
    return _canonical({key: item for key, item in table.items() if key not in _LEFT_OUT.get(name, ())}, folder)


def _canonical(value: Any, folder: Path) -> Any:
    if isinstance(value, Secret):
        return "secret"
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, Mapping):
        return {str(key): _canonical(item, folder) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item, folder) for item in value]
    return _portable(value, folder) if isinstance(value, Path) else value


def _portable(path: Path, folder: Path) -> str:
    if not path.is_absolute():
        return path.as_posix()
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive
        return path.as_posix()
