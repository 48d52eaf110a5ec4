"""From a name or a path to a resolved profile, or to all of its problems."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, field

from atlas_core.errors import ProfileError, UsageError
from atlas_core.options import Problem, structure
from atlas_core.options.typenames import option_fields
from atlas_core.profile.consistency import contradictions, strangers_in_alerts, times_without_market
from atlas_core.profile.digest import KnownFacts, profile_digest
from atlas_core.profile.document import COMMAND_LINE, Document, Texts, read_document
from atlas_core.profile.find import find_profile
from atlas_core.profile.model import DEFAULT, ComponentSource, Origin, Profile, Selection
from atlas_core.profile.overrides import Override, apply_overrides
from atlas_core.profile.reader import COMPONENT_TABLES, Reader, Section
from atlas_core.profile.sections import Alerts, Limits, Live, PluginFilter, ProfileHead, Protection, Schedule, Universe
from atlas_core.runs import Mode

if TYPE_CHECKING:
    from atlas_core.plugins import Registry

SECTIONS: Mapping[str, type[Any]] = {
    "profile": ProfileHead,
    "universe": Universe,
    "limits": Limits,
    "schedule": Schedule,
    "protection": Protection,
    "alerts": Alerts,
    "live": Live,
    "plugins": PluginFilter,
}
TABLES = (
    "profile", "universe", *(table.name for table in COMPONENT_TABLES), "limits", "schedule", "protection", "alerts",
    "live", "plugins",
)  # fmt: skip
_REQUIRED = ("profile", "universe")
_MOST_KNOWN = 256
T = TypeVar("T")


def lowered_mode(profile: Profile, asked: Mode | None) -> Mode:
    """Return the mode to run in: the one asked for, when it is not riskier than the profile's.

    Raises UsageError otherwise: more risk is written into the profile, never typed in passing.
    """
    return _lowered(profile.mode, asked)


def _lowered(allowed: Mode, asked: Mode | None) -> Mode:
    if asked is None:
        return allowed
    if asked.risk > allowed.risk:
        raise UsageError(
            f"expected a mode with at most the risk of the profile's ({allowed.value}), was {asked.value}; "
            f'to run it so, write mode = "{asked.value}" under [profile]'
        )
    return asked


def load_profile(
    path_or_name: str | Path,
    registry: ComponentSource,
    *,
    overrides: Sequence[Override] = (),
    resolve_secrets: bool = False,
    texts: Texts = MappingProxyType({}),
) -> Profile:
    """Return the resolved profile; relative paths inside it are taken from the folder of their file.

    `overrides` are `("table.key", "TOML value")` pairs of the command line. With `resolve_secrets` the secrets that
    the profile's mode needs are looked up too. `texts` stand in for files as they were at another time. Raises
    ProfileError with every problem, NotFound or UsageError when there is no such profile.
    """
    path = _path_of(path_or_name, texts)
    return resolved(read_document(path, texts=texts), path, registry, overrides, resolve_secrets=resolve_secrets)


def resolved(
    document: Document,
    path: Path,
    registry: ComponentSource,
    overrides: Sequence[Override] = (),
    *,
    resolve_secrets: bool = False,
    known: Known | None = None,
) -> Profile:
    """Return the profile that a document says, which `overrides` change; raises ProfileError with every problem.

    Who resolves one document many times gives a copy of it, and what is `known` of it from before.
    """
    allowed = _mode_of(document) or Mode.BACKTEST
    early = apply_overrides(document, overrides)
    reader = Reader(document, registry, str(path), _needed_secrets(document) if resolve_secrets else frozenset())
    reader.problems += early + _risen_mode(document, allowed, overrides)
    profile = _read(reader, path, overrides, Known() if known is None else known)
    if profile is None or reader.problems:
        raise ProfileError(_in_order(reader.problems))
    return profile


def _path_of(path_or_name: str | Path, texts: Texts) -> Path:
    return Path(path_or_name) if Path(path_or_name).resolve() in texts else find_profile(path_or_name)


def open_profile(
    path_or_name: str | Path,
    *,
    overrides: Sequence[Override] = (),
    resolve_secrets: bool = False,
    texts: Texts = MappingProxyType({}),
) -> tuple[Profile, Registry]:
    """Discover the plugins that the profile's `[plugins]` table allows, and load the profile with them."""
    from atlas_core.plugins import discover

    allowed = plugin_filter(path_or_name, overrides=overrides, texts=texts)
    registry = discover(block=allowed.block, only=allowed.only)
    profile = load_profile(path_or_name, registry, overrides=overrides, resolve_secrets=resolve_secrets, texts=texts)
    return profile, registry


def plugin_filter(
    path_or_name: str | Path, *, overrides: Sequence[Override] = (), texts: Texts = MappingProxyType({})
) -> PluginFilter:
    """Return which plugins a profile wants looked at, before any is imported.

    What is wrong with the table is left to `load_profile`, which reports it with everything else.
    """
    path = _path_of(path_or_name, texts)
    document = read_document(path, texts=texts)
    apply_overrides(document, overrides)
    table = document.data.get("plugins")
    where = document.address(("plugins",), "plugins", str(path))
    readable = {
        key: value
        for key, value in (table.items() if isinstance(table, dict) else ())
        if structure(PluginFilter, {key: value}, where)[0] is not None
    }
    return structure(PluginFilter, readable, where)[0] or PluginFilter()


def _mode_of(document: Document) -> Mode | None:
    """Return the mode that a document says, or None when what it says is no mode."""
    head = document.data.get("profile")
    text = head.get("mode", Mode.PAPER.value) if isinstance(head, dict) else None
    return Mode(text) if text in list(Mode) else None


def _risen_mode(document: Document, allowed: Mode, overrides: Sequence[Override]) -> list[Problem]:
    if any(key == "profile.extends" for key, _ in overrides):
        message = "expected in the file, a command line cannot change what a profile extends"
        return [Problem(message=message, table="profile", key="extends", file=COMMAND_LINE)]
    asked = _mode_of(document)
    try:
        _lowered(allowed, asked)  # an unreadable mode is reported where it stands
    except UsageError as error:
        return [Problem(message=str(error), table="profile", key="mode", file=COMMAND_LINE)]
    return []


def _needed_secrets(document: Document) -> frozenset[str]:
    """Return the tables whose secrets the profile's mode uses: no broker's key is needed to trade on paper."""
    mode = _mode_of(document)
    simulated = mode is not Mode.LIVE and "paper" in document.data
    return frozenset(table.name for table in COMPONENT_TABLES if not (simulated and table.name == "broker"))


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    files = list(dict.fromkeys(problem.file for problem in problems))
    return sorted(
        dict.fromkeys(problems),
        key=lambda p: (p.file == COMMAND_LINE, files.index(p.file), p.line or 0, p.table, p.key),
    )


@define
class Known:
    """What was read of one document with one registry: a table says the same under the same overrides of it."""

    facts: KnownFacts = field(factory=KnownFacts)
    _tables: dict[tuple[object, ...], tuple[Any, list[Problem]]] = field(factory=dict)

    def table(self, reader: Reader, name: str, overrides: Sequence[Override], read: Callable[[], T]) -> T:
        """Return what a table says, read or known; its problems are the reader's either way."""
        key = (name, reader.resolve_secrets, *(each for each in overrides if each[0].partition(".")[0] == name))
        if key not in self._tables:
            if len(self._tables) >= _MOST_KNOWN:
                self._tables.clear()
            others, reader.problems = reader.problems, []
            said = read()
            self._tables[key], reader.problems = (said, reader.problems), others
        said, problems = self._tables[key]
        reader.problems += problems
        return said


def _read(reader: Reader, path: Path, overrides: Sequence[Override], known: Known) -> Profile | None:
    sections: dict[str, Section[Any]] = {
        name: known.table(reader, name, overrides, partial(reader.section, cls, name, required=name in _REQUIRED))
        for name, cls in SECTIONS.items()
    }
    chosen = {
        table.name: known.table(reader, table.name, overrides, partial(reader.selections, table))
        for table in COMPONENT_TABLES
    }
    reader.problems.extend(contradictions(sections["limits"], sections["universe"]))
    reader.problems.extend(times_without_market(sections["schedule"], sections["universe"]))
    reader.problems.extend(strangers_in_alerts(sections["alerts"], [each.label for each in chosen["alerter"]]))
    reader.unknown_tables(TABLES)
    values = {name: section.value for name, section in sections.items()}
    missing_one = any(not chosen[table.name] for table in COMPONENT_TABLES if table.required)
    if reader.problems or missing_one or any(value is None for value in values.values()):
        return None
    return _assemble(reader.document, path, values, chosen, known.facts)


def _assemble(
    document: Document,
    path: Path,
    values: Mapping[str, Any],
    chosen: Mapping[str, tuple[Selection, ...]],
    facts: KnownFacts,
) -> Profile:
    head = values["profile"]
    return Profile(
        name=head.name, mode=head.mode, description=head.description, seed=head.seed,
        starting_cash=head.starting_cash, quote=head.quote, source=path,
        digest=profile_digest(path, values, chosen, facts),
        universe=values["universe"], limits=values["limits"], schedule=values["schedule"],
        protection=values["protection"], alerts=values["alerts"], live=values["live"], plugins=values["plugins"],
        provider=chosen["provider"][0], sizer=chosen["sizer"][0], broker=chosen["broker"][0],
        paper=next(iter(chosen["paper"]), None), scanners=chosen["scanner"], gates=chosen["gate"],
        exits=chosen["exit"], alerters=chosen["alerter"], origins=_origins(document, chosen),
    )  # fmt: skip


def _origins(document: Document, chosen: Mapping[str, tuple[Selection, ...]]) -> dict[str, Origin]:
    origins: dict[str, Origin] = {}

    def note(key: str, path: tuple[str | int, ...]) -> None:
        place = document.place(path)
        origins[key] = DEFAULT if place is None else Origin(place.file, place.line)

    for name, cls in SECTIONS.items():
        for option in option_fields(cls):
            note(f"{name}.{option.name}", (name, option.name))
    for table in COMPONENT_TABLES:
        for index, selection in enumerate(chosen[table.name]):
            prefix = f"{table.name}.{selection.label}" if table.many else table.name
            path = (table.name, index) if table.many else (table.name,)
            for key in ("use", "label", *(option.name for option in option_fields(selection.component.options))):
                note(f"{prefix}.{key}", (*path, key))
    return origins
