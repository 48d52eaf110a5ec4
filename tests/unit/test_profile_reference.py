"""The reference of profiles is true: its example loads, and it lists every table and key."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint
from pathlib import Path

from atlas_core.options import describe
from atlas_core.plugins import Registry, discover
from atlas_core.profile import load_profile
from atlas_core.profile.load import SECTIONS, TABLES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference-profile.md").read_text(encoding="utf-8")


def shipped() -> Registry:
    groups = {"sim": "venues", "basics": "strategies", "strat": "strategies"}
    return discover(
        entry_points=[EntryPoint(name, f"atlas_{name}.plugin", f"atlas.{group}") for name, group in groups.items()]
    )


def test_every_example_loads(tmp_path: Path) -> None:
    examples = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert examples
    for example in examples:
        path = tmp_path / "example.toml"
        path.write_text(example, encoding="utf-8")
        assert load_profile(path, shipped()).name == "my-first"


def test_every_table_and_key_of_the_kernel_is_listed() -> None:
    missing = [name for name in TABLES if f"[{name}]" not in PAGE]
    for name, cls in SECTIONS.items():
        missing += [info.name for info in describe(cls) if not re.search(rf"`({name}\.)?{info.name}`", PAGE)]
    assert missing == []
