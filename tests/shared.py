"""Where tests find the shared data that is never copied into the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_DEFAULT = Path(__file__).resolve().parents[2] / "shared"


def shared_folder() -> Path:
    """Return the shared folder, whether it is there or not."""
    return Path(os.environ.get("ATLAS_SHARED", _DEFAULT))


def shared_file(name: str) -> Path:
    """Return a file of the shared folder beside the project, or skip the test with the reason."""
    path = shared_folder() / name
    if not path.exists():
        pytest.skip(f"shared data is not here: {name} (looked beside the project; set ATLAS_SHARED)")
    return path
