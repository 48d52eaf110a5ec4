"""What the sources of a profile's components look like they do: warnings with file and line, which prove nothing.

Read are the module in which a component's class stands and the modules of the same package that it imports, directly or
not. A line that is right says so itself, with its reason: `# no look-ahead: the array ends at the row`.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

from attrs import frozen

from atlas_core.checking.source_rules import RULES, Reading, module_faults
from atlas_core.compose import System, compose
from atlas_core.contracts import Kind
from atlas_core.profile import Profile
from atlas_core.runs import Mode

ALLOWED = "# no look-ahead:"


@frozen
class SourceWarning:
    """A line that deserves a look: which rule it meets, the line itself, and why it matters."""

    file: str
    line: int
    rule: str
    text: str
    why: str


def warnings_of(profile: Profile) -> dict[str, tuple[SourceWarning, ...]]:
    """Return the warnings about each decider of a profile, by the component's name."""
    system = compose(profile, Mode.BACKTEST)
    return {
        name: tuple(dict.fromkeys(found for path in _files_of(part) for found in scan_source(path, kind)))
        for name, kind, part in _parts(system)
    }


def _parts(system: System) -> Iterator[tuple[str, Kind, object]]:
    for scanner in system.scanners:
        yield f"scanner {scanner.label}", Kind.SCANNER, scanner.scanner
    for label, gate in system.parts.gates:
        yield f"gate {label}", Kind.GATE, gate
    yield f"sizer {system.parts.sizer[0]}", Kind.SIZER, system.parts.sizer[1]
    for label, rule in system.parts.exits:
        yield f"exit rule {label}", Kind.EXIT_RULE, rule


@cache
def scan_source(path: Path, kind: Kind) -> tuple[SourceWarning, ...]:
    """Return the warnings about one source file as part of a component of this kind, by line."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    reading = Reading(is_columnar=kind is Kind.SCANNER)
    tree = ast.parse(text)
    found = [
        (_line(node), rule.name, rule.why) for node in ast.walk(tree) for rule in RULES if rule.meets(node, reading)
    ]
    found += module_faults(tree)
    return tuple(
        SourceWarning(str(path), line, rule, lines[line - 1].strip(), why)
        for line, rule, why in sorted(set(found))
        if ALLOWED not in lines[line - 1]
    )


def _line(node: ast.AST) -> int:
    line: int = node.iter.lineno if isinstance(node, ast.comprehension) else node.lineno  # type: ignore[attr-defined]
    return line


def _files_of(part: object) -> list[Path]:
    """Return the source files of a component: its class's module and what that imports of the same package."""
    module = sys.modules.get(type(part).__module__)
    if module is None:
        return []
    package = module.__name__.partition(".")[0]
    seen: dict[str, Path] = {}
    waiting = [module.__name__]
    while waiting:
        name = waiting.pop()
        path = _path_of(name)
        if name in seen or path is None:
            continue
        seen[name] = path
        waiting += [each for each in _imports(path) if each.partition(".")[0] == package]
    return sorted(seen.values())


def _path_of(name: str) -> Path | None:
    module: ModuleType | None = sys.modules.get(name)
    origin = getattr(module, "__file__", None)
    if origin is None:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return None
        origin = spec.origin if spec is not None else None
    return Path(origin) if origin is not None and origin.endswith(".py") else None


@cache
def _imports(path: Path) -> tuple[str, ...]:
    """Return the modules that a file imports when it runs; what stands under TYPE_CHECKING is for readers only."""
    found: list[str] = []
    for node in _running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append(node.module)
    return tuple(found)


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        yield from _running(node)
