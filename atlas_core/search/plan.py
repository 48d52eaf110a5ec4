"""What a sweep is: everything that its result depends on, kept in its own directory so that it can go on."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from shutil import rmtree
from typing import Any, Self

from attrs import asdict, evolve, frozen

from atlas_core import __version__
from atlas_core.errors import AtlasError, NotFound
from atlas_core.plugins import Registry
from atlas_core.plugins.sources import package_digest, package_of
from atlas_core.profile import find_profile
from atlas_core.profile.document import read_document
from atlas_core.runs import directory_name
from atlas_core.search.windows import Window
from atlas_core.statedir import write_json

PLAN_NAME = "sweep.json"
BARS_NAME = "bars"
_NUMBERED = re.compile(r".+-sweep-\d{4,}")


@frozen(kw_only=True)
class Plan:
    """A sweep as it was asked for; two equal plans try the same combinations and find the same figures.

    `base` is the digest of the profile's files, `code` that of Atlas and of the plugins that are installed.
    """

    profile: str
    name: str
    base: str
    code: str
    changes: tuple[str, ...]
    conditions: tuple[str, ...] = ()
    method: str = "grid"
    trials: int | None = None
    seed: int = 1
    walk_forward: str = ""
    anchored: bool = False
    gap: str = ""
    objective: str = "sharpe"
    min_trades: int = 1

    @property
    def digest(self) -> str:
        """Return what tells two plans apart; the objective counts only where it decides what is tried."""
        facts = asdict(self)
        if self.method != "tpe" and not self.walk_forward:
            del facts["objective"], facts["min_trades"]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    @property
    def way(self) -> str:
        """Return in words how combinations are chosen."""
        return f"walk-forward {self.walk_forward}, {self.method}" if self.walk_forward else self.method

    @classmethod
    def read(cls, facts: dict[str, Any]) -> Self:
        """Return the plan that `asdict` wrote."""
        values: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in facts.items()}
        return cls(**values)


@frozen(kw_only=True)
class Sweep:
    """A plan with its name and its directory."""

    sweep_id: str
    directory: Path
    plan: Plan
    created_at: int
    is_complete: bool
    windows: tuple[Window, ...] = ()

    @property
    def bars(self) -> Path:
        """Where the bars lie that worker processes map into their memory."""
        return self.directory / BARS_NAME

    def stepping(self, windows: Sequence[Window]) -> Sweep:
        """Note the windows of a walk-forward, so that later data change none of them; raises AtlasError."""
        stepping = evolve(self, windows=tuple(windows))
        _write(stepping)
        return stepping

    def completed(self) -> Sweep:
        """Note that nothing is left to try, and remove the bars; raises AtlasError when that cannot be written."""
        done = evolve(self, is_complete=True)
        _write(done)
        rmtree(self.bars, ignore_errors=True)
        return done


@frozen
class SweepStore:
    """The sweeps below one home, numbered in the order in which they began."""

    home: Path

    @property
    def _folder(self) -> Path:
        return self.home / "sweeps"

    def create(self, plan: Plan, created_at: int) -> Sweep:
        """Make the directory of a new sweep, named `<profile>-sweep-<number>`; raises AtlasError."""
        name = directory_name(plan.name)
        number = max((_number(path) for path in self._directories()), default=0)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            while True:
                number += 1
                directory = self._folder / f"{name}-sweep-{number:04d}"
                try:
                    directory.mkdir()
                    break
                except FileExistsError:
                    continue
        except OSError as fault:
            raise AtlasError(f"expected to write below {self._folder}, was refused: {fault}") from fault
        sweep = Sweep(sweep_id=directory.name, directory=directory, plan=plan, created_at=created_at, is_complete=False)
        _write(sweep)
        return sweep

    def discard(self, sweep: Sweep) -> None:
        """Remove the directory of a sweep of which nothing was kept."""
        rmtree(sweep.directory, ignore_errors=True)

    def all(self) -> tuple[Sweep, ...]:
        """Return every sweep, the oldest first; a directory whose plan cannot be read is left out."""
        found = (_read(path) for path in sorted(self._directories(), key=_number))
        return tuple(sweep for sweep in found if sweep is not None)

    def find(self, sweep_id: str | None = None) -> Sweep:
        """Return the sweep with this id or number, or the latest one; raises NotFound."""
        sweeps = self.all()
        if not sweeps:
            raise NotFound(f"there is no sweep below {self._folder}; start one: atlas sweep PROFILE --set KEY=VALUES")
        if sweep_id in (None, "", "latest"):
            return sweeps[-1]
        found = [s for s in sweeps if sweep_id in (s.sweep_id, str(_number(s.directory)))]
        if not found:
            known = ", ".join(sweep.sweep_id for sweep in sweeps[-3:])
            raise NotFound(f"expected the id of a sweep, was {sweep_id!r}; the latest are {known} (all: atlas sweeps)")
        return found[-1]

    def unfinished(self, plan: Plan) -> Sweep | None:
        """Return the latest sweep of an equal plan in which something is left to try."""
        equal = [sweep for sweep in self.all() if not sweep.is_complete and sweep.plan.digest == plan.digest]
        return equal[-1] if equal else None

    def _directories(self) -> list[Path]:
        return [path for path in self._folder.glob("*-sweep-*") if path.is_dir() and _NUMBERED.fullmatch(path.name)]


def _number(path: Path) -> int:
    return int(path.name.rpartition("-")[2])


def _write(sweep: Sweep) -> None:
    facts = {
        "plan": asdict(sweep.plan),
        "created_at": sweep.created_at,
        "is_complete": sweep.is_complete,
        "windows": [asdict(window) for window in sweep.windows],
    }
    try:
        write_json(sweep.directory / PLAN_NAME, facts)
    except OSError as fault:
        raise AtlasError(f"expected to write in {sweep.directory}, was refused: {fault}") from fault


def _read(directory: Path) -> Sweep | None:
    try:
        facts = json.loads((directory / PLAN_NAME).read_text(encoding="utf-8"))
        return Sweep(
            sweep_id=directory.name,
            directory=directory,
            plan=Plan.read(facts["plan"]),
            created_at=int(facts["created_at"]),
            is_complete=bool(facts["is_complete"]),
            windows=tuple(Window(**window) for window in facts["windows"]),
        )
    except (OSError, ValueError, KeyError, TypeError):  # a process died while it made the directory
        return None


def profile_base(profile: str) -> tuple[Path, str]:
    """Return where a profile lies and the digest of what its files say; raises NotFound or ProfileError."""
    path = find_profile(profile)
    text = json.dumps(read_document(path).data, sort_keys=True, default=str)
    return path.resolve(), hashlib.sha256(text.encode()).hexdigest()


def code_digest(registry: Registry) -> str:
    """Return the digest of the sources of Atlas and of every plugin that offers a component."""
    packages = {package_of(component.factory) for component in registry.components()}
    digest = hashlib.sha256(__version__.encode())
    for package in sorted({"atlas_core", *packages}):
        digest.update(package_digest(package).encode())
    return digest.hexdigest()
