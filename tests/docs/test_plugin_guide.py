"""The guide for authors of plugins quotes the example, and names what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from atlas_core.plugins import GROUPS, Status
from atlas_core.plugins.hooks import HOOKS

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "atlas-plugin-example"
GUIDE = (ROOT / "docs" / "how-to-write-a-plugin.md").read_text(encoding="utf-8")
OF_THE_EXAMPLE = [
    block for block in re.findall(r"```(?:python|toml)\n(.*?)```", GUIDE, re.DOTALL) if "acme" not in block
]


@pytest.mark.parametrize("block", OF_THE_EXAMPLE, ids=lambda block: block.splitlines()[0])
def test_code_in_the_guide_is_code_of_the_example(block: str) -> None:
    sources = [path.read_text(encoding="utf-8") for path in EXAMPLE.rglob("*") if path.suffix in (".py", ".toml")]
    assert any(block in source for source in sources)


def test_the_guide_quotes_every_part_of_the_example() -> None:
    assert len(OF_THE_EXAMPLE) == 5


@pytest.mark.parametrize("name", [*HOOKS, *GROUPS, *(status.value for status in Status)])
def test_the_guide_names_every_hook_group_and_status(name: str) -> None:
    assert f"`{name}" in GUIDE
