"""Every entry point ends as a record, whatever its plugin does."""

from __future__ import annotations

import inspect
import sys
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click
import pytest
from attrs import evolve, frozen

from atlas_core import hookspecs
from atlas_core.components import Component, alerter, gate, scanner
from atlas_core.contracts import Capability, Context, Kind
from atlas_core.errors import MissingExtra, PluginError
from atlas_core.hookspecs import hookimpl
from atlas_core.plugins import PluginRecord, Registry, Status, discover
from atlas_core.plugins.hooks import COMPONENT_HOOKS, HOOKS
from atlas_core.runs import Mode, RunInfo, RunSummary
from atlas_core.testing import fake_entry_point, registry_of

if TYPE_CHECKING:
    from collections.abc import Callable

ABSENT = "a_module_that_nobody_has"
RUN = RunInfo(run_id="demo-paper-0001", profile="demo", mode=Mode.PAPER, synthetic=True, directory=Path("runs"))
SUMMARY = RunSummary(
    signals=0, trades=0, open_positions=0, net=Decimal(0), equity=Decimal(0), digest="", reason="end of data"
)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATLAS_PLUGINS", raising=False)


def factory(options: Any, context: Context) -> Any:
    """Make nothing."""


def module(name: str = "acme.plugin", **attributes: object) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(attributes)
    return made


def offering(*components: object, hook: str = "atlas_scanners", **more: object) -> ModuleType:
    return module(**{hook: hookimpl(lambda: list(components))}, **more)


def empty() -> Callable[[], list[object]]:
    """Return a function of its own that offers nothing."""

    def nothing() -> list[object]:
        return []

    return nothing


def only_record(plugin: object, name: str = "acme") -> PluginRecord:
    """Return the record of a plugin that is discovered beside a sound one, which must stay sound."""
    registry = discover(
        entry_points=[fake_entry_point(name, plugin), fake_entry_point("sound", offering(scanner("sound", factory)))]
    )
    sound = next(record for record in registry.records if record.name == "sound")
    assert sound.status is Status.READY
    assert registry.find(Kind.SCANNER, "sound").name == "sound"
    return next(record for record in registry.records if record.name == name)


def test_a_sound_plugin_is_ready_with_its_facts() -> None:
    registry = discover(
        entry_points=[
            fake_entry_point(
                "acme", offering(scanner("breakout", factory)), group="atlas.venues", distribution="acme-x", version="3"
            )
        ]
    )
    (record,) = registry.records
    assert (record.status, record.reason, record.remedy) == (Status.READY, "", "")
    assert (record.role, record.distribution, record.version) == ("venues", "acme-x", "3")
    assert (record.module, record.hooks) == ("acme.plugin", ("atlas_scanners",))
    assert [component.name for component in record.components] == ["breakout"]
    assert registry.find(Kind.SCANNER, "breakout").summary == "Make nothing."


def test_a_hook_may_yield_its_components() -> None:
    @hookimpl
    def atlas_scanners() -> Any:
        yield scanner("one", factory)
        yield scanner("two", factory)

    assert registry_of(module(atlas_scanners=atlas_scanners)).names(Kind.SCANNER) == ("one", "two")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (ValueError("bad\nthing"), "import of acme raised ValueError: bad thing"),
        (SystemExit(3), "import of acme raised SystemExit: 3"),
        (ModuleNotFoundError("No module named 'foo'", name="foo"), "raised ModuleNotFoundError: No module named 'foo'"),
        (GeneratorExit(), "import of acme raised GeneratorExit"),
    ],
)
def test_a_module_that_raises_at_import_is_a_failed_record(fault: BaseException, reason: str) -> None:
    record = only_record(fault)
    assert record.status is Status.FAILED
    assert reason in record.reason
    assert record.remedy
    assert type(fault).__name__ in record.traceback


def test_a_module_that_really_calls_sys_exit_is_a_failed_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, "quitter", "atlas.alerters", "quitter_plugin", "import sys\nprint('bye')\nsys.exit(0)\n")
    monkeypatch.syspath_prepend(tmp_path)
    record = next(record for record in discover().records if record.name == "quitter")
    assert record.status is Status.FAILED
    assert record.reason == "import of quitter_plugin raised SystemExit: 0"
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "bye\n")  # stdout belongs to the results


def test_an_exception_without_a_readable_message_is_still_a_record() -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert only_record(Silent()).reason == "import of acme raised Silent: (its message cannot be read)"


def test_the_user_can_interrupt_discovery() -> None:
    with pytest.raises(KeyboardInterrupt):
        discover(entry_points=[fake_entry_point("acme", KeyboardInterrupt())])


def test_an_entry_point_that_cannot_be_read_is_a_failed_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "unreadable", "atlas.alerters", "not a module!", "")
    monkeypatch.syspath_prepend(tmp_path)
    record = next(record for record in discover().records if record.name == "unreadable")
    assert record.status is Status.FAILED


@pytest.mark.parametrize(
    ("plugin", "status", "words"),
    [
        (module(), Status.FAILED, "implements no hook"),
        (module(atlas_scanners=empty()), Status.FAILED, "atlas_scanners is not marked"),
        (
            module(atlas_scaners=hookimpl(empty()), atlas_signal_filters=hookimpl(empty())),
            Status.INCOMPATIBLE,
            "atlas_scaners, atlas_signal_filters; did you mean atlas_scanners?",
        ),
        (
            module(atlas_scanners=hookimpl(lambda universe: [])),
            Status.INCOMPATIBLE,
            "atlas_scanners expects the arguments (), was declared with universe",
        ),
        (
            module(atlas_run_started=hookimpl(lambda run, profile: None)),
            Status.INCOMPATIBLE,
            "atlas_run_started expects the arguments (run), was declared with profile",
        ),
        (module(atlas_scanners=hookimpl(empty(), tryfirst=True)), Status.FAILED, "marked tryfirst"),
        (module(atlas_scanners=hookimpl(empty(), trylast=True)), Status.FAILED, "marked trylast"),
        (module(ATLAS_HOOK_API=2), Status.INCOMPATIBLE, "needs hook API 2, this kernel has 1"),
        (module(ATLAS_HOOK_API="1"), Status.INCOMPATIBLE, "whole number from 1 to 1, was '1'"),
        (module(ATLAS_HOOK_API=True), Status.INCOMPATIBLE, "whole number from 1 to 1, was True"),
        (module(ATLAS_HOOK_API=0), Status.INCOMPATIBLE, "whole number from 1 to 1, was 0"),
    ],
)
def test_hooks_that_do_not_fit_the_kernel_are_refused(plugin: ModuleType, status: Status, words: str) -> None:
    record = only_record(plugin)
    assert record.status is status
    assert words in record.reason
    assert record.remedy
    assert record.components == ()


def test_wrappers_and_asynchronous_hooks_are_refused() -> None:
    @hookimpl(wrapper=True, specname="atlas_scanners")
    def around() -> Any:
        return (yield)

    @hookimpl(specname="atlas_scanners")
    async def later() -> Any:
        return []

    assert "marked wrapper" in only_record(module(around=around)).reason
    assert "atlas_scanners is asynchronous" in only_record(module(later=later)).reason


def test_a_hook_may_leave_arguments_out_and_have_defaults_of_its_own() -> None:
    seen: list[str] = []

    @hookimpl
    def atlas_run_finished(run: RunInfo, tag: str = "own") -> None:
        seen.append(f"{run.run_id} {tag}")

    registry_of(module(atlas_run_finished=atlas_run_finished)).run_finished(RUN, SUMMARY)
    assert seen == ["demo-paper-0001 own"]


def test_an_optional_hook_of_another_kernel_is_ignored() -> None:
    plugin = offering(scanner("breakout", factory), atlas_future=hookimpl(lambda: None, optionalhook=True))
    assert only_record(plugin).hooks == ("atlas_scanners",)


@frozen
class _Attrs:
    pass


class _Plain:
    pass


def _one_argument(options: Any) -> None:
    pass


async def _async_factory(options: Any, context: Context) -> None:
    pass


GOOD = scanner("breakout", factory)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "expected an iterable of components, was None"),
        (7, "expected an iterable of components, was 7"),
        ("breakout", "expected an iterable of components, was 'breakout'"),
        (GOOD, "return it in a list"),
        (["breakout"], "atlas_scanners[0]: expected a component, was 'breakout'"),
        ([GOOD, gate("g", factory)], "atlas_scanners[1]: expected a component of kind scanner, was <Kind.GATE"),
        ([GOOD, GOOD], "offers scanner 'breakout' twice"),
        ([evolve(GOOD, name="Break Out")], "expected a name of lower-case letters"),
        ([evolve(GOOD, name=None)], "expected a name of lower-case letters"),
        ([evolve(GOOD, options=_Plain)], "scanner 'breakout': expected an attrs class as options"),
        ([evolve(GOOD, options=_Attrs())], "expected an attrs class as options"),
        ([evolve(GOOD, factory=None)], "expected a callable as factory, was None"),
        ([evolve(GOOD, factory=_one_argument)], "expected factory(options, context)"),
        ([evolve(GOOD, factory=_async_factory)], "expected a synchronous factory"),
        ([evolve(GOOD, requires="ccxt")], "expected a tuple of import names as requires, was 'ccxt'"),
        ([evolve(GOOD, capabilities=frozenset({"market"}))], "expected capabilities of atlas_core.Capability"),
        ([evolve(GOOD, extra=3)], "expected text as extra, was 3"),
    ],
)
def test_garbage_from_a_hook_fails_the_plugin_alone(answer: object, words: str) -> None:
    record = only_record(module(atlas_scanners=hookimpl(lambda: answer)))
    assert record.status is Status.FAILED
    assert words in record.reason


def test_a_hook_that_raises_when_it_is_called_fails_the_plugin() -> None:
    def atlas_gates() -> Any:
        raise SystemExit("no licence")

    plugin = offering(GOOD, atlas_gates=hookimpl(atlas_gates))
    record = only_record(plugin)
    assert (record.status, record.reason) == (Status.FAILED, "atlas_gates raised SystemExit: no licence")
    assert record.components == ()
    with pytest.raises(PluginError, match="no scanner 'breakout'"):
        registry_of(plugin).find(Kind.SCANNER, "breakout")


def test_a_generator_that_raises_halfway_fails_the_plugin() -> None:
    @hookimpl
    def atlas_scanners() -> Any:
        yield GOOD
        raise RuntimeError("halfway")

    assert only_record(module(atlas_scanners=atlas_scanners)).reason == "atlas_scanners raised RuntimeError: halfway"


def test_a_missing_sdk_needs_the_extra_of_its_own_distribution() -> None:
    plugin = offering(scanner("breakout", factory, requires=(f"{ABSENT}.deep", "attrs"), extra="data"))
    registry = discover(entry_points=[fake_entry_point("acme", plugin, distribution="acme-trading")])
    (record,) = registry.records
    assert (record.status, record.reason) == (Status.NEEDS_EXTRA, f"not installed: {ABSENT}")
    assert record.remedy == "python -m pip install 'acme-trading[data]'"
    assert registry.names(Kind.SCANNER) == ("breakout",)
    assert not registry.usable(Kind.SCANNER, "breakout")
    with pytest.raises(MissingExtra, match=r"pip install 'acme-trading\[data\]'") as caught:
        registry.find(Kind.SCANNER, "breakout")
    assert caught.value.modules == (ABSENT,)


def test_a_missing_sdk_without_an_extra_names_the_modules() -> None:
    record = only_record(offering(scanner("breakout", factory, requires=(ABSENT,))))
    assert record.remedy == f"install the packages that provide {ABSENT}"


def test_one_usable_component_makes_the_plugin_ready_and_the_other_one_says_what_it_lacks() -> None:
    registry = registry_of(offering(GOOD, scanner("heavy", factory, requires=(ABSENT,), extra="data")))
    assert registry.records[0].status is Status.READY
    assert registry.usable(Kind.SCANNER, "breakout")
    assert registry.missing(Kind.SCANNER, "heavy") == (ABSENT,)
    with pytest.raises(MissingExtra):
        registry.find(Kind.SCANNER, "heavy")


def test_required_modules_are_looked_up_and_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sdk = tmp_path / "an_sdk_with_a_fuse"
    sdk.mkdir()
    (sdk / "__init__.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry = registry_of(offering(scanner("breakout", factory, requires=("an_sdk_with_a_fuse.client",))))
    assert registry.usable(Kind.SCANNER, "breakout")
    assert "an_sdk_with_a_fuse" not in sys.modules


def test_a_plugin_that_the_profile_blocks_is_never_imported() -> None:
    registry = discover(block=["acme"], entry_points=[fake_entry_point("acme", RuntimeError("imported"))])
    assert registry.records[0].status is Status.BLOCKED
    assert registry.records[0].reason == "the profile blocks it"


@pytest.mark.parametrize(
    ("named", "ready"),
    [
        (None, ["acme", "basics", "other"]),
        ("", ["basics"]),
        ("acme", ["acme", "basics"]),
        (" other, ", ["basics", "other"]),
    ],
)
def test_the_environment_limits_third_party_plugins(
    named: str | None, ready: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if named is not None:
        monkeypatch.setenv("ATLAS_PLUGINS", named)
    registry = discover(entry_points=three_plugins())
    assert [record.name for record in registry.records if record.status is Status.READY] == ready
    blocked = [record for record in registry.records if record.status is Status.BLOCKED]
    assert all("environment variable ATLAS_PLUGINS does not name it" in record.reason for record in blocked)


def test_only_limits_third_party_plugins_and_the_environment_limits_them_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ready() -> list[str]:
        registry = discover(only=["acme"], entry_points=three_plugins())
        return [record.name for record in registry.records if record.status is Status.READY]

    assert ready() == ["acme", "basics"]
    monkeypatch.setenv("ATLAS_PLUGINS", "other")
    assert ready() == ["basics"]


def three_plugins() -> list[Any]:
    return [
        fake_entry_point("other", offering(scanner("other", factory))),
        fake_entry_point("acme", offering(scanner("acme", factory))),
        fake_entry_point("basics", offering(scanner("sma", factory)), distribution="Atlas_Trading"),
    ]


def test_two_distributions_with_one_entry_point_name_are_both_duplicates() -> None:
    registry = discover(
        entry_points=[
            fake_entry_point("dup", offering(scanner("one", factory)), distribution="a"),
            fake_entry_point("dup", offering(scanner("two", factory)), distribution="b", group="atlas.venues"),
        ]
    )
    assert [record.status for record in registry.records] == [Status.DUPLICATE, Status.DUPLICATE]
    for record in registry.records:
        assert "a 1.0 (atlas.strategies) and by b 1.0 (atlas.venues)" in record.reason
    assert registry.names(Kind.SCANNER) == ()


def test_no_distribution_can_take_a_name_from_a_shipped_plugin() -> None:
    shipped = fake_entry_point("sim", offering(scanner("sim", factory)), distribution="atlas-trading")
    same_entry = fake_entry_point("sim", offering(scanner("evil", factory)), distribution="aaa")
    same_component = fake_entry_point("aaa", offering(scanner("sim", factory)), distribution="aaa")
    registry = discover(entry_points=[same_component, same_entry, shipped])
    status = {(record.name, record.distribution): record.status for record in registry.records}
    assert status == {
        ("aaa", "aaa"): Status.DUPLICATE,
        ("sim", "aaa"): Status.DUPLICATE,
        ("sim", "atlas-trading"): Status.READY,
    }
    assert registry.origin(Kind.SCANNER, "sim").distribution == "atlas-trading"


def test_a_component_name_that_is_taken_makes_the_second_plugin_a_duplicate_that_names_both() -> None:
    registry = discover(
        entry_points=[
            fake_entry_point("zeta", offering(scanner("breakout", factory), scanner("own", factory)), distribution="z"),
            fake_entry_point("acme", offering(scanner("breakout", factory)), distribution="a"),
        ]
    )
    acme, zeta = registry.records
    assert (acme.status, zeta.status) == (Status.READY, Status.DUPLICATE)
    assert zeta.reason == ("scanner 'breakout' is offered by plugin 'acme' (a 1.0) and by plugin 'zeta' (z 1.0)")
    with pytest.raises(PluginError, match="plugin 'zeta' offers it but is duplicate"):
        registry.find(Kind.SCANNER, "own")


def test_one_name_may_stand_for_components_of_two_kinds() -> None:
    plugin = offering(scanner("x", factory), atlas_alerters=hookimpl(lambda: [alerter("x", factory)]))
    registry = registry_of(plugin)
    assert registry.find(Kind.SCANNER, "x").kind is Kind.SCANNER
    assert registry.find(Kind.ALERTER, "x").kind is Kind.ALERTER
    assert registry.components(Kind.ALERTER) == (registry.find(Kind.ALERTER, "x"),)
    assert len(registry.components()) == 2


def test_one_module_under_two_names_is_loaded_once() -> None:
    plugin = offering(GOOD)
    registry = discover(entry_points=[fake_entry_point("b", plugin), fake_entry_point("a", plugin)])
    assert [record.status for record in registry.records] == [Status.READY, Status.DUPLICATE]
    assert registry.records[1].reason == "its module is already loaded as plugin 'a'"


def test_records_are_ordered_by_name_and_discovery_does_not_depend_on_the_order_of_installation() -> None:
    entries = [fake_entry_point(name, offering(scanner(name, factory))) for name in ("c", "a", "b")]
    orders = [entries, entries[::-1]]
    names = [[record.name for record in discover(entry_points=order).records] for order in orders]
    assert names == [["a", "b", "c"]] * 2


def test_an_unknown_name_gets_a_suggestion_and_the_plugins_that_might_have_offered_it() -> None:
    registry = discover(
        entry_points=[
            fake_entry_point("acme", offering(scanner("momentum", factory))),
            fake_entry_point("broken", ImportError("no foo")),
        ]
    )
    with pytest.raises(PluginError) as caught:
        registry.find(Kind.SCANNER, "momentm")
    message = str(caught.value)
    assert "no scanner 'momentm' is installed; did you mean 'momentum'?" in message
    assert "plugin 'broken' might offer it but is failed: import of broken raised ImportError: no foo" in message


def test_an_unknown_name_without_a_likeness_lists_what_there_is() -> None:
    registry = registry_of(offering(scanner("b", factory), scanner("a", factory)))
    with pytest.raises(PluginError, match=r"no scanner 'zzz' is installed; expected one of a, b$"):
        registry.find(Kind.SCANNER, "zzz")
    with pytest.raises(PluginError, match="no plugin offers a gate"):
        registry.find(Kind.GATE, "zzz")


def test_a_blocked_plugin_is_named_when_its_component_is_asked_for() -> None:
    registry = discover(block=["acme"], entry_points=[fake_entry_point("acme", offering(GOOD))])
    with pytest.raises(PluginError, match="plugin 'acme' might offer it but is blocked: the profile blocks it"):
        registry.find(Kind.SCANNER, "breakout")


def test_run_hooks_reach_every_plugin_even_when_one_of_them_fails() -> None:
    heard: list[str] = []

    def listening(name: str, act: Callable[[], None]) -> Any:
        @hookimpl
        def atlas_run_started(run: RunInfo) -> None:
            heard.append(f"{name} {run.run_id}")
            act()

        return fake_entry_point(name, module(name, atlas_run_started=atlas_run_started))

    def fail() -> None:
        raise RuntimeError("broken listener")

    registry = discover(entry_points=[listening("a", fail), listening("b", sys.exit), listening("c", lambda: None)])
    registry.run_started(RUN)
    registry.run_finished(RUN, SUMMARY)
    assert heard == ["a demo-paper-0001", "b demo-paper-0001", "c demo-paper-0001"]


def test_plugins_add_commands_but_take_no_name_and_leave_nothing_behind_when_they_fail() -> None:
    first: list[click.Command] = []

    @hookimpl(specname="atlas_commands")
    def good(group: click.Group) -> None:
        first.append(group.command("hello")(lambda: None))
        group.command("run")(lambda: None)

    @hookimpl(specname="atlas_commands")
    def bad(group: click.Group) -> None:
        group.command("half")(lambda: None)
        raise RuntimeError

    @hookimpl(specname="atlas_commands")
    def late(group: click.Group) -> None:
        group.command("hello")(lambda: None)
        group.command("late")(lambda: None)

    group = click.Group()
    registry = discover(
        entry_points=[
            fake_entry_point(name, module(name, **{name: hook}))
            for name, hook in {"bad": bad, "good": good, "late": late}.items()
        ]
    )
    registry.add_commands(group, reserved=("run",))
    assert list(group.commands) == ["hello", "late"]
    assert group.commands["hello"] is first[0]


def test_the_table_of_component_hooks_covers_every_kind_and_only_hooks_of_the_specification() -> None:
    assert set(COMPONENT_HOOKS.values()) == set(Kind)
    assert set(COMPONENT_HOOKS) < set(HOOKS)
    assert all(inspect.isfunction(getattr(hookspecs, hook)) for hook in HOOKS)


def test_installed_plugins_are_found_in_each_of_the_three_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, group in enumerate(("atlas.venues", "atlas.strategies", "atlas.alerters", "atlas.others")):
        install(tmp_path, f"found-{number}", group, f"found_{number}", PLUGIN.replace("NAME", f"found-{number}"))
    monkeypatch.syspath_prepend(tmp_path)
    found = {record.name: record for record in discover().records if record.name.startswith("found-")}
    assert [(name, record.role) for name, record in found.items()] == [
        ("found-0", "venues"), ("found-1", "strategies"), ("found-2", "alerters"),
    ]  # fmt: skip
    assert {record.status for record in found.values()} == {Status.READY}
    assert found["found-1"].distribution == "dist-found-1"


PLUGIN = """
from atlas_core import hookimpl, scanner

@hookimpl
def atlas_scanners():
    return [scanner("NAME", lambda options, context: None)]
"""


def install(folder: Path, name: str, group: str, module_name: str, source: str) -> None:
    """Lay out an installed distribution, as an installer would."""
    info = folder / f"dist_{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dist-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module_name}\n")
    if module_name.isidentifier():
        (folder / f"{module_name}.py").write_text(source)


def test_an_empty_registry_answers() -> None:
    registry = discover(entry_points=[])
    assert isinstance(registry, Registry)
    assert registry.records == registry.components() == registry.names(Kind.GATE) == ()
    assert not registry.usable(Kind.GATE, "x")


def test_capabilities_given_to_a_helper_arrive_in_the_registry() -> None:
    component: Component[Any, Any] = scanner("x", factory, capabilities=[Capability.SHORT])
    assert registry_of(offering(component)).find(Kind.SCANNER, "x").capabilities == {Capability.SHORT}
