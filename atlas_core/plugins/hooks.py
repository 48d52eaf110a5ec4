"""The only place that talks to pluggy: hooks are checked before they are registered, and called plugin by plugin."""

from __future__ import annotations

import inspect
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import pluggy

from atlas_core import hookspecs
from atlas_core.contracts import Kind
from atlas_core.hookspecs import HOOK_API, PROJECT
from atlas_core.plugins.records import PluginFault, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pluggy import HookimplOpts

COMPONENT_HOOKS: Mapping[str, Kind] = {
    "atlas_data_providers": Kind.PROVIDER,
    "atlas_scanners": Kind.SCANNER,
    "atlas_gates": Kind.GATE,
    "atlas_sizers": Kind.SIZER,
    "atlas_brokers": Kind.BROKER,
    "atlas_exit_rules": Kind.EXIT_RULE,
    "atlas_alerters": Kind.ALERTER,
}
HOOKS: tuple[str, ...] = tuple(name for name in vars(hookspecs) if name.startswith("atlas_"))

_FLAGS = ("hookwrapper", "wrapper", "tryfirst", "trylast")


class PluginHooks:
    """The registered plugins, each called separately so that one failure costs one plugin."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)

    def register(self, name: str, plugin: object) -> tuple[str, ...]:
        """Check and register a plugin; returns the hooks it implements, raises PluginFault and registers nothing."""
        check_hook_api(plugin)
        hooks = self._checked_hooks(plugin)
        known_as = self._manager.get_name(plugin)
        if known_as is not None:
            raise PluginFault(
                Status.DUPLICATE,
                f"its module is already loaded as plugin {known_as!r}",
                "uninstall one of the two, or give it a module of its own",
            )
        try:
            self._manager.register(plugin, name)
        except pluggy.PluginValidationError as fault:
            self._manager.unregister(plugin)
            raise PluginFault(Status.INCOMPATIBLE, " ".join(str(fault).split()), "update the plugin") from fault
        return hooks

    def unregister(self, name: str) -> None:
        """Forget a plugin."""
        self._manager.unregister(name=name)

    def call(self, name: str, hook: str, **arguments: object) -> list[Any]:
        """Call one hook of one plugin; returns its answers, without those that are None."""
        plugin = self._manager.get_plugin(name)
        others = [other for other in self._manager.get_plugins() if other is not plugin]
        answers: list[Any] = self._manager.subset_hook_caller(hook, others)(**arguments)
        return answers

    def _checked_hooks(self, plugin: object) -> tuple[str, ...]:
        found: dict[str, HookimplOpts] = {}
        unmarked = []
        for attribute in dir(plugin):
            options = self._manager.parse_hookimpl_opts(plugin, attribute)
            if options is not None:
                found[attribute] = options
            elif attribute in HOOKS and inspect.isroutine(getattr(plugin, attribute)):
                unmarked.append(attribute)
        _refuse_unmarked(unmarked)
        names = {attribute: options["specname"] or attribute for attribute, options in found.items()}
        _refuse_unknown([name for attribute, name in names.items() if not found[attribute]["optionalhook"]])
        known = {attribute: name for attribute, name in names.items() if name in HOOKS}
        for attribute, name in known.items():
            _check_implementation(name, getattr(plugin, attribute), found[attribute])
        if not known:
            raise PluginFault(
                Status.FAILED,
                "it implements no hook",
                f"implement at least one of {', '.join(HOOKS)}, marked with @hookimpl",
            )
        return tuple(hook for hook in HOOKS if hook in known.values())


def check_hook_api(plugin: object) -> None:
    """Raise PluginFault when the plugin states a hook API that this kernel does not have."""
    stated = getattr(plugin, "ATLAS_HOOK_API", 1)
    if not isinstance(stated, int) or isinstance(stated, bool) or stated < 1:
        raise PluginFault(
            Status.INCOMPATIBLE,
            f"expected ATLAS_HOOK_API to be a whole number from 1 to {HOOK_API}, was {stated!r}",
            "correct ATLAS_HOOK_API in the plugin",
        )
    if stated > HOOK_API:
        raise PluginFault(
            Status.INCOMPATIBLE,
            f"it needs hook API {stated}, this kernel has {HOOK_API}",
            "python -m pip install --upgrade atlas-trading",
        )


def _refuse_unmarked(names: list[str]) -> None:
    if names:
        raise PluginFault(
            Status.FAILED,
            f"{', '.join(names)} is not marked as a hook",
            "decorate it with @hookimpl from atlas_core",
        )


def _refuse_unknown(names: list[str]) -> None:
    unknown = [name for name in names if name not in HOOKS]
    if not unknown:
        return
    close = [match for name in unknown for match in get_close_matches(name, HOOKS, n=1, cutoff=0.8)]
    meant = f"; did you mean {', '.join(close)}?" if close else ""
    raise PluginFault(
        Status.INCOMPATIBLE,
        f"it implements hooks that this kernel does not have: {', '.join(unknown)}{meant}",
        f"update atlas-trading or the plugin; this kernel has {', '.join(HOOKS)}",
    )


def _check_implementation(hook: str, function: Callable[..., Any], options: HookimplOpts) -> None:
    flags = [flag for flag in _FLAGS if options.get(flag)]
    if flags:
        raise PluginFault(
            Status.FAILED,
            f"{hook} is marked {', '.join(flags)}; every plugin is called separately, there is no order to change",
            "mark it with @hookimpl alone",
        )
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise PluginFault(
            Status.FAILED, f"{hook} is asynchronous, hooks are synchronous", "write it with def, not async def"
        )
    expected = list(inspect.signature(getattr(hookspecs, hook)).parameters)
    extra = [name for name in _required_parameters(function) if name not in expected]
    if extra:
        raise PluginFault(
            Status.INCOMPATIBLE,
            f"{hook} expects the arguments ({', '.join(expected)}), was declared with {', '.join(extra)}",
            "take only arguments of the hook's specification; they may be left out",
        )


def _required_parameters(function: Callable[..., Any]) -> list[str]:
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty and parameter.kind not in variable
    ]
