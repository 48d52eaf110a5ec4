"""The layers of the kernel, and what a plugin may see of it. Read from the sources, so a lazy import counts too."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest

import atlas_core
from tests.architecture.sources import PLUGINS, ROOT, Import, Module, examples, imports_of, kernel, plugins

LAYERS = {
    0: "errors model clock problem",
    1: "columnar contracts components hookspecs options runs",
    2: "plugins profile",
    3: "barfiles engine simulation journal marketdata",
    4: "barstore children compose control margins opening report runstore statedir tape watching wiring",
    5: "backtest checking downloading loading runtime trading search",
    6: "cli testing __main__",
}
LAYER_OF = {f"atlas_core.{name}": layer for layer, names in LAYERS.items() for name in names.split()}

# Parts whose purity is the point of the house: what they may import of the kernel, beyond the model and contracts.
PURE = {
    "atlas_core.engine": ("atlas_core.engine",),
    "atlas_core.simulation": ("atlas_core.simulation",),
    "atlas_core.marketdata": ("atlas_core.marketdata",),
}
LOW = tuple(name for name, layer in LAYER_OF.items() if layer <= 1)
IO_MODULES = {"asyncio", "socket", "sqlite3", "subprocess", "threading", "aiohttp", "requests", "http", "urllib"}

# Words that belong to plugins: a kernel that knows one of them has a private path for it.
FOREIGN_WORDS = {
    "strat", "momentum", "coinbase", "bitunix", "alpaca", "binance", "discord", "telegram", "ccxt", *PLUGINS,
}  # fmt: skip


def component(name: str) -> str:
    """`atlas_core.model.bars` -> `atlas_core.model`."""
    return ".".join(name.split(".")[:2])


def kernel_imports(module: Module) -> list[Import]:
    return [found for found in imports_of(module) if found.module.split(".")[0] == "atlas_core"]


def home_of(found: Import) -> str:
    """The kernel component that an import reaches; `from atlas_core import engine` reaches the engine."""
    return component(found.target if found.module == "atlas_core" else found.module)


def inner() -> tuple[Module, ...]:
    """Every module of the kernel but the package itself."""
    return tuple(module for module in kernel() if module.name != "atlas_core")


def test_the_test_reads_the_project() -> None:
    assert len(kernel()) > 20
    assert set(PLUGINS) >= {"atlas_sim", "atlas_basics", "atlas_strat"}
    assert len(plugins()) > 3


def test_every_module_of_the_kernel_has_a_layer() -> None:
    assert sorted({component(module.name) for module in inner()} - set(LAYER_OF)) == []


def test_every_layer_is_inhabited_and_documented() -> None:
    assert sorted(set(LAYER_OF) - {component(module.name) for module in inner()}) == []
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d) \| ([^|]+) \|", page, re.MULTILINE)
    documented = {int(layer): set(re.findall(r"`(\w+)`", names)) for layer, names in rows}
    assert documented == {layer: set(names.split()) - {"__main__"} for layer, names in LAYERS.items()}


def test_no_layer_imports_an_upper_one() -> None:
    wrong = []
    for module in inner():
        own = LAYER_OF.get(component(module.name), -1)
        for found in kernel_imports(module):
            home = home_of(found)
            if home != "atlas_core.__version__" and LAYER_OF.get(home, 99) > own:
                wrong.append(f"{module.path}:{found.line} (layer {own}) imports {found.target}")
    assert wrong == []


@pytest.mark.parametrize("package", sorted(PURE))
def test_the_pure_parts_import_only_the_model_the_contracts_and_themselves(package: str) -> None:
    allowed = (*PURE[package], *LOW)
    wrong = [
        f"{module.path}:{found.line} imports {found.target}"
        for module in inner()
        if module.within(package)
        for found in imports_of(module)
        if (found.module.startswith("atlas_core") and home_of(found) not in allowed)
        or found.module.split(".")[0] in IO_MODULES
    ]
    assert wrong == []


def test_only_discovery_makes_a_plugin_manager() -> None:
    users = {
        component(module.name)
        for module in inner()
        for found in imports_of(module)
        if found.module.split(".")[0] == "pluggy"
    }
    assert users == {"atlas_core.hookspecs", "atlas_core.plugins"}


def foreign_imports(module: Module, package: str) -> list[str]:
    """The imports of a plugin module that are neither public names of the kernel nor its own."""
    wrong = []
    for found in imports_of(module):
        top = found.module.split(".")[0]
        if top == "atlas_core" and not (found.module == "atlas_core" and found.name in atlas_core.__all__):
            wrong.append(f"{module.path}:{found.line} imports {found.target}, which is not a public name")
        if top in PLUGINS and top != package:
            wrong.append(f"{module.path}:{found.line} imports {found.target} of another plugin")
    return wrong


@pytest.mark.parametrize("package", PLUGINS)
def test_a_plugin_imports_only_public_names_and_itself(package: str) -> None:
    modules = [module for module in plugins() if module.within(package)]
    assert modules
    assert [fault for module in modules for fault in foreign_imports(module, package)] == []


def test_the_examples_import_only_public_names() -> None:
    assert [fault for module in examples() for fault in foreign_imports(module, "")] == []


def test_the_kernel_imports_no_plugin() -> None:
    wrong = [
        f"{module.path}:{found.line}"
        for module in kernel()
        for found in imports_of(module)
        if found.module.split(".")[0] in PLUGINS
    ]
    assert wrong == []


def words_of(text: str) -> set[str]:
    lowered = text.lower()
    return set(re.findall(r"[a-z]+", lowered)) | {name for name in PLUGINS if name in lowered}


def named_things(tree: ast.Module) -> list[tuple[int, str]]:
    """Identifiers and string literals with their lines; docstrings are prose and left out."""
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            found.append((node.lineno, node.value))
        for attribute in ("id", "attr", "name", "arg"):
            text = getattr(node, attribute, None)
            if isinstance(text, str):
                found.append((getattr(node, "lineno", 0), text))
    return found


def test_the_kernel_names_no_venue_and_no_strategy() -> None:
    wrong = [
        f"{module.path}:{line} {text!r}"
        for module in kernel()
        for line, text in named_things(module.tree)
        if words_of(text) & FOREIGN_WORDS
    ]
    assert wrong == []


HEAVY = ("numpy", "pyarrow", "aiohttp", "pandas", "rich", "asyncio")


@pytest.mark.parametrize("package", PLUGINS)
def test_a_plugin_module_is_light(package: str) -> None:
    program = f"import sys, {package}.plugin; print([name for name in {HEAVY!r} if name in sys.modules])"
    paths = [str(ROOT), str(ROOT / "plugins")]
    answer = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}; {program}"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert answer.stderr == ""
    assert answer.stdout.strip() == "[]"
