"""The example is a distribution of its own: built as a wheel, installed beside Atlas, listed, used by a profile."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest
from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "atlas-plugin-example"
PROFILE = EXAMPLE / "profiles" / "channel-breakout.toml"
LEFT_BEHIND = shutil.ignore_patterns(".git", ".venv", "__pycache__", "dist", "*.egg-info", ".*_cache")

pytestmark = pytest.mark.timeout(240)


def call(command: Sequence[str | Path], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command that must not see this process's own path of modules."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ATLAS_"))}
    return subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**inherited, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def succeed(command: Sequence[str | Path], folder: Path, **environment: str) -> str:
    ended = call(command, folder, **environment)
    assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


@frozen
class Environment:
    """A virtual environment with Atlas and the example installed from their wheels."""

    folder: Path
    python: Path
    wheel: Path

    def atlas(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return call([self.python, "-m", "atlas_core", *arguments], self.folder, ATLAS_HOME=str(self.folder / "home"))


def build(source: Path, folder: Path) -> Path:
    """Build the wheel of a copy of `source`, so that nothing is written into the tree."""
    copy = folder / source.name
    shutil.copytree(source, copy, ignore=LEFT_BEHIND)
    succeed([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, copy], folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def share_libraries(python: Path, folder: Path) -> None:
    """Let an environment see the libraries of this interpreter, behind whatever it has installed itself."""
    libraries = dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()])
    target = succeed([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder).strip()
    (Path(target) / "libraries.pth").write_text("".join(f"{library}\n" for library in libraries))


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("packaging")
    wheels = []
    for name, source in (("atlas", ROOT), ("example", EXAMPLE)):
        (folder / name).mkdir()
        wheels.append(build(source, folder / name))
    made = folder / "venv"
    venv.create(made, with_pip=False)
    python = made / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    options = ("--quiet", "--no-deps", "--no-index", "--no-compile")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", *options]
    succeed([*pip, *wheels], folder)
    share_libraries(python, folder)
    return Environment(folder, python, wheels[1])


def test_the_wheel_holds_the_package_and_its_type_marker_and_nothing_else(environment: Environment) -> None:
    with ZipFile(environment.wheel) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        (entry_points,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
        declared = wheel.read(entry_points).decode()
    modules = {f"atlas_example/{name}.py" for name in ("__init__", "options", "plugin", "scanner")}
    assert names == modules | {"atlas_example/py.typed"}
    assert declared.split() == ["[atlas.strategies]", "example", "=", "atlas_example.plugin"]


def test_atlas_and_the_example_are_imported_from_their_wheels(environment: Environment) -> None:
    modules = ("atlas_core", "atlas_sim", "atlas_example")
    code = "".join(f"import {module}; print({module}.__file__)\n" for module in modules)
    paths = succeed([environment.python, "-c", code], environment.folder).splitlines()
    assert len(paths) == len(modules)
    assert all(Path(path).is_relative_to(environment.folder / "venv") for path in paths)


def test_the_installed_plugin_is_listed_beside_the_shipped_ones(environment: Environment) -> None:
    ended = environment.atlas("plugins", "list", "--json")
    assert ended.returncode == 0, ended.stderr
    found = {facts["name"]: facts for facts in json.loads(ended.stdout)}
    assert {"basics", "sim", "strat", "example"} <= set(found)
    example = found["example"]
    assert (example["status"], example["distribution"]) == ("ready", "atlas-plugin-example")
    assert (example["role"], example["module"]) == ("strategies", "atlas_example.plugin")
    assert [(part["kind"], part["name"], part["usable"]) for part in example["components"]] == [
        ("scanner", "channel-breakout", True)
    ]


def test_a_profile_trades_with_the_installed_scanner(environment: Environment) -> None:
    ended = environment.atlas("backtest", str(PROFILE))
    assert ended.returncode == 0, ended.stderr
    (trades,) = (environment.folder / "home").rglob("trades.csv")
    lines = trades.read_text(encoding="utf-8").splitlines()
    assert len(lines) > 1
    assert "breakout" in lines[1]


def test_a_profile_says_which_plugin_is_missing_when_third_party_plugins_are_switched_off(
    environment: Environment,
) -> None:
    ended = call(
        [environment.python, "-m", "atlas_core", "backtest", PROFILE],
        environment.folder,
        ATLAS_HOME=str(environment.folder / "other-home"),
        ATLAS_PLUGINS="",
    )
    assert ended.returncode == 3
    assert "channel-breakout" in ended.stderr
    assert "'example'" in ended.stderr
    assert "ATLAS_PLUGINS" in ended.stderr
    assert "Nothing was started." in ended.stderr


def test_the_tests_of_the_example_pass_against_the_installed_atlas(environment: Environment) -> None:
    tests = environment.folder / "example" / EXAMPLE.name / "tests"
    printed = succeed(
        [environment.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", tests],
        environment.folder,
    )
    assert "passed" in printed


def test_the_demo_runs_from_the_wheel_in_an_empty_home(environment: Environment, tmp_path: Path) -> None:
    done = call(
        [environment.python, "-m", "atlas_core", "run", "demo", "--to", "2026-04-06T06:00"],
        tmp_path,
        HOME=str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    assert "ENTRY" in done.stdout
    assert "EXIT" in done.stdout
    assert list(tmp_path.rglob("trades.csv"))


def test_the_wheel_of_atlas_holds_its_profiles_and_type_markers_but_no_tests(environment: Environment) -> None:
    (wheel,) = (environment.folder / "atlas").glob("*.whl")
    names = ZipFile(wheel).namelist()
    assert "atlas_core/profiles/demo.toml" in names
    packages = ("atlas_core", "atlas_sim", "atlas_basics", "atlas_strat")
    assert {f"{package}/py.typed" for package in packages} <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "configs/", "docs/"))]
