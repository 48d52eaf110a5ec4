"""What a line of source looks like that reads the future, the clock, or chance."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from attrs import frozen

_COLUMN = re.compile(r"(open|high|low|close|volume)s?_?|(opened|available)_at|price|prices")
_CLOCK_CALLS = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time"),
    ("time", "time_ns"), ("time", "monotonic"), ("time", "perf_counter"), ("Timestamp", "now"), ("Timestamp", "utcnow"),
    ("pd", "now"),
}  # fmt: skip
_CLOCK_NAMES = {"utcnow", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns"}
_WHOLE = {"mean", "std", "var", "max", "min", "median", "quantile", "percentile", "sum", "nanmean", "nanstd", "nanmax",
          "nanmin", "ptp", "average", "argmax", "argmin"}  # fmt: skip
_SYMMETRIC = {"savgol_filter", "filtfilt", "gaussian_filter", "gaussian_filter1d", "detrend", "sosfiltfilt"}
_OUTSIDE = {"requests", "urllib", "socket", "http", "aiohttp", "httpx", "subprocess", "sqlite3", "ftplib", "websockets"}
_READERS = {"read_text", "read_bytes", "read_csv", "read_parquet", "read_feather", "loadtxt", "genfromtxt", "urlopen"}
_CHANGES = {"append", "add", "update", "setdefault", "extend", "insert", "pop", "clear", "popitem", "remove", "discard",
            "appendleft"}  # fmt: skip
_MAKES_MUTABLE = {"dict", "list", "set", "defaultdict", "deque", "Counter", "OrderedDict"}


@frozen
class Reading:
    """How a file is read: a scanner is given whole columns, other deciders what is past at the moment."""

    is_columnar: bool


@frozen
class Rule:
    """One thing to warn about."""

    name: str
    why: str
    meets: Callable[[ast.AST, Reading], bool]


def _called(node: ast.AST) -> str:
    """Return the last word of what is called, empty for anything but a call."""
    return _last(node.func) if isinstance(node, ast.Call) else ""


def _last(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _owner(node: ast.AST) -> str:
    return _last(node.func.value) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""


def _keyword(node: ast.AST, name: str) -> object:
    """Return the constant that a call gives for a keyword, None for none."""
    if not isinstance(node, ast.Call):
        return None
    return next((k.value.value for k in node.keywords if k.arg == name and isinstance(k.value, ast.Constant)), None)


def _is_negative(node: ast.AST | None) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant)


def _is_column(node: ast.AST) -> bool:
    """Tell whether an expression is a whole column, as far as its name says."""
    return isinstance(node, ast.Attribute | ast.Name) and _COLUMN.fullmatch(_last(node)) is not None


def _shifts_back(node: ast.AST, _: Reading) -> bool:
    if not isinstance(node, ast.Call) or _called(node) not in ("shift", "roll", "diff", "pct_change"):
        return False
    steps = node.args[1:2] if _called(node) == "roll" and _owner(node) in ("np", "numpy") else node.args[:1]
    named = [k.value for k in node.keywords if k.arg in ("periods", "shift", "n")]
    return any(_is_negative(step) for step in (*steps, *named))


def _takes_the_last(node: ast.AST, reading: Reading) -> bool:
    if not reading.is_columnar or not isinstance(node, ast.Subscript) or not _is_negative(node.slice):
        return False
    return _last(node.value) == "iloc" or _is_column(node.value)


def _takes_the_next(node: ast.AST, reading: Reading) -> bool:
    if not reading.is_columnar or not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.BinOp):
        return False
    index = node.slice
    steps_on = isinstance(index.op, ast.Add) and isinstance(index.left, ast.Name)
    is_number = isinstance(index.right, ast.Constant) and isinstance(index.right.value, int)
    return steps_on and is_number and (_is_column(node.value) or _last(node.value) in ("iloc", "iat"))


def _is_centred(node: ast.AST, _: Reading) -> bool:
    if _called(node) == "rolling" and _keyword(node, "center") is True:
        return True
    return (_called(node) == "convolve" and _keyword(node, "mode") != "valid") or _called(node) in _SYMMETRIC


def _reduces_whole_columns(node: ast.AST, reading: Reading) -> bool:
    if not reading.is_columnar or not isinstance(node, ast.Call) or _called(node) not in _WHOLE:
        return False
    if _keyword(node, "axis") is not None:
        return False
    if _owner(node) in ("np", "numpy"):
        return bool(node.args) and _is_column(node.args[0])
    return isinstance(node.func, ast.Attribute) and _is_column(node.func.value)


def _fills_backwards(node: ast.AST, _: Reading) -> bool:
    if _called(node) in ("bfill", "backfill"):
        return True
    if _called(node) in ("fillna", "reindex", "reindex_like") and _keyword(node, "method") in ("bfill", "backfill"):
        return True
    return _called(node) == "interpolate" or (_called(node) == "fill_null" and _keyword(node, "strategy") == "backward")


def _runs_backwards(node: ast.AST, _: Reading) -> bool:
    """Tell whether something accumulates over a reversed column."""
    if not isinstance(node, ast.Call) or _called(node) not in ("accumulate", "cumsum", "cumprod", "cummax", "cummin"):
        return False
    sources = [*node.args, *([node.func.value] if isinstance(node.func, ast.Attribute) else [])]
    return any(isinstance(s, ast.Subscript) and isinstance(s.slice, ast.Slice) and _is_negative(s.slice.step)
               for s in sources)  # fmt: skip


def _joins_forward(node: ast.AST, _: Reading) -> bool:
    if _called(node) in ("merge_asof", "join_asof"):
        return (_keyword(node, "direction") or _keyword(node, "strategy")) in ("forward", "nearest")
    return _called(node) == "resample" and "left" in (_keyword(node, "label"), _keyword(node, "closed"))


def _reads_the_clock(node: ast.AST, _: Reading) -> bool:
    return (_owner(node), _called(node)) in _CLOCK_CALLS or _called(node) in _CLOCK_NAMES


def _draws(node: ast.AST, _: Reading) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.partition(".")[0] in ("random", "secrets") for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return node.module in ("random", "secrets") or any(alias.name in ("uuid1", "uuid4") for alias in node.names)
    if _called(node) == "default_rng":
        return isinstance(node, ast.Call) and not node.args and not node.keywords
    is_global = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_random(node.func.value)
    return is_global or _called(node) in ("uuid1", "uuid4", "urandom")


def _is_random(node: ast.AST) -> bool:
    """Tell whether an expression is numpy's global generator."""
    return isinstance(node, ast.Attribute) and node.attr == "random" and _last(node.value) in ("np", "numpy")


def _draws_globally(node: ast.AST, reading: Reading) -> bool:
    return _draws(node, reading) and _called(node) not in ("Generator", "PCG64", "SeedSequence")


def _goes_outside(node: ast.AST, _: Reading) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.partition(".")[0] in _OUTSIDE for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] in _OUTSIDE
    is_open = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
    return is_open or _called(node) in _READERS


def _depends_on_hashes(node: ast.AST, _: Reading) -> bool:
    if isinstance(node, ast.For | ast.comprehension):
        return isinstance(node.iter, ast.Set | ast.SetComp) or _called(node.iter) in ("set", "frozenset")
    is_builtin = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return is_builtin and _called(node) in ("hash", "id")


def _looks_behind(node: ast.AST, _: Reading) -> bool:
    """Tell whether the array behind a view is taken: a view of the past may lie on columns that go on."""
    return isinstance(node, ast.Attribute) and node.attr == "base" and _is_column(node.value)


RULES = (
    Rule("shift back", "a row gets what a later row holds", _shifts_back),
    Rule("last of a column", "the end of a scanner's column is the future of every row before it", _takes_the_last),
    Rule("next row", "a row reads the one after it", _takes_the_next),
    Rule("centred window", "half of the window lies in the future", _is_centred),
    Rule("whole column", "a figure of the whole column knows its end", _reduces_whole_columns),
    Rule("fill backwards", "a gap gets a value of later", _fills_backwards),
    Rule("run backwards", "it accumulates from the end", _runs_backwards),
    Rule("join forward", "a row may get a bar that ends later", _joins_forward),
    Rule("clock", "the machine's time differs from the market's, and between two runs", _reads_the_clock),
    Rule("chance", "draw from Context.random, which has the profile's seed", _draws_globally),
    Rule("outside", "a file or the network may hold tomorrow's news today", _goes_outside),
    Rule("order of hashes", "sets and hashes come in another order in another process", _depends_on_hashes),
    Rule("behind a view", "the array behind a view of the past goes on into the future", _looks_behind),
)


def module_faults(tree: ast.Module) -> list[tuple[int, str, str]]:
    """Return line, name and reason of each change of a module's own state by a function of it."""
    state = set(_mutable_names(tree))
    why = "state of a module outlives a run: what one run put there, the next one reads"
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    used_later = {name.id for function in functions for name in ast.walk(function) if isinstance(name, ast.Name)}
    lines = [
        node.lineno
        for function in functions
        if function.name in used_later or not _is_called_at_import(function, tree)
        for node in ast.walk(function)
        if isinstance(node, ast.stmt | ast.expr) and (isinstance(node, ast.Global) or _changes(node, state))
    ]
    return [(line, "state of a module", why) for line in lines]


def _is_called_at_import(function: ast.FunctionDef | ast.AsyncFunctionDef, tree: ast.Module) -> bool:
    """Tell whether a private function is called where its module is made, and fills a table there."""
    calls = (node for statement in tree.body if isinstance(statement, ast.Assign) for node in ast.walk(statement))
    return function.name.startswith("_") and any(_called(node) == function.name for node in calls)


def _mutable_names(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module, or a class in it, gives to something that can be changed."""
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    for statement in (statement for body in bodies for statement in body):
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
        is_mutable = isinstance(value, ast.Dict | ast.List | ast.Set) or _called(value or statement) in _MAKES_MUTABLE
        if is_mutable:
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def _changes(node: ast.AST, state: set[str]) -> bool:
    if isinstance(node, ast.Assign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(isinstance(target, ast.Subscript) and _last(target.value) in state for target in targets)
    return isinstance(node, ast.Call) and _called(node) in _CHANGES and _owner(node) in state
