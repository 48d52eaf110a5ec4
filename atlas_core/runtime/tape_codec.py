"""Events, records and instruments as plain JSON values and back, for the tape of inputs."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, get_args

import numpy as np
from cattrs import Converter

from atlas_core.errors import DataError
from atlas_core.model.events import Event, SignalsFound
from atlas_core.model.signals import COLUMNS, SignalTable

EVENT_TYPES: Mapping[str, type[Any]] = {cls.__name__: cls for cls in get_args(Event)}


def plain_of(value: Any, cls: type[Any]) -> Any:
    """Return a value of an attrs class as JSON values: decimals as text, tables as columns."""
    return _CONVERTER.unstructure(value, cls)


def value_of(plain: Any, cls: type[Any]) -> Any:
    """Return the value that `plain_of` wrote; raises DataError when it does not fit the class."""
    try:
        return _CONVERTER.structure(plain, cls)
    except Exception as fault:  # cattrs raises what the classes raise
        raise DataError(f"tape: expected a {cls.__name__}, was {plain!r} ({fault})") from fault


def event_of(name: str, plain: Any) -> Event:
    """Return an event of the class with this name; raises DataError for one that there is none."""
    if name not in EVENT_TYPES:
        raise DataError(f"tape: expected an event of this Atlas, was {name!r}; use the Atlas that wrote the tape")
    event: Event = value_of(plain, EVENT_TYPES[name])
    return event


def _plain_found(found: SignalsFound) -> dict[str, Any]:
    table = found.table
    columns = {name: getattr(table, name).tolist() for name in COLUMNS}
    context = {name: [column.dtype.str, column.tolist()] for name, column in table.context.items()}
    return {"ts": found.ts, "scanner": found.scanner, "columns": columns, "context": context}


def _found_of(plain: Mapping[str, Any], _: Any) -> SignalsFound:
    context = {name: np.array(values, dtype=np.dtype(kind)) for name, (kind, values) in plain["context"].items()}
    return SignalsFound(plain["ts"], plain["scanner"], SignalTable(**plain["columns"], context=context))


def _is_found(cls: Any) -> bool:
    return cls is SignalsFound


def _converter() -> Converter:
    converter = Converter(detailed_validation=False, forbid_extra_keys=True)
    converter.register_unstructure_hook(Decimal, str)
    converter.register_structure_hook(Decimal, lambda text, _: Decimal(text))
    converter.register_unstructure_hook(StrEnum, lambda choice: choice.value)
    converter.register_structure_hook(StrEnum, lambda text, cls: cls(text))
    converter.register_unstructure_hook_func(_is_found, _plain_found)
    converter.register_structure_hook_func(_is_found, _found_of)
    return converter


_CONVERTER = _converter()
