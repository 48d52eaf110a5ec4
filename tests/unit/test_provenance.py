"""What a run was made of: complete enough to make it again, without a secret, and exact about what has changed."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from attrs import define, evolve

from atlas_core.cli.manifests import read_made_of
from atlas_core.model.bars import Bars
from atlas_core.model.timeframe import MINUTE, parse_timeframe
from atlas_core.plugins import Registry
from atlas_core.profile import load_profile
from atlas_core.profile.document import profile_texts
from atlas_core.report.differences import first_difference
from atlas_core.report.html.material import Material
from atlas_core.report.html.page import html_report
from atlas_core.report.provenance import bars_digest, changes_between, composition_of, data_rows
from atlas_core.report.summary import report_of
from atlas_core.runs import Mode
from atlas_core.runstore import RunStore
from tests.profile_parts import GOOD, Parts
from tests.sample_run import START, sample_run


@define
class NoPlugins:
    """A registry without records."""

    records: tuple[()] = ()


@pytest.fixture
def made_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("ATLAS_TEST_WEBHOOK", "hush-hush-token")
    (tmp_path / "base.toml").write_text(GOOD, encoding="utf-8")
    path = tmp_path / "over.toml"
    path.write_text('[profile]\nextends = "base.toml"\nseed = 12\n', encoding="utf-8")
    profile = load_profile(path, Parts(), overrides=[("limits.max_positions", "3")], resolve_secrets=True)
    return composition_of(profile, cast(Registry, NoPlugins()), [("limits.max_positions", "3")])


def bars(count: int = 5, *, moved: float = 0.0) -> Bars:
    opened = START + np.arange(count) * MINUTE
    level = np.full(count, 100.0)
    level[-1:] += moved
    return Bars("BTC/USD", parse_timeframe("1m"), opened, opened + MINUTE, level, level, level, level, np.ones(count))


def test_no_secret_is_in_a_manifest_or_on_a_page(made_of: dict[str, Any]) -> None:
    values = {row["key"]: row["value"] for row in made_of["configuration"]}
    assert values["alerter.ops.webhook"] == "***"
    records = sample_run()
    page = html_report(
        Material(
            report=report_of(records),
            records=records,
            run_id="r",
            digest="d",
            version="0",
            manifest={"made_of": made_of},
        )
    )
    assert "alerter.ops.webhook" in page
    for text in (page, json.dumps(made_of)):
        assert "hush-hush-token" not in text


def test_every_file_of_a_profile_is_kept_and_stands_in_for_those_on_disk(
    made_of: dict[str, Any], tmp_path: Path
) -> None:
    texts = {Path(path): text for path, text in made_of["profile_files"].items()}
    assert [path.name for path in texts] == ["over.toml", "base.toml"]
    before = load_profile(tmp_path / "over.toml", Parts())
    (tmp_path / "over.toml").unlink()
    (tmp_path / "base.toml").write_text("nonsense", encoding="utf-8")
    again = load_profile(tmp_path / "over.toml", Parts(), texts=texts)
    assert (again.digest, again.seed) == (before.digest, 12)


def test_values_carry_their_origin(made_of: dict[str, Any]) -> None:
    origins = {row["key"]: Path(row["origin"]).name for row in made_of["configuration"]}
    assert origins["profile.seed"] == "over.toml:3"
    assert origins["limits.max_positions"] == "command line"
    assert origins["provider.drift_pct"].startswith("base.toml:")
    assert origins["limits.max_leverage"] == "default"


def test_a_circle_of_files_is_read_once(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{name}.toml").write_text(f'[profile]\nextends = "{other}.toml"\n', encoding="utf-8")
    assert len(profile_texts(tmp_path / "a.toml")) == 2


def test_bars_are_the_same_only_digit_for_digit() -> None:
    assert bars_digest(bars()) == bars_digest(bars())
    assert bars_digest(bars()) != bars_digest(bars(moved=1e-9))
    assert bars_digest(bars()) != bars_digest(bars(6))
    (row,) = data_rows([bars()])
    assert (row["bars"], row["gaps"]) == (5, 0)
    assert (row["first"], row["last"]) == ("2026-04-05T00:00:00Z", "2026-04-05T00:05:00Z")
    assert data_rows([bars(0)])[0]["first"] is None


def test_changes_are_told_data_first_then_code_then_values(made_of: dict[str, Any]) -> None:
    then = {"atlas": "0.1.0", "driver": "plain", "made_of": made_of, "data": data_rows([bars()])}
    changed = json.loads(json.dumps(made_of))
    changed["numpy"] = "9.9"
    changed["configuration"][0]["value"] = '"other"'
    now = {"atlas": "0.2.0", "driver": "skipping", "made_of": changed, "data": data_rows([bars(moved=1.0)])}
    assert changes_between(then, then) == []
    first, *others = changes_between(then, now)
    assert first.startswith("data BTC/USD 1m: was 5 bars")
    assert [line.partition(":")[0] for line in others] == ["atlas", "driver", "numpy", "profile.name"]


def test_the_first_difference_names_the_fields_that_differ() -> None:
    then, now = sample_run(), sample_run()
    assert first_difference(then, now) is None
    now[9] = evolve(now[9], price=Decimal("60111"))  # type: ignore[call-arg]
    found = first_difference(then, now)
    assert found is not None
    assert (found.seq, found.fields) == (10, ("price",))
    assert (found.recorded, found.replayed) == ("fill_booked o-1: price=60110", "fill_booked o-1: price=60111")
    cut = first_difference(then, then[:-1])
    assert cut is not None
    assert (cut.seq, cut.replayed) == (len(then), "")


def test_a_session_that_continues_tells_what_it_was_made_of_when_it_last_began(own_home: Path) -> None:
    run = RunStore(own_home).create("live", Mode.LIVE, False)
    assert read_made_of(run) == {}
    (run.directory / "composition.json").write_text('{"made_of": {"python": "3"}}', encoding="utf-8")
    assert read_made_of(run) == {"made_of": {"python": "3"}}
