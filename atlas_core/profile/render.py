"""What a resolved profile holds, for people and machines: every value with its origin, and one value explained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from atlas_core.clock import to_datetime
from atlas_core.errors import NotFound
from atlas_core.options import OptionInfo, Secret, closest, describe, written
from atlas_core.options.moment import Moment
from atlas_core.options.reference import plain
from atlas_core.options.secret import HIDDEN
from atlas_core.options.typenames import option_fields, optional_inner
from atlas_core.profile.load import SECTIONS
from atlas_core.profile.model import Origin, Profile, Selection
from atlas_core.profile.reader import COMPONENT_TABLES

READERS: Mapping[str, str] = {
    "profile": "the kernel, when a run is composed",
    "universe": "the provider, the market data and the scanners",
    "limits": "the engine, before every entry",
    "schedule": "the engine and the runtime",
    "protection": "the engine, for every open position",
    "alerts": "the outbox of a session",
    "live": "the command line and the reconciler, in a live session",
    "plugins": "the discovery of plugins",
}
_USE = OptionInfo(name="use", type="text", default="required", constraint="", help="the component, as plugins name it")
_LABEL = OptionInfo(
    name="label", type="text", default="use", constraint="no label twice", help="names this component in every record"
)


@frozen(kw_only=True)
class ShownValue:
    """One value of a resolved profile: as a profile writes it (`text`), as data, and where it comes from."""

    key: str
    text: str
    data: Any
    origin: Origin


@frozen(kw_only=True)
class Explained:
    """All that is known about one value."""

    value: ShownValue
    info: OptionInfo
    read_by: str


@frozen
class _Entry:
    prefix: str
    owner: Any
    cls: type[Any]
    read_by: str
    selection: Selection | None = None


def _entries(profile: Profile) -> Iterator[_Entry]:
    yield _Entry("profile", profile, SECTIONS["profile"], READERS["profile"])
    yield _Entry("universe", profile.universe, SECTIONS["universe"], READERS["universe"])
    chosen = iter(profile.selections())
    counts = {"scanner": len(profile.scanners), "gate": len(profile.gates), "exit": len(profile.exits),
              "alerter": len(profile.alerters), "paper": int(profile.paper is not None)}  # fmt: skip
    for table in COMPONENT_TABLES:
        for _ in range(counts.get(table.name, 1)):
            selection = next(chosen)
            prefix = f"{table.name}.{selection.label}" if table.many else table.name
            summary = f" ({selection.component.summary})" if selection.component.summary else ""
            read_by = f"{selection.kind} {selection.use}{summary}"
            yield _Entry(prefix, selection.options, selection.component.options, read_by, selection)
    for name in ("limits", "schedule", "protection", "alerts", "live", "plugins"):
        yield _Entry(name, getattr(profile, name), SECTIONS[name], READERS[name])


def _data(value: Any) -> Any:
    if isinstance(value, Secret):
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: _data(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_data(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _shown(key: str, value: Any, type_: Any, origin: Origin) -> ShownValue:
    if value is not None and (optional_inner(type_) or type_) is Moment:
        value = to_datetime(value).strftime("%Y-%m-%dT%H:%M:%SZ")
    data = _data(plain(value))
    if isinstance(value, Secret):
        return ShownValue(key=key, text=HIDDEN, data=HIDDEN, origin=origin)
    return ShownValue(key=key, text="none" if value is None else written(data), data=data, origin=origin)


def _values(profile: Profile) -> Iterator[tuple[ShownValue, OptionInfo, _Entry]]:
    for entry in _entries(profile):
        if entry.selection is not None:
            for info, value in ((_USE, entry.selection.use), (_LABEL, entry.selection.label)):
                key = f"{entry.prefix}.{info.name}"
                yield _shown(key, value, str, profile.origins[key]), info, entry
        for info, field in zip(describe(entry.cls), option_fields(entry.cls), strict=True):
            key = f"{entry.prefix}.{field.name}"
            option_value = getattr(entry.owner, field.name, None)
            yield _shown(key, option_value, field.type, profile.origins[key]), info, entry


def resolved_values(profile: Profile) -> tuple[ShownValue, ...]:
    """Return every value of a profile in the order of the reference; secrets as `***`."""
    return tuple(value for value, _, _ in _values(profile) if value.key != "profile.extends")


def explain_value(profile: Profile, key: str) -> Explained:
    """Return all that is known about `table.key` (`table.label.key` for components of which there may be many).

    Raises NotFound, with a suggestion, when the profile has no such key.
    """
    known = {value.key: (value, info, entry) for value, info, entry in _values(profile)}
    if key not in known:
        near = closest(key, known)
        hint = f"; did you mean {near}?" if near else "; `atlas config show` lists them"
        raise NotFound(f"expected a key of profile {profile.name}, was {key}{hint}")
    value, info, entry = known[key]
    return Explained(value=value, info=info, read_by=entry.read_by)
