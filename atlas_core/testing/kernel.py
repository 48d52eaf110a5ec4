"""Kernels for tests of plugins: registries that are filled by the test and not by what is installed."""

from __future__ import annotations

from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas_core.plugins.discovery import load_entry_points

if TYPE_CHECKING:
    from os import PathLike
    from types import ModuleType

    from atlas_core.plugins import Registry


def registry_of(*modules: ModuleType) -> Registry:
    """Return a registry of these plugin modules alone; nothing installed and no environment variable has a say.

    A module stands as a plugin under its own name (`atlas_example.plugin` as `atlas_example`).
    """
    return load_entry_points(
        fake_entry_point(module.__name__.removesuffix(".plugin").replace(".", "-"), module) for module in modules
    )


def fake_entry_point(
    name: str,
    plugin: object,
    *,
    group: str = "atlas.strategies",
    distribution: str = "example",
    version: str = "1.0",
) -> EntryPoint:
    """Return an entry point whose import gives `plugin`, or raises it when it is an exception."""
    return _FakeEntryPoint(name, plugin, group, _FakeDistribution(distribution, version))


class _FakeDistribution(Distribution):
    def __init__(self, name: str, version: str) -> None:
        self._text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"

    def read_text(self, filename: str) -> str | None:
        return self._text if filename == "METADATA" else None

    def locate_file(self, path: str | PathLike[str]) -> Path:
        return Path(path)


class _FakeEntryPoint(EntryPoint):
    def __init__(self, name: str, plugin: object, group: str, dist: Distribution) -> None:
        super().__init__(name=name, value=getattr(plugin, "__name__", name), group=group)
        # Entry points refuse assignment; this is how the standard library itself attaches a distribution.
        vars(self).update(dist=dist, plugin=plugin)

    def load(self) -> Any:
        plugin = vars(self)["plugin"]
        if isinstance(plugin, BaseException):
            raise plugin
        return plugin
