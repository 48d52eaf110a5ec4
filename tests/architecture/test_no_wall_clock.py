"""Time and chance come in from outside: only one module reads the machine's clock, and nothing draws by itself."""

from __future__ import annotations

import ast

from tests.architecture.sources import Module, examples, imports_of, kernel, modules_under, plugins

CLOCK = "atlas_core.clock"
FORBIDDEN_MODULES = {"time": "atlas_core.clock tells the time", "random": "Context.random is seeded", "secrets": ""}
FORBIDDEN_CALLS = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
    ("uuid", "uuid1"), ("uuid", "uuid4"), ("os", "urandom"), ("os", "times"),
    ("random", "seed"), ("random", "rand"), ("random", "randn"), ("random", "randint"), ("random", "random"),
}  # fmt: skip
FORBIDDEN_NAMES = {"uuid1", "uuid4", "urandom", "utcnow"}


def faults(module: Module) -> list[str]:
    found = [
        f"{module.path}:{taken.line} imports {taken.target}"
        for taken in imports_of(module)
        if taken.module.split(".")[0] in FORBIDDEN_MODULES or taken.name in FORBIDDEN_NAMES
    ]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and (_last_word(node.value), node.attr) in FORBIDDEN_CALLS:
            found.append(f"{module.path}:{node.lineno} uses {_last_word(node.value)}.{node.attr}")
        if isinstance(node, ast.Call) and not node.args and not node.keywords and _called(node) == "default_rng":
            found.append(f"{module.path}:{node.lineno} makes a generator without a seed")
    return found


def _last_word(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _called(node: ast.Call) -> str:
    return _last_word(node.func)


def test_only_the_clock_reads_the_time_and_nothing_draws_unseeded_numbers() -> None:
    modules = [module for module in (*kernel(), *plugins(), *examples()) if module.name != CLOCK]
    assert [fault for module in modules for fault in faults(module)] == []


def test_the_clock_itself_would_be_caught() -> None:
    clock = next(module for module in modules_under("atlas_core") if module.name == CLOCK)
    assert faults(clock)


def _written(source: str) -> Module:
    return Module("written", "written.py", ast.parse(source), 1)


def test_each_way_round_the_clock_is_seen() -> None:
    for source in (
        "import time", "from time import monotonic", "import random", "from uuid import uuid4",
        "import datetime\ndatetime.datetime.now()", "from datetime import datetime\ndatetime.now(UTC)",
        "import numpy as np\nnp.random.rand()", "import numpy as np\nnp.random.default_rng()",
    ):  # fmt: skip
        assert faults(_written(source)), source
    assert faults(_written("from datetime import datetime\ndatetime.fromisoformat(text)")) == []
