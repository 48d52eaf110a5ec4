"""`atlas config` from the command line to the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from atlas_core.cli.main import run_command_line

PLUGIN = """
from decimal import Decimal
from attrs import frozen
import atlas_core as a
from atlas_core import Capability as C, hookimpl, option, at_least, Secret

@frozen(kw_only=True)
class Feed:
    days: int = option(14, check=at_least(1), unit="days", help="length of the history")

@frozen(kw_only=True)
class Chat:
    webhook: Secret = option(help="where messages go")

class Anything:
    def __getattr__(self, name):
        if name in ("offers", "highest_leverage"): raise AttributeError(name)  # what only some parts can do
        return lambda *arguments: ()

class Size:
    def size(self, signal, account, market): return ()

make = lambda options, context: Anything()
CAN = [C.HISTORY, C.STREAM, C.SYNTHETIC]

@hookimpl
def atlas_data_providers(): return [a.provider("cli-feed", make, options=Feed, capabilities=CAN)]
@hookimpl
def atlas_scanners(): return [a.scanner("cli-scan", make)]
@hookimpl
def atlas_sizers(): return [a.sizer("cli-size", lambda options, context: Size())]
@hookimpl
def atlas_brokers(): return [a.broker("cli-paper", make, capabilities=[C.SIMULATED, C.MARKET, C.STOP])]
@hookimpl
def atlas_alerters(): return [a.alerter("cli-chat", make, options=Chat)]
"""
PROFILE = """\
[profile]
name = "tiny"
mode = "backtest"

[universe]
symbols = ["BTC/USD"]

[provider]
use = "cli-feed"

[[scanner]]
use = "cli-scan"

[sizer]
use = "cli-size"

[broker]
use = "cli-paper"

[[alerter]]
use = "cli-chat"
webhook = { env = "ATLAS_CLI_HOOK" }

[protection]
waiver = "a test that holds nothing"
"""


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a distribution with one plugin, and stand beside a good profile."""
    site = tmp_path / "site"
    metadata = site / "atlas_cli_parts-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: atlas-cli-parts\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[atlas.strategies]\ncli-parts = atlas_cli_parts_plugin\n")
    (site / "atlas_cli_parts_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATLAS_CLI_HOOK", "https://example.org/very-secret")
    monkeypatch.delenv("ATLAS_PLUGINS", raising=False)
    Path("tiny.toml").write_text(PROFILE)


def test_a_good_profile_is_ok(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["config", "check", "tiny.toml"]) == 0
    assert capsys.readouterr().out == "ok: 8 tables, 10 values\n"


def test_every_problem_is_printed_and_the_code_is_3(capsys: pytest.CaptureFixture[str]) -> None:
    Path("tiny.toml").write_text(
        PROFILE.replace('use = "cli-scan"', "use = 'cli-scn'") + "[limits]\nmax_positions = 0\n"
    )
    assert run_command_line(["config", "check", "tiny.toml", "--set", "provider.days=x"]) == 3
    out, err = capsys.readouterr()
    assert [line.partition(": ")[0] for line in out.splitlines()] == [
        "tiny.toml:12 [[scanner]] use",
        "tiny.toml:27 [limits] max_positions",
        "command line [provider] days",
    ]
    assert err == "3 problems\n"


def test_the_check_prints_json_for_machines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ATLAS_CLI_HOOK")
    assert run_command_line(["config", "check", "tiny.toml", "--json"]) == 3
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is False
    assert [(p["file"], p["line"], p["table"], p["key"]) for p in answer["problems"]] == [
        ("tiny.toml", 22, "[alerter]", "webhook")
    ]
    assert "ATLAS_CLI_HOOK" in answer["problems"][0]["message"]


def test_what_the_composition_finds_is_a_problem_too(capsys: pytest.CaptureFixture[str]) -> None:
    Path("tiny.toml").write_text(PROFILE.partition("[protection]")[0])
    assert run_command_line(["config", "check", "tiny.toml"]) == 3
    assert "stop" in capsys.readouterr().out


def test_show_prints_values_with_origins_and_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["config", "show", "tiny.toml", "--set", "provider.days=3"]) == 0
    out = capsys.readouterr().out
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if "." in line.split(" ")[0]}
    assert rows["provider.days"] == ["3", "command", "line"]
    assert rows["alerter.cli-chat.webhook"] == ["***", "tiny.toml:22"]
    assert "very-secret" not in out


def test_show_prints_json_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["config", "show", "tiny.toml", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    values = {value["key"]: value for value in answer["values"]}
    assert values["provider.days"] == {"key": "provider.days", "value": 14, "origin": "default", "line": None}
    assert values["alerter.cli-chat.webhook"]["value"] == "***"


def test_explain_says_what_a_value_means(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["config", "explain", "tiny.toml", "provider.days"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line.split()[0] != "read")
    assert lines == {
        "key": "provider.days", "help": "length of the history", "type": "whole number (days)",
        "constraint": "a number >= 1", "default": "14", "value": "14", "origin": "default",
    }  # fmt: skip


def test_an_unknown_key_ends_with_5_and_an_unknown_profile_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["config", "explain", "tiny.toml", "provider.dayz"]) == 5
    assert "did you mean provider.days?" in capsys.readouterr().err
    assert run_command_line(["config", "check", "no-such"]) == 2
    assert run_command_line(["config", "check", "none.toml"]) == 5
    assert run_command_line(["config", "check", "tiny.toml", "--set", "nonsense"]) == 2


def test_the_schema_knows_the_installed_components(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["config", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert "cli-feed" in schema["properties"]["provider"]["properties"]["use"]["enum"]


def test_show_names_each_file_once_and_the_mode(capsys: pytest.CaptureFixture[str]) -> None:
    (Path("deep") / "folder").mkdir(parents=True)
    Path("deep/folder/tiny.toml").write_text(PROFILE)
    assert run_command_line(["config", "show", "deep/folder/tiny.toml"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("profile tiny · BACKTEST\n")
    assert "tiny.toml:22\n" in out
    assert out.count("deep/folder/tiny.toml") == 1


def test_json_has_names_without_spaces_and_the_schema_is_json_either_way(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["config", "explain", "tiny.toml", "provider.days", "--json"]) == 0
    assert "read_by" in json.loads(capsys.readouterr().out)
    assert run_command_line(["config", "schema"]) == 0
    plain = capsys.readouterr().out
    assert run_command_line(["config", "schema", "--json"]) == 0
    assert capsys.readouterr().out == plain
