"""What a run wrote about itself at its end."""

from __future__ import annotations

import json
from typing import Any

from attrs import evolve

from atlas_core.errors import AtlasError, NotFound
from atlas_core.runs import COLUMNS, RunInfo
from atlas_core.runstore import JOURNAL_NAME, MANIFEST_NAME

Manifest = dict[str, Any]
COMPOSITION_NAME = "composition.json"
LOOKED_BACK = 20


def read_manifest(run: RunInfo) -> Manifest | None:
    """Return the manifest of a run: None when it did not end, empty when it cannot be read."""
    path = run.directory / MANIFEST_NAME
    if not path.is_file():
        return None
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def read_made_of(run: RunInfo) -> Manifest:
    """Return the manifest of a run, or what a session that continues wrote when it last began; empty for neither."""
    try:
        kept = json.loads((run.directory / COMPOSITION_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        kept = {}
    return read_manifest(run) or dict(kept)


def same_composition(run: RunInfo, manifest: Manifest) -> tuple[RunInfo, bool] | None:
    """Return the latest earlier run that was made of the same, and whether it came out the same; None without one.

    Only runs of the same profile and mode are looked at, the last twenty of them.
    """
    if not manifest.get("data"):
        return None
    number = _number(run.run_id)
    earlier = sorted((path for path in run.directory.parent.iterdir() if path != run.directory), key=lambda p: p.name)
    for path in reversed(earlier[-LOOKED_BACK:]):
        other = evolve(run, run_id=path.name, directory=path)
        kept = read_manifest(other)
        if kept and _number(path.name) < number and all(kept.get(name) == manifest.get(name) for name in _MADE_OF):
            told = next((name for name in ("journal_digest", "trades_digest") if _tell(kept, manifest, name)), None)
            if told is not None:
                return other, kept[told] == manifest[told]
    return None


def _tell(one: Manifest, other: Manifest, name: str) -> bool:
    """Tell whether both runs have a digest of this name: one in columns has none of a journal that is not written."""
    return bool(one.get(name) and other.get(name))


_MADE_OF = ("profile_digest", "atlas", "mode", "seed", "data", "components")


def _number(run_id: str) -> int:
    last = run_id.rpartition("-")[2]
    return int(last) if last.isdigit() else 0


def is_without_journal(run: RunInfo) -> bool:
    """Tell whether a run was worked out in columns and nobody has asked for its journal."""
    manifest = None if (run.directory / JOURNAL_NAME).exists() else read_manifest(run)
    return bool(manifest) and manifest is not None and manifest.get("driver") == COLUMNS


def expect_manifest(run: RunInfo) -> Manifest:
    """Return the manifest of a run; raises NotFound for a run that left none, AtlasError for one that is damaged."""
    manifest = read_manifest(run)
    if manifest is None:
        raise NotFound(
            f"run {run.run_id} did not end, so it left no manifest: atlas report {run.run_id} shows how far it came"
        )
    if "journal_digest" not in manifest:
        raise AtlasError(
            f"expected a manifest in {run.directory / MANIFEST_NAME}, was damaged; the journal is unharmed"
        )
    return manifest
