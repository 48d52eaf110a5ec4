"""What the run was made of: values with their origins, plugins, data, and how to make it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from atlas_core.report.html.markup import Child, Markup, element, joined
from atlas_core.report.html.material import Material
from atlas_core.report.html.tables import facts, heading, numbers, section, table

DEFAULT = "default"
Row = Mapping[str, Any]


def configuration(material: Material) -> Markup:
    """Return the section of the configuration."""
    made_of: Mapping[str, Any] = material.manifest.get("made_of") or {}
    return section(
        "configuration",
        "Configuration and data",
        _versions(material, made_of),
        _values(made_of.get("configuration", ())),
        _data(material.manifest.get("data") or ()),
        _plugins(made_of.get("plugins", ())),
        _again(material, made_of),
    )


def _versions(material: Material, made_of: Mapping[str, Any]) -> Markup:
    started = material.report.started
    pairs: list[tuple[str, Child]] = [
        ("Atlas", material.version),
        ("Python", str(made_of.get("python", "n/a"))),
        ("numpy", str(made_of.get("numpy", "n/a"))),
        ("Driver", str(material.manifest.get("driver", "session"))),
    ]
    parts = element("p", "Parts: " + ", ".join(started.components) + ".", class_="small")
    digests = [
        element("p", f"{name} digest ", element("code", digest), class_="small")
        for name, digest in (("Profile", started.profile_digest), ("Journal", material.digest))
    ]
    return joined(facts(pairs), parts, digests)


def _values(rows: Sequence[Row]) -> Markup:
    if not rows:
        text = "No manifest of this run tells its values: it did not end, or an earlier Atlas made it."
        return element("p", text, class_="empty")
    said = [row for row in rows if row["origin"] != DEFAULT]
    defaults = [row for row in rows if row["origin"] == DEFAULT]
    return joined(
        element("h3", "What the profile says"), _value_table(said),
        element("details", element("summary", f"{len(defaults)} values that are defaults"), _value_table(defaults)),
    )  # fmt: skip


def _value_table(rows: Sequence[Row]) -> Markup:
    columns = (heading("Key"), heading("Value"), heading("From"))
    cells = [
        [element("code", str(row["key"])), element("code", str(row["value"])), _origin(str(row["origin"]))]
        for row in rows
    ]
    return table(columns, cells, name="values")


def _origin(origin: str) -> str:
    """Return where a value comes from without the folders of this machine."""
    return Path(origin).name if "/" in origin or "\\" in origin else origin


def _data(rows: Sequence[Row]) -> Markup:
    title = element("h3", "Data")
    if not rows:
        text = (
            "What identifies the bars was not kept: a session keeps its inputs on a tape, a back-test in its manifest."
        )
        return joined(title, element("p", text, class_="empty"))
    columns = (
        heading("Symbol"), heading("Provider"), heading("Timeframe"), numbers("Bars"), heading("First (UTC)"),
        heading("Last (UTC)"), numbers("Gaps"), numbers("Missing"), heading("SHA-256"),
    )  # fmt: skip
    cells = [_data_cells(row) for row in rows]
    note = element("p", "Gaps are counted as of a market that never closes.", class_="small")
    return joined(title, table(columns, cells), note)


def _data_cells(row: Row) -> list[Child]:
    names = [str(row[name]) for name in ("symbol", "provider", "timeframe")]
    span = [str(row[name] or "n/a") for name in ("first", "last")]
    gaps = [f"{row[name]:,}" for name in ("gaps", "missing_bars")]
    return [*names, f"{row['bars']:,}", *span, *gaps, element("code", row["digest"][:16])]


def _plugins(rows: Sequence[Row]) -> Markup | None:
    if not rows:
        return None
    cells = [[str(row["name"]), str(row["distribution"]), str(row["version"]), str(row["module"])] for row in rows]
    columns = (heading("Plugin"), heading("Distribution"), heading("Version"), heading("Module"))
    return joined(element("h3", "Plugins"), table(columns, cells))


def _again(material: Material, made_of: Mapping[str, Any]) -> Markup:
    commands = f"atlas reproduce {material.run_id}\natlas report {material.run_id} --format html --open"
    texts = [
        element("details", element("summary", f"The profile to the letter: {Path(path).name}"), element("pre", text))
        for path, text in made_of.get("profile_files", {}).items()
    ]
    return joined(element("h3", "The same again"), element("pre", commands), texts)
