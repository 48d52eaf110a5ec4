"""What becomes of an entry point: one record with a status, its reason and its remedy."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

if TYPE_CHECKING:
    from atlas_core.components import Component


class Status(StrEnum):
    """How an entry point ended."""

    READY = "ready"
    NEEDS_EXTRA = "needs extra"
    FAILED = "failed"
    INCOMPATIBLE = "incompatible"
    DUPLICATE = "duplicate"
    BLOCKED = "blocked"

    @property
    def listed(self) -> bool:
        """Whether the components of such a plugin stand in the registry."""
        return self in (Status.READY, Status.NEEDS_EXTRA)


@frozen(kw_only=True)
class PluginRecord:
    """One entry point and what became of it; `reason` and `remedy` are empty for a plugin that is ready.

    `hooks` are the hooks it implements and `components` what it offers, both as far as they became known;
    `traceback` is that of a plugin that raised, for people who look for the cause.
    """

    name: str
    group: str
    distribution: str
    version: str
    module: str
    status: Status
    reason: str = ""
    remedy: str = ""
    hooks: tuple[str, ...] = ()
    components: tuple[Component[Any, Any], ...] = ()
    traceback: str = field(default="", repr=False)

    @property
    def role(self) -> str:
        """Return the role that the entry-point group names: venues, strategies or alerters."""
        return self.group.removeprefix("atlas.")

    @property
    def origin(self) -> str:
        """Return the distribution and its version, as people read it."""
        return f"{self.distribution} {self.version}".strip() or "an unknown distribution"


class PluginFault(Exception):
    """Why a plugin cannot be used; discovery turns it into a record and goes on."""

    def __init__(self, status: Status, reason: str, remedy: str, *, traceback: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.remedy = remedy
        self.traceback = traceback
