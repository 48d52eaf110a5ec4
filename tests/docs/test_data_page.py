"""What the page on keeping bars shows can be typed: its commands, its repairs, and the refusal of bad rows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from atlas_core import Repair, read_moment
from atlas_core.cli.data import data
from atlas_core.cli.main import atlas

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^atlas data (.+)$", PAGE, re.MULTILINE)
MINUTE = 60 * 10**9


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_page_is_understood(line: str) -> None:
    name, *arguments = shlex.split(line)
    command = data.commands[name]
    command.make_context(name, arguments, resilient_parsing=False)


def test_every_command_is_shown() -> None:
    shown = {line.split()[0] for line in COMMANDS}
    assert shown == set(data.commands)
    assert all(isinstance(command, click.Command) and command.short_help for command in data.commands.values())


def test_every_repair_is_explained() -> None:
    rows = "\n".join(re.findall(r"^\| (`.*`) \|", PAGE, re.MULTILINE))
    assert set(re.findall(r"`([a-z-]+)`", rows)) - {"--repair"} == set(Repair)


def test_the_refusal_on_the_page_is_the_one_that_is_printed(tmp_path: Path) -> None:
    start = read_moment("2026-01-05")
    rows = [f"{(start + row * MINUTE) // 10**9},46350,46400,46300,46350,1" for row in range(20)]
    rows[5] = rows[4]
    rows[9] = rows[9].replace("46400,46300", "46319,46385")
    rows[15] = rows[13]
    path = tmp_path / "btc.csv"
    path.write_text("\n".join(["ts,open,high,low,close,volume", *rows]))
    failed = CliRunner().invoke(atlas, ["data", "import", str(path), "--symbol", "X"])
    shown = re.search(r"^error: btc\.csv: 3 of .*?\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert shown is not None
    lines = [re.sub(r"^  line \d+", "  line N", line) for line in shown.group(1).splitlines()]
    said = [re.sub(r"^  line \d+", "  line N", line) for line in str(failed.exception).splitlines()[1:]]
    assert sorted(said[:-1]) == sorted(lines[:-1])
    assert set(said[-1].split()[-1].split(",")) == set(lines[-1].split()[-1].split(","))
