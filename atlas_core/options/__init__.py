"""Options: attrs classes that a TOML table becomes, strictly, or a list of problems with their addresses.

`option()` and the checks are what plugin authors use; `structure()` reads a table; `describe()` and `json_schema()`
tell people and editors what a class accepts. cattrs is imported only when a table is read, so that listing plugins
stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from atlas_core.options.checks import (
    Check,
    above,
    at_least,
    at_most,
    between,
    each,
    matches,
    not_empty,
    one_of,
    option,
    time_of_day,
    time_zone,
)
from atlas_core.options.moment import Moment, read_moment
from atlas_core.options.problems import Address, closest, path_text, written
from atlas_core.options.secret import Secret
from atlas_core.problem import Problem

if TYPE_CHECKING:
    from atlas_core.options.reference import OptionInfo, describe, json_schema
    from atlas_core.options.strict import structure

__all__ = [
    "Address",
    "Check",
    "Moment",
    "OptionInfo",
    "Problem",
    "Secret",
    "above",
    "at_least",
    "at_most",
    "between",
    "closest",
    "describe",
    "each",
    "json_schema",
    "matches",
    "not_empty",
    "one_of",
    "option",
    "path_text",
    "read_moment",
    "structure",
    "time_of_day",
    "time_zone",
    "written",
]

_LAZY = {"OptionInfo": "reference", "describe": "reference", "json_schema": "reference", "structure": "strict"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
