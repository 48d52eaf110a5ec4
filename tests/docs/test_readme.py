"""The documents say what is true: commands, links, the profile that is shown, and nothing about one machine."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import tomli

from atlas_core.plugins import discover
from atlas_core.profile import load_profile

ROOT = Path(__file__).resolve().parents[2]
DEMO = "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/atlas run demo"
TESTS = 'python3 -m venv .venv && .venv/bin/pip install -e ".[all,dev]" && .venv/bin/pytest'

COMMITTED = ("atlas_core", "plugins", "configs", "examples", "docs", "tests", ".ci")
SKIPPED = {".git", "__pycache__", "build", "dist"}


@cache
def committed_files() -> tuple[Path, ...]:
    folders = [path for name in COMMITTED for path in (ROOT / name).rglob("*")]
    candidates = [*ROOT.glob("*"), ROOT / ".gitignore", *folders]
    return tuple(sorted(path for path in candidates if path.is_file() and not _is_generated(path)))


def _is_generated(path: Path) -> bool:
    return any(part in SKIPPED or part.endswith(("_cache", ".egg-info")) for part in path.relative_to(ROOT).parts)


def documents() -> list[Path]:
    return [path for path in committed_files() if path.suffix == ".md"]


def code_blocks(text: str, language: str = "") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", [DEMO, TESTS], ids=["demo", "tests"])
def test_each_command_stands_once_alone_in_a_block_of_its_own(command: str) -> None:
    assert README.count(command + "\n") == 1
    assert command + "\n" in code_blocks(README)


def test_ci_runs_the_very_line_of_the_readme() -> None:
    assert TESTS in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_ci_can_be_executed() -> None:
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub makes of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(document: Path) -> None:
    broken = []
    for link in LINK.findall(document.read_text(encoding="utf-8")):
        if link.startswith(("https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_document_can_be_reached_from_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    reached = {(index.parent / link.partition("#")[0]).resolve() for link in LINK.findall(index.read_text("utf-8"))}
    pages = {path.resolve() for path in documents() if path.is_relative_to(ROOT / "docs")}
    assert sorted(pages - reached - {index.resolve()}) == []


# Each pattern is written so that it does not find itself.
MACHINE = {
    "a path of a machine": re.compile(r"(?<![\w.$}])/(?:work|tmp|home|Users|root)/\w"),
    "a package registry": re.compile(r"py[p]i\.org|pythonho[s]ted\.org"),
    "a tool of one workshop": re.compile(r"\bfar[m]-[a-z]+"),
}


def test_no_committed_file_names_a_machine() -> None:
    found = []
    for path in committed_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}: {what}: {match.group()}"
            for what, pattern in MACHINE.items()
            for match in pattern.finditer(text)
        ]
    assert found == []


def test_the_patterns_find_what_they_are_for() -> None:
    assert MACHINE["a path of a machine"].search("see /" + "home/me/x")
    assert MACHINE["a package registry"].search("https://pyp" + "i.org/simple")
    assert not MACHINE["a path of a machine"].search("docs/tmp-files and $HOME/runs")


def shipped_entry_points() -> list[EntryPoint]:
    groups = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    return [EntryPoint(name, value, group) for group, names in groups.items() for name, value in names.items()]


def test_the_profile_of_the_readme_is_a_profile(tmp_path: Path) -> None:
    (shown,) = code_blocks(README, "toml")
    path = tmp_path / "first.toml"
    path.write_text(shown, encoding="utf-8")
    profile = load_profile(path, discover(entry_points=shipped_entry_points()))
    assert profile.name == "first"
    assert [exit_rule.use for exit_rule in profile.exits] == ["stop", "target"]


def test_every_part_that_the_readme_names_is_offered() -> None:
    registry = discover(entry_points=shipped_entry_points())
    offered = {component.name for component in registry.components()}
    table = README.partition("## What you get")[2].partition("```")[0]
    named = set(re.findall(r"`([a-z][a-z.-]*)`", table))
    assert sorted(named ^ offered) == []
