"""The profiles that come with Atlas, for who names none."""

from __future__ import annotations

from pathlib import Path

from atlas_core.cli.tables import Column, print_json, print_table, say
from atlas_core.profile import available_profiles, find_profile
from atlas_core.runs import Mode


def list_profiles(*, as_json: bool) -> None:
    """Print each with its mode and what it says of itself."""
    rows = [_profile_row(name, find_profile(name)) for name in available_profiles()]
    if as_json:
        print_json([dict(zip(("profile", "mode", "description"), row, strict=True)) for row in rows])
        return
    print_table("Profiles that come with Atlas", (Column("Profile"), Column("Mode"), Column("Description")), rows)
    say("\nstart one: atlas run demo     a file of yours: atlas run PATH.toml")


def _profile_row(name: str, path: Path) -> list[str]:
    import tomli

    head = tomli.loads(path.read_text(encoding="utf-8")).get("profile", {})
    return [name, str(head.get("mode", Mode.PAPER.value)), str(head.get("description", ""))]
