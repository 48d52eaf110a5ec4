"""A resolved profile: immutable, every value with its origin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from atlas_core.components import Component
    from atlas_core.contracts import Kind
    from atlas_core.profile.sections import Alerts, Limits, Live, PluginFilter, Schedule, Universe
    from atlas_core.profile.sections import Protection as ProtectionTable
    from atlas_core.runs import Mode


class ComponentSource(Protocol):
    """The part of the plugin registry that profiles need."""

    def find(self, kind: Kind, name: str) -> Component[Any, Any]:
        """Return a usable component; raises PluginError with the remedy."""

    def names(self, kind: Kind) -> tuple[str, ...]:
        """Return the names of a kind's components."""

    def components(self, kind: Kind | None = None) -> Iterable[Component[Any, Any]]:
        """Return the components, of one kind or of all."""


@frozen
class Origin:
    """Where a value comes from: a file with its line, `default` or `command line`."""

    source: str
    line: int | None = None

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}"


DEFAULT = Origin("default")


@frozen(kw_only=True)
class Selection:
    """One component that the profile chose, with its options and where its table stands."""

    kind: Kind
    use: str
    label: str
    options: object
    component: Component[Any, Any]
    file: str
    line: int
    table: str


@frozen(kw_only=True)
class Profile:
    """A whole trading system as resolved from its file, its bases, the defaults and the command line."""

    name: str
    mode: Mode
    description: str
    seed: int
    starting_cash: Decimal
    quote: str
    digest: str
    source: Path
    universe: Universe
    provider: Selection
    scanners: tuple[Selection, ...]
    gates: tuple[Selection, ...]
    sizer: Selection
    broker: Selection
    paper: Selection | None
    exits: tuple[Selection, ...]
    alerters: tuple[Selection, ...]
    limits: Limits
    schedule: Schedule
    protection: ProtectionTable
    alerts: Alerts
    live: Live
    plugins: PluginFilter
    origins: Mapping[str, Origin]

    def selections(self) -> tuple[Selection, ...]:
        """Return every component that the profile chose, in the order of the reference."""
        paper = () if self.paper is None else (self.paper,)
        return (
            self.provider, *self.scanners, *self.gates, self.sizer, self.broker, *paper, *self.exits, *self.alerters,
        )  # fmt: skip
