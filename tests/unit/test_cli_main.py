"""The command line: exit codes, what a failure looks like, lazy commands and commands of plugins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from atlas_core import __version__
from atlas_core.cli.group import LazyCommand
from atlas_core.cli.main import COMMANDS, EXIT_CODES, atlas, run_command_line
from atlas_core.cli.settings import Settings
from atlas_core.errors import (
    AtlasError,
    DataError,
    MissingExtra,
    NotFound,
    ProfileError,
    SafetyStop,
    UsageError,
    VenueError,
)
from atlas_core.options import Problem

ROOT = Path(__file__).resolve().parents[2]
Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def no_third_party_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLAS_PLUGINS", "")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    """Return what makes a function the command `probe`."""

    def install(function: Callable[..., Any]) -> None:
        module = type(sys)("atlas_probe")
        vars(module)["probe"] = click.command()(function)
        monkeypatch.setitem(sys.modules, "atlas_probe", module)
        monkeypatch.setitem(atlas.lazy, "probe", LazyCommand("atlas_probe:probe", "Probe."))

    return install


def failing(fault: BaseException) -> Callable[[], None]:
    def probe() -> None:
        raise fault

    return probe


def install_plugin(folder: Path, name: str, source: str, *, group: str = "atlas.strategies") -> None:
    """Lay out an installed distribution with one plugin, as an installer would."""
    info = folder / f"dist_{name}-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dist-{name}\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {name}_plugin\n")
    (folder / f"{name}_plugin.py").write_text(source)


@pytest.fixture
def plugins_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a sound plugin with a command, one with a missing SDK, and a broken one."""
    install_plugin(tmp_path, "goodone", GOOD_PLUGIN)
    install_plugin(tmp_path, "needyone", NEEDY_PLUGIN, group="atlas.venues")
    install_plugin(tmp_path, "badone", "raise RuntimeError('out of order')\n", group="atlas.alerters")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ATLAS_PLUGINS", "goodone,needyone,badone")


GOOD_PLUGIN = '''
import click
from attrs import frozen
from atlas_core import above, hookimpl, option, scanner

@frozen(kw_only=True)
class Options:
    length: int = option(20, check=above(0), unit="bars", help="how far it looks back")

def make(options, context):
    """Look for the good."""

@hookimpl
def atlas_scanners():
    return [scanner("goodscan", make, options=Options)]

@hookimpl
def atlas_commands(group):
    @group.command("greet", short_help="Greet people.")
    def greet():
        click.echo("hello")

    @group.command("plugins", short_help="Steal a name.")
    def steal():
        click.echo("stolen")
'''
NEEDY_PLUGIN = """
from atlas_core import hookimpl, provider

@hookimpl
def atlas_data_providers():
    return [provider("needydata", lambda options, context: None, requires=("an_sdk_nobody_has",), extra="sdk")]
"""


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (AtlasError("x"), 1),
        (UsageError("x"), 2),
        (MissingExtra("provider 'y'", ["z"], "x"), 3),
        (DataError("x"), 4),
        (NotFound("x"), 5),
        (VenueError("x"), 6),
        (SafetyStop("x"), 7),
        (ExceptionGroup("tasks", [VenueError("x")]), 6),
    ],
)
def test_an_expected_fault_is_one_line_on_stderr_with_its_exit_code(
    fault: BaseException, code: int, command: Any, capsys: Output
) -> None:
    command(failing(fault))
    assert run_command_line(["probe"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert code in EXIT_CODES


def test_a_profile_error_lists_every_problem_and_says_that_nothing_was_started(command: Any, capsys: Output) -> None:
    problems = [
        Problem(message="expected a, was b", file="p.toml", line=3),
        Problem(message="expected c, was d", file="p.toml"),
    ]
    command(failing(ProfileError(problems)))
    assert run_command_line(["probe"]) == 3
    assert capsys.readouterr().err == "".join(f"{problem}\n" for problem in problems) + (
        "2 problems. Nothing was started.\n"
    )
    command(failing(ProfileError(problems[:1])))
    run_command_line(["probe"])
    assert capsys.readouterr().err.endswith("1 problem. Nothing was started.\n")


def test_an_unexpected_exception_asks_for_a_report_and_shows_no_traceback(command: Any, capsys: Output) -> None:
    command(failing(KeyError("secret")))
    assert run_command_line(["probe"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: internal: KeyError: 'secret'; please report it\nrun again with --debug")
    assert "Traceback" not in err


@pytest.mark.parametrize("fault", [KeyError("x"), DataError("x")])
def test_debug_adds_the_traceback(fault: Exception, command: Any, capsys: Output) -> None:
    command(failing(fault))
    run_command_line(["--debug", "probe"])
    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err
    assert "error: " in err


def test_a_fault_of_the_machine_is_told_without_asking_for_a_report(command: Any, capsys: Output) -> None:
    command(failing(OSError(28, "No space left on device", "/somewhere/trades.csv")))
    assert run_command_line(["probe"]) == 1
    assert capsys.readouterr().err == (
        "error: the machine refused: [Errno 28] No space left on device: '/somewhere/trades.csv'\n"
    )


def test_an_interrupted_command_ends_with_130(command: Any, capsys: Output) -> None:
    command(failing(KeyboardInterrupt()))
    assert run_command_line(["probe"]) == 130
    assert capsys.readouterr().err.strip() == "interrupted"


def test_the_exit_code_of_a_command_is_kept(command: Any) -> None:
    def probe() -> None:
        click.get_current_context().exit(4)

    command(probe)
    assert run_command_line(["probe"]) == 4


@pytest.mark.parametrize(
    "arguments", [["--nonsense"], ["plugins", "list", "--role", "kings"], ["--quiet", "-v", "runs"]]
)
def test_a_wrong_command_line_ends_with_2(arguments: list[str], capsys: Output) -> None:
    assert run_command_line(arguments) == 2
    assert "Error: " in capsys.readouterr().err


def test_an_unknown_command_gets_a_suggestion(capsys: Output) -> None:
    assert run_command_line(["reprot"]) == 2
    assert "no command 'reprot'; did you mean 'report'?" in capsys.readouterr().err


def test_the_beginning_of_a_command_is_enough_when_it_is_unambiguous(capsys: Output) -> None:
    assert run_command_line(["compl", "fish"]) == 0
    assert "atlas" in capsys.readouterr().out
    assert run_command_line(["ru"]) == 2
    assert "'ru' begins run, runs" in capsys.readouterr().err
    assert run_command_line(["co"]) == 2
    assert "'co' begins compare, config, completion" in capsys.readouterr().err


def test_help_lists_all_commands_and_documents_all_exit_codes(capsys: Output) -> None:
    assert run_command_line(["--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for name, command in COMMANDS.items():
        assert f"{name} {command.short_help}" in out
    for code, meaning in EXIT_CODES.items():
        assert f"{code} {meaning}" in out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_exists(name: str) -> None:
    assert COMMANDS[name].load().name == name


def test_version_is_printed(capsys: Output) -> None:
    assert run_command_line(["--version"]) == 0
    assert capsys.readouterr().out == f"atlas, version {__version__}\n"


def test_global_options_reach_the_command_and_the_environment(command: Any, tmp_path: Path) -> None:
    seen: list[Settings] = []

    def probe() -> None:
        found = click.get_current_context().find_object(Settings)
        assert found is not None
        seen.append(found)

    command(probe)
    assert run_command_line(["--home", str(tmp_path), "--quiet", "--no-color", "probe"]) == 0
    assert (seen[0].home, seen[0].quiet, seen[0].color, seen[0].debug) == (tmp_path, True, False, False)
    assert os.environ["ATLAS_HOME"] == str(tmp_path)
    assert os.environ["NO_COLOR"] == "1"


@pytest.mark.parametrize(
    ("options", "logged"),
    [([], ["warned"]), (["-v"], ["told", "warned"]), (["--debug"], ["said", "told", "warned"]), (["-q"], [])],
)
def test_logs_go_to_stderr_at_the_level_that_was_asked_for(
    options: list[str], logged: list[str], command: Any, capsys: Output
) -> None:
    def probe() -> None:
        from loguru import logger

        logger.debug("said")
        logger.info("told")
        logger.warning("warned")
        click.echo("result")

    command(probe)
    assert run_command_line([*options, "probe"]) == 0
    out, err = capsys.readouterr()
    assert out == "result\n"
    assert [line.split()[-1] for line in err.splitlines()] == logged


def test_a_logged_exception_does_not_show_the_values_of_variables(command: Any, capsys: Output) -> None:
    def probe() -> None:
        from loguru import logger

        password = "hunter" + "2"
        try:
            raise ValueError(len(password))
        except ValueError:
            logger.exception("failed")

    command(probe)
    run_command_line(["probe"])
    err = capsys.readouterr().err
    assert "ValueError: 7" in err
    assert "hunter2" not in err


@pytest.mark.usefixtures("plugins_installed")
def test_a_plugin_adds_a_command_but_cannot_take_a_name_of_atlas(capsys: Output) -> None:
    assert run_command_line(["greet"]) == 0
    assert capsys.readouterr().out == "hello\n"
    assert run_command_line(["--help"]) == 0
    out, err = capsys.readouterr()
    assert "greet  Greet people." in out
    assert "Steal" not in out
    assert err.endswith("plugin goodone (dist-goodone 1.5): its command 'plugins' is left out, the name is taken\n")
    assert err.count("\n") == 1
    assert run_command_line(["plugins", "list", "--json"]) == 0
    assert "stolen" not in capsys.readouterr().out


def test_commands_of_plugins_do_not_outlive_the_call(
    plugins_installed: None, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    assert run_command_line(["greet"]) == 0
    monkeypatch.setenv("ATLAS_PLUGINS", "")
    assert run_command_line(["greet"]) == 2


def listed(arguments: list[str], capsys: Output) -> Any:
    assert run_command_line(["plugins", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("plugins_installed")
def test_plugins_are_listed_as_json_with_status_reason_and_remedy(capsys: Output) -> None:
    found = {facts["name"]: facts for facts in listed(["list"], capsys)}
    good, needy, bad = found["goodone"], found["needyone"], found["badone"]
    assert (good["status"], good["distribution"], good["version"]) == ("ready", "dist-goodone", "1.5")
    assert good["hooks"] == ["atlas_scanners", "atlas_commands"]
    assert needy["status"] == "needs extra"
    assert needy["remedy"] == "python -m pip install 'dist-needyone[sdk]'"
    assert [part["missing"] for part in needy["components"]] == [["an_sdk_nobody_has"]]
    assert (bad["status"], bad["reason"]) == ("failed", "import of badone_plugin raised RuntimeError: out of order")


@pytest.mark.usefixtures("plugins_installed")
@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--role", "venues"], {"needyone"}),
        (["--role", "alerters"], {"badone"}),
        (["--kind", "scanner"], {"goodone"}),
        (["--kind", "scanner", "--role", "venues"], set()),
    ],
)
def test_the_list_can_be_narrowed(options: list[str], names: set[str], capsys: Output) -> None:
    ours = {"goodone", "needyone", "badone"}
    assert {facts["name"] for facts in listed(["list", *options], capsys)} & ours == names


@pytest.mark.usefixtures("plugins_installed")
def test_the_table_of_plugins_names_the_remedies_below(capsys: Output) -> None:
    assert run_command_line(["plugins", "list", "--hooks"]) == 0
    out = capsys.readouterr().out
    assert "scanner goodscan" in out
    assert "atlas_scanners, atlas_commands" in out
    assert "badone (dist-badone 1.5) failed: import of badone_plugin raised RuntimeError: out of order" in out
    assert "  remedy: python -m pip install 'dist-needyone[sdk]'" in out


@pytest.mark.usefixtures("plugins_installed")
@pytest.mark.parametrize("what", [["goodone"], ["goodscan"], ["scanner", "goodscan"]])
def test_a_plugin_or_a_component_is_shown_with_its_options(what: list[str], capsys: Output) -> None:
    assert run_command_line(["plugins", "show", *what]) == 0
    out = capsys.readouterr().out
    assert "scanner goodscan: Look for the good." in out
    for word in ("length", "whole number", "20", "a number > 0", "how far it looks back (bars)"):
        assert word in out


@pytest.mark.usefixtures("plugins_installed")
def test_a_broken_plugin_is_shown_with_its_traceback(capsys: Output) -> None:
    assert run_command_line(["plugins", "show", "badone"]) == 0
    out = capsys.readouterr().out
    assert "plugin badone: failed" in out
    assert "badone_plugin.py" in out


@pytest.mark.usefixtures("plugins_installed")
def test_shown_facts_can_be_had_as_json(capsys: Output) -> None:
    shown = listed(["show", "scanner", "goodscan"], capsys)
    assert shown["plugins"] == []
    assert shown["components"][0]["options"] == [
        {
            "name": "length", "type": "whole number", "default": "20", "constraint": "a number > 0", "unit": "bars",
            "help": "how far it looks back",
        }
    ]  # fmt: skip


@pytest.mark.usefixtures("plugins_installed")
@pytest.mark.parametrize(
    ("what", "code", "words"),
    [
        (["godscan"], 5, "no plugin or component 'godscan' is installed; did you mean 'goodscan'?"),
        (["gate", "goodscan"], 5, "no gate 'goodscan' is installed"),
        (["king", "goodscan"], 2, "expected a kind (provider,"),
        (["a", "b", "c"], 2, "expected NAME or KIND NAME, was a b c"),
    ],
)
def test_what_cannot_be_shown_says_why(what: list[str], code: int, words: str, capsys: Output) -> None:
    assert run_command_line(["plugins", "show", *what]) == code
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_each_shell(shell: str, capsys: Output) -> None:
    assert run_command_line(["completion", shell]) == 0
    assert "_ATLAS_COMPLETE" in capsys.readouterr().out


def in_a_process(
    arguments: list[str], tmp_path: Path, *, pipe_to: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `python -m atlas_core` in a process of its own, with what this one can import."""
    path = os.pathsep.join([str(tmp_path), *(entry for entry in sys.path if entry)])
    call = [sys.executable, "-m", "atlas_core", *arguments]
    if pipe_to:
        call = ["bash", "-c", f'set -o pipefail; "$@" | {pipe_to}', "bash", *call]
    return subprocess.run(
        call,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_package_runs_as_a_module(tmp_path: Path) -> None:
    ended = in_a_process(["--version"], tmp_path)
    assert (ended.returncode, ended.stdout) == (0, f"atlas, version {__version__}\n")


def test_a_reader_that_goes_away_leaves_no_noise(tmp_path: Path) -> None:
    ended = in_a_process(["completion", "bash"], tmp_path, pipe_to="true")
    assert ended.stderr == ""
    assert ended.returncode in (0, 1)  # 0 when the script was written before the reader went away


def test_a_closed_stdout_is_no_fault(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert run_command_line(["--version"]) == 0
    sys.stdout.close()
    assert capsys.readouterr().err == ""


def test_completion_offers_commands_and_plugins(tmp_path: Path) -> None:
    install_plugin(tmp_path, "goodone", GOOD_PLUGIN)

    def completed(line: str, word: int) -> list[str]:
        ended = in_a_process(
            [], tmp_path, _ATLAS_CORE_COMPLETE="", _ATLAS_COMPLETE="bash_complete", COMP_WORDS=line,
            COMP_CWORD=str(word), ATLAS_PLUGINS="goodone",
        )  # fmt: skip
        return [line.partition(",")[2] for line in ended.stdout.splitlines()]

    assert completed("atlas compl", 1) == ["completion"]
    assert completed("atlas gre", 1) == ["greet"]
    assert completed("atlas plugins show good", 3) == ["goodone", "goodscan"]
