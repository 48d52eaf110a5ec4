"""What a run was made of: its profile to the letter, plugins, versions and data, and what of it has changed since."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from atlas_core.errors import NotFound
from atlas_core.marketdata.gaps import count_missing
from atlas_core.marketdata.grid import UTC_GRID
from atlas_core.model.bars import Bars
from atlas_core.plugins import Registry
from atlas_core.plugins.sources import package_digest, package_of
from atlas_core.profile import Profile
from atlas_core.profile.document import profile_texts
from atlas_core.profile.render import resolved_values
from atlas_core.report.export import iso

Row = dict[str, Any]
REQUIRED = ("profile_path", "profile_files", "overrides")


def composition_of(
    profile: Profile,
    registry: Registry,
    overrides: Sequence[tuple[str, str]],
    texts: Mapping[Path, str] | None = None,
) -> dict[str, Any]:
    """Return what a run is made of, as JSON values; secrets are references in the files and `***` in the values.

    `texts` are those of the profile's files, which are read where none are given.
    """
    files = profile_texts(profile.source) if texts is None else texts
    return {
        "profile_path": str(profile.source.resolve()),
        "profile_files": {str(path): text for path, text in files.items()},
        "overrides": [list(pair) for pair in overrides],
        "python": platform.python_version(),
        "numpy": np.__version__,
        "plugins": plugin_rows(registry),
        "code": code_of(profile),
        "configuration": [
            {"key": value.key, "value": value.text, "origin": str(value.origin)} for value in resolved_values(profile)
        ],
    }


def plugin_rows(registry: Registry) -> list[Row]:
    """Return the plugins whose components can be used, with their versions."""
    return [
        {"name": record.name, "distribution": record.distribution, "version": record.version, "module": record.module}
        for record in registry.records
        if record.status.listed
    ]


def code_of(profile: Profile) -> dict[str, str]:
    """Return the digest of the sources of each package that a component of the profile comes from."""
    packages = {package_of(chosen.component.factory) for chosen in profile.selections()}
    return {package: package_digest(package) for package in sorted(packages)}


def data_rows(bars: Iterable[Bars]) -> list[Row]:
    """Return what identifies the bars of a run: one row for each symbol, with a SHA-256 over times, prices and volume.

    Gaps are counted on the grid of a market that never closes.
    """
    return [_data_row(of_symbol) for of_symbol in bars]


def _data_row(bars: Bars) -> Row:
    gaps, missing = count_missing(bars, UTC_GRID) if len(bars) else (0, 0)
    return {
        "symbol": bars.symbol,
        "timeframe": str(bars.timeframe),
        "bars": len(bars),
        "first": iso(int(bars.opened_at[0])) if len(bars) else None,
        "last": iso(int(bars.available_at[-1])) if len(bars) else None,
        "gaps": gaps,
        "missing_bars": missing,
        "digest": bars_digest(bars),
    }


def data_digest(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the SHA-256 of what `data_rows` tells of the bars of a run, empty for none."""
    told = sorted((row["symbol"], row["timeframe"], row["digest"]) for row in rows)
    return hashlib.sha256(repr(told).encode()).hexdigest() if told else ""


def bars_digest(bars: Bars) -> str:
    """Return the SHA-256 of the columns of bars, little-endian, column after column."""
    made = hashlib.sha256()
    for column in (bars.opened_at, *bars.prices(), bars.volume):
        made.update(np.ascontiguousarray(column.astype(column.dtype.newbyteorder("<"), copy=False)).data)
    return made.hexdigest()


def recipe_of(manifest: Mapping[str, Any], run_id: str) -> Mapping[str, Any]:
    """Return what a manifest tells of the composition; raises NotFound for one of an Atlas that did not keep it."""
    recipe = manifest.get("made_of")
    if not isinstance(recipe, Mapping) or any(name not in recipe for name in REQUIRED):
        raise NotFound(
            f"run {run_id} does not say what it was made of: an earlier Atlas kept it; run it again to compare"
        )
    return recipe


def overrides_of(recipe: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what the command line put over the profile."""
    return [(str(key), str(value)) for key, value in recipe["overrides"]]


def texts_of(recipe: Mapping[str, Any]) -> dict[Path, str]:
    """Return the files of the profile as they were, by path."""
    return {Path(path): str(text) for path, text in recipe["profile_files"].items()}


def changed_values(then: Sequence[Row], now: Sequence[Row]) -> list[tuple[str, str, str]]:
    """Return the address of each value that differs with both values, in the order of the first; `-` for none."""
    before, after = ({str(row["key"]): str(row["value"]) for row in rows} for rows in (then, now))
    keys = dict.fromkeys((*before, *after))
    return [(key, before.get(key, "-"), after.get(key, "-")) for key in keys if before.get(key) != after.get(key)]


def changed_files(recipe: Mapping[str, Any]) -> list[str]:
    """Return the files of the profile that are not on this machine as they were then."""
    return [str(path) for path, text in texts_of(recipe).items() if not _is_still(path, text)]


def _is_still(path: Path, text: str) -> bool:
    try:
        return path.read_bytes().decode("utf-8-sig") == text
    except (OSError, UnicodeDecodeError):
        return False


def changes_between(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what has changed between two manifests beside their results: data first, then code, then the profile."""
    old, new = then.get("made_of", {}), now.get("made_of", {})
    values = changed_values(old.get("configuration", ()), new.get("configuration", ()))
    return [
        *data_changes(then.get("data") or (), now.get("data") or ()),
        *_plugin_changes(old.get("plugins", ()), new.get("plugins", ())),
        *_code_changes(old.get("code"), new.get("code")),
        *_changed("atlas", then.get("atlas"), now.get("atlas")),
        *_changed("driver", then.get("driver"), now.get("driver")),
        *_changed("python", old.get("python"), new.get("python")),
        *_changed("numpy", old.get("numpy"), new.get("numpy")),
        *(f"{key}: was {before}, is {after}" for key, before, after in values),
    ]


def _changed(name: str, then: object, now: object) -> list[str]:
    return [f"{name}: was {then}, is {now}"] if then != now else []


def _plugin_changes(then: Sequence[Row], now: Sequence[Row]) -> list[str]:
    before, after = ({row["name"]: f"{row['distribution']} {row['version']}" for row in rows} for rows in (then, now))
    return [
        line
        for name in dict.fromkeys((*before, *after))
        for line in _changed(f"plugin {name}", before.get(name, "not there"), after.get(name, "not there"))
    ]


def _code_changes(then: Mapping[str, str] | None, now: Mapping[str, str] | None) -> list[str]:
    """Return which packages have other sources than then; nothing where one side does not know them."""
    if not then or not now:
        return []
    changed = [package for package in sorted({*then, *now}) if then.get(package) != now.get(package)]
    return [f"code of {package}: other sources than then" for package in changed]


def data_changes(then: Sequence[Row], now: Sequence[Row]) -> list[str]:
    """Return which symbols have other bars than then; nothing where one side does not know them."""
    if not then or not now:
        return []
    before, after = ({(row["symbol"], row["timeframe"]): row for row in rows} for rows in (then, now))
    lines = []
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        if old is None or new is None or old["digest"] != new["digest"]:
            lines.append(f"data {' '.join(key)}: was {_told(old)}, is {_told(new)}")
    return lines


def _told(row: Row | None) -> str:
    if row is None:
        return "not there"
    return f"{row['bars']:,} bars from {row['first']} to {row['last']} ({row['digest'][:12]})"
