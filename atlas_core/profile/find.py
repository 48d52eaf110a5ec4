"""Profiles by name: those that are packaged with Atlas, or in the checkout that Atlas runs from."""

from __future__ import annotations

from pathlib import Path

from atlas_core.errors import NotFound, UsageError
from atlas_core.options.problems import closest

_PACKAGE = Path(__file__).resolve().parents[1]
_FOLDERS = (_PACKAGE / "profiles", _PACKAGE.parent / "configs")


def _profiles() -> dict[str, Path]:
    for folder in _FOLDERS:
        if folder.is_dir():
            return {path.stem: path for path in sorted(folder.glob("*.toml"))}
    return {}


def available_profiles() -> tuple[str, ...]:
    """Return the names of the profiles that come with Atlas."""
    return tuple(_profiles())


def find_profile(path_or_name: str | Path) -> Path:
    """Return the file of a profile: a path when it ends in `.toml`, else the name of one that comes with Atlas.

    Raises NotFound for a file that does not exist, UsageError for an unknown name; both say what there is.
    """
    text = str(path_or_name)
    if text.endswith(".toml"):
        if not Path(text).is_file():
            raise NotFound(f"expected a profile at {text}, was no such file; {_known()}")
        return Path(text)
    known = _profiles()
    if text in known:
        return known[text]
    near = closest(text, known)
    hint = f"; did you mean {near}?" if near else ""
    raise UsageError(f"expected a path that ends in .toml or the name of a profile, was {text}{hint}; {_known()}")


def _known() -> str:
    return f"profiles that come with Atlas: {', '.join(available_profiles()) or 'none'}"
