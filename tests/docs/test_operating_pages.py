"""The pages for operators: commands, alerts, files, exit codes and deadlines are those of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from atlas_core.cli.main import EXIT_CODES, atlas
from atlas_core.cli.operate import ANSWER_SECONDS, STOP_SECONDS
from atlas_core.control.starts import CRASHES_OF_A_LOOP, LOOP_SECONDS
from atlas_core.runs import Mode
from atlas_core.runtime import host
from atlas_core.statedir import StateDirectory

ROOT = Path(__file__).resolve().parents[2]
RUNNING = (ROOT / "docs" / "running-a-session.md").read_text(encoding="utf-8")
WRONG = (ROOT / "docs" / "when-something-is-wrong.md").read_text(encoding="utf-8")
TIMED_OUT = 8  # of a command to a session, never of the session


def shown_commands(text: str) -> Iterator[str]:
    """Yield what is shown as a call of `atlas`: lines of blocks, and code inside sentences."""
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    yield from (line for block in blocks for line in block.splitlines() if line.startswith("atlas "))
    prose = re.sub(r"^```[a-z]*\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from (" ".join(code.split()) for code in re.findall(r"`(atlas [^`]+)`", prose))


def unknown_words(shown: str, context: click.Context) -> list[str]:
    """Return the command and the options of a call that there are none of."""
    command: click.Command = atlas
    options = _options_of(command)
    unknown = []
    for word in re.split(r"[\s|]+", shown)[1:]:
        name = word.strip(".,:;()")
        if name.startswith("-") and name.strip("-"):
            unknown += [] if name.partition("=")[0] in options else [name]
        elif isinstance(command, click.Group):
            found = command.get_command(context, name)
            if found is None and command is atlas:
                unknown.append(name)
            command = found or click.Command("any")
            options = options if found is None else options | _options_of(command)
    return unknown


def _options_of(command: click.Command) -> set[str]:
    named = [*command.params, *([help_] if (help_ := command.get_help_option(click.Context(command))) else [])]
    return {"-h"} | {opt for param in named for opt in (*param.opts, *param.secondary_opts)}


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", *sorted(p.name for p in (ROOT / "docs").glob("*.md"))])
def test_every_command_and_option_that_a_page_shows_exists(name: str) -> None:
    path = ROOT / name if (ROOT / name).is_file() else ROOT / "docs" / name
    with click.Context(atlas) as context:
        unknown = {
            shown: words
            for shown in shown_commands(path.read_text(encoding="utf-8"))
            if (words := unknown_words(shown, context))
        }
    assert unknown == {}


def test_a_command_and_an_option_that_there_are_none_of_are_found() -> None:
    with click.Context(atlas) as context:
        assert unknown_words("atlas --verbose stauts", context) == ["stauts"]
        assert unknown_words("atlas data list --gone", context) == ["--gone"]
        assert unknown_words("atlas close BTC-PERP    or --all", context) == []


@cache
def titles_of_alerts() -> frozenset[str]:
    """Return the titles that the engine gives its alerts, as patterns: what is filled in is any word."""
    calls = [
        node
        for path in sorted((ROOT / "atlas_core" / "engine").glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "raise_alert"
    ]
    return frozenset(_pattern(call.args[2]) for call in calls)


def _pattern(title: ast.expr) -> str:
    if isinstance(title, ast.JoinedStr):
        return "".join(_pattern(part) if isinstance(part, ast.Constant) else r"\w+" for part in title.values)
    assert isinstance(title, ast.Constant)
    return re.escape(str(title.value))


def test_every_alert_is_explained() -> None:
    table = WRONG.partition("## Every alert")[2]
    patterns = titles_of_alerts()
    assert len(patterns) > 15
    assert [pattern for pattern in sorted(patterns) if not re.search(rf"^\| .*`{pattern}`", table, re.MULTILINE)] == []


def test_no_alert_is_explained_that_there_is_none_of() -> None:
    first_cells = re.findall(r"^\| (`.*?) \|", WRONG.partition("## Every alert")[2], re.MULTILINE)
    titles = [title for cell in first_cells for title in re.findall(r"`([^`]+)`", cell)]
    assert [title for title in titles if not any(re.fullmatch(p, title) for p in titles_of_alerts())] == []


def test_every_exit_code_of_a_session_has_its_row_and_the_unit_restarts_only_where_that_helps() -> None:
    rows = re.findall(r"^\| (\d+) \| .* \| ([^|]+) \|$", RUNNING.partition("## How it ends")[2], re.MULTILINE)
    assert [int(code) for code, _ in rows] == sorted(set(EXIT_CODES) - {TIMED_OUT})
    hopeless = [code for code, then in rows if then.startswith("fails")]
    assert f"RestartPreventExitStatus={' '.join(hopeless)}\n" in RUNNING


def test_the_unit_allows_the_start_in_safe_mode_and_waits_for_a_stop_in_good_order() -> None:
    assert f"StartLimitIntervalSec={LOOP_SECONDS}\n" in RUNNING
    assert f"StartLimitBurst={CRASHES_OF_A_LOOP + 1}\n" in RUNNING
    waits = re.search(r"^TimeoutStopSec=(\d+)$", RUNNING, re.MULTILINE)
    assert waits is not None
    assert int(waits[1]) > host.STOP_SECONDS


def test_deadlines_are_those_of_the_code() -> None:
    words = " ".join(RUNNING.split())
    assert f"What has not stopped after {host.STOP_SECONDS:g} seconds is cut off" in words
    assert f"did not answer within {ANSWER_SECONDS:g} seconds, or did not end within {STOP_SECONDS:g}" in words
    heart, session = host.HEART_DEADLINE_SECONDS, host.SESSION_DEADLINE_SECONDS
    assert heart == host.INBOX_DEADLINE_SECONDS
    assert f"({heart:g} seconds for the heartbeat and for commands, {session:g} for the session itself)" in words


def test_every_file_of_a_state_directory_is_in_the_table() -> None:
    state = StateDirectory(Path("state"), "crypto", Mode.LIVE)
    kept = [value for name in dir(StateDirectory) if isinstance(value := getattr(state, name), Path) and name != "path"]
    assert len(kept) > 8
    table = RUNNING.partition("## What is where")[2].partition("##")[0]
    assert [path.name for path in kept if f"`{path.name}`" not in table.replace("/", "`")] == []
