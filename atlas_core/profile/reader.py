"""Reads the tables of one document and gathers every problem on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from attrs import define, field, frozen

from atlas_core.contracts import Capability, Kind
from atlas_core.errors import PluginError
from atlas_core.options import Address, Problem, closest, structure, written
from atlas_core.options.problems import KeyPath, did_you_mean, shown
from atlas_core.profile.document import Document
from atlas_core.profile.labels import labels_of
from atlas_core.profile.model import ComponentSource, Selection
from atlas_core.profile.secrets import anchored, missing_secrets

T = TypeVar("T")


@frozen
class ComponentTable:
    """How the components of one kind stand in a profile."""

    name: str
    kind: Kind
    many: bool
    required: bool


COMPONENT_TABLES = (
    ComponentTable("provider", Kind.PROVIDER, many=False, required=True),
    ComponentTable("scanner", Kind.SCANNER, many=True, required=True),
    ComponentTable("gate", Kind.GATE, many=True, required=False),
    ComponentTable("sizer", Kind.SIZER, many=False, required=True),
    ComponentTable("broker", Kind.BROKER, many=False, required=True),
    ComponentTable("paper", Kind.BROKER, many=False, required=False),
    ComponentTable("exit", Kind.EXIT_RULE, many=True, required=False),
    ComponentTable("alerter", Kind.ALERTER, many=True, required=False),
)


@frozen
class Section(Generic[T]):
    """A kernel table: its value, what could be read of it when it has problems, and the keys that have them."""

    value: T | None
    partial: T | None
    bad: frozenset[str]
    where: Address

    def good(self, key: str) -> bool:
        """Tell whether a key could be read."""
        return self.partial is not None and key not in self.bad


@define
class Reader:
    """Gathers problems; each method returns what could be read."""

    document: Document
    registry: ComponentSource
    file: str
    resolve_secrets: frozenset[str] = frozenset()
    problems: list[Problem] = field(factory=list)

    def section(self, cls: type[T], name: str, *, required: bool = False) -> Section[T]:
        """Structure a kernel table; a table that is not there has its defaults unless it is required."""
        where = self.document.address((name,), name, self.file)
        table = self.document.data.get(name)
        if table is None and required:
            self.problems.append(where.problem((), f"expected a table [{name}], was missing"))
            return Section(None, None, frozenset(), where)
        if not isinstance(table, Mapping | None):
            self.problems.append(where.problem((), f"expected a table [{name}], was {_form(table)}"))
            return Section(None, None, frozenset(), where)
        value, problems = structure(cls, table or {}, where)
        self.problems.extend(problems)
        bad = frozenset(problem.key.partition(".")[0].partition("[")[0] for problem in problems)
        partial = value or structure(cls, {k: v for k, v in (table or {}).items() if k not in bad}, where)[0]
        return Section(value, partial, bad, where)

    def selections(self, table: ComponentTable) -> tuple[Selection, ...]:
        """Read the components of one table, in the order of the file."""
        chosen = []
        entries = list(self._entries(table))
        labels = labels_of([entry for _, entry in entries])
        for index, (path, entry) in enumerate(entries):
            where = self.document.address(path, f"[{table.name}]" if table.many else table.name, self.file)
            self._check_label(entry, where, labels[index], labels[:index])
            selection = self._selection(table, path, entry, where, labels[index])
            if selection is not None:
                chosen.append(selection)
        if table.required and not entries and table.name not in self.document.data:
            form = f"[[{table.name}]]" if table.many else f"[{table.name}]"
            self.problems.append(Problem(message=f"expected a table {form}, was missing", file=self.file))
        return tuple(chosen)

    def _entries(self, table: ComponentTable) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
        found = self.document.data.get(table.name)
        if found is None:
            return
        form = f"[[{table.name}]]" if table.many else f"[{table.name}]"
        tables = isinstance(found, list) and all(isinstance(entry, dict) for entry in found)
        if table.many != isinstance(found, list) or not (tables or isinstance(found, dict)):
            where = self.document.address((table.name,), table.name, self.file)
            self.problems.append(where.problem((), f"expected {form}, was {_form(found, table.name)}"))
        elif table.many:
            if not found and table.required:
                where = self.document.address((table.name,), table.name, self.file)
                self.problems.append(where.problem((), f"expected at least one {form}, was none"))
            yield from (((table.name, index), entry) for index, entry in enumerate(found))
        else:
            yield (table.name,), found

    def _selection(
        self, table: ComponentTable, path: KeyPath, entry: Mapping[str, Any], where: Address, label: str
    ) -> Selection | None:
        component = self._component(table, entry, where)
        if component is None:
            return None
        rest = {key: value for key, value in entry.items() if key not in ("use", "label")}
        options, problems = structure(component.options, rest, where)
        self.problems.extend(problems)

        def folder_of(inside: KeyPath) -> Path | None:
            place = self.document.place((*path, *inside))
            return None if place is None else place.folder

        if table.name in self.resolve_secrets:
            self.problems.extend(missing_secrets(component.options, rest, where, folder_of))
        if options is None:
            return None
        return Selection(
            kind=table.kind, use=entry["use"], label=label, options=anchored(options, folder_of),
            component=component, file=where.file, line=where.line or 0, table=where.table,
        )  # fmt: skip

    def _check_label(self, entry: Mapping[str, Any], where: Address, label: str, before: tuple[str, ...]) -> None:
        said = entry.get("label")
        if said is not None and (not isinstance(said, str) or not said.strip() or not said.isprintable()):
            self.problems.append(where.problem(("label",), f"expected a text, was {shown(said)}"))
        elif label in before:
            self.problems.append(where.problem(("label",), f"expected a label of its own, was {written(label)} again"))

    def _component(self, table: ComponentTable, entry: Mapping[str, Any], where: Address) -> Any:
        use = entry.get("use")
        if not isinstance(use, str) or not use:
            known = ", ".join(self.registry.names(table.kind)) or "none is installed"
            was = "missing" if use is None else shown(use)
            message = f"expected the name of a {table.kind} ({known}), was {was}"
            self.problems.append(where.problem(("use",), message))
            return None
        try:
            component = self.registry.find(table.kind, use)
        except PluginError as error:
            self.problems.append(where.problem(("use",), " ".join(str(error).splitlines())))
            return None
        if table.name == "paper" and Capability.SIMULATED not in component.capabilities:
            self.problems.append(where.problem(("use",), f"expected a simulated broker, was {written(use)}"))
        return component

    def unknown_tables(self, known: tuple[str, ...]) -> None:
        """Report the tables and top-level keys that mean nothing."""
        for name in self.document.data:
            if name not in known:
                near = closest(name, known)
                message = "unknown table" if near else f"unknown table, expected one of {', '.join(known)}"
                where = self.document.address((name,), name, self.file)
                self.problems.append(where.problem((), message, did_you_mean(near and f"[{near}]")))


def _form(value: Any, name: str = "") -> str:
    if isinstance(value, dict):
        return f"[{name}]" if name else "a table"
    if isinstance(value, list):
        is_tables = bool(value) and all(isinstance(entry, dict) for entry in value)
        return f"[[{name}]]" if name and is_tables else "a list"
    return shown(value)
