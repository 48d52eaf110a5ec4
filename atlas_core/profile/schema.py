"""The JSON schema (draft 2020-12) of profiles, for editors, with the options of the installed components."""

from __future__ import annotations

from typing import Any

from atlas_core.components import Component
from atlas_core.options import json_schema
from atlas_core.profile.load import SECTIONS
from atlas_core.profile.model import ComponentSource
from atlas_core.profile.reader import COMPONENT_TABLES, ComponentTable

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def profile_schema(registry: ComponentSource) -> dict[str, Any]:
    """Return one schema for all profiles; what a component's table may hold depends on its `use`.

    A file that another one extends need not be complete, so nothing above the tables is required.
    """
    properties: dict[str, Any] = {name: json_schema(cls) for name, cls in SECTIONS.items()}
    for table in COMPONENT_TABLES:
        properties[table.name] = _component_table(table, registry)
    return {
        "$schema": DIALECT,
        "title": "Atlas profile",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _component_table(table: ComponentTable, registry: ComponentSource) -> dict[str, Any]:
    offered = sorted(registry.components(table.kind), key=lambda component: component.name)
    one = {
        "type": "object",
        "properties": {"use": {"enum": [component.name for component in offered]}, "label": {"type": "string"}},
        "required": ["use"],
        "allOf": [_when_used(component) for component in offered],
    }
    if not offered:
        one = {"type": "object", "properties": {"use": {"type": "string"}}, "required": ["use"]}
    return {"type": "array", "items": one, "minItems": 1} if table.many else one


def _when_used(component: Component[Any, Any]) -> dict[str, Any]:
    schema = json_schema(component.options)
    schema["properties"] = {
        "use": {"const": component.name, "description": component.summary},
        "label": {"type": "string", "minLength": 1},
        **schema["properties"],
    }
    return {"if": {"properties": {"use": {"const": component.name}}, "required": ["use"]}, "then": schema}
