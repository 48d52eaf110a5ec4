"""The loop over entry points; nothing that a plugin does can end it.

A plugin is light: its module is imported here, so it holds descriptors and no SDK.
"""

from __future__ import annotations

import os
import re
from functools import partial
from importlib.metadata import EntryPoint
from importlib.metadata import entry_points as installed_entry_points
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field, frozen

from atlas_core.plugins.calls import call_plugin
from atlas_core.plugins.hooks import COMPONENT_HOOKS, PluginHooks
from atlas_core.plugins.offers import checked_components, install_command, missing_modules, refuse_repeated
from atlas_core.plugins.records import PluginFault, PluginRecord, Status
from atlas_core.plugins.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from atlas_core.components import Component
    from atlas_core.contracts import Kind

GROUPS = ("atlas.venues", "atlas.strategies", "atlas.alerters")
SHIPPED_DISTRIBUTION = "atlas-trading"
ENVIRONMENT_VARIABLE = "ATLAS_PLUGINS"


def discover(
    *,
    block: Collection[str] = (),
    only: Collection[str] | None = None,
    entry_points: Iterable[EntryPoint] | None = None,
) -> Registry:
    """Load the plugins of all installed distributions; a broken one is a record, never an exception.

    `block` names plugins that are not imported. `only` limits third-party plugins to the named ones, and so does the
    environment variable ATLAS_PLUGINS (a list with commas; empty: none); the shipped ones stay. `entry_points` takes
    the place of the installed ones.
    """
    found = _installed() if entry_points is None else entry_points
    limits = [Limit("`only` in the profile", only)] if only is not None else []
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named is not None:
        limits.append(Limit(f"the environment variable {ENVIRONMENT_VARIABLE}", _names(named)))
    return load_entry_points(found, block=block, limits=limits)


@frozen
class Limit:
    """Third-party plugins that may be loaded, and who says so."""

    source: str
    names: Collection[str]


def load_entry_points(
    found: Iterable[EntryPoint], *, block: Collection[str] = (), limits: Sequence[Limit] = ()
) -> Registry:
    """Load `found`; shipped plugins come first, so that no other one can take a name from them."""
    waiting = sorted((record_of(entry) for entry in found), key=lambda one: _order(one[0]))
    loader = _Loader(clashes=_clashes([record for record, _ in waiting]), block=block, limits=limits)
    records = [loader.load(record, load) for record, load in waiting]
    return Registry(records, loader.hooks)


def record_of(entry: EntryPoint) -> tuple[PluginRecord, Callable[[], Any]]:
    """Return the first record of an entry point, and what imports it."""
    distribution, version = _distribution(entry)
    record = PluginRecord(
        name=entry.name,
        group=entry.group,
        distribution=distribution,
        version=version,
        module=entry.value.partition(":")[0].strip(),
        status=Status.READY,
    )
    return record, entry.load


@define
class _Loader:
    clashes: dict[str, str]
    block: Collection[str]
    limits: Sequence[Limit]
    hooks: PluginHooks = field(factory=PluginHooks)
    owners: dict[tuple[Kind, str], PluginRecord] = field(factory=dict)

    def load(self, record: PluginRecord, load: Callable[[], Any]) -> PluginRecord:
        """Return how an entry point ended."""
        try:
            self._admit(record)
            plugin = call_plugin(f"import of {record.module}", load)
            hooks = call_plugin("reading its hooks", lambda: self.hooks.register(record.name, plugin))
        except PluginFault as fault:
            return _faulty(record, fault)
        return self._collect(evolve(record, hooks=hooks))

    def _admit(self, record: PluginRecord) -> None:
        """Raise PluginFault for a plugin that shall not be imported."""
        if record.name in self.block:
            raise PluginFault(Status.BLOCKED, "the profile blocks it", f"take {record.name!r} out of `block`")
        for limit in self.limits:
            if not _is_shipped(record) and record.name not in limit.names:
                raise PluginFault(
                    Status.BLOCKED, f"{limit.source} does not name it", f"add {record.name!r} to {limit.source}"
                )
        if record.name in self.clashes and not _is_shipped(record):
            raise PluginFault(
                Status.DUPLICATE,
                f"entry point {record.name!r} is offered by {self.clashes[record.name]}",
                "uninstall all but one of them",
            )

    def _collect(self, record: PluginRecord) -> PluginRecord:
        """Call the component hooks; a plugin that fails here is forgotten as a whole."""
        components: list[Component[Any, Any]] = []
        try:
            for hook, kind in COMPONENT_HOOKS.items():
                if hook in record.hooks:
                    components.extend(call_plugin(hook, partial(self._ask, record, hook, kind)))
            refuse_repeated(components)
            record = evolve(record, components=tuple(components))
            self._claim(record)
        except PluginFault as fault:
            self.hooks.unregister(record.name)
            return _faulty(record, fault)
        return _judged(record)

    def _ask(self, record: PluginRecord, hook: str, kind: Kind) -> list[Component[Any, Any]]:
        answers = self.hooks.call(record.name, hook) or [None]
        return [component for answer in answers for component in checked_components(hook, kind, answer)]

    def _claim(self, record: PluginRecord) -> None:
        keys = [(component.kind, component.name) for component in record.components]
        for kind, name in keys:
            owner = self.owners.get((kind, name))
            if owner is not None:
                raise PluginFault(
                    Status.DUPLICATE,
                    f"{kind} {name!r} is offered by plugin {owner.name!r} ({owner.origin}) "
                    f"and by plugin {record.name!r} ({record.origin})",
                    f"block or uninstall one of them; plugin {owner.name!r} keeps the name",
                )
        self.owners.update(dict.fromkeys(keys, record))


def _judged(record: PluginRecord) -> PluginRecord:
    """Return the record as ready, or as in need of an extra when none of its components can be used."""
    missing = [missing_modules(component) for component in record.components]
    if not missing or not all(missing):
        return record
    modules = dict.fromkeys(module for modules in missing for module in modules)
    return evolve(
        record,
        status=Status.NEEDS_EXTRA,
        reason=f"not installed: {', '.join(modules)}",
        remedy=install_command(record.distribution, record.components),
    )


def _faulty(record: PluginRecord, fault: PluginFault) -> PluginRecord:
    return evolve(record, status=fault.status, reason=fault.reason, remedy=fault.remedy, traceback=fault.traceback)


def _installed() -> list[EntryPoint]:
    installed = installed_entry_points()  # one scan of the installed distributions for all groups
    return [entry for group in GROUPS for entry in installed.select(group=group)]


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _distribution(entry: EntryPoint) -> tuple[str, str]:
    """Return name and version of the distribution, empty where its metadata cannot be read."""
    if entry.dist is None:
        return "", ""
    try:
        return str(entry.dist.name), str(entry.dist.version)
    except Exception:  # an installation damaged by hand; the plugin may still be sound
        return "", ""


def _is_shipped(record: PluginRecord) -> bool:
    return re.sub(r"[-_.]+", "-", record.distribution).lower() == SHIPPED_DISTRIBUTION


def _order(record: PluginRecord) -> tuple[bool, str, str, str]:
    return not _is_shipped(record), record.name, record.group, record.distribution


def _clashes(records: Sequence[PluginRecord]) -> dict[str, str]:
    """Return for each name that is offered more than once the distributions that offer it."""
    offers: dict[str, list[str]] = {}
    for record in records:
        offers.setdefault(record.name, []).append(f"{record.origin} ({record.group})")
    return {name: " and by ".join(origins) for name, origins in offers.items() if len(origins) > 1}
