"""The sources of packages as they lie on this machine, and their digests: what a version alone does not tell."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_SUFFIXES = frozenset({".py", ".so", ".pyd"})


def package_of(factory: Any) -> str:
    """Return the top-level package that the factory of a component comes from."""
    return str(getattr(factory, "__module__", type(factory).__module__)).partition(".")[0]


def source_files(package: str) -> Iterable[Path]:
    """Return the files of code of a package or of a module that stands alone, in order; none where they are unknown."""
    try:
        found = find_spec(package)
    except (ImportError, ValueError):
        return ()
    if found is None:
        return ()
    if found.submodule_search_locations is None:
        return (Path(found.origin),) if found.has_location and found.origin else ()
    folders = (Path(folder) for folder in found.submodule_search_locations)
    return sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in _SUFFIXES)


def package_digest(package: str) -> str:
    """Return the SHA-256 of the names and the contents of a package's files."""
    digest = hashlib.sha256()
    for path in source_files(package):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
