"""What the architecture tests read: the project's modules as syntax trees. None of them is imported."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = tuple(sorted(path.name for path in (ROOT / "plugins").glob("atlas_*") if path.is_dir()))


@frozen
class Module:
    """One source file: its dotted name, its path inside the project and its syntax tree."""

    name: str
    path: str
    tree: ast.Module
    line_count: int

    def within(self, package: str) -> bool:
        return self.name == package or self.name.startswith(package + ".")


@frozen
class Import:
    """One imported module, with the name taken from it ("" for the module itself)."""

    module: str
    name: str
    line: int
    for_types_only: bool
    relative: bool = False

    @property
    def target(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module


@cache
def modules_under(folder: str, root: str = "") -> tuple[Module, ...]:
    """Every module below `folder`; names are dotted paths from `root`."""
    base = ROOT / (root or ".")
    return tuple(_read(path, base) for path in sorted((ROOT / folder).rglob("*.py")))


def kernel() -> tuple[Module, ...]:
    return modules_under("atlas_core")


def plugins() -> tuple[Module, ...]:
    return tuple(module for name in PLUGINS for module in modules_under(f"plugins/{name}", "plugins"))


def examples() -> tuple[Module, ...]:
    """The modules of the example distribution and the example programs, tests left out."""
    modules = modules_under("examples", "examples") if (ROOT / "examples").is_dir() else ()
    return tuple(module for module in modules if "/tests/" not in module.path)


@cache
def imports_of(module: Module) -> tuple[Import, ...]:
    """Every import anywhere in the module, functions and type-checking blocks included."""
    return tuple(_imports_of(module))


def _imports_of(module: Module) -> Iterator[Import]:
    typing_only = _lines_for_type_checkers(module.tree)
    for node in _statements(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, "", node.lineno, node.lineno in typing_only)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield Import(
                    node.module or "", alias.name, node.lineno, node.lineno in typing_only, relative=node.level > 0
                )


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Every statement below a node, without a look at the expressions, which hold none."""
    for name in ("body", "orelse", "handlers", "finalbody", "cases"):
        parts = getattr(node, name, ())
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, ast.stmt):
                yield part
            yield from _statements(part)


def _read(path: Path, base: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    dotted = ".".join(path.relative_to(base).with_suffix("").parts).removesuffix(".__init__")
    return Module(dotted, path.relative_to(ROOT).as_posix(), ast.parse(text, str(path)), text.count("\n"))


def _lines_for_type_checkers(tree: ast.Module) -> frozenset[int]:
    blocks = (node for node in _statements(tree) if isinstance(node, ast.If) and _is_type_checking(node.test))
    return frozenset(inner.lineno for block in blocks for inner in _statements(block))


def _is_type_checking(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"
