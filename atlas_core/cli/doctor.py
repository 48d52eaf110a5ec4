"""`atlas doctor`: what is right and wrong with this installation, each fault with its remedy."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from attrs import frozen

from atlas_core import __version__
from atlas_core.cli.completion import complete_profile
from atlas_core.cli.kept import READ_ONLY_REMEDY, store_of
from atlas_core.cli.manifests import is_without_journal
from atlas_core.cli.tables import print_json, say, say_wrapped
from atlas_core.errors import AtlasError, NotFound, ProfileError
from atlas_core.journal.disks import file_system_of, is_network
from atlas_core.runs import RunInfo
from atlas_core.runstore import JOURNAL_NAME, RunStore, is_continuing

if TYPE_CHECKING:
    from atlas_core.plugins import Registry

OK, NOTE, WARN, FAIL = "ok", "info", "warn", "fail"
CHECK_FAILED = 4
LEAST_FREE_BYTES = 1_000_000_000
OLDEST_PYTHON = (3, 11)
DEPENDENCIES = ("attrs", "cattrs", "click", "loguru", "numpy", "platformdirs", "pluggy", "rich", "tomli", "tzdata")
_WAL_RESET_BUG = ((3, 7, 0), (3, 51, 2))  # two writers may lose a checkpoint; Atlas has one


@frozen
class Finding:
    """What one check found; `fix` is what to do about it."""

    area: str
    level: str
    text: str
    fix: str = ""


@click.command()
@click.option("-p", "--profile", shell_complete=complete_profile, help="Check this profile too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor(ctx: click.Context, /, profile: str | None, as_json: bool) -> None:
    """Check this installation; exit code 4 when something is wrong."""
    findings = examine(store_of(ctx), profile)
    worst = [finding.level for finding in findings]
    if as_json:
        print_json({"ok": FAIL not in worst, "findings": [_facts(finding) for finding in findings]})
    else:
        _print(findings, profile)
    ctx.exit(CHECK_FAILED if FAIL in worst else 0)


def examine(store: RunStore, profile: str | None) -> list[Finding]:
    """Run every check; one that itself breaks is a finding, not a crash."""
    checks: list[Callable[[], Iterator[Finding]]] = [
        check_python,
        check_packages,
        check_plugins,
        check_sqlite,
        check_zones,
        lambda: check_home(store.home),
        lambda: check_disk(store.home),
        lambda: check_journal(store),
        lambda: check_bars(store.home),
    ]
    if profile is not None:
        checks.append(lambda: check_profile(profile))
    return [finding for check in checks for finding in _guarded(check)]


def _guarded(check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(check())
    except Exception as fault:  # a doctor does not die of what he finds
        return [Finding("Doctor", FAIL, f"a check broke: {type(fault).__name__}: {fault}", "atlas --debug doctor")]


def check_bars(home: Path) -> Iterator[Finding]:
    """Open every series of bars, which reads none of them."""
    from atlas_core.barstore.store import BarStore
    from atlas_core.cli.data_tables import bytes_text, counted
    from atlas_core.errors import DataError

    store = BarStore.at(home)
    rows = size = series = 0
    for path in store.manifests():
        try:
            found = store.read(path)
            rows += len(found.bars()) if found else 0
        except DataError as fault:
            yield Finding("Bars", FAIL, str(fault), "atlas data list; atlas data remove; import or download it again")
            continue
        size += found.manifest.size_bytes if found else 0
        series += 1
    if series:
        yield Finding("Bars", OK, f"{series} series, {counted(rows, 'bar')}, {bytes_text(size)} in {store.root}")


def check_python() -> Iterator[Finding]:
    """Look at the interpreter."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        yield Finding("Python", FAIL, f"expected 3.11 or newer, was {version}", "make a virtual environment with 3.11")
    else:
        inside = "virtual environment" if sys.prefix != sys.base_prefix else "no virtual environment"
        yield Finding("Python", OK, f"{version}, {inside} at {sys.prefix}, atlas {__version__}")


def check_packages() -> Iterator[Finding]:
    """Look for the libraries that Atlas stands on."""
    found = {name: _version(name) for name in DEPENDENCIES}
    missing = [name for name, version in found.items() if version is None]
    if missing:
        yield Finding("Packages", FAIL, f"not installed: {', '.join(missing)}", f"pip install {' '.join(missing)}")
    present = ", ".join(f"{name} {version}" for name, version in found.items() if version is not None)
    yield Finding("Packages", OK, present)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_plugins() -> Iterator[Finding]:
    """Look at what became of every plugin."""
    from atlas_core.plugins import Status, discover

    registry: Registry = discover()
    ready = [record.name for record in registry.records if record.status is Status.READY]
    if ready:
        yield Finding("Plugins", OK, f"{len(ready)} ready: {', '.join(ready)}")
    else:
        yield Finding("Plugins", FAIL, "none is ready", "install atlas-trading with pip, see: atlas plugins list")
    for record in registry.records:
        if record.status is Status.NEEDS_EXTRA:
            yield Finding("Plugins", NOTE, f"{record.name}: {record.reason}", record.remedy)
        elif record.status is Status.BLOCKED:
            yield Finding("Plugins", NOTE, f"{record.name} is blocked: {record.reason}")
        elif record.status is not Status.READY:
            yield Finding("Plugins", FAIL, f"{record.name} {record.status.value}: {record.reason}", record.remedy)


def check_sqlite() -> Iterator[Finding]:
    """Look at the SQLite library that keeps the journal."""
    version = sqlite3.sqlite_version
    first, last = _WAL_RESET_BUG
    if sqlite3.sqlite_version_info < first:
        yield Finding("SQLite", FAIL, f"expected 3.7 or newer, was {version}", "use a newer Python")
    elif sqlite3.sqlite_version_info <= last:
        yield Finding("SQLite", NOTE, f"{version} has the WAL-reset bug, which needs two writers; a journal has one")
    else:
        yield Finding("SQLite", OK, version)


def check_zones() -> Iterator[Finding]:
    """Look for the time-zone data that maintenance windows and exchange calendars need."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:
        yield Finding("Clock", FAIL, "there is no time-zone data", "pip install tzdata")
    else:
        yield Finding("Clock", OK, "time-zone data is installed; times inside are UTC")


def check_home(home: Path) -> Iterator[Finding]:
    """Write a file where runs are kept."""
    place = _existing(home)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as fault:
        yield Finding("Home", FAIL, f"{home} cannot be written: {fault}", "set ATLAS_HOME to a directory of yours")
    else:
        yield Finding("Home", OK, f"{home} can be written")


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def check_disk(home: Path) -> Iterator[Finding]:
    """Look at the room that journals have."""
    free = shutil.disk_usage(_existing(home)).free
    kind = file_system_of(_existing(home))
    text = f"{free / 1e9:,.1f} GB free{f' on {kind}' if kind else ''}"
    if is_network(kind):
        yield Finding("Disk", FAIL, f"{home} is on a network disk ({kind})", "set ATLAS_HOME to a local directory")
    if free < LEAST_FREE_BYTES:
        yield Finding("Disk", WARN, text, "a journal stops the run when the disk is full: make room")
    else:
        yield Finding("Disk", OK, text)


def check_journal(store: RunStore) -> Iterator[Finding]:
    """Verify the journal of the latest run: its file, its hash chain and its projections."""
    try:
        run = store.find(None)
    except NotFound:
        yield Finding("Journal", OK, "no run is kept yet")
        return
    yield _verified(run)


def _verified(run: RunInfo) -> Finding:
    from atlas_core.journal import JournalReader

    if is_without_journal(run):
        return Finding("Journal", OK, f"{run.run_id} was worked out in columns: nobody has asked for its journal yet")
    path = run.directory / JOURNAL_NAME
    try:
        with JournalReader.open(path) as journal:
            journal.verify(projections=True)
            return Finding("Journal", OK, f"{run.run_id}: {journal.count():,} events, chain and projections hold")
    except AtlasError as fault:
        remedy = f"keep {path} as evidence and start a new run"
        if is_continuing(run):
            remedy = f"stop the session, then: atlas restore {run.profile}/{run.mode.value}"
        fix = remedy if os.access(run.directory, os.W_OK) else READ_ONLY_REMEDY
        return Finding("Journal", FAIL, f"{run.run_id}: {fault}", fix)


def check_profile(name: str) -> Iterator[Finding]:
    """Load a profile with its secrets and match what it needs with what is offered."""
    from atlas_core.compose import check_system
    from atlas_core.profile import open_profile

    try:
        loaded, _ = open_profile(name, resolve_secrets=True)
        problems = tuple(check_system(loaded, loaded.mode))
    except ProfileError as fault:
        problems = fault.problems
    except AtlasError as fault:
        yield Finding("Profile", FAIL, str(fault))
        return
    for problem in problems:
        yield Finding("Profile", FAIL, str(problem), f"atlas config check {name}")
    if not problems:
        yield Finding("Profile", OK, f"{loaded.name} ({loaded.mode.word}), {len(loaded.selections())} components")
        yield Finding("Secrets", OK, "all that the profile names can be read")
        yield _protection(loaded.protection.waiver)


def _protection(waiver: str) -> Finding:
    if waiver:
        return Finding("Safety", WARN, f"positions may be without a stop: {waiver}", "remove [protection] waiver")
    return Finding("Safety", OK, "every open position must have a stop")


def _facts(finding: Finding) -> dict[str, str]:
    return {"area": finding.area, "level": finding.level, "text": finding.text, "fix": finding.fix}


def _print(findings: list[Finding], profile: str | None) -> None:
    say(f"atlas doctor · atlas {__version__}" + (f" · profile {profile}" if profile else ""))
    say()
    last = ""
    for finding in findings:
        area = finding.area if finding.area != last else ""
        last = finding.area
        say_wrapped(f"{area:<10}{finding.level:<6}{finding.text}", indent=16)
        if finding.fix:
            say_wrapped(f"{'':<16}fix: {finding.fix}", indent=21)
    counts = [(level, sum(finding.level == level for finding in findings)) for level in (FAIL, WARN)]
    say()
    say(f"{_count(counts[0][1], 'problem')}, {_count(counts[1][1], 'warning')}")


def _count(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
