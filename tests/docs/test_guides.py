"""What the guides show can be copied: a profile for data of one's own, and a gate."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from atlas_core import Approve, Refuse
from atlas_core.profile import open_profile

DOCS = Path(__file__).resolve().parents[2] / "docs"
HOUR = 3_600_000_000_000


def blocks(name: str, language: str) -> list[str]:
    text = (DOCS / name).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", ["how-to-use-your-own-data.md", "reference-profile.md"])
def test_the_first_profile_of_a_page_is_a_whole_one(name: str, tmp_path: Path) -> None:
    path = tmp_path / "shown.toml"
    path.write_text(blocks(name, "toml")[0], encoding="utf-8")
    profile, _ = open_profile(path)
    assert profile.scanners
    assert profile.exits


def test_the_gate_of_the_plugin_guide_judges_by_the_hour() -> None:
    (shown,) = (block for block in blocks("how-to-write-a-plugin.md", "python") if "class NoEntriesLate" in block)
    names: dict[str, Any] = {}
    exec(compile(shown, "the guide", "exec"), names)
    gate = names["NoEntriesLate"](20)

    def judged(hour: int) -> Any:
        return gate.review(None, None, type("Now", (), {"now": hour * HOUR})())

    assert judged(19) == Approve("early enough", 19, 20)
    assert judged(20) == Refuse("too late in the day", 20, 20)
