"""A TOML table becomes an option class strictly, or all of its problems.

cattrs alone coerces (3.7 to 3, "false" to True) and reports validators only at the class. Here every scalar accepts
its own TOML type and nothing else, and each field is structured *and* validated inside cattrs's per-field frame, so
that every problem carries the path of its field.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from attrs import Attribute, fields, has
from cattrs import BaseValidationError, ClassValidationError, Converter, IterableValidationError, override
from cattrs.errors import (
    AttributeValidationNote,
    ForbiddenExtraKeysError,
    IterableValidationNote,
    StructureHandlerNotFoundError,
)
from cattrs.gen import make_dict_structure_fn

from atlas_core.model.timeframe import Timeframe, parse_timeframe
from atlas_core.options.checks import ItemError
from atlas_core.options.moment import Moment, read_moment
from atlas_core.options.problems import UNKNOWN_KEY, Address, KeyPath, closest, did_you_mean, shown
from atlas_core.options.secret import Secret, read_secret
from atlas_core.options.typenames import (
    choices_of,
    expected_text,
    is_list,
    is_table,
    item_type,
    option_fields,
    optional_inner,
)
from atlas_core.problem import Problem

T = TypeVar("T")
Read = Callable[[Any, Any], Any]
LARGEST_WHOLE = 2**63
LARGEST_EXPONENT = 30


class _NotAChoice(ValueError):
    """A text that is not one of the choices, with a suggestion."""

    def __init__(self, message: str, suggestion: str) -> None:
        super().__init__(message)
        self.suggestion = suggestion


def _wrong(type_: Any, value: Any) -> ValueError:
    return ValueError(f"expected {expected_text(type_)}, was {shown(value)}")


def _read_bool(value: Any, _type: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise _wrong(bool, value)


def _read_int(value: Any, _type: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(int, value)
    if not -LARGEST_WHOLE <= value < LARGEST_WHOLE:
        raise ValueError("expected a whole number of at most 64 bits, was larger")
    return value


def _read_decimal(value: Any, _type: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _wrong(Decimal, value)
    number = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise ValueError(f"expected a finite number, was {shown(value)}")
    if number and abs(number.adjusted()) > LARGEST_EXPONENT:
        raise ValueError(
            f"expected a number between 1e-{LARGEST_EXPONENT} and 1e{LARGEST_EXPONENT}, was {shown(value)}"
        )
    return number


def _read_float(value: Any, type_: Any) -> float:
    number = float(_read_decimal(value, type_))
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, was {shown(value)}")
    return number


def _read_str(value: Any, _type: Any) -> str:
    if isinstance(value, str):
        return value
    raise _wrong(str, value)


def _read_timeframe(value: Any, _type: Any) -> Timeframe:
    if not isinstance(value, str):
        raise _wrong(Timeframe, value)
    try:
        return parse_timeframe(value)
    except ValueError:
        raise _wrong(Timeframe, value) from None


def _read_path(value: Any, _type: Any) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise _wrong(Path, value)
    return Path(value)


def _read_choice(value: Any, type_: Any) -> Any:
    by_written = choices_of(type_)
    for written_value, choice in by_written.items():
        if type(value) is type(written_value) and value == written_value:
            return choice
    near = closest(value, map(str, by_written)) if isinstance(value, str) else ""
    raise _NotAChoice(f"expected {expected_text(type_)}, was {shown(value)}", did_you_mean(near and shown(near)))


_SCALARS: Mapping[Any, Read] = {
    bool: _read_bool,
    int: _read_int,
    float: _read_float,
    Decimal: _read_decimal,
    str: _read_str,
    Timeframe: _read_timeframe,
    Path: _read_path,
    Secret: lambda value, _type: read_secret(value),
    Moment: lambda value, _type: read_moment(value),
    StrEnum: _read_choice,
}


def _items(pairs: Iterator[tuple[Any, Any]], read: Read, type_: Any) -> list[tuple[Any, Any]]:
    done, errors = [], []
    for place, item in pairs:
        try:
            done.append((place, read(item, item_type(type_))))
        except Exception as error:
            error.add_note(IterableValidationNote("", place, item_type(type_)))
            errors.append(error)
    if errors:
        raise IterableValidationError("", errors, type_)
    return done


def _list_hook(type_: Any, converter: Converter) -> Read:
    inner = converter.get_structure_hook(item_type(type_))

    def read(value: Any, _type: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise _wrong(type_, value)
        return tuple(item for _, item in _items(iter(enumerate(value)), inner, type_))

    return read


def _table_hook(type_: Any, converter: Converter) -> Read:
    inner = converter.get_structure_hook(item_type(type_))

    def read(value: Any, _type: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _wrong(type_, value)
        return dict(_items(iter(value.items()), inner, type_))

    return read


def _optional_hook(type_: Any, converter: Converter) -> Read:
    inner = optional_inner(type_)
    read = converter.get_structure_hook(inner)
    return lambda value, _type: read(value, inner)


def _field_hook(attribute: Attribute[Any], converter: Converter) -> Read:
    read_value = converter.get_structure_hook(attribute.type)

    def read(value: Any, _type: Any) -> Any:
        structured = read_value(value, attribute.type)
        if attribute.validator is not None:
            _validate(attribute, structured)
        return structured

    return read


def _validate(attribute: Attribute[Any], value: Any) -> None:
    # The instance does not exist yet: a field's validator may look at nothing but the value.
    try:
        attribute.validator(None, attribute, value)  # type: ignore[misc]
    except ItemError:
        raise
    except Exception as error:
        raise ValueError(str(error.args[0]) if error.args else type(error).__name__) from error


def _class_hook(cls: Any, converter: Converter) -> Read:
    hooks: dict[str, Any] = {
        field.name: override(struct_hook=_field_hook(field, converter)) for field in option_fields(cls)
    }
    make = make_dict_structure_fn(
        cls, converter, _cattrs_forbid_extra_keys=True, _cattrs_detailed_validation=True, **hooks
    )

    def read(value: Any, type_: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValueError(f"expected a table, was {shown(value)}")
        return make(value, type_)

    return read


@cache
def _converter() -> Converter:
    converter = Converter(detailed_validation=True, forbid_extra_keys=True)
    converter.register_structure_hook_factory(has, _class_hook)
    converter.register_structure_hook_factory(is_table, _table_hook)
    converter.register_structure_hook_factory(is_list, _list_hook)
    converter.register_structure_hook_factory(lambda type_: optional_inner(type_) is not None, _optional_hook)
    converter.register_structure_hook_func(lambda type_: bool(choices_of(type_)), _read_choice)
    for scalar, read in _SCALARS.items():
        converter.register_structure_hook(scalar, read)
    return converter


def _step(error: BaseException) -> KeyPath:
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return (note.name,)
        if isinstance(note, IterableValidationNote):
            return (note.index,)
    return ()


def _leaves(error: BaseException, path: KeyPath, cls: Any) -> Iterator[tuple[KeyPath, BaseException, Any]]:
    if isinstance(error, BaseValidationError):
        inside = error.cl if isinstance(error, ClassValidationError) else cls
        for part in error.exceptions:
            yield from _leaves(part, path + _step(part), inside)
    else:
        yield path, error, cls


def _unknown(error: ForbiddenExtraKeysError, path: KeyPath, where: Address) -> Iterator[Problem]:
    known = [field.name for field in fields(error.cl)]
    for key in sorted(error.extra_fields):
        near = closest(key, known)
        message = UNKNOWN_KEY if near else f"{UNKNOWN_KEY}, expected {_one_of_keys(known)}"
        yield where.problem((*path, key), message, did_you_mean(near))


def _one_of_keys(known: list[str]) -> str:
    return f"one of {', '.join(known)}" if known else "no keys here"


def _problems_of(error: BaseException, where: Address) -> Iterator[Problem]:
    for path, leaf, cls in _leaves(error, (), None):
        if isinstance(leaf, ForbiddenExtraKeysError):
            yield from _unknown(leaf, path, where)
        elif isinstance(leaf, KeyError):
            missing = next(field for field in fields(cls) if field.name == path[-1])
            yield where.problem(path, f"expected {expected_text(missing.type)}, was missing")
        else:
            item = (leaf.place,) if isinstance(leaf, ItemError) else ()
            yield where.problem(path + item, str(leaf), getattr(leaf, "suggestion", ""))


def structure(cls: type[T], table: Mapping[str, Any], where: Address) -> tuple[T | None, list[Problem]]:
    """Return the option class that `table` describes, or None and every problem of the table.

    Numbers with a point are expected as Decimal (tomli's `parse_float`), so that 10.10 stays exact.
    """
    try:
        return _converter().structure(dict(table), cls), []
    except BaseValidationError as error:
        return None, list(_problems_of(error, where))
    except (StructureHandlerNotFoundError, TypeError, NameError) as error:
        message = f"the option class {cls.__module__}.{cls.__qualname__} cannot be read from TOML: {error}"
        return None, [where.problem((), message)]
