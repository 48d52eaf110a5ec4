"""Small pieces: functions of at most 60 lines, files of at most 500, imports that say where things are."""

from __future__ import annotations

import ast

from tests.architecture.sources import Module, examples, imports_of, kernel, modules_under, plugins

MOST_LINES_OF_A_FUNCTION = 60
MOST_LINES_OF_A_FILE = 500


def sources() -> tuple[Module, ...]:
    return (*kernel(), *plugins(), *examples())


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the `def` to the end, without the docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{module.path}:{node.lineno} {node.name} has {length(node)} lines"
        for module in sources()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and length(node) > MOST_LINES_OF_A_FUNCTION
    ]
    assert long == []


def test_no_file_is_long() -> None:
    long = [f"{module.path}: {module.line_count}" for module in sources() if module.line_count > MOST_LINES_OF_A_FILE]
    assert long == []


def test_every_import_is_absolute() -> None:
    modules = (*sources(), *modules_under("tests"))
    relative = [f"{module.path}:{found.line}" for module in modules for found in imports_of(module) if found.relative]
    assert relative == []
