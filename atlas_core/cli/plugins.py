"""`atlas plugins`: which plugins are installed, what became of them and what they offer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from atlas_core.cli.completion import complete_plugin
from atlas_core.cli.tables import Column, print_json, print_table, say, say_wrapped
from atlas_core.components import Component
from atlas_core.contracts import Kind
from atlas_core.errors import NotFound
from atlas_core.plugins import GROUPS, PluginRecord, Registry, Status, discover

if TYPE_CHECKING:
    from atlas_core.options import OptionInfo

AnyComponent = Component[Any, Any]
ROLES = [group.removeprefix("atlas.") for group in GROUPS]
KINDS = [kind.value for kind in Kind]
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def plugins() -> None:
    """List plugins and show what they offer."""


@plugins.command("list")
@click.option("--role", type=click.Choice(ROLES), help="Only plugins of this role.")
@click.option("--kind", type=click.Choice(KINDS), help="Only plugins that offer components of this kind.")
@click.option("--hooks", is_flag=True, help="Show the hooks that each plugin implements.")
@_AS_JSON
def list_plugins(role: str | None, kind: str | None, hooks: bool, as_json: bool) -> None:
    """List the installed plugins, one line each, and how to repair those that cannot be used."""
    registry = discover()
    records = [record for record in registry.records if _wanted(record, role, kind)]
    if as_json:
        print_json([plugin_facts(record, registry) for record in records])
        return
    if not records:
        say("no such plugin is installed" if role or kind else "no plugin is installed: install atlas-trading with pip")
        return
    columns = [
        Column("plugin"), Column("role", drop=3), Column("distribution", drop=2), Column("version", drop=1),
        Column("status"), Column("offers"), *([Column("hooks")] if hooks else []),
    ]  # fmt: skip
    print_table("", columns, [_row(record, kind, hooks) for record in records])
    for line in _repairs(records, registry):
        say(line)


@plugins.command("show")
@click.argument("what", nargs=-1, required=True, metavar="[KIND] NAME", shell_complete=complete_plugin)
@_AS_JSON
def show_plugin(what: tuple[str, ...], as_json: bool) -> None:
    """Show a plugin or a component with its options.

    NAME is a plugin such as `basics` or a component such as `risk-per-trade`; KIND (provider, scanner, gate, sizer,
    broker, exit or alerter) tells components of one name apart.
    """
    registry = discover()
    records, components = _named(registry, what)
    if as_json:
        print_json({
            "plugins": [plugin_facts(record, registry, options=True) for record in records],
            "components": [component_facts(component, registry, options=True) for component in components],
        })  # fmt: skip
        return
    for record in records:
        _print_plugin(record, registry)
    for component in components:
        _print_component(component, registry)


def plugin_facts(record: PluginRecord, registry: Registry, *, options: bool = False) -> dict[str, Any]:
    """Return what is known about a plugin, for JSON."""
    return {
        "name": record.name,
        "role": record.role,
        "distribution": record.distribution,
        "version": record.version,
        "module": record.module,
        "status": record.status.value,
        "reason": record.reason,
        "remedy": record.remedy,
        "hooks": record.hooks,
        "components": [component_facts(component, registry, options=options) for component in record.components],
    }


def component_facts(component: AnyComponent, registry: Registry, *, options: bool = False) -> dict[str, Any]:
    """Return what is known about a component, for JSON."""
    facts: dict[str, Any] = {
        "kind": component.kind.value,
        "name": component.name,
        "summary": component.summary,
        "usable": registry.usable(component.kind, component.name),
        "capabilities": sorted(component.capabilities),
        "requires": component.requires,
        "missing": registry.missing(component.kind, component.name),
        "extra": component.extra,
    }
    if options:
        facts["options"] = [_option_facts(info) for info in _described(component)]
    return facts


def _option_facts(info: OptionInfo) -> dict[str, str]:
    return {
        "name": info.name,
        "type": info.type,
        "default": info.default,
        "constraint": info.constraint,
        "unit": info.unit,
        "help": info.help,
    }


def _described(component: AnyComponent) -> tuple[OptionInfo, ...]:
    from atlas_core.options import describe

    return describe(component.options)


def _wanted(record: PluginRecord, role: str | None, kind: str | None) -> bool:
    if role is not None and record.role != role:
        return False
    return kind is None or any(component.kind == kind for component in record.components)


def _row(record: PluginRecord, kind: str | None, hooks: bool) -> list[str]:
    offered = [component for component in record.components if kind in (None, component.kind)]
    cells = [record.name, record.role, record.distribution, record.version, record.status.value, _offers(offered)]
    return [*cells, ", ".join(record.hooks)] if hooks else cells


def _offers(components: Iterable[AnyComponent]) -> str:
    """Return the names of components by kind, such as `provider sim; exit stop, target`."""
    names: dict[str, list[str]] = {}
    for component in components:
        names.setdefault(component.kind.value, []).append(component.name)
    return "; ".join(f"{kind} {', '.join(named)}" for kind, named in names.items())


def _repairs(records: Iterable[PluginRecord], registry: Registry) -> list[str]:
    lines = []
    for record in records:
        if record.status is not Status.READY:
            lines.append(f"{record.name} ({record.origin}) {record.status}: {record.reason}")
            lines.append(f"  remedy: {record.remedy}")
            continue
        for component in record.components:
            missing = registry.missing(component.kind, component.name)
            if missing:
                lines.append(f"{record.name}: {component.kind} {component.name} needs {', '.join(missing)}")
                lines.append(f"  remedy: {registry.remedy(component.kind, component.name)}")
    return lines


def _named(registry: Registry, what: tuple[str, ...]) -> tuple[list[PluginRecord], list[AnyComponent]]:
    """Return the plugins of that name, and the components of that name that they do not already show."""
    if len(what) > 2:
        raise click.UsageError(f"expected NAME or KIND NAME, was {' '.join(what)}")
    name, kind = what[-1], what[0] if len(what) == 2 else None
    if kind is not None and kind not in KINDS:
        raise click.UsageError(f"expected a kind ({', '.join(KINDS)}), was {kind!r}")
    records = [record for record in registry.records if record.name == name and kind is None]
    components = [
        component
        for component in registry.components()
        if component.name == name
        and kind in (None, component.kind)
        and registry.origin(component.kind, name) not in records
    ]
    if not records and not components:
        raise NotFound(_unknown(registry, name, kind))
    return records, components


def _unknown(registry: Registry, name: str, kind: str | None) -> str:
    names = [component.name for component in registry.components() if kind in (None, component.kind)]
    if kind is None:
        names += [record.name for record in registry.records]
    close = get_close_matches(name, sorted(set(names)), n=1)
    meant = f"; did you mean {close[0]!r}?" if close else "; see `atlas plugins list`"
    return f"no {kind or 'plugin or component'} {name!r} is installed{meant}"


def _print_plugin(record: PluginRecord, registry: Registry) -> None:
    say(f"plugin {record.name}: {record.status}")
    facts = {
        "role": record.role,
        "distribution": record.origin,
        "module": record.module,
        "hooks": ", ".join(record.hooks),
        "reason": record.reason,
        "remedy": record.remedy,
    }
    _print_facts(facts)
    for line in record.traceback.splitlines():
        say(f"  | {line}")
    for component in record.components:
        _print_component(component, registry)


def _print_component(component: AnyComponent, registry: Registry) -> None:
    say()
    say_wrapped(f"{component.kind} {component.name}" + (f": {component.summary}" if component.summary else ""), 2)
    missing = registry.missing(component.kind, component.name)
    facts = {
        "capabilities": ", ".join(sorted(component.capabilities)),
        "requires": ", ".join(component.requires),
        "not installed": ", ".join(missing),
        "remedy": registry.remedy(component.kind, component.name) if missing else "",
    }
    _print_facts(facts)
    described = _described(component)
    if not described:
        say("  no options")
        return
    columns = [Column("option"), Column("type"), Column("default"), Column("constraint"), Column("help")]
    rows = [[info.name, info.type, info.default, info.constraint, _help(info)] for info in described]
    print_table("", columns, rows)


def _help(info: OptionInfo) -> str:
    return f"{info.help} ({info.unit})" if info.help and info.unit else info.help or info.unit


def _print_facts(facts: Mapping[str, str]) -> None:
    for name, value in facts.items():
        if value:
            say_wrapped(f"  {name:<14}{value}", indent=16)
