"""Encoders from Python values to canonical JSON text, one per field type, chosen once per record class.

Equal values of one type give equal text: no spaces, ASCII only, keys of free mappings sorted, floats by `repr`,
Decimal and enum members as strings, tuples as lists. What could not be read back is refused: NaN, infinities, values
of another type than the field's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from json.encoder import encode_basestring_ascii
from types import UnionType
from typing import Any, Union, get_args, get_origin

Encoder = Callable[[Any], str]

_LARGEST = 2**63 - 1
_SMALLEST = -(2**63)


def encoder_for(annotation: Any) -> Encoder:
    """Return the encoder of a field annotated so; raises TypeError for a type that the journal does not know."""
    if annotation in _BY_ANNOTATION:
        return _BY_ANNOTATION[annotation]
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return _optional(annotation)
    if origin is tuple:
        return _tuple_of(encoder_for(get_args(annotation)[0]))
    if origin is Mapping:
        return encode_mapping
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return {member: encode_basestring_ascii(member.value) for member in annotation}.__getitem__
    raise TypeError(f"the journal has no encoder for fields of type {annotation}")


def encode_mapping(mapping: Mapping[str, Any]) -> str:
    """Return a free mapping as JSON with sorted keys; Decimal and enum members become text, tuples lists.

    Raises ValueError, naming the key, for what JSON cannot hold.
    """
    if not mapping:
        return "{}"
    return "{" + ",".join([_encode_item(key, mapping[key]) for key in sorted(mapping)]) + "}"


def _encode_item(key: str, value: Any) -> str:
    encode = _BY_VALUE.get(type(value), _encode_other)
    try:
        return f"{encode_basestring_ascii(key)}:{encode(value)}"
    except (TypeError, ValueError) as error:
        raise ValueError(f"at key {key!r}: {error}") from None


def encode_list(values: list[Any] | tuple[Any, ...]) -> str:
    """Return a list or tuple as JSON; raises ValueError or TypeError for what JSON cannot hold."""
    return f"[{','.join([_BY_VALUE.get(type(value), _encode_other)(value) for value in values])}]"


def _encode_other(value: Any) -> str:
    if isinstance(value, Enum):
        return _BY_VALUE.get(type(value.value), _encode_other)(value.value)
    for kind, encode in _BY_BASE:
        if isinstance(value, kind):
            return encode(value)
    raise TypeError(f"expected text, a number, a truth value, a list or a mapping, was {value!r}")


def encode_int(value: int) -> str:
    """Return a whole number as JSON; raises TypeError or ValueError for what a column of 64 bits cannot hold."""
    if not _SMALLEST <= value <= _LARGEST:
        raise ValueError(f"expected a number of at most 64 bits, was {value}")
    return int.__repr__(value)


def expect_storable(text: str) -> None:
    """Raise ValueError for encoded text with a lone surrogate in it, which no file can hold as text."""
    if "\\ud" in text:
        json.dumps(json.loads(text), ensure_ascii=False).encode()


def _encode_decimal(value: Decimal) -> str:
    if not isinstance(value, Decimal):
        raise TypeError(f"expected a Decimal, was {value!r}")
    if not value.is_finite():
        raise ValueError(f"expected a finite number, was {value}")
    return '"' + str(value) + '"'


def _encode_float(value: float) -> str:
    if not isinstance(value, (float, int)):
        raise TypeError(f"expected a number, was {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, was {value}")
    return float.__repr__(float(value))


def _optional(annotation: Any) -> Encoder:
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    if len(kinds) != 1:
        raise TypeError(f"the journal has no encoder for fields of type {annotation}")
    encode = encoder_for(kinds[0])
    return lambda value: "null" if value is None else encode(value)


def _tuple_of(encode: Encoder) -> Encoder:
    return lambda values: f"[{','.join([encode(value) for value in values])}]"


_BY_ANNOTATION: Mapping[Any, Encoder] = {
    int: encode_int,
    bool: {True: "true", False: "false"}.__getitem__,
    str: encode_basestring_ascii,
    float: _encode_float,
    Decimal: _encode_decimal,
}
_BY_VALUE: Mapping[type, Encoder] = {
    **_BY_ANNOTATION,
    type(None): {None: "null"}.__getitem__,
    dict: encode_mapping,
    list: encode_list,
    tuple: encode_list,
}
_BY_BASE: tuple[tuple[type, Encoder], ...] = (
    (float, _encode_float),
    (str, encode_basestring_ascii),
    (Mapping, encode_mapping),
)
