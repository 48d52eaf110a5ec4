"""What is shown of a resolved profile: values with origins, explanations, and the schema for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from atlas_core.errors import NotFound
from atlas_core.options import describe
from atlas_core.profile import Profile, load_profile
from atlas_core.profile.load import SECTIONS
from atlas_core.profile.render import explain_value, resolved_values
from atlas_core.profile.schema import profile_schema
from tests.profile_parts import GOOD, Parts


@pytest.fixture
def good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    monkeypatch.chdir(tmp_path)
    Path("p.toml").write_text(GOOD, encoding="utf-8")
    return load_profile("p.toml", Parts())


def test_every_value_is_shown_with_its_origin_and_secrets_are_hidden(good: Profile) -> None:
    shown = {value.key: (value.text, str(value.origin)) for value in resolved_values(good)}
    assert shown["profile.starting_cash"] == ("10000.10", "p.toml:5")
    assert shown["universe.end"] == ('"2022-02-01T12:00:00Z"', "p.toml:10")
    assert shown["broker.slippage_bps"] == ("1.50", "p.toml:31")
    assert shown["exit.stop-2.label"] == ('"stop-2"', "default")
    assert shown["alerter.ops.webhook"] == ("***", "p.toml:48")
    assert shown["limits.stale_data_seconds"] == ("none", "default")
    assert "ATLAS_TEST_WEBHOOK" not in str(shown)


def test_what_is_shown_is_data_that_json_can_hold(good: Profile) -> None:
    data = {value.key: value.data for value in resolved_values(good)}
    assert data["exit.target.use"] == "target"
    assert data["schedule.maintenance"][0]["weekday"] == "fri"
    json.dumps(data, default=str)


def test_one_value_is_explained(good: Profile) -> None:
    explained = explain_value(good, "scanner.sma-cross.fast")
    assert explained.value.text == "5"
    assert str(explained.value.origin) == "p.toml:19"
    assert (explained.info.type, explained.info.default, explained.info.unit) == ("whole number", "20", "bars")
    assert explained.info.constraint == "a number >= 1"
    assert explained.read_by == "scanner sma-cross (a part)"
    assert "engine" in explain_value(good, "limits.max_positions").read_by


def test_an_unknown_key_gets_a_suggestion(good: Profile) -> None:
    with pytest.raises(NotFound, match=r"did you mean limits\.max_positions\?"):
        explain_value(good, "limits.max_postions")


def test_every_key_of_the_kernel_has_a_help() -> None:
    assert [info.name for cls in SECTIONS.values() for info in describe(cls) if not info.help] == []


def test_the_schema_ties_the_options_to_the_component_that_is_used() -> None:
    schema = profile_schema(Parts())
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    json.dumps(schema)
    broker: dict[str, Any] = schema["properties"]["broker"]
    assert broker["properties"]["use"]["enum"] == ["paper", "venue"]
    paper = next(rule for rule in broker["allOf"] if rule["if"]["properties"]["use"]["const"] == "paper")["then"]
    assert paper["properties"]["slippage_bps"] == {
        "type": "number", "minimum": 0.0, "description": "bps", "default": 0,
    }  # fmt: skip
    assert paper["additionalProperties"] is False
    assert {"use", "label"} <= paper["properties"].keys()
    assert schema["properties"]["exit"]["type"] == "array"
    assert schema["properties"]["limits"]["properties"]["max_positions"]["minimum"] == 1.0
