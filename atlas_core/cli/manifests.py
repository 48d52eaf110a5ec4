"""What a run wrote about itself at its end."""

from __future__ import annotations

import json
from typing import Any

from atlas_core.errors import AtlasError, NotFound
from atlas_core.runs import RunInfo
from atlas_core.runstore import MANIFEST_NAME

Manifest = dict[str, Any]


def read_manifest(run: RunInfo) -> Manifest | None:
    """Return the manifest of a run: None when it did not end, empty when it cannot be read."""
    path = run.directory / MANIFEST_NAME
    if not path.is_file():
        return None
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


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
