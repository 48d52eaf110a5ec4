"""The registry: which component a profile means, and why one cannot be had."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from attrs import frozen

from atlas_core.errors import MissingExtra, PluginError
from atlas_core.plugins.calls import call_plugin
from atlas_core.plugins.offers import install_command, missing_modules
from atlas_core.plugins.records import PluginFault, PluginRecord

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import click

    from atlas_core.components import Component
    from atlas_core.contracts import Kind
    from atlas_core.plugins.hooks import PluginHooks
    from atlas_core.runs import RunInfo, RunSummary


@frozen
class _Offer:
    component: Component[Any, Any]
    record: PluginRecord
    missing: tuple[str, ...]


class Registry:
    """The records of discovery, ordered by name and group, and the components of the plugins that can be used."""

    def __init__(self, records: Iterable[PluginRecord], hooks: PluginHooks) -> None:
        self.records = tuple(sorted(records, key=lambda record: (record.name, record.group, record.distribution)))
        self._hooks = hooks
        self._offers = {
            (component.kind, component.name): _Offer(component, record, missing_modules(component))
            for record in self.records
            if record.status.listed
            for component in record.components
        }

    def find(self, kind: Kind, name: str) -> Component[Any, Any]:
        """Return the component that a profile names.

        Raises PluginError when no plugin offers it, with a suggestion and the plugins that could not be loaded,
        and MissingExtra, with the remedy, when its SDK is not installed.
        """
        offer = self._offers.get((kind, name))
        if offer is None:
            raise PluginError(self._unknown(kind, name))
        if offer.missing:
            raise MissingExtra(f"{kind} {name!r}", offer.missing, self.remedy(kind, name))
        return offer.component

    def names(self, kind: Kind) -> tuple[str, ...]:
        """Return the names of a kind in alphabetical order, usable or not."""
        return tuple(sorted(name for offered, name in self._offers if offered is kind))

    def usable(self, kind: Kind, name: str) -> bool:
        """Tell whether `find` would return the component."""
        offer = self._offers.get((kind, name))
        return offer is not None and not offer.missing

    def missing(self, kind: Kind, name: str) -> tuple[str, ...]:
        """Return the modules that an offered component lacks, none when it is usable."""
        offer = self._offers.get((kind, name))
        return offer.missing if offer else ()

    def remedy(self, kind: Kind, name: str) -> str:
        """Return how to install what an offered component lacks, empty when it is usable or not offered."""
        offer = self._offers.get((kind, name))
        return install_command(offer.record.distribution, [offer.component]) if offer and offer.missing else ""

    def components(self, kind: Kind | None = None) -> tuple[Component[Any, Any], ...]:
        """Return the offered components, usable or not, ordered by plugin."""
        return tuple(offer.component for key, offer in self._offers.items() if kind is None or key[0] is kind)

    def origin(self, kind: Kind, name: str) -> PluginRecord:
        """Return the record of the plugin that offers a component; raises PluginError when none does."""
        offer = self._offers.get((kind, name))
        if offer is None:
            raise PluginError(self._unknown(kind, name))
        return offer.record

    def run_started(self, run: RunInfo) -> None:
        """Tell every plugin that a run began; a failure is logged and the run goes on."""
        self._tell("atlas_run_started", run=run)

    def run_finished(self, run: RunInfo, summary: RunSummary) -> None:
        """Tell every plugin how a run ended; a failure is logged."""
        self._tell("atlas_run_finished", run=run, summary=summary)

    def add_commands(self, group: click.Group, *, reserved: Collection[str] = ()) -> None:
        """Add the sub-commands of the plugins to `group`.

        A plugin that fails is logged and adds nothing; so is a command whose name is taken or `reserved`.
        """
        import click

        for record in self._implementing("atlas_commands"):
            # Each plugin fills a group of its own, so that one that fails halfway leaves nothing behind.
            own = click.Group(record.name)
            if not self._call(record, "atlas_commands", group=own):
                continue
            for name, command in own.commands.items():
                if name in group.commands or name in reserved:
                    _log_error(record, f"its command {name!r} is left out, the name is taken")
                else:
                    group.add_command(command, name)

    def _tell(self, hook: str, **arguments: object) -> None:
        for record in self._implementing(hook):
            self._call(record, hook, **arguments)

    def _implementing(self, hook: str) -> list[PluginRecord]:
        return [record for record in self.records if record.status.listed and hook in record.hooks]

    def _call(self, record: PluginRecord, hook: str, **arguments: object) -> bool:
        try:
            call_plugin(hook, lambda: self._hooks.call(record.name, hook, **arguments))
        except PluginFault as fault:
            _log_error(record, fault.reason)
            return False
        return True

    def _unknown(self, kind: Kind, name: str) -> str:
        names = self.names(kind)
        close = get_close_matches(name, names, n=1)
        parts = [f"no {kind} {name!r} is installed"]
        if close:
            parts.append(f"did you mean {close[0]!r}?")
        else:
            parts.append(f"expected one of {', '.join(names)}" if names else f"no plugin offers a {kind}")
        parts.extend(self._suspects(kind, name))
        return "; ".join(parts)

    def _suspects(self, kind: Kind, name: str) -> list[str]:
        """Name the plugins that offer it but were left out, else those whose offer nobody could see."""
        left_out = [record for record in self.records if not record.status.listed]
        certain = [record for record in left_out if (kind, name) in _keys(record)]
        if certain:
            return [f"plugin {record.name!r} offers it but is {_why(record)}" for record in certain]
        unseen = [record for record in left_out if not record.components]
        return [f"plugin {record.name!r} might offer it but is {_why(record)}" for record in unseen]


def _keys(record: PluginRecord) -> list[tuple[Kind, str]]:
    return [(component.kind, component.name) for component in record.components]


def _why(record: PluginRecord) -> str:
    remedy = f" ({record.remedy})" if record.remedy else ""
    return f"{record.status}: {record.reason}{remedy}"


def _log_error(record: PluginRecord, reason: str) -> None:
    from loguru import logger

    logger.error("plugin {} ({}): {}", record.name, record.origin, reason)
