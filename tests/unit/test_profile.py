"""Profiles: from a file to resolved values, or to all of its problems."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas_core.contracts import Kind
from atlas_core.errors import AtlasError, NotFound, ProfileError, UsageError
from atlas_core.profile import (
    Profile,
    available_profiles,
    find_profile,
    load_profile,
    lowered_mode,
    plugin_filter,
    secret_problems,
)
from atlas_core.profile.document import read_document
from atlas_core.profile.load import Known, resolved
from atlas_core.runs import Mode
from tests.profile_parts import GOOD, Parts


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ATLAS_TEST_WEBHOOK", raising=False)
    return tmp_path


def load(text: str, *overrides: tuple[str, str], name: str = "p.toml", resolve_secrets: bool = False) -> Profile:
    Path(name).write_text(text, encoding="utf-8")
    return load_profile(name, Parts(), overrides=overrides, resolve_secrets=resolve_secrets)


def problems(text: str, *overrides: tuple[str, str], resolve_secrets: bool = False) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        load(text, *overrides, resolve_secrets=resolve_secrets)
    return [str(problem) for problem in caught.value.problems]


def test_a_profile_becomes_values_with_exact_types() -> None:
    profile = load(GOOD)
    assert (profile.name, profile.mode, profile.seed, profile.quote) == ("good", Mode.PAPER, 11, "USD")
    assert profile.starting_cash == Decimal("10000.10")
    assert profile.universe.symbols == ("BTC/USD", "ETH/USD")
    assert profile.universe.start == 1_640_995_200_000_000_000
    assert str(profile.universe.base_timeframe) == "1m"
    assert profile.limits.max_positions == 4
    assert profile.schedule.maintenance[0].zone == "America/New_York"
    assert profile.protection.waiver == ""


def test_components_are_chosen_in_the_order_of_the_file_with_labels_of_their_own() -> None:
    profile = load(GOOD)
    assert [(s.kind, s.label) for s in profile.selections()] == [
        (Kind.PROVIDER, "sim"), (Kind.SCANNER, "sma-cross"), (Kind.GATE, "strat.continuity"), (Kind.SIZER, "fixed"),
        (Kind.BROKER, "paper"), (Kind.EXIT_RULE, "stop"), (Kind.EXIT_RULE, "target"), (Kind.EXIT_RULE, "stop-2"),
        (Kind.ALERTER, "ops"),
    ]  # fmt: skip
    assert profile.scanners[0].options.fast == 5  # type: ignore[attr-defined]
    assert profile.broker.options.costs.taker_bps == Decimal(6)  # type: ignore[attr-defined]
    assert (profile.broker.table, profile.broker.line) == ("broker", 29)


def test_every_value_knows_where_it_comes_from() -> None:
    origins = load(GOOD, ("limits.max_positions", "3")).origins
    assert str(origins["limits.max_drawdown_pct"]) == "p.toml:55"
    assert str(origins["limits.max_leverage"]) == "default"
    assert str(origins["limits.max_positions"]) == "command line"
    assert str(origins["scanner.sma-cross.fast"]) == "p.toml:19"
    assert str(origins["alerter.ops.webhook"]) == "p.toml:48"


TEN_FAULTS = """\
[profile]
name = "ten"
mode = "papper"
sead = 3

[universe]
symbols = ["BTC/USD", 3]

[provider]
use = "sim"
drift_pct = nan

[[scanner]]
use = "sma-cros"

[[scanner]]
use = "sma-cross"
fast = 3.7
long_only = "false"

[sizer]
use = "fixed"

[broker]
use = "paper"
slippage_bps = -1.50

[[alerter]]
use = "chat"
webhook = "https://example.org/very-secret"

[limits]
max_positions = 1
max_positions_per_group = 2
"""


def test_ten_different_faults_are_ten_problems_with_their_lines() -> None:
    found = problems(TEN_FAULTS)
    assert [line.partition(": ")[0] for line in found] == [
        "p.toml:3 [profile] mode",
        "p.toml:4 [profile] sead",
        "p.toml:7 [universe] symbols[1]",
        "p.toml:11 [provider] drift_pct",
        "p.toml:14 [[scanner]] use",
        "p.toml:18 [[scanner]] fast",
        "p.toml:19 [[scanner]] long_only",
        "p.toml:26 [broker] slippage_bps",
        "p.toml:30 [[alerter]] webhook",
        "p.toml:34 [limits] max_positions_per_group",
    ]
    text = "\n".join(found)
    assert 'was "papper"; did you mean "paper"?' in text
    assert "unknown key; did you mean seed?" in text
    assert "was 3.7\n" in text
    assert "was -1.50" in text
    assert "very-secret" not in text


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('[sizer]\nuse = "fixed"', "", "p.toml: expected a table [sizer], was missing"),
        ("[sizer]", "[[sizer]]", "p.toml:26 [sizer]: expected [sizer], was [[sizer]]"),
        ("[[gate]]", "[gate]", "p.toml:23 [gate]: expected [[gate]], was [gate]"),
        ("[limits]", "[limts]", "p.toml:52 [limts]: unknown table; did you mean [limits]?"),
        ('use = "fixed"', "", "p.toml:26 [sizer] use: expected the name of a sizer (fixed), was missing"),
        ('use = "fixed"', "use = 3", "p.toml:27 [sizer] use: expected the name of a sizer (fixed), was 3"),
        (
            'use = "sim"',
            'use = "bars"',
            "p.toml:14 [provider] use: provider 'bars' needs pyarrow, not installed here; "
            "python -m pip install 'atlas-trading[data]'",
        ),
        ("fast = 5\n", "fast = 90\n", "p.toml:17 [[scanner]]: expected fast below slow, were 90 and 50"),
        (
            'label = "ops"',
            "label = 3",
            "p.toml:47 [[alerter]] label: expected a text, was 3",
        ),
        (
            "groups = { majors",
            'groups = { rest = ["DOGE/USD"], majors',
            'p.toml:11 [universe] groups.rest[0]: expected a symbol of the universe, was "DOGE/USD"',
        ),
        (
            'end = "20220201T1200"',
            'end = "20210201"',
            "p.toml:10 [universe] end: expected a time after start, was not after it",
        ),
        (
            "max_daily_loss_pct = 2.5",
            "max_daily_loss_pct = 20.50",
            "p.toml:54 [limits] max_daily_loss_pct: expected at most max_drawdown_pct (10), was 20.50",
        ),
        (
            "max_positions = 4",
            "max_positions = 4\nmax_positions_per_group = 5",
            "p.toml:54 [limits] max_positions_per_group: expected at most max_positions (4), was 5",
        ),
        (
            "max_positions = 4",
            "max_positions = 4\nmax_long_positions = 5",
            "p.toml:54 [limits] max_long_positions: expected at most max_positions (4), was 5",
        ),
        (
            "max_positions = 4",
            "max_positions = 4\nmax_exposure_pct = 50\nmax_short_exposure_pct = 60",
            "p.toml:55 [limits] max_short_exposure_pct: expected at most max_exposure_pct (50), was 60",
        ),
        (
            "max_positions = 4",
            "max_positions = 4\nmax_exposure_pct = 50\nmax_exposure_pct_per_group = 60",
            "p.toml:55 [limits] max_exposure_pct_per_group: expected at most max_exposure_pct (50), was 60",
        ),
        (
            "max_positions = 4",
            "max_positions = 4\nmax_long_positions = 2\nmax_short_positions = 1",
            "p.toml:53 [limits] max_positions: expected at most max_long_positions and max_short_positions together "
            "(3), was 4",
        ),
        (
            "max_positions = 4",
            "max_positions = 4\nmax_long_positions = 0\nmax_short_positions = 0",
            "p.toml:55 [limits] max_short_positions: expected a side that may be entered, were both 0",
        ),
        (
            "max_positions = 4",
            "max_positions = 4\nmax_exposure_pct = 150",
            "p.toml:54 [limits] max_exposure_pct: expected at most 100 x max_leverage (100), was 150",
        ),
        (
            '"America/New_York"',
            '"America/Gotham"',
            "p.toml:58 [schedule] maintenance[0].zone: expected a time zone such as "
            '"America/New_York" or "UTC", was "America/Gotham"',
        ),
        (
            '"18:00"',
            '"17:00"',
            "p.toml:58 [schedule] maintenance[0]: expected a window that ends after it starts, was 17:00 to 17:00",
        ),
        (
            '["BTC/USD", "ETH/USD"]',
            '["BTC/USD", "BTC/USD"]',
            'p.toml:8 [universe] symbols: expected no value twice, was ["BTC/USD", "BTC/USD"]',
        ),
        (
            "[limits]",
            '[paper]\nuse = "venue"\napi_key = { env = "A" }\n[limits]',
            'p.toml:53 [paper] use: expected a simulated broker, was "venue"',
        ),
    ],
)
def test_one_fault_is_one_problem(old: str, new: str, expected: str) -> None:
    assert old in GOOD
    assert problems(GOOD.replace(old, new, 1)) == [expected]


def test_a_label_given_twice_is_refused_and_automatic_labels_keep_clear_of_it() -> None:
    twice = GOOD.replace('[[exit]]\nuse = "target"', '[[exit]]\nuse = "target"\nlabel = "stop"')
    assert [s.label for s in load(twice).exits] == ["stop-2", "stop", "stop-3"]
    clash = twice.replace('[[exit]]\nuse = "stop"', '[[exit]]\nuse = "stop"\nlabel = "stop"', 1)
    assert problems(clash) == ['p.toml:42 [[exit]] label: expected a label of its own, was "stop" again']


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[profile\nname = 1", r"p\.toml:1: expected TOML, was not: .+"),
        ("[profile]\nname = \n", r"p\.toml:2: expected TOML, was not: .+"),
        ("[profile]\nname = 'a'\nname = 'b'", r"p\.toml:3: expected TOML, was not: .+"),
        ("a = " + "[" * 3000, r"p\.toml(:1)?: expected .+"),
        ("a = " + "[" * 40 + "]" * 40, r"p\.toml: expected at most 12 tables inside each other, was deeper"),
        ("a" + ".a" * 5000 + " = 1", r"p\.toml.*: expected .+"),
        ("a = " + "9" * 5000, r"p\.toml: expected TOML, was not: .+"),
        ("# " + "x" * 300_000, r"p\.toml: expected a profile of at most 262144 bytes, was 300002"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_problem(text: str, expected: str) -> None:
    found = problems(text)
    assert len(found) == 1
    assert re.fullmatch(expected, found[0]), found[0]


def test_a_file_that_is_no_text_names_the_line() -> None:
    Path("p.toml").write_bytes(b"[profile]\nname = '\xff'\n")
    with pytest.raises(ProfileError, match=r"p\.toml:2: expected UTF-8 text"):
        load_profile("p.toml", Parts())


def test_an_empty_file_lists_every_table_that_is_missing() -> None:
    assert [line.removeprefix("p.toml").strip(": ") for line in problems("")] == [
        "expected a table [provider], was missing",
        "expected a table [[scanner]], was missing",
        "expected a table [sizer], was missing",
        "expected a table [broker], was missing",
        "[profile]: expected a table [profile], was missing",
        "[universe]: expected a table [universe], was missing",
    ]


def test_an_extending_file_wins_key_by_key_and_replaces_lists_of_tables() -> None:
    Path("base").mkdir()
    Path("base/good.toml").write_text(GOOD)
    profile = load(
        '[profile]\nname = "child"\nextends = "base/good.toml"\n[limits]\nmax_positions = 2\n[[exit]]\nuse = "target"\n'
    )
    assert profile.name == "child"
    assert profile.seed == 11
    assert (profile.limits.max_positions, profile.limits.max_drawdown_pct) == (2, 10)
    assert [s.use for s in profile.exits] == ["target"]
    assert str(profile.origins["limits.max_positions"]) == "p.toml:5"
    assert str(profile.origins["limits.max_drawdown_pct"]) == str(Path("base/good.toml")) + ":55"
    assert str(profile.origins["exit.target.use"]) == "p.toml:7"


def test_a_problem_in_a_base_file_has_the_address_of_the_base_file() -> None:
    Path("base.toml").write_text(GOOD.replace("seed = 11", "seed = 1.5"))
    found = problems('[profile]\nname = "child"\nextends = "base.toml"\n[limits]\nmax_positions = true\n')
    assert found == [
        "base.toml:4 [profile] seed: expected a whole number, was 1.5",
        "p.toml:5 [limits] max_positions: expected a whole number, was true",
    ]


def test_another_component_or_secret_replaces_the_one_of_the_base_as_a_whole() -> None:
    Path("base.toml").write_text(GOOD)
    child = '[profile]\nextends = "base.toml"\n[broker]\nuse = "venue"\napi_key = { env = "KEY" }\n'
    assert load(child).broker.use == "venue"
    Path("key").write_text("k")
    grandchild = '[profile]\nextends = "p.toml"\n[broker]\napi_key = { file = "key" }\n'
    assert load(grandchild, name="g.toml").broker.use == "venue"


@pytest.mark.parametrize(
    ("extends", "expected"),
    [
        (
            '"p.toml"',
            "p.toml:2 [profile] extends: expected a chain of files without a circle, was p.toml extends p.toml",
        ),
        ('"none.toml"', "p.toml:2 [profile] extends: expected a file that exists, was none.toml"),
        ("3", "p.toml:2 [profile] extends: expected a relative path to a .toml file, was something else"),
        ('"/etc/a.toml"', "p.toml:2 [profile] extends: expected a relative path to a .toml file, was something else"),
    ],
)
def test_what_cannot_be_extended_is_refused(extends: str, expected: str) -> None:
    assert problems(f"[profile]\nextends = {extends}\n") == [expected]


def test_a_circle_over_two_files_is_refused() -> None:
    Path("a.toml").write_text('[profile]\nextends = "p.toml"\n')
    assert problems('[profile]\nextends = "a.toml"\n') == [
        "a.toml:2 [profile] extends: expected a chain of files without a circle, "
        "was p.toml extends a.toml extends p.toml"
    ]


def test_the_command_line_sets_values_of_tables_components_and_nested_tables() -> None:
    profile = load(
        GOOD,
        ("universe.symbols", '["ETH/USD"]'),
        ("universe.start", '"20220115"'),
        ("scanner.sma-cross.fast", "7"),
        ("broker.costs.taker_bps", "9.5"),
        ("profile.quote", "EUR"),
        ("exit.stop-2.label", "last"),
    )
    assert profile.universe.symbols == ("ETH/USD",)
    assert profile.scanners[0].options.fast == 7  # type: ignore[attr-defined]
    assert profile.broker.options.costs.taker_bps == Decimal("9.5")  # type: ignore[attr-defined]
    assert profile.quote == "EUR"
    assert [exit_rule.label for exit_rule in profile.exits] == ["stop", "target", "last"]
    assert str(profile.origins["scanner.sma-cross.fast"]) == "command line"
    assert str(profile.origins["scanner.sma-cross.slow"]) == "p.toml:20"


OVERRIDES = (
    ("universe.symbols", '["ETH/USD"]'), ("scanner.sma-cross.fast", "7"), ("scanner.sma-cross.fast", "9"),
    ("broker.costs.taker_bps", "9.5"), ("exit.stop-2.label", "last"), ("exit.stop-2.label", "stop"),
    ("limits.max_positions", "0"), ("profile.mode", "live"), ("sizer.use", "unknown"), ("nothing.at", "1"),
)  # fmt: skip


@given(st.lists(st.lists(st.sampled_from(OVERRIDES), max_size=4), min_size=2, max_size=12))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_known_of_a_document_changes_no_profile_and_no_problem(tried: list[list[tuple[str, str]]]) -> None:
    Path("p.toml").write_text(GOOD, encoding="utf-8")
    document, registry, known = read_document(Path("p.toml")), Parts(), Known()

    def answer(overrides: list[tuple[str, str]], known: Known | None) -> Profile | list[str]:
        try:
            return resolved(document.copy(), Path("p.toml"), registry, overrides, known=known)
        except ProfileError as fault:
            return [str(problem) for problem in fault.problems]

    for overrides in tried:
        assert answer(overrides, known) == answer(overrides, None)


@pytest.mark.parametrize("choice_first", [True, False])
def test_another_component_on_the_command_line_starts_from_nothing(choice_first: bool) -> None:
    choice, option = ("broker.use", "venue"), ("broker.api_key.env", "ATLAS_TEST_KEY")
    profile = load(GOOD, *((choice, option) if choice_first else (option, choice)), ("paper.use", "paper"))
    assert (profile.broker.use, profile.broker.label) == ("venue", "venue")
    again = load(GOOD, ("broker.use", "paper"))
    assert again.broker.options == load(GOOD).broker.options


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (("limits.max_positions", "3x"), 'command line [limits] max_positions: expected a whole number, was "3x"'),
        (("limits.max_postions", "3"), "command line [limits] max_postions: unknown key; did you mean max_positions?"),
        (("limits", "3"), "command line limits: expected TABLE.KEY, such as limits.max_positions"),
        (("scanner.smacross.fast", "3"),
         "command line scanner.smacross.fast: expected scanner.LABEL.KEY with one of the labels sma-cross; "
         "did you mean sma-cross?"),
        (("profile.extends", "a.toml"),
         "command line [profile] extends: expected in the file, a command line cannot change what a profile extends"),
    ],
)  # fmt: skip
def test_a_wrong_override_is_a_problem_of_the_command_line(override: tuple[str, str], expected: str) -> None:
    assert problems(GOOD, override) == [expected]


def test_a_command_line_lowers_the_risk_and_never_raises_it() -> None:
    profile = load(GOOD)
    assert lowered_mode(profile, Mode.BACKTEST) is Mode.BACKTEST
    assert lowered_mode(profile, None) is Mode.PAPER
    with pytest.raises(UsageError, match="was live"):
        lowered_mode(profile, Mode.LIVE)
    assert load(GOOD, ("profile.mode", "backtest")).mode is Mode.BACKTEST
    assert "at most the risk" in problems(GOOD, ("profile.mode", "live"))[0]
    assert problems(GOOD.replace('"paper"', '"liev"', 1), ("profile.mode", "live"))


def test_paths_start_from_the_folder_of_the_file_that_says_them(folder: Path) -> None:
    Path("base").mkdir()
    Path("base/b.toml").write_text(GOOD.replace('use = "sim"', 'use = "sim"\nfolder = "bars"'))
    inherited = load('[profile]\nextends = "base/b.toml"\n')
    assert inherited.provider.options.folder == folder.resolve() / "base" / "bars"  # type: ignore[attr-defined]
    own = load('[profile]\nextends = "base/b.toml"\n[provider]\nfolder = "bars"\n')
    assert own.provider.options.folder == folder.resolve() / "bars"  # type: ignore[attr-defined]


def test_secrets_are_looked_up_only_when_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = load(GOOD)
    expected = (
        "[[alerter]] webhook: expected the environment variable ATLAS_TEST_WEBHOOK to hold the secret, was not set"
    )
    assert problems(GOOD, resolve_secrets=True) == [f"p.toml:48 {expected}"]
    assert [str(problem) for problem in secret_problems(profile.alerters[0])] == [f"p.toml:45 {expected}"]
    monkeypatch.setenv("ATLAS_TEST_WEBHOOK", "https://example.org/very-secret")
    loaded = load(GOOD, resolve_secrets=True)
    assert "very-secret" not in repr(loaded)
    assert loaded.digest == profile.digest


def test_trading_on_paper_needs_no_key_of_the_broker() -> None:
    live = GOOD.replace('use = "paper"\nslippage_bps = 1.50\n', 'use = "venue"\napi_key = { env = "ATLAS_NO_KEY" }\n')
    live = live.replace("[broker.costs]\ntaker_bps = 6\n", '[paper]\nuse = "paper"\n').replace(
        'webhook = { env = "ATLAS_TEST_WEBHOOK" }', 'webhook = { env = "PATH" }'
    )
    assert load(live, resolve_secrets=True).paper is not None
    assert "ATLAS_NO_KEY" in problems(live.replace('"paper"', '"live"', 1), resolve_secrets=True)[0]


def test_the_digest_follows_what_a_profile_decides_and_nothing_else(folder: Path) -> None:
    digest = load(GOOD).digest
    assert load("# a comment\n" + GOOD, name="other.toml").digest == digest
    assert load(GOOD, ("profile.mode", "backtest")).digest == digest
    assert load(GOOD.replace("slippage_bps = 1.50", "slippage_bps = 1.5")).digest == digest
    assert load(GOOD.replace("fast = 5", "fast = 6")).digest != digest
    (folder / "elsewhere").mkdir()
    with_path = GOOD.replace('use = "sim"', 'use = "sim"\nfolder = "bars"')
    assert load(with_path).digest == load(with_path, name="elsewhere/p.toml").digest


def test_the_plugin_filter_is_known_before_anything_is_imported() -> None:
    Path("p.toml").write_text(GOOD + "only = []\n")
    assert plugin_filter("p.toml").block == ("other",)
    assert plugin_filter("p.toml").only == ()
    Path("p.toml").write_text("[plugins]\nblock = ['a']\nonyl = ['b']\n")
    assert plugin_filter("p.toml").block == ("a",)


def test_a_profile_that_does_not_exist_says_what_does() -> None:
    with pytest.raises(NotFound, match="no such file"):
        find_profile("none.toml")
    with pytest.raises(UsageError, match="profiles that come with Atlas"):
        find_profile("no-such-profile")


def test_the_profiles_that_come_with_atlas_are_found_by_name() -> None:
    for name in available_profiles():
        assert find_profile(name).stem == name


SETTING = re.compile(r"^(\w+) = (.+)$")
FREE_KEYS = {"groups", "weight_by_room"}  # tables whose keys are data
LINES = GOOD.splitlines()
SETTINGS = [number for number, line in enumerate(LINES) if SETTING.match(line)]
RETYPED = {
    "number": ['"{0}"', "[{0}]", "true", "nan", "{{ a = {0} }}", "{0}e99", "{0}_"],
    "text": ["3", "true", "[{0}]", "{{ a = {0} }}", "nan", "", "{0}{0}"],
    "other": ["3", '"x"', "true", "[[{0}]]", "nan"],
}


def retyped(value: str, choice: int) -> str:
    kind = "number" if value[0].isdigit() else "text" if value[0] == '"' else "other"
    forms = RETYPED[kind]
    return forms[choice % len(forms)].format(value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=120)
@given(number=st.sampled_from(SETTINGS), choice=st.integers(0, 6), rename=st.booleans(), at=st.integers(0, 30))
def test_no_mutated_key_or_value_loads_as_something_else(number: int, choice: int, rename: bool, at: int) -> None:
    reference = load(GOOD)
    match = SETTING.match(LINES[number])
    assert match is not None
    key, value = match.groups()
    if rename:
        at %= len(key)
        key = [key[:at] + key[at + 1 :], key + "s", key[:at] + "x" + key[at:], key.upper()][choice % 4] or "x"
    else:
        value = retyped(value, choice)
    text = "\n".join([*LINES[:number], f"{key} = {value}", *LINES[number + 1 :]])
    try:
        loaded = load(text)
    except ProfileError as error:
        lines = {problem.line for problem in error.problems}
        assert lines & {None, *range(1, number + 2)}
        return
    assert (loaded.digest, loaded.mode) == (reference.digest, reference.mode)


@given(st.binary(max_size=60) | st.text(alphabet="[]{}=\"'.\n#a1,\\", max_size=60).map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
def test_any_bytes_end_in_problems_and_no_other_exception(data: bytes) -> None:
    Path("p.toml").write_bytes(data)
    with pytest.raises(AtlasError):
        load_profile("p.toml", Parts())
