"""Help and the list of plugins stay quick, which is proven by what they do not import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"numpy", "aiohttp", "pandas", "ccxt", "alpaca", "pyarrow", "telegram", "cattrs", "sqlite3"}
SHIPPED = {"atlas_basics.plugin", "atlas_sim.plugin", "atlas_strat.plugin"}
MAIN = """
import sys
from atlas_core.cli.main import run_command_line

code = run_command_line(sys.argv[1:])
print("\\n".join(sorted(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay out the metadata of the shipped distribution, so that its plugins are found without an installation."""
    import tomli

    project = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    folder = tmp_path_factory.mktemp("installed")
    info = folder / "atlas_trading-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: atlas-trading\nVersion: 0\n")
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(groups))
    return folder


def modules_after(arguments: list[str], folder: Path) -> set[str]:
    path = os.pathsep.join([str(folder), str(ROOT), str(ROOT / "plugins"), *filter(None, sys.path)])
    ended = subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return set(ended.stderr.splitlines())


@pytest.fixture(scope="module")
def after_help(installed: Path) -> set[str]:
    """Return the modules that help has imported."""
    return modules_after(["--help"], installed)


def test_help_imports_no_heavy_module_and_no_rich(after_help: set[str]) -> None:
    assert after_help & (HEAVY | {"rich"}) == set()
    assert after_help >= SHIPPED


@pytest.mark.parametrize("options", [[], ["--json"], ["--hooks", "--role", "strategies"]])
def test_the_list_of_plugins_imports_no_heavy_module(options: list[str], installed: Path) -> None:
    modules = modules_after(["plugins", "list", *options], installed)
    assert modules & HEAVY == set()
    assert modules >= SHIPPED


def test_help_imports_no_other_command(after_help: set[str]) -> None:
    commands = {"run", "scan", "explain", "report", "runs", "config", "plugins", "doctor", "completion"}
    assert after_help & {f"atlas_core.cli.{name}" for name in commands} == set()


def test_completion_imports_no_heavy_module(installed: Path) -> None:
    assert modules_after(["completion", "bash"], installed) & (HEAVY | SHIPPED) == set()
