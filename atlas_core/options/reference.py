"""What an option class accepts, for people (`describe`) and for editors (`json_schema`)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import NOTHING, Attribute, Factory, frozen, has

from atlas_core.model.timeframe import Timeframe
from atlas_core.options.checks import Check
from atlas_core.options.moment import Moment
from atlas_core.options.problems import written
from atlas_core.options.secret import SOURCES, Secret
from atlas_core.options.typenames import (
    choices_of,
    is_list,
    is_table,
    item_type,
    option_fields,
    optional_inner,
    type_text,
)

REQUIRED = "required"

_SCALAR_SCHEMAS: Mapping[Any, Mapping[str, Any]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    Decimal: {"type": "number"},
    str: {"type": "string"},
    Path: {"type": "string", "minLength": 1},
    Timeframe: {"type": "string", "pattern": "^[1-9][0-9]{0,3}[mhHdDwWM]$"},
    Moment: {"type": "string", "pattern": "^[0-9]{4}-?[0-9]{2}-?[0-9]{2}([T ].*)?$"},
    Secret: {
        "type": "object",
        "properties": {source: {"type": "string", "minLength": 1} for source in SOURCES},
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    },
}


@frozen(kw_only=True)
class OptionInfo:
    """One option as the reference shows it; every field is a text."""

    name: str
    type: str
    default: str
    constraint: str
    help: str
    unit: str = ""

    @property
    def required(self) -> bool:
        """Whether a profile must set it."""
        return self.default == REQUIRED


def _default(field: Attribute[Any]) -> Any:
    default: Any = field.default
    if isinstance(default, Factory):  # type: ignore[arg-type]
        return NOTHING if default.takes_self else default.factory()
    return default


def default_text(field: Attribute[Any]) -> str:
    """Return the default of a field as a profile would write it."""
    if field.default is NOTHING:
        return REQUIRED
    value = _default(field)
    return "none" if value is None else "computed" if value is NOTHING else written(plain(value))


def plain(value: Any) -> Any:
    """Return an option's value without option classes inside, so that it can be written as TOML.

    What is None is left out of tables, as it would be in a profile.
    """
    if has(type(value)) and not isinstance(value, Timeframe):
        items = ((field.name, getattr(value, field.name)) for field in option_fields(type(value)))
        return {name: plain(item) for name, item in items if item is not None}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Timeframe) else value


def _checks(field: Attribute[Any]) -> tuple[Check, ...]:
    return tuple(check for check in field.metadata.get("atlas.checks", ()) if isinstance(check, Check))


def describe(cls: type[Any]) -> tuple[OptionInfo, ...]:
    """Return what an option class accepts, in the order of its fields."""
    return tuple(
        OptionInfo(
            name=field.name,
            type=type_text(field.type),
            default=default_text(field),
            constraint=" and ".join(check.expected for check in _checks(field)),
            help=field.metadata.get("atlas.help", ""),
            unit=field.metadata.get("atlas.unit", ""),
        )
        for field in option_fields(cls)
    )


def _type_schema(type_: Any) -> dict[str, Any]:
    inner = optional_inner(type_)
    if inner is not None:
        return _type_schema(inner)
    if type_ in _SCALAR_SCHEMAS:
        return dict(_SCALAR_SCHEMAS[type_])
    if choices_of(type_):
        return {"enum": list(choices_of(type_))}
    if is_list(type_):
        return {"type": "array", "items": _type_schema(item_type(type_))}
    if is_table(type_):
        return {"type": "object", "additionalProperties": _type_schema(item_type(type_))}
    return json_schema(type_)


def _json_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {key: _json_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json_value(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _field_schema(field: Attribute[Any]) -> dict[str, Any]:
    schema = _type_schema(field.type)
    for check in _checks(field):
        schema |= {"items": schema["items"] | check.schema["items"]} if _on_items(schema, check) else check.schema
    help_text, unit = field.metadata.get("atlas.help", ""), field.metadata.get("atlas.unit", "")
    if help_text or unit:
        schema["description"] = f"{help_text} ({unit})" if help_text and unit else help_text or unit
    default = _default(field)
    if default is not NOTHING and default is not None:
        schema["default"] = _json_value(plain(default))
    return schema


def _on_items(schema: Mapping[str, Any], check: Check) -> bool:
    return "items" in schema and "items" in check.schema


def json_schema(cls: type[Any]) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of an option class."""
    known = option_fields(cls)
    return {
        "type": "object",
        "properties": {field.name: _field_schema(field) for field in known},
        "required": [field.name for field in known if field.default is NOTHING],
        "additionalProperties": False,
    }
