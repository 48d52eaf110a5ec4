"""Every task of a session has an owner: only the supervisor starts one."""

from __future__ import annotations

import ast

from tests.architecture.sources import Module, kernel, plugins

OWNER = "atlas_core.runtime.supervisor"
STARTS_A_TASK = {"create_task", "ensure_future", "TaskGroup"}


def tasks_started(module: Module) -> list[str]:
    return [
        f"{module.path}:{node.lineno} calls {name}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and (name := _called(node.func)) in STARTS_A_TASK
    ]


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def test_only_the_supervisor_starts_tasks() -> None:
    assert {module.name for module in (*kernel(), *plugins()) if tasks_started(module)} == {OWNER}


def test_each_way_to_start_a_task_is_seen() -> None:
    for source in (
        "asyncio.create_task(run())", "loop.create_task(run())", "asyncio.ensure_future(run())",
        "async def run():\n    async with TaskGroup() as group: group.create_task(x())",
    ):  # fmt: skip
        assert tasks_started(Module("written", "written.py", ast.parse(source), 1)), source
