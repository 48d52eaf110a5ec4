"""Where runs are kept: `home/runs/<profile>/<mode>/<run-id>/`, so that paper never touches live.

A session that continues from process to process is one run, kept in its state directory.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from shutil import rmtree
from typing import Any

from attrs import frozen
from loguru import logger

from atlas_core.errors import AtlasError, NotFound
from atlas_core.runs import Mode, RunInfo, directory_name
from atlas_core.statedir import StateDirectory, known_states, write_json

JOURNAL_NAME = "journal.db"
MANIFEST_NAME = "manifest.json"
FACTS_NAME = "run.json"


def default_home() -> Path:
    """Return `$ATLAS_HOME`, or the platform's place for a user's data."""
    named = os.environ.get("ATLAS_HOME")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_data_path

    return user_data_path("atlas")


@frozen
class RunStore:
    """The runs below one home directory, numbered in the order in which they began."""

    home: Path

    @classmethod
    def at(cls, home: Path | None = None) -> RunStore:
        """Return the store at `home`, or at the default place."""
        return cls(home or default_home())

    @property
    def _runs(self) -> Path:
        return self.home / "runs"

    def create(self, profile_name: str, mode: Mode, synthetic: bool, *, began: int = 0) -> RunInfo:
        """Make the directory of a new run, named `<profile>-<mode>-<number>`; `began` is the time (nanoseconds UTC).

        Two processes never receive the same run: making a directory is atomic. Raises AtlasError when the home
        cannot be written.
        """
        facts = {"profile": profile_name, "mode": mode.value, "synthetic": synthetic, "began": began}
        try:
            directory = self._claim(directory_name(profile_name), mode)
            (directory / FACTS_NAME).write_text(json.dumps(facts) + "\n", encoding="utf-8")
        except OSError as fault:
            remedy = "set ATLAS_HOME or --home to a directory of yours"
            raise AtlasError(f"expected to write below {self.home}, was refused: {fault}; {remedy}") from fault
        return _info(directory, facts)

    def continue_in(self, state: StateDirectory, synthetic: bool) -> RunInfo:
        """Return the one run of a session that continues in its state directory, named `<profile>-<mode>`.

        Raises AtlasError when the directory cannot be written.
        """
        facts = {"profile": state.profile, "mode": state.mode.value, "synthetic": synthetic}
        state.make()
        try:
            write_json(state.path / FACTS_NAME, facts)
        except OSError as fault:
            raise AtlasError(f"expected to write in {state.path}, was refused: {fault}") from fault
        return _info(state.path, facts)

    def _claim(self, name: str, mode: Mode) -> Path:
        folder = self._runs / name / mode.value
        folder.mkdir(parents=True, exist_ok=True)
        number = max((_number(path) for path in self._directories()), default=0)
        while True:
            number += 1
            directory = folder / f"{name}-{mode.value}-{number:04d}"
            try:
                directory.mkdir()
            except FileExistsError:
                continue
            return directory

    def _directories(self) -> list[Path]:
        return [path for path in self._runs.glob("*/*/*") if path.is_dir() and _number(path)]

    def all(self) -> tuple[RunInfo, ...]:
        """Return every run: the sessions that continue, then the numbered ones, oldest first.

        A directory that is not a run is left out, a damaged one with a warning.
        """
        numbered = sorted(self._directories(), key=lambda path: (_number(path), path.name))
        continuing = [state.path for state in known_states(self.home) if state.journal.is_file()]
        found = (_read(path) for path in (*continuing, *numbered))
        return tuple(run for run in found if run is not None)

    def discard(self, run: RunInfo) -> None:
        """Remove the directory of a run that never began."""
        rmtree(run.directory, ignore_errors=True)

    def find(self, run_id: str | None = None) -> RunInfo:
        """Return the run with this id or number, or the latest one for None; raises NotFound.

        The latest is the last numbered one: a session that continues is asked for by its name.
        """
        runs = self.all()
        if not runs:
            raise NotFound(f"there is no run below {self._runs}; start one: atlas run demo")
        if run_id in (None, "", "latest"):
            return runs[-1]
        found = [run for run in runs if run_id in (run.run_id, str(_number(run.directory)))]
        if not found:
            known = ", ".join(run.run_id for run in runs[-3:])
            raise NotFound(f"expected the id of a run, was {run_id!r}; the latest are {known} (all: atlas runs)")
        return found[-1]


def _read(directory: Path) -> RunInfo | None:
    path = directory / FACTS_NAME
    if not path.is_file():
        return None
    try:
        return _info(directory, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as fault:
        logger.warning("run {} is left out: {} cannot be read ({})", directory.name, path, fault)
        return None


def _info(directory: Path, facts: dict[str, Any]) -> RunInfo:
    is_numbered = _number(directory) > 0
    return RunInfo(
        run_id=directory.name if is_numbered else f"{directory.parent.name}-{directory.name}",
        profile=str(facts["profile"]),
        mode=Mode(facts["mode"]),
        synthetic=bool(facts["synthetic"]),
        directory=directory,
        began=int(facts.get("began", 0)),
    )


def is_continuing(run: RunInfo) -> bool:
    """Tell whether a run is a session that goes on from process to process."""
    return not _number(run.directory)


def _number(directory: Path) -> int:
    last = directory.name.rpartition("-")[2]
    return int(last) if last.isdigit() else 0
